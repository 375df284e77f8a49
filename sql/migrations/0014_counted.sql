-- Comparing costs what changed: how each document counted in the last comparison, and until when changes were seen.

-- Documents of one number bear one mark, and hardly any others do: what domain.document.number_key holds for equal has one mark, in
-- any script. Letters that case folding makes of others (the s of a sharp s) are left out, and so is all that is neither
-- letter nor digit of ASCII once compatible forms are one.
CREATE FUNCTION tieout.number_mark(number text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
    SELECT hashtextextended(CASE WHEN number ~ '[^ -~]'
        THEN regexp_replace(lower(normalize(number, NFKC) COLLATE "C"), '[^0-9a-gk-ruvxz]', '', 'g')
        ELSE translate(number, 'ABCDEFGKLMNOPQRUVXZ !"#$%&''()*+,-./:;<=>?@[\]^_`{|}~HIJSTWYhijstwy', 'abcdefgklmnopqruvxz')
    END, 0)
$$;

-- One row per pair and per lone document. Nothing here is told by anybody: it is made from documents and records, and made anew by
-- a whole comparison. So it is not logged; a crash empties it, and the next comparison is a whole one.
CREATE UNLOGGED TABLE tieout.counted (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    local_id text,
    books_id text,
    paired_by text,
    -- What was compared; of the records of the local document the sum, which only grows.
    local_version bigint,
    books_version bigint,
    records_version bigint NOT NULL,
    -- As they count in the balance and its months.
    local_currency text,
    local_minor bigint,
    local_month date,
    books_currency text,
    books_minor bigint,
    books_month date,
    local_number text,
    books_number text,
    -- Ids of the books that its records name, where they are others than the one it is paired with.
    claims text[],
    -- Keys of similarity, of documents that neither a record nor equality paired.
    local_keys bigint[],
    books_keys bigint[],
    -- Found in the books by its record, and agreeing in number, party, currency and amount.
    is_equal boolean NOT NULL
);
-- list_seats, list_changed_documents, list_changed_records, list_confirmable_records
CREATE UNIQUE INDEX counted_by_local ON tieout.counted (organization_id, ledger, local_id);
-- list_seats, list_changed_documents, has_lone_local
CREATE UNIQUE INDEX counted_by_books ON tieout.counted (organization_id, ledger, books_id);
-- list_seats, count_seats
CREATE INDEX counted_by_local_keys ON tieout.counted USING gin (local_keys) WHERE local_keys IS NOT NULL;
CREATE INDEX counted_by_books_keys ON tieout.counted USING gin (books_keys) WHERE books_keys IS NOT NULL;
CALL tieout.wall('counted');

-- Until when a ledger's changes are in `counted`, and under which circumstances it was compared. Not logged either, so that both
-- are lost together.
CREATE UNLOGGED TABLE tieout.counted_until (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    read_at timestamptz NOT NULL,
    whole_at timestamptz NOT NULL,
    -- As the comparison itself says; should another release have compared since, it says otherwise.
    compared_at timestamptz NOT NULL,
    last_pull timestamptz,
    records_read_at timestamptz,
    -- Digest of all else that any verdict may rest on; when it moves, everything is compared anew.
    circumstances bytea NOT NULL,
    -- Documents whose remembered pair this comparison replaced: the next one looks at them again.
    revisit_local text[] NOT NULL,
    revisit_books text[] NOT NULL,
    PRIMARY KEY (organization_id, ledger)
);
CALL tieout.wall('counted_until');

-- list_turning_differences, get_next_turn
CREATE INDEX differences_turning ON tieout.differences (organization_id, ledger, expected_until)
WHERE resolved_at IS NULL AND (
    expected_until IS NOT NULL OR kind IN ('push_pending', 'unclassified') OR rule = 'just_issued'
    OR (kind = 'not_pushed' AND NOT expected)
);

-- The shapes of what a whole comparison works with. These stay empty: a run makes temporary tables of the same names and shapes,
-- which stand before them, fills and analyzes them step by step, and drops them with its transaction.
CREATE TABLE tieout.staged_links (
    local_id text NOT NULL,
    records integer NOT NULL,
    records_version bigint NOT NULL,
    -- Of a document with one record.
    platform_id text,
    provider_id text
);
CREATE TABLE tieout.staged_owners (
    books_id text NOT NULL,
    -- The only local document whose records name it; null where there are several.
    local_id text
);
CREATE TABLE tieout.staged_documents (
    side text NOT NULL,
    document_id text NOT NULL,
    version bigint NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    net_minor bigint,
    tax_minor bigint,
    is_net boolean NOT NULL,
    number text,
    party_name text,
    status text,
    issued_on date,
    due_on date,
    made_on date,
    -- Digest of what lines are compared by; null without lines.
    lines_mark uuid,
    line_accounts jsonb
);
CREATE TABLE tieout.staged_pairs (
    local_id text NOT NULL,
    books_id text NOT NULL,
    paired_by text NOT NULL,
    -- Agreeing in everything that SQL can tell to agree: the domain would find no difference.
    is_plain boolean NOT NULL,
    local_version bigint NOT NULL,
    books_version bigint NOT NULL,
    records_version bigint NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    month date NOT NULL,
    local_number text,
    books_number text,
    claims text[]
);
CREATE TABLE tieout.staged_found (
    fingerprint text PRIMARY KEY
);
GRANT SELECT ON tieout.staged_links, tieout.staged_owners, tieout.staged_documents, tieout.staged_pairs, tieout.staged_found
TO tieout_app;
