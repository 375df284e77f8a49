-- Alerts and the outbox of notifications.

-- name: lock_alerts :many
-- Every open alert, and those resolved lately, kept from being acknowledged or snoozed until this transaction ends.
-- $1 how long ago they may have been resolved, $2 limit
SELECT * FROM alerts
WHERE status <> 'resolved' OR ended_at > tieout.now() - $1::interval
ORDER BY (status <> 'resolved') DESC, organization_id, alert_id LIMIT $2 FOR UPDATE;

-- name: upsert_alerts :exec
-- Rows were read with lock_alerts in this transaction. What was written is kept as a version, unless nobody was told of it yet;
-- without the members, of which there may be thousands.
-- $1 rows json
WITH written AS (
INSERT INTO alerts AS a SELECT * FROM json_populate_recordset(NULL::alerts, $1::json) ORDER BY organization_id, alert_id
ON CONFLICT (organization_id, alert_id) DO UPDATE
SET severity = excluded.severity, status = excluded.status, summary = excluded.summary, detail = excluded.detail,
    owner = excluded.owner, next_step = excluded.next_step, organizations = excluded.organizations, members = excluded.members,
    organizations_count = excluded.organizations_count, records_count = excluded.records_count,
    money_at_risk = excluded.money_at_risk, started_at = excluded.started_at, held_at = excluded.held_at,
    grew_at = excluded.grew_at, quiet_since = excluded.quiet_since, ended_at = excluded.ended_at,
    is_inhibited = excluded.is_inhibited, regressions_count = excluded.regressions_count, notified_at = excluded.notified_at,
    notified_count = excluded.notified_count, notified_severity = excluded.notified_severity,
    notified_records_count = excluded.notified_records_count,
    notified_organizations_count = excluded.notified_organizations_count, acknowledged_at = excluded.acknowledged_at,
    acknowledged_by = excluded.acknowledged_by, snoozed_until = excluded.snoozed_until, version = excluded.version,
    changed_at = excluded.changed_at
WHERE a.version < excluded.version
RETURNING *
)
INSERT INTO history (organization_id, kind, object_id, version, known_from, body)
SELECT w.organization_id, 'alert', w.alert_id, w.version, tieout.now(),
    to_jsonb(w) - 'members' || jsonb_build_object('organizations', w.organizations[1:20])
FROM written w WHERE w.status <> 'pending';

-- name: mark_alerts_held :exec
-- Those of which nothing changed but that their condition still holds.
-- $1 alert_ids uuid[], $2 held_at
UPDATE alerts SET held_at = $2 WHERE alert_id = ANY($1::uuid[]) AND status <> 'resolved';

-- name: delete_pending_alerts :exec
-- Those whose trouble went before anybody was told.
-- $1 alert_ids uuid[]
DELETE FROM alerts WHERE alert_id = ANY($1::uuid[]) AND status = 'pending';

-- name: list_alerts :many
-- Newest first, keyset-paged; without the members, of which there may be thousands.
-- $1 organization_id or null, $2 status or null, $3 before started_at or null, $4 before alert_id, $5 limit
SELECT organization_id, alert_id, fingerprint, kind, scope, cause, severity, status, summary, detail, owner, next_step,
    organizations, organizations_count, records_count, money_at_risk, started_at, quiet_since, ended_at, is_inhibited,
    regressions_count, notified_at, notified_count, acknowledged_at, acknowledged_by, snoozed_until, version, changed_at
FROM alerts
WHERE status <> 'pending' AND ($1::uuid IS NULL OR organization_id = $1) AND ($2::text IS NULL OR status = $2)
    AND ($3::timestamptz IS NULL OR (started_at, alert_id) < ($3, $4::uuid))
ORDER BY started_at DESC, alert_id DESC LIMIT $5;

-- name: get_alert :one
-- One that fires or did, without its members.
-- $1 alert_id
SELECT organization_id, alert_id, fingerprint, kind, scope, cause, severity, status, summary, detail, owner, next_step,
    organizations, organizations_count, records_count, money_at_risk, started_at, quiet_since, ended_at, is_inhibited,
    regressions_count, notified_at, notified_count, acknowledged_at, acknowledged_by, snoozed_until, version, changed_at
FROM alerts WHERE status <> 'pending' AND alert_id = $1;

-- name: count_firing_alerts :many
-- By severity.
SELECT severity, count(*) AS alerts FROM alerts WHERE status = 'firing' GROUP BY severity;

-- name: get_firing_since :one
-- Since when an alert of the fleet fires; no row when it does not, nor while it is quiet and may be over.
-- $1 fingerprint
SELECT started_at FROM alerts
WHERE organization_id = '00000000-0000-0000-0000-000000000000' AND fingerprint = $1 AND status = 'firing'
    AND quiet_since IS NULL;

