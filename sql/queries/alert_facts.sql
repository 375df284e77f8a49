-- What alerts are decided from: counts and bounded lists over the whole fleet. Of organizations as many are listed as the limit says,
-- the newest first, and before them all that were told already: who is missing is in no trouble.

-- name: list_failing_causes :many
-- One row per cause of failing pushes, with its organizations, heaviest first, and an example of the heaviest. `returning_count`
-- are records that failed with it, were pushed again and have not come back. What a person has set aside is nobody's to act upon.
-- $1 states text[] that count as failing, $2 organizations listed per cause
WITH aside AS MATERIALIZED (
    SELECT r.organization_id, r.record_id, r.cause, coalesce(r.currency, '') AS currency, r.amount_minor
    FROM set_aside_records a
    JOIN records r ON r.organization_id = a.organization_id AND r.record_id = a.record_id
    WHERE r.state = ANY($1::text[])
), aside_sums AS (
    SELECT cause, organization_id, currency, count(*) AS records, coalesce(sum(amount_minor), 0) AS minor
    FROM aside GROUP BY cause, organization_id, currency
), counted AS MATERIALIZED (
    SELECT c.cause, c.organization_id, c.currency,
        coalesce(sum(c.records) FILTER (WHERE c.state = ANY($1::text[])), 0)::bigint AS failing,
        coalesce(sum(c.amount_minor) FILTER (WHERE c.state = ANY($1::text[])), 0) AS minor,
        coalesce(sum(c.records) FILTER (WHERE c.state = 'waiting'), 0)::bigint AS on_the_way
    FROM record_counts c
    JOIN organizations o ON o.organization_id = c.organization_id AND o.removed_at IS NULL
    WHERE c.state IN ('waiting', 'retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND c.cause <> ''
        AND c.records > 0 AND (c.state = 'waiting' OR c.state = ANY($1::text[]))
    GROUP BY c.cause, c.organization_id, c.currency
), shares AS MATERIALIZED (
    SELECT c.cause, c.organization_id, c.currency, c.failing - coalesce(a.records, 0) AS failing, c.minor - coalesce(a.minor, 0) AS minor,
        c.on_the_way
    FROM counted c
    LEFT JOIN aside_sums a ON a.cause = c.cause AND a.organization_id = c.organization_id AND a.currency = c.currency
    WHERE c.failing > coalesce(a.records, 0) OR c.on_the_way > 0
), organizations_of AS (
    SELECT cause, count(*) FILTER (WHERE failing > 0) AS organizations,
        (array_agg(organization_id ORDER BY failing DESC, organization_id) FILTER (WHERE failing > 0))[1:$2::int] AS members
    FROM (SELECT cause, organization_id, sum(failing) AS failing FROM shares GROUP BY cause, organization_id) grouped
    GROUP BY cause
), money AS (
    SELECT cause, jsonb_object_agg(currency, minor) AS money_at_risk
    FROM (
        SELECT cause, currency, sum(minor) AS minor FROM shares
        WHERE currency <> '' GROUP BY cause, currency HAVING sum(minor) <> 0
    ) sums
    GROUP BY cause
), totals AS (
    SELECT cause, sum(failing)::bigint AS failing, sum(on_the_way)::bigint AS on_the_way FROM shares GROUP BY cause
)
SELECT t.cause, t.failing AS records_count, t.on_the_way AS returning_count, p.organizations AS organizations_count, p.members,
    coalesce(m.money_at_risk, '{}') AS money_at_risk, o.name AS organization_name, e.first_failed_at, e.cause_text AS example,
    e.owner, e.reason, e.platform
FROM totals t
JOIN organizations_of p ON p.cause = t.cause
LEFT JOIN money m ON m.cause = t.cause
LEFT JOIN organizations o ON o.organization_id = p.members[1]
LEFT JOIN LATERAL (
    -- A few rows are enough for an example; a large organization may have a hundred thousand of them.
    SELECT * FROM (
        SELECT r.first_failed_at, r.cause_text, r.owner, r.reason, r.platform, r.record_id FROM records r
        WHERE r.organization_id = p.members[1] AND r.cause = t.cause AND r.state = ANY($1::text[])
            AND r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
            AND NOT EXISTS (
                SELECT FROM set_aside_records a WHERE a.organization_id = r.organization_id AND a.record_id = r.record_id
            )
        LIMIT 100
    ) few
    ORDER BY first_failed_at, record_id LIMIT 1
) e ON true
ORDER BY t.failing DESC, t.cause LIMIT 100;

-- name: list_lost_organizations :many
-- Organizations that had a connection and have none that works, with what waits for it, less what a person has set aside.
-- $1 limit, $2 told uuid[]
SELECT o.organization_id, o.name, c.status, c.platform, c.since, f.records_count, f.money_at_risk
FROM organizations o
JOIN LATERAL (
    SELECT CASE WHEN c.removed_at IS NULL THEN c.status ELSE 'removed' END AS status, c.platform,
        coalesce(c.removed_at, c.changed_at) AS since, c.removed_at, c.connected_at
    FROM connections c WHERE c.organization_id = o.organization_id
    ORDER BY (c.removed_at IS NULL) DESC, (c.status = 'connected') DESC NULLS LAST, c.hub_created_at DESC NULLS LAST,
        c.connection_id LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    SELECT coalesce(sum(records), 0)::bigint AS records_count,
        coalesce(jsonb_object_agg(currency, minor) FILTER (WHERE currency <> '' AND minor <> 0), '{}') AS money_at_risk
    FROM (
        SELECT currency, sum(records) AS records, sum(amount_minor) AS minor FROM (
            SELECT currency, records, amount_minor FROM record_counts k
            WHERE k.organization_id = o.organization_id
                AND k.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
            UNION ALL
            SELECT coalesce(r.currency, ''), -1, -coalesce(r.amount_minor, 0) FROM set_aside_records a
            JOIN records r ON r.organization_id = a.organization_id AND r.record_id = a.record_id
            WHERE a.organization_id = o.organization_id
                AND r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
        ) parts
        GROUP BY currency
    ) sums
) f ON true
WHERE o.removed_at IS NULL AND (
    c.status IN ('disconnected', 'deauthorized')
    OR (c.status IS DISTINCT FROM 'connected' AND EXISTS (
        SELECT FROM connections once WHERE once.organization_id = o.organization_id AND once.connected_at IS NOT NULL
    ))
)
ORDER BY o.organization_id IN (SELECT unnest($2::uuid[])) DESC, c.since DESC NULLS LAST, o.organization_id
LIMIT $1::int + cardinality($2);

-- name: list_stale_organizations :many
-- Connected organizations whose books had not been pulled for too long when their connection was last read; of those that were told
-- also whoever lost the connection since: nobody pulls for them either.
-- $1 stale interval, $2 limit, $3 told uuid[]
SELECT o.organization_id, o.name, c.platform, coalesce(c.last_pull, c.renewed_at, c.connected_at) AS since, c.is_connected
FROM organizations o
JOIN LATERAL (
    SELECT c.platform, c.last_pull, c.renewed_at, c.connected_at,
        c.removed_at IS NULL AND c.status IS NOT DISTINCT FROM 'connected' AS is_connected
    FROM connections c WHERE c.organization_id = o.organization_id
    ORDER BY is_connected DESC, (c.removed_at IS NULL) DESC, c.hub_created_at DESC NULLS LAST, c.connection_id LIMIT 1
) c ON true
JOIN streams s ON s.organization_id = o.organization_id AND s.stream = 'connection'
WHERE o.removed_at IS NULL AND (c.is_connected OR o.organization_id IN (SELECT unnest($3::uuid[])))
    AND coalesce(c.last_pull, c.renewed_at, c.connected_at) < s.read_at - $1::interval
ORDER BY o.organization_id IN (SELECT unnest($3::uuid[])) DESC, since DESC, o.organization_id LIMIT $2::int + cardinality($3);

-- name: list_stuck_organizations :many
-- Organizations with records that were still pending, after too long, when they were last read.
-- $1 stuck interval, $2 limit, $3 told uuid[]
SELECT o.organization_id, o.name, min(t.since) AS since, sum(t.records)::bigint AS records_count,
    coalesce(jsonb_object_agg(t.currency, t.minor) FILTER (WHERE t.currency IS NOT NULL), '{}') AS money_at_risk
FROM (
    SELECT r.organization_id, r.currency, min(r.updated_at) AS since, count(*) AS records,
        coalesce(sum(r.amount_minor), 0) AS minor
    FROM records r
    JOIN streams s ON s.organization_id = r.organization_id AND s.stream = 'records:' || r.object_type
    WHERE r.state = 'waiting' AND r.updated_at < tieout.now() - $1::interval AND r.updated_at < s.read_at - $1::interval
    GROUP BY r.organization_id, r.currency
) t
JOIN organizations o ON o.organization_id = t.organization_id AND o.removed_at IS NULL
GROUP BY o.organization_id, o.name
ORDER BY o.organization_id IN (SELECT unnest($3::uuid[])) DESC, since DESC, o.organization_id LIMIT $2::int + cardinality($3);

-- name: list_unconfirmed_organizations :many
-- Organizations with invoices and bills that failed, were then said to be done, and still are not found equal in the books
-- although these were pulled, read whole and compared since: what counts is the pull that was compared, which may be older than the
-- connection's last. What is found there and differs is told as a difference. Of those that were told also whoever lost the
-- connection since: it puts nothing into the books.
-- $1 overdue interval, $2 limit, $3 told uuid[]
SELECT o.organization_id, o.name, min(t.since) AS since, sum(t.records)::bigint AS records_count,
    coalesce(jsonb_object_agg(t.currency, t.minor) FILTER (WHERE t.currency IS NOT NULL), '{}') AS money_at_risk, c.is_connected
FROM (
    SELECT r.organization_id, r.currency, min(r.healed_at) AS since, count(*) AS records,
        coalesce(sum(r.amount_minor), 0) AS minor
    FROM records r
    JOIN documents d ON d.organization_id = r.organization_id
        AND d.ledger = CASE r.object_type WHEN 'bill' THEN 'payable' ELSE 'receivable' END
        AND d.side = 'local' AND d.document_id = r.object_id::text AND d.kind <> 'credit_note' AND d.removed_at IS NULL
    JOIN comparisons k ON k.organization_id = r.organization_id AND k.ledger = d.ledger AND k.certified
    WHERE r.state = 'acknowledged' AND r.healed_at IS NOT NULL AND r.object_type IN ('receivable', 'bill')
        AND r.healed_at < tieout.now() - $1::interval
        AND EXISTS (
            SELECT FROM balances b
            WHERE b.organization_id = r.organization_id AND b.ledger = d.ledger AND b.last_pull > r.healed_at
        )
        AND NOT EXISTS (
            SELECT FROM differences f WHERE f.organization_id = r.organization_id AND f.record_id = r.record_id
                AND f.resolved_at IS NULL
                AND f.kind IN ('amount', 'tax', 'currency', 'number', 'counterparty', 'duplicate_in_books')
        )
    GROUP BY r.organization_id, r.currency
) t
JOIN organizations o ON o.organization_id = t.organization_id AND o.removed_at IS NULL
JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM connections c
        WHERE c.organization_id = o.organization_id AND c.removed_at IS NULL AND c.status = 'connected'
    ) AS is_connected
) c ON c.is_connected OR o.organization_id IN (SELECT unnest($3::uuid[]))
GROUP BY o.organization_id, o.name, c.is_connected
ORDER BY o.organization_id IN (SELECT unnest($3::uuid[])) DESC, since DESC, o.organization_id LIMIT $2::int + cardinality($3);

