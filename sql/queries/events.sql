-- The webhook ledger.

-- name: insert_logged_events :many
-- Stores what the hub's log has and we lack, under the nil subscription, since the log names none. The delivery of such an
-- event may still come: it is adopted then (insert_deliveries).
-- $1 organization_id, $2 event_ids uuid[], $3 object_types text[], $4 actions text[], $5 object_ids text[],
-- $6 created_ats timestamptz[], $7 raws bytea[]
WITH stored AS (
    INSERT INTO events (
        organization_id, event_id, subscription_id, source, object_type, action, object_id, created_at, received_at, raw
    )
    SELECT $1, event_id, '00000000-0000-0000-0000-000000000000', 'log', object_type, action, object_id, created_at, tieout.now(), raw
    FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bytea[]) AS row (
        event_id, object_type, action, object_id, created_at, raw
    )
    WHERE NOT EXISTS (SELECT FROM events e WHERE e.organization_id = $1 AND e.event_id = row.event_id)
    ORDER BY event_id
    ON CONFLICT DO NOTHING
    RETURNING event_id
), counted AS (
    INSERT INTO fleet_counts (subject, keys, counted)
    SELECT 'missed_events', '{}', count(*) FROM stored HAVING count(*) > 0
)
SELECT event_id FROM stored;

-- name: delete_doubled_events :exec
-- What was taken from the log in the very moment in which its delivery was stored is there twice; the delivery stays.
-- $1 organization_id
WITH deleted AS (
    DELETE FROM events e
    WHERE e.organization_id = $1 AND e.source = 'log' AND EXISTS (
        SELECT FROM events k WHERE k.organization_id = $1 AND k.event_id = e.event_id AND k.source = 'webhook'
    )
    RETURNING e.event_id
)
INSERT INTO fleet_counts (subject, keys, counted)
SELECT 'missed_events', '{}', -count(*) FROM deleted HAVING count(*) > 0;

-- name: list_unworked_events :many
-- $1 organization_id, $2 limit
SELECT event_id, subscription_id, object_type, action, object_id, created_at, received_at FROM events
WHERE organization_id = $1 AND worked_at IS NULL ORDER BY received_at LIMIT $2;

-- name: mark_events_worked :exec
-- $1 organization_id, $2 event_ids uuid[]
UPDATE events SET worked_at = tieout.now()
WHERE organization_id = $1 AND event_id = ANY($2::uuid[]) AND worked_at IS NULL;

-- name: prune_events :one
-- Worked events that are older than they are kept, a bounded number a call; tells how many.
-- $1 interval, $2 limit
WITH deleted AS (
    DELETE FROM events WHERE (organization_id, event_id, subscription_id) IN (
        SELECT organization_id, event_id, subscription_id FROM events
        WHERE worked_at IS NOT NULL AND received_at < tieout.now() - $1::interval LIMIT $2
    )
    RETURNING source
), counted AS (
    INSERT INTO fleet_counts (subject, keys, counted)
    SELECT 'missed_events', '{}', -count(*) FROM deleted WHERE source = 'log' HAVING count(*) > 0
)
SELECT count(*) FROM deleted;
