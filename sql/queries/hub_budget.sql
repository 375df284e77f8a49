-- The hub's budget of requests, shared by all replicas, and how the hub was last met.

-- name: reserve_hub_slots :one
-- Reserves the next $1 slots at $2 slots a second. The time is read when the row is ours, not when the statement began.
-- $1 count, $2 rate per second
UPDATE hub_budget
SET next_at = greatest(next_at, paused_until, tieout.instant()) + make_interval(secs => $1::int / $2::float8)
WHERE is_only
RETURNING greatest(
    extract(epoch FROM next_at - make_interval(secs => $1::int / $2::float8) - tieout.instant()), 0
)::float8 AS first_in_seconds;

-- name: pause_hub :exec
-- The hub asked for silence; nobody's next slot begins before it is over.
-- $1 seconds
UPDATE hub_budget
SET paused_until = greatest(paused_until, tieout.instant() + make_interval(secs => $1::float8)) WHERE is_only;

-- name: add_hub_usage :exec
-- Counts requests that were really sent, of one replica, some seconds of them at once; slots that nobody used are no requests.
-- $1 requests
UPDATE hub_budget
SET used_from = CASE WHEN used_from < tieout.instant() - interval '5 seconds' THEN tieout.instant() ELSE used_from END,
    used_per_second = CASE
        WHEN used_from < tieout.instant() - interval '10 seconds' THEN $1::int / 5.0
        WHEN used_from < tieout.instant() - interval '5 seconds'
            THEN (used + $1::int) / extract(epoch FROM tieout.instant() - used_from)
        ELSE used_per_second
    END,
    used = CASE WHEN used_from < tieout.instant() - interval '5 seconds' THEN 0 ELSE used + $1::int END
WHERE is_only;

-- name: get_hub_usage :one
SELECT paused_until, CASE WHEN used_from < tieout.now() - interval '10 seconds' THEN 0 ELSE used_per_second END AS used_per_second
FROM hub_budget WHERE is_only;

-- name: mark_hub_ok :exec
UPDATE hub_health SET last_ok_at = tieout.now(), failing_since = NULL WHERE is_only;

-- name: mark_hub_failing :exec
-- $1 failure, $2 message
UPDATE hub_health
SET failing_since = coalesce(failing_since, tieout.now()), last_failure_at = tieout.now(), failure = $1, message = $2 WHERE is_only;

-- name: get_hub_health :one
SELECT last_ok_at, failing_since, last_failure_at, failure, message FROM hub_health WHERE is_only;
