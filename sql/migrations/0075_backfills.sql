-- What is still to be read anew was guessed from what is unread: one new organization passed for a backfill that had not ended.

-- Whose lists are to be read anew, by readings that begin no earlier; until they are.
CREATE TABLE tieout.backfills (
    organization_id uuid PRIMARY KEY,
    began_at timestamptz NOT NULL
);
CALL tieout.wall('backfills');
