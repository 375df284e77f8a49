-- Which failing records a person has set aside.

-- name: keep_set_aside :exec
-- Whether some records are set aside now, after something was written that may bear on it, and what that changed in the count of the
-- fleet. Few have a word at all, so these are looked up first.
-- $1 organization_id, $2 record_ids uuid[]
WITH said AS MATERIALIZED (
    SELECT DISTINCT record_id FROM evidence WHERE organization_id = $1 AND record_id = ANY($2::uuid[]) AND kind = 'set_aside'
), truth AS MATERIALIZED (
    SELECT r.record_id, r.cause, tieout.wording(r.cause, r.cause_group) AS cause_group FROM said s
    JOIN records r ON r.organization_id = $1 AND r.record_id = s.record_id
    WHERE r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND tieout.is_set_aside(
        r.organization_id, r.record_id, r.episode, coalesce(r.first_failed_at, r.updated_at), r.doubted_at, NULL
    )
), before AS MATERIALIZED (
    SELECT record_id, cause, cause_group FROM set_aside_records WHERE organization_id = $1 AND record_id = ANY($2::uuid[])
), gone AS (
    DELETE FROM set_aside_records k
    WHERE k.organization_id = $1 AND k.record_id = ANY($2::uuid[]) AND NOT EXISTS (SELECT FROM truth t WHERE t.record_id = k.record_id)
), come AS (
    INSERT INTO set_aside_records AS k (organization_id, record_id, cause, cause_group)
    SELECT $1, record_id, cause, cause_group FROM truth ORDER BY record_id
    ON CONFLICT (organization_id, record_id) DO UPDATE SET cause = excluded.cause, cause_group = excluded.cause_group
    WHERE (k.cause, k.cause_group) <> (excluded.cause, excluded.cause_group)
)
INSERT INTO fleet_counts (subject, keys, counted)
SELECT 'set_aside', ARRAY[cause, cause_group], sum(moved) FROM (
    SELECT cause, cause_group, 1 AS moved FROM truth
    UNION ALL
    SELECT cause, cause_group, -1 FROM before
) moves
GROUP BY cause, cause_group HAVING sum(moved) <> 0;

-- name: correct_set_aside :many
-- Brings the records that are kept to what all words say, before the count of the fleet is brought to them. Nothing is off but for
-- what an older release wrote. Gives back those that were off.
WITH truth AS MATERIALIZED (
    SELECT organization_id, record_id, cause, cause_group FROM tieout.set_aside(NULL)
), gone AS (
    DELETE FROM set_aside_records k WHERE NOT EXISTS (
        SELECT FROM truth t WHERE t.organization_id = k.organization_id AND t.record_id = k.record_id
    )
    RETURNING k.record_id
), come AS (
    INSERT INTO set_aside_records (organization_id, record_id, cause, cause_group)
    SELECT * FROM truth t WHERE NOT EXISTS (
        SELECT FROM set_aside_records k WHERE k.organization_id = t.organization_id AND k.record_id = t.record_id
            AND k.cause = t.cause AND k.cause_group = t.cause_group
    )
    ORDER BY organization_id, record_id
    ON CONFLICT (organization_id, record_id) DO UPDATE SET cause = excluded.cause, cause_group = excluded.cause_group
    RETURNING record_id
)
SELECT record_id FROM gone UNION ALL SELECT record_id FROM come;

-- name: sum_fleet_set_aside :many
-- How many records of the fleet fail that a person has set aside, by cause and wording.
SELECT keys[1] AS cause, nullif(keys[2], '') AS cause_group, sum(counted)::bigint AS records FROM fleet_counts
WHERE subject = 'set_aside' GROUP BY keys HAVING sum(counted) <> 0;

-- name: count_set_aside :many
-- The same of one organization.
-- $1 organization_id
SELECT cause, nullif(cause_group, '') AS cause_group, count(*) AS records FROM set_aside_records
WHERE organization_id = $1 GROUP BY cause, cause_group;
