-- Plans of retries, their records, and what became of both.

-- name: list_retry_candidates :many
-- Records that failed, or failed and are on their way again, longest failed first; `matched` counts them all. A filter that
-- is null does not filter.
-- $1 organization_id, $2 object_type, $3 sync_status, $4 state, $5 cause, $6 cause_group, $7 limit
SELECT r.*, count(*) OVER () AS matched FROM records r
WHERE state NOT IN ('acknowledged', 'confirmed') AND (state <> 'waiting' OR cause IS NOT NULL)
    AND ($1::uuid IS NULL OR organization_id = $1)
    AND ($2::text IS NULL OR object_type = $2)
    AND ($3::text IS NULL OR sync_status = $3)
    AND ($4::text IS NULL OR state = $4)
    AND ($5::text IS NULL OR cause = $5)
    AND ($6::text IS NULL OR cause_group = $6)
ORDER BY first_failed_at, organization_id, record_id LIMIT $7;

-- name: insert_retry :one
-- $1 organization_id, $2 retry_id, $3 filter jsonb, $4 hash, $5 matched, $6 calls, $7 planned_by
INSERT INTO retries (organization_id, retry_id, filter, hash, matched, calls, planned_by, planned_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, tieout.now()) RETURNING planned_at;

-- name: insert_retry_items :exec
-- $1 rows json
INSERT INTO retry_items (organization_id, retry_id, record_id, status, is_unsafe, reason, ground, amount_minor, currency)
SELECT organization_id, retry_id, record_id, status, is_unsafe, reason, ground, amount_minor, currency
FROM json_populate_recordset(NULL::retry_items, $1::json) ORDER BY organization_id, retry_id, record_id;

