-- What is told of the whole fleet is added up while rows are written: /status costs the same for ten thousand organizations.

-- A ledger: each transaction adds what it changed, so no two of them wait for each other, and at any moment the sum is exactly
-- what the rows say. Every few seconds the entries of one key are replaced by their sum.
CREATE TABLE tieout.fleet_counts (
    -- What is counted, and by what; `tieout.count_fleet` tells which there are.
    subject text NOT NULL,
    keys text[] NOT NULL,
    counted numeric NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Every organization's transactions add to it; only what sees the fleet may read it.
ALTER TABLE tieout.fleet_counts ENABLE ROW LEVEL SECURITY;
CREATE POLICY adding ON tieout.fleet_counts FOR INSERT TO tieout_app WITH CHECK (true);
CREATE POLICY reading ON tieout.fleet_counts FOR SELECT TO tieout_app USING ((SELECT tieout.scope_is_fleet()));
CREATE POLICY folding ON tieout.fleet_counts FOR DELETE TO tieout_app USING ((SELECT tieout.scope_is_fleet()));
GRANT SELECT, INSERT, DELETE ON tieout.fleet_counts TO tieout_app;

-- How many records of an organization fail for a cause, so that whoever writes knows when the organization joins or leaves those
-- that have it. Errors that nobody knows are grouped by their wording.
CREATE TABLE tieout.cause_counts (
    organization_id uuid NOT NULL,
    cause text NOT NULL,
    cause_group text NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (organization_id, cause, cause_group)
) WITH (fillfactor = 80);
CALL tieout.wall('cause_counts');

-- Where an organization stands: a row so narrow that the whole fleet is read in a few milliseconds. Whoever writes the rows
-- that a column is made from writes the column.
CREATE TABLE tieout.standings (
    organization_id uuid PRIMARY KEY,
    -- The hub lists it.
    is_listed boolean NOT NULL DEFAULT false,
    -- Status and last pull of the connection that counts; null without one.
    connection_status text,
    last_pull timestamptz,
    -- The oldest complete reading of its records; null while one is still to come.
    swept_at timestamptz
) WITH (fillfactor = 70);
CALL tieout.wall('standings');

-- The wording that an unknown error is grouped by; known causes are groups of their own. No COALESCE: see tieout.now().
CREATE FUNCTION tieout.wording(cause text, cause_group text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT CASE WHEN cause = 'unknown' AND cause_group IS NOT NULL THEN cause_group ELSE '' END $$;

-- The truth that fleet_counts must equal, counted row by row. Asked once an hour, and by tests.
CREATE FUNCTION tieout.count_fleet() RETURNS TABLE (subject text, keys text[], counted numeric)
LANGUAGE sql STABLE
SET search_path TO tieout, pg_catalog
AS $$
    WITH failing AS MATERIALIZED (
        SELECT r.cause, tieout.wording(r.cause, r.cause_group) AS cause_group, coalesce(r.owner, '') AS owner,
            coalesce(r.currency, '') AS currency, count(*) AS records, coalesce(sum(r.amount_minor), 0) AS minor
        FROM records r WHERE r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
        GROUP BY 1, 2, 3, 4
    )
    SELECT 'records', ARRAY[c.sync_status, c.state], sum(c.records) FROM record_counts c GROUP BY c.sync_status, c.state
    UNION ALL
    SELECT 'cause', ARRAY[f.cause, f.cause_group], sum(f.records) FROM failing f GROUP BY f.cause, f.cause_group
    UNION ALL
    SELECT 'cause_owner', ARRAY[f.cause, f.cause_group, f.owner], sum(f.records) FROM failing f
    GROUP BY f.cause, f.cause_group, f.owner
    UNION ALL
    SELECT 'cause_money', ARRAY[f.cause, f.cause_group, f.currency], sum(f.minor) FROM failing f WHERE f.currency <> ''
    GROUP BY f.cause, f.cause_group, f.currency
    UNION ALL
    SELECT 'cause_organizations', ARRAY[k.cause, k.cause_group], count(*) FROM cause_counts k WHERE k.records > 0
    GROUP BY k.cause, k.cause_group
    UNION ALL
    SELECT 'differences', ARRAY[d.kind, d.expected::text], count(*) FROM differences d WHERE d.resolved_at IS NULL
    GROUP BY d.kind, d.expected
    UNION ALL
    SELECT 'missed_events', '{}'::text[], count(*) FROM events e WHERE e.source = 'log'
$$;

INSERT INTO tieout.cause_counts (organization_id, cause, cause_group, records)
SELECT organization_id, cause, tieout.wording(cause, cause_group), count(*) FROM tieout.records
WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
GROUP BY 1, 2, 3;

INSERT INTO tieout.standings (organization_id, is_listed, connection_status, last_pull, swept_at)
SELECT o.organization_id, o.removed_at IS NULL, c.status, c.last_pull, s.swept_at
FROM tieout.organizations o
LEFT JOIN LATERAL (
    SELECT status, last_pull FROM tieout.connections c
    WHERE c.organization_id = o.organization_id AND c.removed_at IS NULL
    ORDER BY (c.status = 'connected') DESC NULLS LAST, c.hub_created_at DESC NULLS LAST LIMIT 1
) c ON true
LEFT JOIN (
    SELECT organization_id, CASE WHEN count(*) = count(full_at) THEN min(full_at) END AS swept_at
    FROM tieout.streams WHERE stream LIKE 'records:%' GROUP BY organization_id
) s ON s.organization_id = o.organization_id;

INSERT INTO tieout.fleet_counts SELECT * FROM tieout.count_fleet() WHERE counted <> 0;