-- name: mark_alert_acknowledged :one
-- No row when it is not firing.
-- $1 alert_id, $2 by
WITH written AS (
    UPDATE alerts SET acknowledged_at = tieout.now(), acknowledged_by = $2, version = version + 1, changed_at = tieout.now()
    WHERE alert_id = $1 AND status = 'firing' RETURNING *
), kept AS (
    INSERT INTO history (organization_id, kind, object_id, version, known_from, body)
    SELECT w.organization_id, 'alert', w.alert_id, w.version, tieout.now(),
        to_jsonb(w) - 'members' || jsonb_build_object('organizations', w.organizations[1:20])
    FROM written w
)
SELECT * FROM written;

-- name: mark_alert_snoozed :one
-- No row when it is not firing.
-- $1 alert_id, $2 until
WITH written AS (
    UPDATE alerts SET snoozed_until = $2, version = version + 1, changed_at = tieout.now()
    WHERE alert_id = $1 AND status = 'firing' RETURNING *
), kept AS (
    INSERT INTO history (organization_id, kind, object_id, version, known_from, body)
    SELECT w.organization_id, 'alert', w.alert_id, w.version, tieout.now(),
        to_jsonb(w) - 'members' || jsonb_build_object('organizations', w.organizations[1:20])
    FROM written w
)
SELECT * FROM written;

-- name: prune_alerts :exec
-- Resolved ones older than $1 interval, at most $2 a call.
DELETE FROM alerts WHERE (organization_id, alert_id) IN (
    SELECT organization_id, alert_id FROM alerts WHERE status = 'resolved' AND ended_at < tieout.now() - $1::interval LIMIT $2
);

-- name: insert_notifications :exec
-- A reminder is left out where the channel has not even taken what came before it.
-- $1 rows json
INSERT INTO notifications
SELECT n.* FROM json_populate_recordset(NULL::notifications, $1::json) n
WHERE n.body ->> 'reason' <> 'reminder' OR NOT EXISTS (
    SELECT FROM notifications w
    WHERE w.organization_id = n.organization_id AND w.alert_id = n.alert_id AND w.channel = n.channel AND w.status = 'waiting'
)
ON CONFLICT DO NOTHING;

-- name: list_told_instances :many
-- By which name of the installation receivers know some alerts: that of the last message, which has none if a release before the
-- names put it there.
-- $1 organization_ids uuid[], $2 alert_ids uuid[], in the same order
SELECT a.alert_id, n.instance FROM unnest($1::uuid[], $2::uuid[]) AS a (organization_id, alert_id)
CROSS JOIN LATERAL (
    SELECT n.body ->> 'instance' AS instance FROM notifications n
    WHERE n.organization_id = a.organization_id AND n.alert_id = a.alert_id
    ORDER BY n.sequence DESC LIMIT 1
) n;

-- name: list_waiting_channels :many
-- When each channel has something to send next: what waits for an earlier message of its alert is not due, whatever it says.
SELECT channel, min(due_at) AS due_at FROM (
    SELECT DISTINCT ON (channel, organization_id, alert_id) channel, due_at FROM notifications
    WHERE status = 'waiting' ORDER BY channel, organization_id, alert_id, sequence
) firsts
GROUP BY channel;

-- name: get_next_notification :one
-- The same of one channel.
-- $1 channel
SELECT min(due_at) AS due_at FROM (
    SELECT DISTINCT ON (organization_id, alert_id) due_at FROM notifications
    WHERE channel = $1 AND status = 'waiting' ORDER BY organization_id, alert_id, sequence
) firsts;

