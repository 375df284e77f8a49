-- What is told of the whole fleet: sums that are kept while rows are written, and narrow rows that say where each organization stands.

-- name: sum_fleet_counts :many
-- What /status tells of the fleet, but for the causes.
SELECT subject, keys, sum(counted)::bigint AS counted FROM fleet_counts
WHERE subject IN ('records', 'differences', 'missed_events')
GROUP BY subject, keys HAVING sum(counted) <> 0;

-- name: sum_fleet_money :many
-- The money of all records that fail, by currency.
SELECT keys[3] AS currency, sum(counted) AS minor FROM fleet_counts WHERE subject = 'cause_money'
GROUP BY keys[3] HAVING sum(counted) <> 0;

-- name: sum_standings :many
-- Organizations by the status of the connection that counts, 'none' without one: how many, how many of the connected are stale
-- or lack a complete reading of their records, and the oldest complete reading of the others.
-- $1 stale interval
SELECT coalesce(connection_status, 'none') AS status, count(*) AS organizations,
    count(*) FILTER (WHERE connection_status = 'connected' AND last_pull < (SELECT tieout.now() - $1::interval)) AS stale,
    count(*) FILTER (WHERE connection_status = 'connected' AND swept_at IS NULL) AS unswept,
    min(swept_at) FILTER (WHERE connection_status = 'connected') AS oldest_sweep_at
FROM standings WHERE is_listed GROUP BY 1;

-- name: mark_standings_swept :exec
-- Where organizations stand after a stream was read completely, or has to be read anew.
-- $1 organization_ids uuid[]
INSERT INTO standings AS s (organization_id, swept_at)
SELECT organization_id, CASE WHEN count(*) = count(full_at) THEN min(full_at) END FROM streams
WHERE organization_id = ANY($1::uuid[]) AND stream LIKE 'records:%'
GROUP BY organization_id ORDER BY organization_id
ON CONFLICT (organization_id) DO UPDATE SET swept_at = excluded.swept_at WHERE s.swept_at IS DISTINCT FROM excluded.swept_at;

-- name: claim_fleet_counts :one
-- Whether we are the one who folds just now; the claim ends with the transaction.
SELECT pg_try_advisory_xact_lock(hashtext('tieout.fleet_counts')) AS is_ours;

-- name: fold_fleet_counts :exec
-- Replaces the entries of a key by their sum. What is added meanwhile is not seen, and stays.
WITH folded AS (
    DELETE FROM fleet_counts f
    USING (SELECT subject, keys FROM fleet_counts GROUP BY subject, keys HAVING count(*) > 1) many
    WHERE f.subject = many.subject AND f.keys = many.keys
    RETURNING f.subject, f.keys, f.counted
)
INSERT INTO fleet_counts (subject, keys, counted)
SELECT subject, keys, sum(counted) FROM folded GROUP BY subject, keys HAVING sum(counted) <> 0;

-- name: correct_cause_counts :exec
-- Brings the causes of organizations to what their records say. Nothing is off but for what an older release wrote, which
-- does not know of them.
WITH truth AS (
    SELECT organization_id, cause, tieout.wording(cause, cause_group) AS cause_group, count(*) AS records FROM records
    WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') GROUP BY 1, 2, 3
)
INSERT INTO cause_counts AS c (organization_id, cause, cause_group, records)
SELECT organization_id, cause, cause_group, coalesce(t.records, 0) - coalesce(k.records, 0)
FROM truth t FULL JOIN cause_counts k USING (organization_id, cause, cause_group)
WHERE coalesce(t.records, 0) <> coalesce(k.records, 0)
ORDER BY organization_id, cause, cause_group
ON CONFLICT (organization_id, cause, cause_group) DO UPDATE SET records = c.records + excluded.records;

-- name: correct_fleet_counts :many
-- Adds what the sums lack, or takes what they have too much; both are told by one snapshot, so whoever writes meanwhile does
-- not matter. Gives back what was off.
INSERT INTO fleet_counts (subject, keys, counted)
SELECT subject, keys, sum(counted) FROM (
    SELECT subject, keys, counted FROM tieout.count_fleet()
    UNION ALL
    SELECT subject, keys, -counted FROM fleet_counts
) both_sides
GROUP BY subject, keys HAVING sum(counted) <> 0
RETURNING subject, keys, counted;

-- name: lock_standings :exec
-- Makes those that are missing and keeps all of them from being written until the transaction ends.
INSERT INTO standings AS s (organization_id) SELECT organization_id FROM organizations ORDER BY organization_id
ON CONFLICT (organization_id) DO UPDATE SET organization_id = s.organization_id WHERE false;

-- name: correct_standings :many
-- Brings the standings that are locked to what connections, streams and organizations say. Gives back those that were off.
UPDATE standings s
SET is_listed = t.is_listed, connection_status = t.status, last_pull = t.last_pull, swept_at = t.swept_at
FROM (
    SELECT o.organization_id, o.removed_at IS NULL AS is_listed, c.status, c.last_pull, w.swept_at
    FROM organizations o
    LEFT JOIN LATERAL (
        SELECT status, coalesce(last_pull, renewed_at, connected_at) AS last_pull FROM connections c
        WHERE c.organization_id = o.organization_id AND c.removed_at IS NULL
        ORDER BY (c.status = 'connected') DESC NULLS LAST, c.hub_created_at DESC NULLS LAST LIMIT 1
    ) c ON true
    LEFT JOIN (
        SELECT organization_id, CASE WHEN count(*) = count(full_at) THEN min(full_at) END AS swept_at
        FROM streams WHERE stream LIKE 'records:%' GROUP BY organization_id
    ) w ON w.organization_id = o.organization_id
) t
WHERE s.organization_id = t.organization_id
    AND (s.is_listed, s.connection_status, s.last_pull, s.swept_at) IS DISTINCT FROM (t.is_listed, t.status, t.last_pull, t.swept_at)
RETURNING s.organization_id;

-- name: prune_cause_counts :exec
-- Causes that an organization no longer has.
DELETE FROM cause_counts WHERE records = 0;
