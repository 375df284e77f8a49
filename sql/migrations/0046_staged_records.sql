-- A whole comparison reads the tables once, by several processes: the shapes of what it stages then.

-- Beside those of 0014, which the release before still makes its tables of.
CREATE TABLE tieout.staged_records (
    local_id text NOT NULL,
    version bigint NOT NULL,
    platform_id text,
    provider_id text,
    -- Digests of the ids, by which those that are told of more than once are found.
    local_mark bigint NOT NULL,
    platform_mark bigint
);
CREATE TABLE tieout.staged_several (local_mark bigint NOT NULL);
CREATE TABLE tieout.staged_contested (books_mark bigint NOT NULL);
ALTER TABLE tieout.staged_documents ADD COLUMN number_mark bigint, ADD COLUMN month date;
ALTER TABLE tieout.staged_pairs ADD COLUMN local_mark bigint;
CREATE TABLE tieout.staged_known (
    difference_id uuid NOT NULL,
    fingerprint text NOT NULL,
    version bigint NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    local_id text,
    books_id text,
    local_minor bigint,
    books_minor bigint,
    delta_minor bigint NOT NULL,
    count_delta integer NOT NULL,
    basis text NOT NULL,
    expected boolean NOT NULL,
    rule text,
    expected_until timestamptz,
    record_id uuid,
    cause text,
    reason text NOT NULL,
    confidence numeric,
    local_on date,
    books_on date,
    origin text
);
GRANT SELECT ON tieout.staged_records, tieout.staged_several, tieout.staged_contested, tieout.staged_known TO tieout_app;

-- What this function tells the planner stays when the transaction that calls it, which tells it of its own tables briefly, is over.
ALTER FUNCTION tieout.analyze_counted() SET default_statistics_target = 100;

-- Lets the planner know what a whole comparison has found, before the next one asks for some of it: of tables that were empty the
-- day before it would read all.
CREATE FUNCTION tieout.analyze_compared() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '100ms' SET default_statistics_target = 100
AS $$
BEGIN
    ANALYZE tieout.differences, tieout.counted_keys;
EXCEPTION
    WHEN lock_not_available THEN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION tieout.analyze_compared FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.analyze_compared TO tieout_app;
