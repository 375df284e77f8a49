-- Work that is due: one row per organization and kind, claimed by one replica at a time.

-- name: ensure_work :exec
-- Makes the rows of organizations that have none yet, due at once.
-- $1 organization_ids uuid[], $2 kinds text[]
INSERT INTO work (organization_id, kind, due_at)
SELECT organization_id, kind, tieout.now()
FROM unnest($1::uuid[]) AS organization_id CROSS JOIN unnest($2::text[]) AS kind
ORDER BY organization_id, kind
ON CONFLICT DO NOTHING;

-- name: claim_due_work :many
-- Claims what has been due longest; the fence that comes back must be stated with every write.
-- $1 kind, $2 replica_id, $3 lease interval, $4 limit
WITH due AS (
    SELECT organization_id, kind, due_at
    FROM work
    WHERE kind = $1 AND due_at <= tieout.now()
    ORDER BY due_at
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
UPDATE work
SET lease_by = $2, fence = fence + 1, claimed_at = tieout.now(), due_at = tieout.now() + $3::interval, wanted_at = NULL
FROM due
WHERE work.organization_id = due.organization_id AND work.kind = due.kind
RETURNING work.organization_id, work.fence, work.failures, due.due_at AS was_due_at, work.claimed_at;

-- name: renew_work :one
-- Extends a lease that is still ours; no row when it is not.
-- $1 organization_id, $2 kind, $3 fence, $4 lease interval
UPDATE work SET due_at = tieout.now() + $4::interval
WHERE organization_id = $1 AND kind = $2 AND fence = $3
RETURNING fence;

-- name: renew_work_together :many
-- Extends leases of one kind that are still ours. A row that somebody writes to just now is left out, so that one does not hold
-- up the others; whoever needs it asks for it alone.
-- $1 kind, $2 organization_ids uuid[], $3 fences bigint[], $4 lease interval
WITH held AS MATERIALIZED (
    SELECT w.organization_id, w.fence
    FROM unnest($2::uuid[], $3::bigint[]) AS claim (organization_id, fence)
    JOIN work w ON w.organization_id = claim.organization_id AND w.kind = $1 AND w.fence = claim.fence
    FOR NO KEY UPDATE OF w SKIP LOCKED
)
UPDATE work SET due_at = tieout.now() + $4::interval
FROM held WHERE work.organization_id = held.organization_id AND work.kind = $1 AND work.fence = held.fence
RETURNING work.organization_id, work.fence;

-- name: hold_work :one
-- Keeps a lease from being taken over until this transaction ends; no row when it has been. The weakest of locks: claiming,
-- which asks for the strongest, passes over the row, while a nudge, such as a webhook's, does not wait for us.
-- $1 organization_id, $2 kind, $3 fence
SELECT fence FROM work WHERE organization_id = $1 AND kind = $2 AND fence = $3 FOR KEY SHARE;

-- name: finish_work :one
-- Gives a claimed row back, due next at $4 or when somebody wished for it meanwhile.
-- $1 organization_id, $2 kind, $3 fence, $4 due_at, $5 failures, $6 error, $7 bound_at, which stays where none is given
UPDATE work
SET due_at = least($4, wanted_at), wanted_at = NULL, lease_by = NULL, finished_at = tieout.now(), failures = $5, error = $6,
    bound_at = coalesce($7::timestamptz, bound_at)
WHERE organization_id = $1 AND kind = $2 AND fence = $3
RETURNING due_at;

-- name: finish_work_together :many
-- Gives claimed rows of one kind back, each as by finish_work; without those that somebody writes to just now, and those that
-- are not ours any more.
-- $1 kind, $2 organization_ids uuid[], $3 fences bigint[], $4 due_ats timestamptz[], $5 failures integer[], $6 errors text[],
-- $7 bound_ats timestamptz[]
WITH held AS MATERIALIZED (
    SELECT w.organization_id, w.fence, ending.due_at, ending.failures, ending.error, ending.bound_at
    FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::integer[], $6::text[], $7::timestamptz[])
        AS ending (organization_id, fence, due_at, failures, error, bound_at)
    JOIN work w ON w.organization_id = ending.organization_id AND w.kind = $1 AND w.fence = ending.fence
    FOR NO KEY UPDATE OF w SKIP LOCKED
)
UPDATE work
SET due_at = least(held.due_at, work.wanted_at), wanted_at = NULL, lease_by = NULL, finished_at = tieout.now(),
    failures = held.failures, error = held.error, bound_at = coalesce(held.bound_at, work.bound_at)
FROM held WHERE work.organization_id = held.organization_id AND work.kind = $1 AND work.fence = held.fence
RETURNING work.organization_id, work.fence;

-- name: nudge_work :exec
-- Wishes for work no later than given; a row in work keeps its lease and remembers the wish. Missing rows are made.
-- $1 organization_ids uuid[], $2 kind, $3 wanted_at
INSERT INTO work AS w (organization_id, kind, due_at)
SELECT organization_id, $2, $3 FROM unnest($1::uuid[]) AS organization_id ORDER BY organization_id
ON CONFLICT (organization_id, kind) DO UPDATE
SET due_at = CASE WHEN w.lease_by IS NULL THEN least(w.due_at, excluded.due_at) ELSE w.due_at END,
    wanted_at = CASE WHEN w.lease_by IS NULL THEN NULL ELSE least(w.wanted_at, excluded.due_at) END
WHERE w.lease_by IS NOT NULL OR w.due_at > excluded.due_at;

-- name: spread_work :exec
-- Makes work of these kinds due within an interval, each row at a time of its own: what it is decided by has changed.
-- $1 kinds text[], $2 interval
UPDATE work SET due_at = tieout.now() + random() * $2::interval
WHERE kind = ANY($1::text[]) AND lease_by IS NULL AND due_at > tieout.now() + $2::interval;

-- name: count_due_work :many
-- How much of each kind waits to be claimed, counted no further than a limit: what a replica's clock asks at each tick.
-- $1 kinds text[], $2 limit
SELECT kind, tieout.now() AS now, (
    SELECT count(*) FROM (SELECT FROM work w WHERE w.kind = k.kind AND w.due_at <= tieout.now() LIMIT $2) waiting
) AS due
FROM unnest($1::text[]) AS k (kind);

-- name: get_now :one
-- The service's time, within a transaction that asks for other things too.
SELECT tieout.now() AS now;

-- name: get_polling_lag :one
-- Organizations that are read later than was stated at their last reading, and by how much at most, beyond what is tolerated.
-- One that was never read states nothing, and is late when it is not read at once.
-- $1 tolerated interval
WITH late AS (
    SELECT bound_at AS at FROM work WHERE bound_at < tieout.now() - $1::interval AND kind = 'poll'
    UNION ALL
    SELECT due_at FROM work WHERE kind = 'poll' AND due_at < tieout.now() - $1::interval AND bound_at IS NULL
)
SELECT count(*) AS overdue, coalesce(extract(epoch FROM tieout.now() - min(at)), 0)::float8 AS oldest_overdue_seconds FROM late;
