-- Which records are set aside is kept while they are written: to find them for each /status took 27 seconds for twenty thousand.

-- As before, but that attempts are looked up where a record has any: what was tried of all of them, which Postgres took for a single
-- row, was read anew for each.
CREATE OR REPLACE FUNCTION tieout.set_aside(organization uuid) RETURNS TABLE (organization_id uuid, record_id uuid, cause text, cause_group text)
LANGUAGE sql STABLE
AS $$
WITH failing AS MATERIALIZED (
    SELECT r.organization_id, r.record_id, r.cause, r.cause_group, r.episode, r.doubted_at, coalesce(r.first_failed_at, r.updated_at) AS failed_at
    FROM (
        SELECT DISTINCT e.organization_id, e.record_id FROM tieout.evidence e
        WHERE e.kind = 'set_aside' AND (organization IS NULL OR e.organization_id = organization)
    ) said
    JOIN tieout.records r ON r.organization_id = said.organization_id AND r.record_id = said.record_id
    WHERE r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
)
SELECT f.organization_id, f.record_id, f.cause, tieout.wording(f.cause, f.cause_group)
FROM failing f
CROSS JOIN LATERAL (
    SELECT e.kind FROM tieout.evidence e
    WHERE e.organization_id = f.organization_id AND e.record_id = f.record_id
        AND e.kind IN ('set_aside', 'named_person') AND e.observed_at >= f.failed_at
        AND (e.kind = 'set_aside' OR f.doubted_at IS NULL
            OR coalesce((e.detail ->> 'record_updated_at')::timestamptz, e.observed_at) >= f.doubted_at)
        AND NOT EXISTS (
            SELECT FROM tieout.attempts a
            LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
                AND o.episode = a.episode AND o.number = a.number
            WHERE a.organization_id = f.organization_id AND a.record_id = f.record_id
                AND (a.evidence_id = e.evidence_id
                    OR a.episode = f.episode AND a.started_at >= e.observed_at AND o.outcome IS DISTINCT FROM 'not_sent')
        )
    ORDER BY e.observed_at DESC, e.kind DESC LIMIT 1
) last_word
WHERE last_word.kind = 'set_aside'
$$;

CREATE TABLE tieout.set_aside_records (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    cause text NOT NULL,
    cause_group text NOT NULL,
    PRIMARY KEY (organization_id, record_id)
);
ALTER TABLE tieout.set_aside_records ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON tieout.set_aside_records TO tieout_app
USING ((SELECT tieout.scope_is_fleet()) OR organization_id = (SELECT tieout.scope_organization()));
GRANT SELECT, INSERT, UPDATE, DELETE ON tieout.set_aside_records TO tieout_app;

-- What the release before goes on writing is added by the hourly correction, as with the counts.
INSERT INTO tieout.set_aside_records (organization_id, record_id, cause, cause_group)
SELECT organization_id, record_id, cause, cause_group FROM tieout.set_aside(NULL);

-- And counted for the fleet, where the other counts are. The function is as before, but for them.
INSERT INTO tieout.fleet_counts (subject, keys, counted)
SELECT 'set_aside', ARRAY[cause, cause_group], count(*) FROM tieout.set_aside_records GROUP BY cause, cause_group;
CREATE OR REPLACE FUNCTION tieout.count_fleet() RETURNS TABLE(subject text, keys text[], counted numeric)
LANGUAGE sql STABLE SET search_path = tieout, pg_catalog
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
    SELECT 'set_aside', ARRAY[a.cause, a.cause_group], count(*) FROM set_aside_records a GROUP BY a.cause, a.cause_group
    UNION ALL
    SELECT 'differences', ARRAY[d.kind, d.expected::text], count(*) FROM differences d WHERE d.resolved_at IS NULL
    GROUP BY d.kind, d.expected
    UNION ALL
    SELECT 'missed_events', '{}'::text[], count(*) FROM events e WHERE e.source = 'log'
$$;
