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

-- name: list_passed_trials :many
-- When trials of other organizations last came through, by cause and platform: what was put right for all shows there.
-- $1 organization_id that asks, $2 causes text[], $3 seconds that are looked back
SELECT e.detail->>'cause' AS cause, r.platform, max(r.healed_at) AS passed_at
FROM attempts a
JOIN evidence e ON e.organization_id = a.organization_id AND e.evidence_id = a.evidence_id
JOIN records r ON r.organization_id = a.organization_id AND r.record_id = a.record_id
WHERE a.trigger = 'canary' AND a.organization_id <> $1 AND a.started_at > tieout.now() - make_interval(secs => $3::float8)
    AND e.detail->>'cause' = ANY($2::text[])
    AND r.state IN ('acknowledged', 'confirmed') AND r.healed_at > a.record_updated_at
GROUP BY e.detail->>'cause', r.platform;

-- name: get_hub_pause :one
-- Until when the hub asked for silence; nothing where that is shorter than a call may wait for its turn.
-- $1 seconds that a call may wait
SELECT tieout.now() + (paused_until - tieout.instant()) AS paused_until FROM hub_budget
WHERE is_only AND paused_until > tieout.instant() + make_interval(secs => $1::float8);
