-- Alerts and the outbox of notifications.

-- name: list_open_alerts :many
-- $1 limit
SELECT * FROM alerts WHERE status <> 'resolved' ORDER BY started_at LIMIT $1;

-- name: upsert_alerts :exec
-- $1 rows json
INSERT INTO alerts SELECT * FROM json_populate_recordset(NULL::alerts, $1::json) ORDER BY organization_id, alert_id
ON CONFLICT (organization_id, alert_id) DO UPDATE
SET severity = excluded.severity, status = excluded.status, summary = excluded.summary, detail = excluded.detail,
    owner = excluded.owner, organizations = excluded.organizations, organizations_count = excluded.organizations_count,
    records_count = excluded.records_count, money_at_risk = excluded.money_at_risk, quiet_since = excluded.quiet_since,
    ended_at = excluded.ended_at, notified_at = excluded.notified_at, version = excluded.version,
    changed_at = excluded.changed_at;

-- name: list_alerts :many
-- Newest first, keyset-paged.
-- $1 organization_id or null, $2 status or null, $3 before started_at or null, $4 before alert_id, $5 limit
SELECT * FROM alerts
WHERE status <> 'pending' AND ($1::uuid IS NULL OR organization_id = $1) AND ($2::text IS NULL OR status = $2)
    AND ($3::timestamptz IS NULL OR (started_at, alert_id) < ($3, $4::uuid))
ORDER BY started_at DESC, alert_id DESC LIMIT $5;

-- name: count_firing_alerts :many
SELECT severity, count(*) AS alerts FROM alerts WHERE status = 'firing' GROUP BY severity;

-- name: mark_alert_acknowledged :one
-- $1 alert_id, $2 by
UPDATE alerts SET acknowledged_at = tieout.now(), acknowledged_by = $2, version = version + 1, changed_at = tieout.now()
WHERE alert_id = $1 AND status = 'firing' RETURNING *;

-- name: mark_alert_snoozed :one
-- $1 alert_id, $2 until
UPDATE alerts SET snoozed_until = $2, version = version + 1, changed_at = tieout.now()
WHERE alert_id = $1 AND status = 'firing' RETURNING *;

-- name: insert_notifications :exec
-- $1 rows json
INSERT INTO notifications SELECT * FROM json_populate_recordset(NULL::notifications, $1::json) ON CONFLICT DO NOTHING;

-- name: list_waiting_channels :many
-- Channels with something to send now.
SELECT channel, min(due_at) AS due_at FROM notifications WHERE status = 'waiting' AND due_at <= tieout.now() GROUP BY channel;

-- name: claim_due_notifications :many
-- The oldest waiting one of each alert of a channel, marked as begun: should we die while sending, it comes back as a repeat.
-- $1 channel, $2 lease interval, $3 limit
WITH due AS (
    SELECT n.organization_id, n.notification_id FROM notifications n
    WHERE n.channel = $1 AND n.status = 'waiting' AND n.due_at <= tieout.now()
        AND NOT EXISTS (
            SELECT FROM notifications earlier
            WHERE earlier.organization_id = n.organization_id AND earlier.alert_id = n.alert_id
                AND earlier.channel = n.channel AND earlier.sequence < n.sequence AND earlier.status = 'waiting'
        )
    ORDER BY n.due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE notifications n
SET attempts_count = n.attempts_count + 1, due_at = tieout.now() + $2::interval
FROM due WHERE n.organization_id = due.organization_id AND n.notification_id = due.notification_id
RETURNING n.*;

-- name: mark_notification_sent :exec
-- $1 organization_id, $2 notification_id, $3 attempts_count that it was claimed with
UPDATE notifications SET status = 'sent', sent_at = tieout.now(), error = NULL
WHERE organization_id = $1 AND notification_id = $2 AND attempts_count = $3;

-- name: mark_notification_failed :exec
-- $1 organization_id, $2 notification_id, $3 attempts_count, $4 status, $5 due_at, $6 is_repeat, $7 error
UPDATE notifications SET status = $4, due_at = $5, is_repeat = is_repeat OR $6, error = $7
WHERE organization_id = $1 AND notification_id = $2 AND attempts_count = $3;

-- name: list_failing_channels :many
-- Channels whose oldest waiting notification has failed.
SELECT channel, count(*) AS waiting, min(created_at) AS since, max(error) AS error, max(attempts_count) AS attempts
FROM notifications WHERE status = 'waiting' AND error IS NOT NULL GROUP BY channel;