-- name: list_differing_organizations :many
-- Organizations with differences that no rule explains, by the kind of alert they give. What a failing or pending push
-- explains is left to the alerts about pushes; what the partner's own system alone has is explained by none. A document counts
-- once, whatever differs of it.
-- $1 limit for each kind of alert, $2 told uuid[]
SELECT t.alert_kind, t.organization_id, t.name, t.since, t.documents AS records_count,
    array_to_string(t.kinds, ', ') AS kinds,
    coalesce((
        SELECT jsonb_object_agg(currency, minor) FROM (
            SELECT d.currency, sum(abs(d.delta_minor::numeric)) AS minor FROM differences d
            WHERE d.organization_id = t.organization_id AND d.resolved_at IS NULL AND NOT d.expected AND d.kind = ANY(t.kinds)
                AND (d.kind <> 'not_pushed' OR d.record_id IS NULL)
            GROUP BY d.currency HAVING sum(abs(d.delta_minor::numeric)) <> 0
        ) sums
    ), '{}') AS money_at_risk
FROM (
    SELECT g.*, o.name, row_number() OVER (
        PARTITION BY g.alert_kind ORDER BY g.organization_id IN (SELECT unnest($2::uuid[])) DESC, g.since DESC, g.organization_id
    ) AS place
    FROM (
        SELECT organization_id, alert_kind, min(first_seen_at) AS since, array_agg(DISTINCT kind) AS kinds,
            count(DISTINCT coalesce('local ' || local_id, 'books ' || books_id, difference_id::text)) AS documents
        FROM (
            SELECT organization_id, difference_id, kind, local_id, books_id, first_seen_at,
                CASE WHEN kind IN ('never_attempted', 'duplicate_in_books') THEN kind ELSE 'difference_found' END AS alert_kind
            FROM differences
            WHERE resolved_at IS NULL AND NOT expected AND kind NOT IN ('push_failed', 'push_pending')
                AND (kind <> 'not_pushed' OR record_id IS NULL)
        ) unexplained
        GROUP BY organization_id, alert_kind
    ) g
    JOIN organizations o ON o.organization_id = g.organization_id AND o.removed_at IS NULL
) t
WHERE t.place <= $1::int + cardinality($2)
ORDER BY t.alert_kind, t.place;

