-- Differences, balances, comparisons and findings.

-- name: list_open_differences :many
-- $1 organization_id, $2 ledger
SELECT * FROM differences WHERE organization_id = $1 AND ledger = $2 AND resolved_at IS NULL;

-- name: upsert_differences :exec
-- Writes them, and what that changed in the counts of the fleet.
-- $1 rows json
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_populate_recordset(NULL::differences, $1::json)
), counted AS (
    INSERT INTO fleet_counts (subject, keys, counted)
    SELECT 'differences', ARRAY[kind, expected::text], sum(moved) FROM (
        SELECT kind, expected, 1 AS moved FROM incoming WHERE resolved_at IS NULL
        UNION ALL
        SELECT d.kind, d.expected, -1 FROM incoming i
        JOIN differences d ON d.organization_id = i.organization_id AND d.difference_id = i.difference_id
        WHERE d.resolved_at IS NULL
    ) moves
    GROUP BY kind, expected HAVING sum(moved) <> 0
)
INSERT INTO differences
SELECT * FROM incoming ORDER BY organization_id, difference_id
ON CONFLICT (organization_id, difference_id) DO UPDATE
SET local_minor = excluded.local_minor, books_minor = excluded.books_minor, delta_minor = excluded.delta_minor,
    basis = excluded.basis, expected = excluded.expected, rule = excluded.rule, record_id = excluded.record_id,
    cause = excluded.cause, reason = excluded.reason, confidence = excluded.confidence, count_delta = excluded.count_delta,
    expected_until = excluded.expected_until, version = excluded.version, changed_at = excluded.changed_at, resolved_at = excluded.resolved_at,
    local_on = excluded.local_on, books_on = excluded.books_on, origin = excluded.origin;

-- name: list_differences :many
-- A filter that is null does not filter.
-- $1 organization_id, $2 ledger, $3 kind, $4 expected, $5 open, $6 after organization_id, $7 after difference_id, $8 limit
SELECT d.*, coalesce(d.resolved_at, c.compared_at, d.changed_at) AS last_seen_at FROM differences d
LEFT JOIN comparisons c ON c.organization_id = d.organization_id AND c.ledger = d.ledger
WHERE ($1::uuid IS NULL OR d.organization_id = $1)
    AND ($2::text IS NULL OR d.ledger = $2)
    AND ($3::text IS NULL OR d.kind = $3)
    AND ($4::boolean IS NULL OR d.expected = $4)
    AND ($5::boolean IS NULL OR (d.resolved_at IS NULL) = $5)
    AND ($6::uuid IS NULL OR (d.organization_id, d.difference_id) > ($6, $7::uuid))
ORDER BY d.organization_id, d.difference_id LIMIT $8;

-- name: count_open_differences :many
-- $1 organization_id
SELECT kind, expected, count(*) AS differences FROM differences WHERE organization_id = $1 AND resolved_at IS NULL
GROUP BY kind, expected;

-- name: count_organization_differences :many
-- All that are open, and how many of these are expected: a comparison keeps either apart.
-- $1 organization_ids uuid[]
SELECT organization_id, sum(open_differences + expected_differences)::bigint AS open, sum(expected_differences)::bigint AS expected
FROM comparisons WHERE organization_id = ANY($1::uuid[]) GROUP BY organization_id;

-- name: sum_unclassified :many
-- Whatever the sign of each: what is too much with one organization makes up for nothing with another.
SELECT currency, sum(abs(unclassified_minor))::bigint AS minor FROM balances WHERE unclassified_minor <> 0 GROUP BY currency;

-- name: upsert_comparison :one
-- $1 organization_id, $2 ledger, $3 certified, $4 open_differences, $5 expected_differences
INSERT INTO comparisons (organization_id, ledger, compared_at, certified, open_differences, expected_differences)
VALUES ($1, $2, tieout.now(), $3, $4, $5)
ON CONFLICT (organization_id, ledger) DO UPDATE
SET compared_at = excluded.compared_at, certified = excluded.certified, open_differences = excluded.open_differences,
    expected_differences = excluded.expected_differences
RETURNING compared_at;

-- name: list_pairs :many
-- $1 organization_id, $2 ledger
SELECT local_id, books_id, paired_by, confidence FROM pairs WHERE organization_id = $1 AND ledger = $2;

-- name: upsert_pairs :exec
-- $1 rows json
INSERT INTO pairs
SELECT * FROM json_populate_recordset(NULL::pairs, $1::json) ORDER BY organization_id, ledger, local_id
ON CONFLICT (organization_id, ledger, local_id) DO UPDATE
SET books_id = excluded.books_id, paired_by = excluded.paired_by, confidence = excluded.confidence,
    paired_at = excluded.paired_at;

-- name: delete_findings_of_documents :exec
-- Those of some documents that no longer hold.
-- $1 organization_id, $2 ledger, $3 document_ids text[], $4 text[]: kind and document_id, with a space between, of those that do
DELETE FROM findings
WHERE organization_id = $1 AND ledger = $2 AND document_id = ANY($3::text[]) AND NOT kind || ' ' || document_id = ANY($4::text[]);

-- name: get_comparison :one
-- $1 organization_id, $2 ledger
SELECT open_differences, expected_differences FROM comparisons WHERE organization_id = $1 AND ledger = $2;

-- name: upsert_findings :exec
-- $1 rows json; an unchanged one writes nothing
INSERT INTO findings AS f
SELECT * FROM json_populate_recordset(NULL::findings, $1::json) ORDER BY organization_id, ledger, kind, document_id
ON CONFLICT (organization_id, ledger, kind, document_id) DO UPDATE
SET reason = excluded.reason, owner = excluded.owner, amount_minor = excluded.amount_minor, currency = excluded.currency
WHERE (f.reason, f.owner, f.amount_minor, f.currency)
    IS DISTINCT FROM (excluded.reason, excluded.owner, excluded.amount_minor, excluded.currency);
