-- Behind the tenant wall only plain equality may use an index: marks of numbers become columns, and keys of similarity rows.

-- What was counted is made anew by the next comparison, a whole one.
TRUNCATE tieout.counted, tieout.counted_until;
DROP INDEX tieout.counted_by_local_keys;
DROP INDEX tieout.counted_by_books_keys;
DROP INDEX tieout.documents_by_number_mark;

-- tieout.number_mark of both numbers; of the books' only where it is another number than the local one.
ALTER TABLE tieout.counted ADD COLUMN local_mark bigint, ADD COLUMN books_mark bigint;
-- list_number_mates
CREATE INDEX counted_by_local_mark ON tieout.counted (organization_id, ledger, local_mark);
-- list_number_mates
CREATE INDEX counted_by_books_mark ON tieout.counted (organization_id, ledger, books_mark) WHERE books_mark IS NOT NULL;

-- The keys of similarity of `counted`, one a row. Not logged, like that.
CREATE UNLOGGED TABLE tieout.counted_keys (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    key bigint NOT NULL,
    side text NOT NULL,
    document_id text NOT NULL
);
-- list_key_members, count_seats
CREATE INDEX counted_keys_by_key ON tieout.counted_keys (organization_id, ledger, key);
-- delete_counted_keys
CREATE INDEX counted_keys_by_document ON tieout.counted_keys (organization_id, ledger, side, document_id);
CALL tieout.wall('counted_keys');

-- Lets the planner know what a whole comparison has just counted, before the same transaction asks for it; who owns nothing may not
-- analyze. Where somebody else is analyzing, that will do.
CREATE FUNCTION tieout.analyze_counted() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '100ms'
AS $$
BEGIN
    ANALYZE tieout.counted;
EXCEPTION
    WHEN lock_not_available THEN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION tieout.analyze_counted FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.analyze_counted TO tieout_app;