-- name: get_missing_events :one
-- Events of a span that the hub's log had and no webhook brought, of organizations whose webhooks did arrive before.
-- $1 organizations listed, $2 since, $3 until
SELECT count(*) AS missing_count, min(e.received_at) AS oldest_at,
    (array_agg(DISTINCT e.organization_id))[1:$1::int] AS members
FROM events e
WHERE e.source = 'log' AND e.received_at BETWEEN $2 AND $3
    AND EXISTS (
        SELECT FROM events w
        WHERE w.organization_id = e.organization_id AND w.source = 'webhook' AND w.received_at < e.created_at
    );

-- name: get_unreadable_deliveries :one
-- Deliveries of a span that could not be read, and why the latest could not.
-- $1 since, $2 counted at most
SELECT count(*) AS deliveries_count, min(received_at) AS since, (
    SELECT quarantined FROM events WHERE quarantined IS NOT NULL AND received_at > $1
    ORDER BY received_at DESC, event_id DESC LIMIT 1
) AS reason
FROM (
    SELECT received_at FROM events WHERE quarantined IS NOT NULL AND received_at > $1 ORDER BY received_at, event_id LIMIT $2
) few;

-- name: list_silent_streams :many
-- Streams of connected organizations whose reading keeps failing and that were not read for too long, or never: whatever
-- happens there is seen by nobody. A single failure is how a stream is stored that the hub does not serve.
-- $1 silent interval, $2 organizations listed
SELECT s.stream, count(*) AS organizations_count,
    (array_agg(s.organization_id ORDER BY s.read_at NULLS FIRST, s.organization_id))[1:$2::int] AS members,
    min(s.read_at) AS since,
    (array_agg(s.error ORDER BY s.read_at NULLS FIRST, s.organization_id))[1] AS error,
    (array_agg(o.name ORDER BY s.read_at NULLS FIRST, s.organization_id))[1] AS organization_name
