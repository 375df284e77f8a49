-- Balances and their months.

-- name: list_balances :many
-- $1 organization_id or null, $2 after organization_id, $3 after ledger, $4 after currency, $5 limit
SELECT * FROM balances
WHERE ($1::uuid IS NULL OR organization_id = $1)
    AND ($2::uuid IS NULL OR (organization_id, ledger, currency) > ($2, $3::text, $4::text))
ORDER BY organization_id, ledger, currency LIMIT $5;

-- name: upsert_balances :exec
-- $1 rows json
INSERT INTO balances
SELECT * FROM json_populate_recordset(NULL::balances, $1::json) ORDER BY organization_id, ledger, currency
ON CONFLICT (organization_id, ledger, currency) DO UPDATE
SET local_minor = excluded.local_minor, local_count = excluded.local_count, books_minor = excluded.books_minor,
    books_count = excluded.books_count, terms = excluded.terms, unclassified_minor = excluded.unclassified_minor,
    certified = excluded.certified, local_at = excluded.local_at, books_at = excluded.books_at,
    last_pull = excluded.last_pull, version = excluded.version, compared_at = excluded.compared_at;

-- name: mark_balances_read :exec
-- Which reads the balances of a ledger rest on: newer ones that change no figure make no version.
-- $1 organization_id, $2 ledger, $3 local_at, $4 books_at, $5 last_pull, $6 compared_at
UPDATE balances SET local_at = $3, books_at = $4, last_pull = $5, compared_at = $6
WHERE organization_id = $1 AND ledger = $2;

-- name: delete_balances :exec
-- Currencies that no document of the ledger bears any more; that they have gone is kept as a version.
-- $1 organization_id, $2 ledger, $3 currencies text[] still there
WITH gone AS (
    DELETE FROM balances WHERE organization_id = $1 AND ledger = $2 AND NOT currency = ANY($3::text[])
    RETURNING ledger, currency, version
)
INSERT INTO history (organization_id, kind, object_id, version, known_from, body)
SELECT $1, 'balance', ledger || '/' || currency, version + 1, tieout.now(), '{"removed": true}' FROM gone;

-- name: list_balance_versions :many
-- The newest version that history has of some balances.
-- $1 organization_id, $2 object_ids text[]
SELECT object_id, max(version) AS version FROM history
WHERE organization_id = $1 AND kind = 'balance' AND object_id = ANY($2::text[]) GROUP BY object_id;

-- name: list_months :many
-- What each month of a ledger adds up to.
-- $1 organization_id, $2 ledger
SELECT * FROM months WHERE organization_id = $1 AND ledger = $2 ORDER BY currency, month;

-- name: upsert_months :exec
-- $1 rows json
INSERT INTO months
SELECT * FROM json_populate_recordset(NULL::months, $1::json) ORDER BY organization_id, ledger, currency, month
ON CONFLICT (organization_id, ledger, currency, month) DO UPDATE
SET local_minor = excluded.local_minor, local_count = excluded.local_count, books_minor = excluded.books_minor,
    books_count = excluded.books_count, version = excluded.version;
