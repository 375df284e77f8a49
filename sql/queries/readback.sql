-- Reading of one ledger what a look into its books rests on (`domain.pushing.readback_part`), as the hub has it: what was pushed is
-- what the hub had, also where the partner's own system says otherwise. Nothing here is read with its lines.

-- name: aim_readback :exec
-- Tells the transaction what reading a whole ledger may take, and to join by hashing: planned for a small ledger, a join by loops
-- would never end for a large one. And one process reads, so that the local side comes first.
-- $1 statement_timeout
SELECT set_config('statement_timeout', $1, true), set_config('enable_nestloop', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true);

-- name: end_readback :exec
-- Takes that back: what follows is planned as it is elsewhere, since plans are kept.
SELECT set_config(name, reset_val, true) FROM pg_settings
WHERE name IN ('enable_nestloop', 'max_parallel_workers_per_gather', 'jit');

-- name: list_unsettled_documents :many
-- Documents that are there, first the local ones, without the pairs that a record makes for certain: the only record that names that
-- document of the books, whose local document no record joins to another. Some are read whatever pairs them.
-- $1 organization_id, $2 ledger, $3 object_types text[], $4 local_ids text[] that are read
WITH named AS (
    SELECT object_id, platform_object_id AS books_id FROM records
    WHERE organization_id = $1 AND object_type = ANY($3::text[]) AND object_id IS NOT NULL AND platform_object_id IS NOT NULL
    UNION ALL
    SELECT object_id, provider_object_id FROM records
    WHERE organization_id = $1 AND object_type = ANY($3::text[]) AND object_id IS NOT NULL AND provider_object_id IS NOT NULL
        AND provider_object_id IS DISTINCT FROM platform_object_id
), joined AS (
    SELECT n.object_id::text AS local_id, n.books_id, count(*) OVER (PARTITION BY n.books_id) AS names,
        count(*) OVER (PARTITION BY n.object_id) AS choices
    FROM named n
    JOIN documents b ON b.organization_id = $1 AND b.ledger = $2 AND b.side = 'books' AND b.origin = 'hub' AND b.removed_at IS NULL
        AND b.document_id = n.books_id
), ours AS NOT MATERIALIZED (
    SELECT document_id, body FROM documents
    WHERE organization_id = $1 AND ledger = $2 AND side = 'local' AND origin = 'hub' AND removed_at IS NULL
    UNION ALL
    SELECT document_id, body FROM superseded_documents
    WHERE organization_id = $1 AND ledger = $2 AND side = 'local' AND removed_at IS NULL
), settled AS MATERIALIZED (
    SELECT j.local_id, j.books_id FROM joined j JOIN ours o ON o.document_id = j.local_id
    WHERE j.names = 1 AND j.choices = 1 AND NOT j.local_id = ANY($4::text[])
)
SELECT o.body - 'lines' AS body, false AS is_named, NULL AS first_seen_at FROM ours o
WHERE NOT EXISTS (SELECT FROM settled s WHERE s.local_id = o.document_id)
UNION ALL
SELECT b.body - 'lines', n.books_id IS NOT NULL, b.first_seen_at FROM documents b
LEFT JOIN (SELECT DISTINCT books_id FROM joined) n ON n.books_id = b.document_id
WHERE b.organization_id = $1 AND b.ledger = $2 AND b.side = 'books' AND b.origin = 'hub' AND b.removed_at IS NULL
    AND NOT EXISTS (SELECT FROM settled s WHERE s.books_id = b.document_id);

-- name: list_removed_from_books :many
-- Documents of the books that were seen once and are gone.
-- $1 organization_id, $2 ledger
SELECT body - 'lines' AS body FROM documents
WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND origin = 'hub' AND removed_at IS NOT NULL;

-- name: list_numbers_in_use :many
-- The numbers of all documents that are there.
-- $1 organization_id, $2 ledger
SELECT side, number FROM documents
WHERE organization_id = $1 AND ledger = $2 AND origin = 'hub' AND removed_at IS NULL AND number IS NOT NULL
UNION ALL
SELECT side, number FROM superseded_documents
WHERE organization_id = $1 AND ledger = $2 AND removed_at IS NULL AND number IS NOT NULL;

-- name: get_is_emptied :one
-- Whether the books are empty, and held documents once.
-- $1 organization_id, $2 ledger
SELECT EXISTS (
    SELECT FROM documents
    WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND origin = 'hub' AND removed_at IS NOT NULL
) AND NOT EXISTS (
    SELECT FROM documents
    WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND origin = 'hub' AND removed_at IS NULL
) AS is_emptied;

-- name: list_landed :many
-- When documents landed in a time, as their records tell, and whether a list of the books shows them, or lacked them before.
-- $1 organization_id, $2 ledger, $3 object_types text[], $4 after, $5 before, $6 when the list was begun
SELECT r.updated_at, EXISTS (
    SELECT FROM documents b
    WHERE b.organization_id = $1 AND b.ledger = $2 AND b.side = 'books' AND b.origin = 'hub'
        AND b.document_id IN (r.platform_object_id, r.provider_object_id) AND (b.removed_at IS NULL OR b.removed_at < $6)
) AS is_shown
FROM records r
WHERE r.organization_id = $1 AND r.object_type = ANY($3::text[]) AND r.object_id IS NOT NULL AND r.sync_status = 'done'
    AND r.updated_at > $4 AND r.updated_at < $5 AND coalesce(nullif(r.platform_object_id, ''), nullif(r.provider_object_id, '')) IS NOT NULL;