-- name: insert_retry_act :one
-- Who did what with a plan; no row when it was done already.
-- $1 organization_id, $2 retry_id, $3 act, $4 key_name, $5 detail jsonb
WITH written AS (
    INSERT INTO retry_acts (organization_id, retry_id, act, key_name, detail, acted_at)
    VALUES ($1, $2, $3, $4, $5, tieout.now()) ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT acted_at, tieout.chain(organization_id, 'retry_act', format('%s/%s', retry_id, act), to_jsonb(written)) AS position
FROM written;

-- name: get_retry :one
-- $1 retry_id
SELECT * FROM retries WHERE retry_id = $1;

-- name: lock_retry :one
-- The same, held until the transaction ends: it is applied or cancelled once.
-- $1 retry_id
SELECT * FROM retries WHERE retry_id = $1 FOR UPDATE;

-- name: list_retries :many
-- Newest first, before a key.
-- $1 organization_id or null, $2 before planned_at or null, $3 before retry_id, $4 limit
SELECT * FROM retries
WHERE ($1::uuid IS NULL OR organization_id = $1) AND ($2::timestamptz IS NULL OR (planned_at, retry_id) < ($2, $3::uuid))
ORDER BY planned_at DESC, retry_id DESC LIMIT $4;

-- name: list_retry_items :many
-- The records of a plan, each with what became of it: the attempt, if one was made, and where the record stands now.
-- $1 retry_id
SELECT i.organization_id, i.record_id, i.status, i.is_unsafe, i.reason, i.ground, i.amount_minor, i.currency, i.episode,
    i.number, o.outcome, r.state, r.object_type, r.cause,
    d.number AS document_number, d.party_name
FROM retry_items i
LEFT JOIN records r ON r.organization_id = i.organization_id AND r.record_id = i.record_id
LEFT JOIN attempt_outcomes o ON o.organization_id = i.organization_id AND o.record_id = i.record_id
    AND o.episode = i.episode AND o.number = i.number
LEFT JOIN documents d ON d.organization_id = r.organization_id AND d.side = 'local' AND d.document_id = r.object_id::text
    AND d.ledger IN ('receivable', 'payable')
WHERE i.retry_id = $1
ORDER BY i.organization_id, i.record_id;

-- name: sum_retry_items :many
-- How many records of some plans are where, and with how much money.
-- $1 retry_ids uuid[]
SELECT i.retry_id, i.status, i.is_unsafe, o.outcome, i.currency, count(*) AS records, coalesce(sum(i.amount_minor), 0) AS amount_minor
FROM retry_items i
LEFT JOIN attempt_outcomes o ON o.organization_id = i.organization_id AND o.record_id = i.record_id
    AND o.episode = i.episode AND o.number = i.number
WHERE i.retry_id = ANY($1::uuid[])
GROUP BY i.retry_id, i.status, i.is_unsafe, o.outcome, i.currency;

-- name: mark_retry_applied :exec
-- $1 retry_id, $2 applied_by
UPDATE retries SET applied_by = $2, applied_at = tieout.now() WHERE retry_id = $1;

-- name: mark_retry_cancelled :exec
-- $1 retry_id, $2 cancelled_by
UPDATE retries SET cancelled_by = $2, cancelled_at = tieout.now() WHERE retry_id = $1;

-- name: queue_retry_items :many
-- Lets the eligible records of a plan wait for their turn, and tells whose they are.
-- $1 retry_id, $2 wished_by
WITH queued AS (
    UPDATE retry_items SET status = 'queued', wished_by = $2, wished_at = tieout.now()
    WHERE retry_id = $1 AND status = 'eligible' RETURNING organization_id
)
SELECT DISTINCT organization_id FROM queued ORDER BY organization_id;

-- name: leave_out_retry_items :exec
-- $1 retry_ids uuid[], $2 record_ids uuid[], $3 reasons text[]
UPDATE retry_items i SET status = 'left_out', reason = n.reason
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (retry_id, record_id, reason)
WHERE i.retry_id = n.retry_id AND i.record_id = n.record_id AND i.status IN ('eligible', 'queued');

-- name: cancel_retry_items :one
-- Takes back what has not been sent yet.
-- $1 retry_id
WITH cancelled AS (
    UPDATE retry_items SET status = 'cancelled' WHERE retry_id = $1 AND status IN ('eligible', 'queued') RETURNING 1
)
SELECT count(*) AS records FROM cancelled;

-- name: list_wishes :many
-- Records of applied plans that wait for their turn, the longest first.
-- $1 organization_id, $2 limit
SELECT retry_id, record_id, ground, wished_by, wished_at FROM retry_items
WHERE organization_id = $1 AND status = 'queued' ORDER BY wished_at, record_id LIMIT $2;

-- name: take_retry_item :one
-- Written with the intent to push: its turn has come. No row when it was cancelled meanwhile.
-- $1 organization_id, $2 retry_id, $3 record_id, $4 episode, $5 number
UPDATE retry_items SET status = 'sent', episode = $4, number = $5
WHERE organization_id = $1 AND retry_id = $2 AND record_id = $3 AND status = 'queued' RETURNING record_id;

-- name: return_retry_item :exec
-- What could not even be sent waits for its turn again.
-- $1 organization_id, $2 retry_id, $3 record_id
UPDATE retry_items SET status = 'queued', episode = NULL, number = NULL
WHERE organization_id = $1 AND retry_id = $2 AND record_id = $3 AND status = 'sent';

-- name: prune_retries :one
-- Forgets plans that were never applied and are older than $1, and all that are older than $2; the acts stay.
-- $1 interval, $2 interval, $3 limit
WITH old AS (
    SELECT organization_id, retry_id FROM retries
    WHERE planned_at < tieout.now() - CASE WHEN applied_at IS NULL THEN $1::interval ELSE $2::interval END
    ORDER BY planned_at, retry_id LIMIT $3
), items AS (
    DELETE FROM retry_items i USING old WHERE i.retry_id = old.retry_id
), pruned AS (
    DELETE FROM retries r USING old WHERE r.organization_id = old.organization_id AND r.retry_id = old.retry_id RETURNING 1
)
SELECT count(*) AS pruned FROM pruned;
