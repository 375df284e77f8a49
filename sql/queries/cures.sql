-- What shows that a failure is cured, beyond what is kept for other ends.

-- name: list_currencies_seen :many
-- When a document in each of these currencies was first read in the books, the latest of them.
-- $1 organization_id, $2 currencies text[]
SELECT currency, max(first_seen_at) AS seen_at FROM documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'books' AND removed_at IS NULL
    AND currency = ANY($2::text[])
GROUP BY currency;

-- name: list_open_amounts :many
-- What is open of these documents in the books, where they tell.
-- $1 organization_id, $2 ledger, $3 document_ids text[]
SELECT document_id, (body ->> 'due_minor')::bigint AS due_minor FROM documents
WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND removed_at IS NULL AND document_id = ANY($3::text[])
    AND body ->> 'due_minor' IS NOT NULL;

-- name: list_blocked_payments :many
-- Payments that wait for a cure.
-- $1 organization_id, $2 limit
SELECT * FROM records WHERE organization_id = $1 AND state = 'blocked' AND object_type = 'payment_record' ORDER BY record_id LIMIT $2;

-- name: mark_passed_trials :exec
-- Keeps when trials last came through, of records that are settled now: what was put right for all shows there. What is not later than
-- what is kept locks nothing.
-- $1 organization_id, $2 record_ids uuid[], $3 causes text[]
INSERT INTO passed_trials AS p (cause, platform, passed_at)
SELECT t.cause, t.platform, max(t.passed_at) FROM (
    SELECT e.detail->>'cause' AS cause, coalesce(r.platform, '') AS platform, tieout.trial_passed_at(a) AS passed_at
    FROM attempts a
    JOIN evidence e ON e.organization_id = a.organization_id AND e.evidence_id = a.evidence_id
    JOIN records r ON r.organization_id = a.organization_id AND r.record_id = a.record_id
    WHERE a.organization_id = $1 AND a.record_id = ANY($2::uuid[]) AND a.trigger = 'canary' AND e.detail->>'cause' = ANY($3::text[])
) t
LEFT JOIN passed_trials known ON known.cause = t.cause AND known.platform = t.platform
WHERE t.passed_at > coalesce(known.passed_at, '-infinity')
GROUP BY t.cause, t.platform ORDER BY t.cause, t.platform
ON CONFLICT (cause, platform) DO UPDATE SET passed_at = greatest(p.passed_at, excluded.passed_at);

-- name: list_passed_trials :many
-- When a trial last came through in any organization, by cause and platform.
-- $1 causes text[]
SELECT cause, nullif(platform, '') AS platform, passed_at FROM passed_trials WHERE cause = ANY($1::text[]);

-- name: get_hub_pause :one
-- Until when the hub asked for silence; nothing where that is shorter than a call may wait for its turn.
-- $1 seconds that a call may wait
SELECT tieout.now() + (paused_until - tieout.instant()) AS paused_until FROM hub_budget
WHERE is_only AND paused_until > tieout.instant() + make_interval(secs => $1::float8);
