-- Lists as the web side answers them, beyond what workers ask for themselves. Every one is bounded, and paged by key.

-- name: list_connection_changes :many
-- When the connections of some organizations changed their status, as we learned it, newest first. Pulls are versions too,
-- so only the newest ones of each organization are looked through.
-- $1 organization_ids uuid[], $2 changes per organization, $3 versions looked through
SELECT asked.organization_id, changes.*
FROM unnest($1::uuid[]) AS asked (organization_id)
CROSS JOIN LATERAL (
    SELECT connection_id, status, platform, known_from, valid_from FROM (
        SELECT connection_id, status, platform, known_from, valid_from,
            lag(status) OVER (PARTITION BY connection_id ORDER BY version, known_from) AS status_before
        FROM (
            SELECT h.object_id AS connection_id, h.version, h.known_from, h.valid_from, h.body ->> 'platform' AS platform,
                CASE WHEN h.body ->> 'removed_at' IS NULL THEN coalesce(h.body ->> 'status', 'unknown') ELSE 'removed' END AS status
            FROM history h
            WHERE h.organization_id = asked.organization_id AND h.kind = 'connection'
            ORDER BY h.known_from DESC LIMIT $3
        ) versions
    ) steps
    WHERE status IS DISTINCT FROM status_before
    ORDER BY known_from DESC LIMIT $2
) changes;

-- name: list_findings_of :many
-- What will fail when it is pushed, the first of each organization.
-- $1 organization_ids uuid[], $2 findings per organization
SELECT asked.organization_id, f.ledger, f.kind, f.document_id, f.reason, f.owner, f.amount_minor, f.currency, f.found_at
FROM unnest($1::uuid[]) AS asked (organization_id)
CROSS JOIN LATERAL (
    SELECT * FROM findings f WHERE f.organization_id = asked.organization_id ORDER BY f.ledger, f.kind, f.document_id LIMIT $2
) f;

-- name: sum_findings_of :many
-- The same in figures: how many documents of each kind, with how much money by currency.
-- $1 organization_ids uuid[]
SELECT organization_id, kind, min(owner) AS owner, currency, count(*) AS documents, coalesce(sum(amount_minor), 0) AS amount_minor
FROM findings WHERE organization_id = ANY($1::uuid[])
GROUP BY organization_id, kind, currency ORDER BY organization_id, kind, currency;

-- name: list_local_documents :many
-- A filter that is null does not filter.
-- $1 organization_id, $2 ledger, $3 origin, $4 after ledger or null, $5 after document_id, $6 limit
SELECT organization_id, ledger, document_id, body, version, first_seen_at FROM documents
WHERE organization_id = $1 AND side = 'local' AND removed_at IS NULL
    AND ($2::text IS NULL OR ledger = $2) AND ($3::text IS NULL OR origin = $3)
    AND ($4::text IS NULL OR (ledger, side, document_id) > ($4, 'local', $5::text))
ORDER BY ledger, side, document_id LIMIT $6;

-- name: get_local_document :one
-- $1 organization_id, $2 document_id
SELECT organization_id, ledger, document_id, body, version, first_seen_at FROM documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = $2
    AND removed_at IS NULL
ORDER BY changed_at DESC LIMIT 1;

-- name: list_events :many
-- The ledger of webhooks, newest first, before a key. An event that was found in the hub's log while its delivery was just
-- being stored is told once.
-- $1 organization_id or null, $2 source or null, $3 quarantined or null, $4 before received_at or null, $5 before event_id,
-- $6 before subscription_id, $7 limit, $8 as_of or null
SELECT e.organization_id, e.event_id, e.subscription_id, e.source, e.object_type, e.action, e.object_id, e.created_at,
    e.received_at, e.quarantined, e.duplicates, e.worked_at
FROM events e
WHERE ($1::uuid IS NULL OR e.organization_id = $1)
    AND ($2::text IS NULL OR e.source = $2)
    AND ($3::boolean IS NULL OR (e.quarantined IS NOT NULL) = $3)
    AND ($4::timestamptz IS NULL OR (e.received_at, e.event_id, e.subscription_id) < ($4, $5::uuid, $6::uuid))
    AND ($8::timestamptz IS NULL OR e.received_at <= $8)
    AND NOT (e.source = 'log' AND EXISTS (
        SELECT FROM events k
        WHERE k.organization_id = e.organization_id AND k.event_id = e.event_id AND k.source = 'webhook'
            AND ($8::timestamptz IS NULL OR k.received_at <= $8)
    ))
ORDER BY e.received_at DESC, e.event_id DESC, e.subscription_id DESC LIMIT $7;

-- name: list_organizations_in_need :many
-- Organizations with lost connections, failing records or unexplained differences, the heaviest first. What a person has set aside
-- is nobody's to look at, nor that it is not in the books.
-- $1 limit
WITH failing AS (
    SELECT organization_id, sum(records)::bigint AS records FROM (
        SELECT organization_id, records FROM cause_counts WHERE records > 0
        UNION ALL
        SELECT organization_id, -count(*) FROM set_aside_records GROUP BY organization_id
    ) open
    GROUP BY organization_id HAVING sum(records) > 0
), differing AS (
    SELECT organization_id, sum(differences)::bigint AS differences FROM (
        SELECT organization_id, open_differences AS differences FROM comparisons WHERE open_differences > 0
        UNION ALL
        SELECT k.organization_id, -count(*) FROM set_aside_records k
        JOIN differences d ON d.organization_id = k.organization_id AND d.record_id = k.record_id
        WHERE d.resolved_at IS NULL AND NOT d.expected AND d.kind IN ('push_failed', 'not_pushed')
        GROUP BY k.organization_id
    ) open
    GROUP BY organization_id HAVING sum(differences) > 0
), heaviest AS (
    SELECT s.organization_id, s.connection_status, coalesce(f.records, 0) AS failing, coalesce(d.differences, 0) AS differences,
        coalesce(s.connection_status IN ('disconnected', 'deauthorized'), false) AS is_lost
    FROM standings s
    LEFT JOIN failing f ON f.organization_id = s.organization_id
    LEFT JOIN differing d ON d.organization_id = s.organization_id
    WHERE s.is_listed
        AND (f.records IS NOT NULL OR d.differences IS NOT NULL OR s.connection_status IN ('disconnected', 'deauthorized'))
    ORDER BY is_lost DESC, failing DESC, differences DESC, s.organization_id LIMIT $1
)
SELECT h.*, o.name FROM heaviest h JOIN organizations o ON o.organization_id = h.organization_id
ORDER BY h.is_lost DESC, h.failing DESC, h.differences DESC, o.name, h.organization_id;