-- name: claim_due_notifications :many
-- The oldest waiting one of each alert of a channel. Should the sender die, it is due again and counts as possibly sent:
-- what comes back as is_repeat is how it stood before this claim.
-- $1 channel, $2 lease interval, $3 limit
WITH due AS (
    SELECT n.organization_id, n.notification_id, n.is_repeat FROM notifications n
    WHERE n.channel = $1 AND n.status = 'waiting' AND n.due_at <= tieout.now()
        AND NOT EXISTS (
            SELECT FROM notifications earlier
            WHERE earlier.organization_id = n.organization_id AND earlier.alert_id = n.alert_id
                AND earlier.channel = n.channel AND earlier.sequence < n.sequence AND earlier.status = 'waiting'
        )
    ORDER BY n.due_at, n.notification_id LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE notifications n
SET attempts_count = n.attempts_count + 1, due_at = tieout.now() + $2::interval, is_repeat = true
FROM due WHERE n.organization_id = due.organization_id AND n.notification_id = due.notification_id
RETURNING n.organization_id, n.notification_id, n.alert_id, n.channel, n.sequence, n.body, n.attempts_count, n.created_at,
    due.is_repeat;

-- name: mark_notification_sent :exec
-- $1 organization_id, $2 notification_id, $3 attempts_count that it was claimed with
UPDATE notifications SET status = 'sent', finished_at = tieout.now(), error = NULL
WHERE organization_id = $1 AND notification_id = $2 AND attempts_count = $3;

-- name: mark_notification_refused :exec
-- For good: it is shown, and not sent again.
-- $1 organization_id, $2 notification_id, $3 attempts_count, $4 error
UPDATE notifications SET status = 'refused', finished_at = tieout.now(), error = $4
WHERE organization_id = $1 AND notification_id = $2 AND attempts_count = $3;

-- name: mark_notification_postponed :exec
-- $1 organization_id, $2 notification_id, $3 attempts_count, $4 wait, $5 is_repeat, $6 error
UPDATE notifications SET due_at = tieout.now() + $4::interval, is_repeat = $5, error = $6
WHERE organization_id = $1 AND notification_id = $2 AND attempts_count = $3 AND status = 'waiting';

-- name: mark_notifications_abandoned :exec
-- Those that wait for a channel which nobody has any more.
-- $1 channels text[] that there are, $2 age interval
UPDATE notifications SET status = 'refused', finished_at = tieout.now(), error = 'the channel is no longer configured'
WHERE status = 'waiting' AND NOT channel = ANY($1::text[]) AND created_at < tieout.now() - $2::interval;

-- name: list_failing_channels :many
-- Channels that do not take what they are sent: what waits although it was tried, and what was refused since the last
-- success. One that fails on a message may take others: `sent_at` tells. The error is the last: that of what is tried again last, since
-- waits grow, or was refused last.
-- $1 channels text[]
SELECT c.channel, coalesce(w.waiting, 0) AS waiting_count, coalesce(r.refused, 0) AS refused_count,
    least(w.since, r.since) AS since, coalesce(w.error, r.error) AS error, s.sent_at
FROM unnest($1::text[]) AS c (channel)
LEFT JOIN LATERAL (
    SELECT max(finished_at) AS sent_at FROM notifications n WHERE n.channel = c.channel AND n.status = 'sent'
) s ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS waiting, min(created_at) FILTER (WHERE n.error IS NOT NULL) AS since, (
        array_agg(n.error ORDER BY n.due_at DESC, n.created_at DESC) FILTER (WHERE n.error IS NOT NULL)
    )[1] AS error
    FROM notifications n WHERE n.channel = c.channel AND n.status = 'waiting'
) w ON w.since IS NOT NULL
LEFT JOIN LATERAL (
    SELECT count(*) AS refused, min(finished_at) AS since, (
        array_agg(n.error ORDER BY n.finished_at DESC)
    )[1] AS error
    FROM notifications n
    WHERE n.channel = c.channel AND n.status = 'refused' AND n.finished_at > coalesce(s.sent_at, '-infinity')
) r ON r.since IS NOT NULL
WHERE w.since IS NOT NULL OR r.since IS NOT NULL
ORDER BY c.channel;

-- name: list_channel_successes :many
-- When each channel last took a message.
-- $1 channels text[]
SELECT channel, max(finished_at) AS sent_at FROM notifications
WHERE channel = ANY($1::text[]) AND status = 'sent' GROUP BY channel;

-- name: list_standing_notifications :many
-- The last message of each firing alert that a channel took: what a receiver with a short memory is told again,
-- paged by key.
-- $1 channel, $2 after organization_id, $3 after alert_id, $4 limit
SELECT n.body, n.organization_id, n.alert_id FROM alerts a
JOIN LATERAL (
    SELECT * FROM notifications n
    WHERE n.organization_id = a.organization_id AND n.alert_id = a.alert_id AND n.channel = $1 AND n.status = 'sent'
    ORDER BY n.sequence DESC LIMIT 1
) n ON true
WHERE a.status = 'firing' AND n.body ->> 'status' = 'firing' AND (a.organization_id, a.alert_id) > ($2::uuid, $3::uuid)
ORDER BY a.organization_id, a.alert_id LIMIT $4;

-- name: prune_notifications :exec
-- Finished ones older than $1 interval, at most $2 a call.
DELETE FROM notifications WHERE (organization_id, notification_id) IN (
    SELECT organization_id, notification_id FROM notifications
    WHERE status <> 'waiting' AND finished_at < tieout.now() - $1::interval LIMIT $2
);
