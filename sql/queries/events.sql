-- The webhook ledger.

-- name: insert_events :many
-- Stores deliveries; a known event counts a duplicate. One found in the hub's log before its delivery came is adopted by it.
-- $1 organization_ids uuid[], $2 event_ids uuid[], $3 subscription_ids uuid[], $4 sources text[], $5 object_types text[],
-- $6 actions text[], $7 object_ids text[], $8 created_ats timestamptz[], $9 raws bytea[], $10 quarantined text[]
WITH incoming AS (
    SELECT DISTINCT ON (organization_id, event_id, subscription_id) *
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::bytea[],
        $10::text[]
    ) AS row (
        organization_id, event_id, subscription_id, source, object_type, action, object_id, created_at, raw, quarantined
    )
    ORDER BY organization_id, event_id, subscription_id
), adopted AS (
    UPDATE events e SET subscription_id = i.subscription_id, source = 'webhook', raw = i.raw
    FROM incoming i
    WHERE e.organization_id = i.organization_id AND e.event_id = i.event_id
        AND e.subscription_id = '00000000-0000-0000-0000-000000000000' AND i.source = 'webhook'
        AND NOT EXISTS (
            SELECT FROM events k WHERE k.organization_id = i.organization_id AND k.event_id = i.event_id
                AND k.subscription_id = i.subscription_id
        )
    RETURNING e.organization_id, e.event_id, e.subscription_id
)
INSERT INTO events AS e (
    organization_id, event_id, subscription_id, source, object_type, action, object_id, created_at, received_at, raw, quarantined,
    worked_at
)
SELECT organization_id, event_id, subscription_id, source, object_type, action, object_id, created_at, tieout.now(), raw,
    quarantined, CASE WHEN quarantined IS NOT NULL THEN tieout.now() END
FROM incoming i
WHERE NOT EXISTS (SELECT FROM adopted a WHERE a.organization_id = i.organization_id AND a.event_id = i.event_id)
ON CONFLICT (organization_id, event_id, subscription_id) DO UPDATE SET duplicates = e.duplicates + 1
RETURNING organization_id, event_id, duplicates = 0 AS is_new;

-- name: list_known_events :many
-- $1 organization_id, $2 event_ids uuid[]
SELECT DISTINCT event_id FROM events WHERE organization_id = $1 AND event_id = ANY($2::uuid[]);

-- name: list_unworked_events :many
-- $1 organization_id, $2 limit
SELECT event_id, subscription_id, object_type, action, object_id, created_at, received_at FROM events
WHERE organization_id = $1 AND worked_at IS NULL ORDER BY received_at LIMIT $2;

-- name: mark_events_worked :exec
-- $1 organization_id, $2 event_ids uuid[]
UPDATE events SET worked_at = tieout.now()
WHERE organization_id = $1 AND event_id = ANY($2::uuid[]) AND worked_at IS NULL;

-- name: list_events :many
-- Newest first, keyset-paged.
-- $1 organization_id or null, $2 before received_at or null, $3 before event_id, $4 limit
SELECT organization_id, event_id, subscription_id, source, object_type, action, object_id, created_at, received_at,
    quarantined, duplicates, worked_at
FROM events
WHERE ($1::uuid IS NULL OR organization_id = $1)
    AND ($2::timestamptz IS NULL OR (received_at, event_id) < ($2, $3::uuid))
ORDER BY received_at DESC, event_id DESC LIMIT $4;

-- name: get_event_backlog :one
SELECT count(*) AS backlog, coalesce(extract(epoch FROM tieout.now() - min(received_at)), 0)::float8 AS oldest_backlog_seconds
FROM events WHERE worked_at IS NULL;

-- name: count_events :one
-- What was received, what came again, and what the hub's log had that never came.
SELECT count(*) FILTER (WHERE source = 'webhook') AS received, coalesce(sum(duplicates), 0)::bigint AS duplicates,
    count(*) FILTER (WHERE source = 'log') AS missing, count(*) FILTER (WHERE quarantined IS NOT NULL) AS quarantined
FROM events;

-- name: prune_events :exec
-- Worked events older than $1 interval, at most $2 a call.
DELETE FROM events WHERE (organization_id, event_id, subscription_id) IN (
    SELECT organization_id, event_id, subscription_id FROM events
    WHERE worked_at IS NOT NULL AND received_at < tieout.now() - $1::interval LIMIT $2
);
