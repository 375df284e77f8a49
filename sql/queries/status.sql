-- What /status tells beside the sums of fleet_counts.sql: what waits, and what one organization may see of itself.

-- name: sum_status_records :many
-- How many records one organization has, by status and state.
-- $1 organization_id
SELECT sync_status, state, sum(records)::bigint AS records FROM record_counts
WHERE organization_id = $1
GROUP BY sync_status, state HAVING sum(records) <> 0;

-- name: sum_organization_money :many
-- The money of its records that fail, by currency.
-- $1 organization_id
SELECT currency, sum(amount_minor) AS minor FROM record_counts
WHERE organization_id = $1 AND state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND currency <> ''
GROUP BY currency HAVING sum(amount_minor) <> 0;

-- name: sum_webhook_counts :many
-- How deliveries ended, over all days.
SELECT outcome, sum(deliveries)::bigint AS deliveries FROM webhook_counts GROUP BY outcome;

-- name: count_organization_webhooks :one
-- The same for one organization, of which only what was stored is known.
-- $1 organization_id
SELECT count(*) FILTER (WHERE source = 'webhook') AS received, coalesce(sum(duplicates), 0)::bigint AS duplicates
FROM events WHERE organization_id = $1;

-- name: get_event_backlog :one
SELECT count(*) AS backlog, coalesce(extract(epoch FROM tieout.now() - min(received_at)), 0)::float8 AS oldest_backlog_seconds
FROM events WHERE worked_at IS NULL;

-- name: count_missed_events :one
-- Events of one organization that only the hub's log brought.
-- $1 organization_id
SELECT count(*) AS missing FROM events WHERE organization_id = $1 AND source = 'log';

-- name: get_database_state :one
-- For whoever asks whether we are ready.
SELECT tieout.now() AS now, current_setting('server_version') AS server_version;
