-- What comparing found: differences with their life, and the balance per ledger and currency.

CREATE TABLE tieout.differences (
    organization_id uuid NOT NULL,
    difference_id uuid NOT NULL,
    -- The same disagreement keeps its fingerprint from one comparison to the next.
    fingerprint text NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    local_id text,
    books_id text,
    local_minor bigint,
    books_minor bigint,
    delta_minor bigint NOT NULL,
    -- Books less local: -1 for a document that is not there, +1 for one that should not be.
    count_delta integer NOT NULL,
    basis text NOT NULL,
    expected boolean NOT NULL,
    -- The documented rule that explains an expected one, and until when it does.
    rule text,
    expected_until timestamptz,
    record_id uuid,
    cause text,
    reason text NOT NULL,
    confidence numeric,
    version bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    resolved_at timestamptz,
    PRIMARY KEY (organization_id, difference_id)
);
CREATE UNIQUE INDEX differences_one_open ON tieout.differences (organization_id, fingerprint) WHERE resolved_at IS NULL;
-- list_differences
CREATE INDEX differences_by_kind ON tieout.differences (organization_id, kind) WHERE resolved_at IS NULL;
CALL tieout.wall('differences');

CREATE TABLE tieout.balances (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    local_minor bigint NOT NULL,
    local_count integer NOT NULL,
    books_minor bigint NOT NULL,
    books_count integer NOT NULL,
    terms jsonb NOT NULL,
    unclassified_minor bigint NOT NULL,
    certified boolean NOT NULL,
    local_at timestamptz,
    books_at timestamptz,
    last_pull timestamptz,
    version bigint NOT NULL,
    compared_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, ledger, currency)
);
CALL tieout.wall('balances');

-- The last comparison of each ledger, also when nothing came of it: differences still open were last seen then.
CREATE TABLE tieout.comparisons (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    compared_at timestamptz NOT NULL,
    certified boolean NOT NULL,
    open_differences integer NOT NULL,
    expected_differences integer NOT NULL,
    PRIMARY KEY (organization_id, ledger)
);
CALL tieout.wall('comparisons');

-- Pairs that no synced record tells of, as comparing found them last: a copy that vanishes later was there once.
CREATE TABLE tieout.pairs (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    local_id text NOT NULL,
    books_id text NOT NULL,
    paired_by text NOT NULL,
    confidence numeric NOT NULL,
    paired_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, ledger, local_id)
);
CALL tieout.wall('pairs');

-- Documents that will fail when they are pushed, and why; without a document id it is the organization's as a whole.
CREATE TABLE tieout.findings (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    kind text NOT NULL,
    document_id text NOT NULL DEFAULT '',
    reason text NOT NULL,
    owner text NOT NULL,
    amount_minor bigint,
    currency text,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, ledger, kind, document_id)
);
CALL tieout.wall('findings');