FROM streams s
JOIN organizations o ON o.organization_id = s.organization_id AND o.removed_at IS NULL
WHERE s.failures > 1 AND (s.read_at < tieout.now() - $1::interval OR (s.read_at IS NULL AND s.failures > 5))
    AND EXISTS (
        SELECT FROM connections c
        WHERE c.organization_id = s.organization_id AND c.removed_at IS NULL AND c.status = 'connected'
    )
GROUP BY s.stream ORDER BY s.stream;

-- name: get_fleet_quiet :one
-- The latest change of a record of any connected organization, as far as was read, and how many organizations changed within a
-- week before it.
WITH changed AS (
    SELECT s.organization_id, max(s.cursor_at) AS changed_at FROM streams s
    JOIN standings w ON w.organization_id = s.organization_id AND w.is_listed AND w.connection_status = 'connected'
    WHERE s.stream LIKE 'records:%' AND s.cursor_at IS NOT NULL
    GROUP BY s.organization_id
), latest AS (SELECT max(changed_at) AS changed_at FROM changed)
SELECT l.changed_at, count(c.organization_id) FILTER (WHERE c.changed_at > l.changed_at - interval '7 days') AS active_count
FROM latest l LEFT JOIN changed c ON true GROUP BY l.changed_at;

-- name: list_stream_readings :many
-- When each of these organizations was last read, in all the streams that bear the prefix; null while one never was.
-- Organizations that the hub no longer lists have nothing to be read.
-- $1 organization_ids uuid[], $2 prefix
SELECT s.organization_id, CASE WHEN count(*) = count(s.read_at) THEN min(s.read_at) END AS observed_at
FROM streams s
JOIN organizations o ON o.organization_id = s.organization_id AND o.removed_at IS NULL
WHERE s.organization_id = ANY($1::uuid[]) AND starts_with(s.stream, $2)
GROUP BY s.organization_id;

-- name: list_comparison_readings :many
-- When both ledgers of each of these organizations were last compared; null where that rested on an incomplete reading.
-- $1 organization_ids uuid[]
SELECT c.organization_id, CASE WHEN bool_and(c.certified) THEN min(c.compared_at) END AS observed_at
FROM comparisons c
JOIN organizations o ON o.organization_id = c.organization_id AND o.removed_at IS NULL
WHERE c.organization_id = ANY($1::uuid[])
GROUP BY c.organization_id;

-- name: list_delivery_readings :many
-- When a webhook last came for each of these organizations.
-- $1 organization_ids uuid[], $2 since
SELECT o.organization_id, (
    SELECT max(e.received_at) FROM events e
    WHERE e.organization_id = o.organization_id AND e.received_at > $2 AND e.source = 'webhook'
) AS observed_at
FROM organizations o WHERE o.organization_id = ANY($1::uuid[]) AND o.removed_at IS NULL;
