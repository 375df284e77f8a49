-- What we knew at an instant. Every list goes by the keys that its table has, which no row loses, and looks up of each the newest
-- version known then: bounded by the page, whatever history holds. A filter that is null does not filter.

-- name: list_organizations_as_of :many
-- Organizations with the connection that counted then; by id, after a key.
-- $1 as_of, $2 organization_id or null, $3 after organization_id or null, $4 limit
SELECT o.organization_id, v.body, v.known_from, c.connection_id, c.body AS connection
FROM organizations o
CROSS JOIN LATERAL (
    SELECT body, known_from FROM history h
    WHERE h.organization_id = o.organization_id AND h.kind = 'organization' AND h.object_id = o.organization_id::text
        AND h.known_from <= $1
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
LEFT JOIN LATERAL (
    SELECT k.connection_id, w.body FROM connections k
    CROSS JOIN LATERAL (
        SELECT body FROM history h
        WHERE h.organization_id = k.organization_id AND h.kind = 'connection' AND h.object_id = k.connection_id::text
            AND h.known_from <= $1
        ORDER BY h.version DESC, h.known_from DESC LIMIT 1
    ) w
    WHERE k.organization_id = o.organization_id AND w.body ->> 'removed_at' IS NULL
    ORDER BY (w.body ->> 'status' = 'connected') DESC NULLS LAST, w.body ->> 'hub_created_at' DESC NULLS LAST LIMIT 1
) c ON true
WHERE ($2::uuid IS NULL OR o.organization_id = $2) AND ($3::uuid IS NULL OR o.organization_id > $3)
    AND NOT coalesce((v.body ->> 'removed')::boolean, false)
ORDER BY o.organization_id LIMIT $4;

-- name: list_records_as_of :many
-- By organization and id, after a key.
-- $1 as_of, $2 organization_id, $3 object_type, $4 sync_status, $5 state, $6 cause, $7 after organization_id,
-- $8 after record_id, $9 limit
SELECT r.organization_id, r.record_id, v.version, v.body
FROM records r
CROSS JOIN LATERAL (
    SELECT version, body FROM history h
    WHERE h.organization_id = r.organization_id AND h.kind = 'record' AND h.object_id = r.record_id::text AND h.known_from <= $1
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($2::uuid IS NULL OR r.organization_id = $2)
    AND ($7::uuid IS NULL OR (r.organization_id, r.record_id) > ($7, $8::uuid))
    AND ($3::text IS NULL OR v.body ->> 'object_type' = $3)
    AND ($4::text IS NULL OR v.body ->> 'sync_status' = $4)
    AND ($5::text IS NULL OR v.body ->> 'state' = $5)
    AND ($6::text IS NULL OR v.body ->> 'cause' = $6)
ORDER BY r.organization_id, r.record_id LIMIT $9;

-- name: list_local_documents_as_of :many
-- $1 organization_id, $2 ledger, $3 origin, $4 after ledger or null, $5 after document_id, $6 limit, $7 as_of
SELECT d.organization_id, d.ledger, d.document_id, v.body -> 'document' AS body, v.version, d.first_seen_at
FROM documents d
CROSS JOIN LATERAL (
    SELECT body, version FROM history h
    WHERE h.organization_id = d.organization_id AND h.kind = 'document' AND h.known_from <= $7
        AND h.object_id = d.ledger || '/local/' || d.document_id
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE d.organization_id = $1 AND d.side = 'local' AND NOT (v.body ->> 'removed')::boolean
    AND ($2::text IS NULL OR d.ledger = $2)
    AND ($3::text IS NULL OR coalesce(v.body -> 'document' ->> 'origin', 'hub') = $3)
    AND ($4::text IS NULL OR (d.ledger, d.side, d.document_id) > ($4, 'local', $5::text))
ORDER BY d.ledger, d.side, d.document_id LIMIT $6;

-- name: get_local_document_as_of :one
-- $1 organization_id, $2 document_id, $3 as_of
SELECT d.organization_id, d.ledger, d.document_id, v.body -> 'document' AS body, v.version, d.first_seen_at
FROM documents d
CROSS JOIN LATERAL (
    SELECT body, version, known_from FROM history h
    WHERE h.organization_id = d.organization_id AND h.kind = 'document' AND h.known_from <= $3
        AND h.object_id = d.ledger || '/local/' || d.document_id
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE d.organization_id = $1 AND d.ledger IN ('receivable', 'payable') AND d.side = 'local' AND d.document_id = $2
    AND NOT (v.body ->> 'removed')::boolean
ORDER BY v.known_from DESC LIMIT 1;

-- name: list_differences_as_of :many
-- Kind and ledger of a difference never change.
-- $1 organization_id, $2 ledger, $3 kind, $4 expected, $5 open, $6 after organization_id, $7 after difference_id, $8 limit, $9 as_of
SELECT d.organization_id, d.difference_id, d.first_seen_at, (p).ledger, (p).currency, (p).kind, (p).local_id, (p).books_id,
    (p).local_minor, (p).books_minor, (p).delta_minor, (p).basis, (p).expected, (p).rule, (p).record_id, (p).cause, (p).origin,
    (p).reason, (p).resolved_at, (p).resolved_at AS last_seen_at
FROM differences d
CROSS JOIN LATERAL (
    SELECT jsonb_populate_record(NULL::differences, body) AS p FROM history h
    WHERE h.organization_id = d.organization_id AND h.kind = 'difference' AND h.object_id = d.difference_id::text
        AND h.known_from <= $9
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($1::uuid IS NULL OR d.organization_id = $1)
    AND ($2::text IS NULL OR d.ledger = $2)
    AND ($3::text IS NULL OR d.kind = $3)
    AND ($4::boolean IS NULL OR (p).expected = $4)
    AND ($5::boolean IS NULL OR ((p).resolved_at IS NULL) = $5)
    AND ($6::uuid IS NULL OR (d.organization_id, d.difference_id) > ($6, $7::uuid))
ORDER BY d.organization_id, d.difference_id LIMIT $8;

-- name: list_balances_as_of :many
-- A ledger and currency that has no balance any more has its months still.
-- $1 organization_id or null, $2 after organization_id, $3 after ledger, $4 after currency, $5 limit, $6 as_of
SELECT (p).* FROM (
    SELECT organization_id, ledger, currency FROM balances
    UNION
    SELECT organization_id, ledger, currency FROM months
) k
CROSS JOIN LATERAL (
    SELECT jsonb_populate_record(NULL::balances, body) AS p, body ->> 'removed' AS removed FROM history h
    WHERE h.organization_id = k.organization_id AND h.kind = 'balance' AND h.object_id = k.ledger || '/' || k.currency
        AND h.known_from <= $6
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($1::uuid IS NULL OR k.organization_id = $1) AND v.removed IS NULL
    AND ($2::uuid IS NULL OR (k.organization_id, k.ledger, k.currency) > ($2, $3::text, $4::text))
ORDER BY k.organization_id, k.ledger, k.currency LIMIT $5;

-- name: list_alerts_as_of :many
-- Newest first, before a key, as they were told then.
-- $1 organization_id or null, $2 status or null, $3 before started_at or null, $4 before alert_id, $5 limit, $6 as_of
SELECT a.started_at AS key_at, a.organization_id, a.alert_id, v.body
FROM alerts a
CROSS JOIN LATERAL (
    SELECT body FROM history h
    WHERE h.organization_id = a.organization_id AND h.kind = 'alert' AND h.object_id = a.alert_id::text AND h.known_from <= $6
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($1::uuid IS NULL OR a.organization_id = $1) AND ($2::text IS NULL OR v.body ->> 'status' = $2)
    AND ($3::timestamptz IS NULL OR (a.started_at, a.alert_id) < ($3, $4::uuid))
ORDER BY a.started_at DESC, a.alert_id DESC LIMIT $5;

-- name: count_records :one
-- How many records there are, as far as they were counted when they were written.
-- $1 organization_id or null
SELECT coalesce(sum(records), 0)::bigint AS records FROM record_counts WHERE ($1::uuid IS NULL OR organization_id = $1);

-- name: list_causes_as_of :many
-- Why pushes failed, counted among all records: to be asked only where these are few.
-- $1 organization_id or null, $2 limit, $3 as_of
WITH known AS (
    SELECT r.organization_id, r.record_id, (p).cause, (p).owner, (p).amount_minor, (p).currency, (p).first_failed_at,
        (p).cause_text, nullif(tieout.wording((p).cause, (p).cause_group), '') AS cause_group,
        least((p).next_attempt_at, (p).deadline_at) AS next_check_at,
        EXISTS (
            SELECT FROM evidence e WHERE e.organization_id = r.organization_id AND e.record_id = r.record_id AND e.kind = 'set_aside'
        ) AND tieout.is_set_aside(
            r.organization_id, r.record_id, (p).episode, coalesce((p).first_failed_at, (p).updated_at), (p).doubted_at, $3
        ) AS is_aside
    FROM records r
    CROSS JOIN LATERAL (
        SELECT body, jsonb_populate_record(NULL::records, body) AS p FROM history h
        WHERE h.organization_id = r.organization_id AND h.kind = 'record' AND h.object_id = r.record_id::text
            AND h.known_from <= $3
        ORDER BY h.version DESC, h.known_from DESC LIMIT 1
    ) v
    WHERE ($1::uuid IS NULL OR r.organization_id = $1)
        AND v.body ->> 'state' IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
), money AS (
    SELECT cause, cause_group, jsonb_object_agg(currency, minor) AS money_at_risk
    FROM (
        SELECT cause, cause_group, currency, sum(amount_minor) AS minor FROM known
        WHERE currency IS NOT NULL GROUP BY cause, cause_group, currency
    ) sums
    GROUP BY cause, cause_group
)
SELECT f.cause, f.cause_group, count(*) AS records, count(DISTINCT f.organization_id) AS organizations,
    count(*) FILTER (WHERE f.is_aside) AS set_aside,
    mode() WITHIN GROUP (ORDER BY f.owner) AS owner, min(f.first_failed_at) AS first_seen_at, min(f.next_check_at) AS next_check_at,
    (array_agg(f.cause_text ORDER BY f.first_failed_at, f.record_id))[1] AS example,
    (array_agg(f.record_id ORDER BY f.first_failed_at, f.record_id))[1] AS example_record_id,
    coalesce(m.money_at_risk, '{}') AS money_at_risk
FROM known f
LEFT JOIN money m ON m.cause = f.cause AND m.cause_group IS NOT DISTINCT FROM f.cause_group
GROUP BY f.cause, f.cause_group, m.money_at_risk
ORDER BY count(*) DESC, f.cause LIMIT $2;

-- name: sum_records_as_of :many
-- Records by what the hub and we called them: to be asked only where they are few.
-- $1 organization_id or null, $2 as_of
SELECT v.body ->> 'sync_status' AS sync_status, v.body ->> 'state' AS state, count(*) AS records
FROM records r
CROSS JOIN LATERAL (
    SELECT body FROM history h
    WHERE h.organization_id = r.organization_id AND h.kind = 'record' AND h.object_id = r.record_id::text AND h.known_from <= $2
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($1::uuid IS NULL OR r.organization_id = $1)
GROUP BY 1, 2;

-- name: count_connections_as_of :many
-- Organizations by the status of the connection that counted then.
-- $1 organization_id or null, $2 as_of
SELECT coalesce(c.status, 'none') AS status, count(*) AS organizations
FROM organizations o
CROSS JOIN LATERAL (
    SELECT body FROM history h
    WHERE h.organization_id = o.organization_id AND h.kind = 'organization' AND h.object_id = o.organization_id::text
        AND h.known_from <= $2
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
LEFT JOIN LATERAL (
    SELECT w.body ->> 'status' AS status FROM connections k
    CROSS JOIN LATERAL (
        SELECT body FROM history h
        WHERE h.organization_id = k.organization_id AND h.kind = 'connection' AND h.object_id = k.connection_id::text
            AND h.known_from <= $2
        ORDER BY h.version DESC, h.known_from DESC LIMIT 1
    ) w
    WHERE k.organization_id = o.organization_id AND w.body ->> 'removed_at' IS NULL
    ORDER BY (w.body ->> 'status' = 'connected') DESC NULLS LAST, w.body ->> 'hub_created_at' DESC NULLS LAST LIMIT 1
) c ON true
WHERE ($1::uuid IS NULL OR o.organization_id = $1) AND NOT coalesce((v.body ->> 'removed')::boolean, false)
GROUP BY 1;

-- name: count_differences_as_of :many
-- Differences that were open then.
-- $1 organization_id or null, $2 as_of
SELECT v.body ->> 'kind' AS kind, (v.body ->> 'expected')::boolean AS expected, count(*) AS differences
FROM differences d
CROSS JOIN LATERAL (
    SELECT body FROM history h
    WHERE h.organization_id = d.organization_id AND h.kind = 'difference' AND h.object_id = d.difference_id::text
        AND h.known_from <= $2
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($1::uuid IS NULL OR d.organization_id = $1) AND v.body ->> 'resolved_at' IS NULL
GROUP BY 1, 2;

-- name: sum_unclassified_as_of :many
-- $1 organization_id or null, $2 as_of
SELECT k.currency, sum(abs((v.body ->> 'unclassified_minor')::bigint))::bigint AS minor FROM (
    SELECT organization_id, ledger, currency FROM balances
    UNION
    SELECT organization_id, ledger, currency FROM months
) k
CROSS JOIN LATERAL (
    SELECT body FROM history h
    WHERE h.organization_id = k.organization_id AND h.kind = 'balance' AND h.object_id = k.ledger || '/' || k.currency
        AND h.known_from <= $2
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($1::uuid IS NULL OR k.organization_id = $1) AND (v.body ->> 'unclassified_minor')::bigint <> 0
GROUP BY 1;

-- name: count_firing_alerts_as_of :many
-- By severity.
-- $1 organization_id or null, $2 as_of
SELECT v.body ->> 'severity' AS severity, count(*) AS alerts
FROM alerts a
CROSS JOIN LATERAL (
    SELECT body FROM history h
    WHERE h.organization_id = a.organization_id AND h.kind = 'alert' AND h.object_id = a.alert_id::text AND h.known_from <= $2
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) v
WHERE ($1::uuid IS NULL OR a.organization_id = $1) AND v.body ->> 'status' = 'firing'
GROUP BY 1;
