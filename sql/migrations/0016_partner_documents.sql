-- A partner's own documents stand above the hub's; the hub's copy of such a document is kept beside it, for all that is pushed.

-- What the hub has under an id for which the partner's own system has put a document. `documents` then holds the partner's word,
-- joined by what only the hub knows (domain.partner_document); comparing reads that, pushing and reading back read this.
CREATE TABLE tieout.superseded_documents (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    side text NOT NULL CONSTRAINT superseded_documents_side CHECK (side = 'local'),
    document_id text NOT NULL,
    kind text NOT NULL,
    origin text NOT NULL CONSTRAINT superseded_documents_origin CHECK (origin = 'hub'),
    number text,
    party_id text,
    party_name text,
    currency text,
    total_minor bigint,
    status text,
    issued_on date,
    due_on date,
    body jsonb NOT NULL,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    list_hash bytea NOT NULL,
    hub_updated_at timestamptz,
    version bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    removed_at timestamptz,
    PRIMARY KEY (organization_id, ledger, side, document_id)
);
CALL tieout.wall('superseded_documents');

-- Of a partner's document, payload is its own word in the normal form and list_hash the digest of that; of the books there is
-- no partner's word. Checked for rows written from now on: those before are all the hub's.
ALTER TABLE tieout.documents ADD CONSTRAINT documents_origin
    CHECK (origin = 'hub' OR (origin = 'partner' AND side = 'local')) NOT VALID;

-- Whose word the local document of a difference is.
ALTER TABLE tieout.differences ADD COLUMN origin text;
