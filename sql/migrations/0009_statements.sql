-- Month-end statements: what each month adds up to on both sides, and who signed which figures.

-- On which day each side of a difference counts. A pair whose days lie in different months is a cut-off difference between.
ALTER TABLE tieout.differences ADD COLUMN local_on date, ADD COLUMN books_on date;

-- The balance by the month in which each document counts; all months together are the balance. Written by comparing, in the
-- transaction that writes the differences, so that both always speak of the same documents.
CREATE TABLE tieout.months (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    -- Its first day; 0001-01-01 for documents that bear no date at all.
    month date NOT NULL,
    local_minor bigint NOT NULL,
    local_count integer NOT NULL,
    books_minor bigint NOT NULL,
    books_count integer NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (organization_id, ledger, currency, month)
);
CALL tieout.wall('months');

-- The paper trail of statements: prepared, approved, withdrawn; in order, never changed.
CREATE TABLE tieout.sign_offs (
    organization_id uuid NOT NULL,
    -- The first day of the statement's month.
    period date NOT NULL,
    -- Two who sign at once write the same number; the later one is told to look again.
    number integer NOT NULL,
    act text NOT NULL CONSTRAINT sign_offs_act CHECK (act IN ('prepared', 'approved', 'withdrawn')),
    -- The name of the key that signed; nobody withdraws, the figures did.
    key_name text,
    -- What was signed, or on a withdrawal what the figures are now.
    figures jsonb NOT NULL,
    figures_hash bytea NOT NULL,
    -- Why it was withdrawn: what moved.
    because text,
    -- The month was over and both sides had been read completely since.
    is_complete boolean NOT NULL,
    acted_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, period, number),
    CONSTRAINT sign_offs_who CHECK ((act = 'withdrawn') = (key_name IS NULL)),
    CONSTRAINT sign_offs_why CHECK ((act = 'withdrawn') = (because IS NOT NULL))
);
CALL tieout.wall('sign_offs', append_only => true);
