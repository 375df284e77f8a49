-- Fills a migrated database with a fleet: :organizations with records, of which one in thirty-three fails. The weight of
-- organizations is heavy-tailed. Bare rows come first, what is kept of them is counted from them in the end.

SET search_path TO tieout;

CREATE FUNCTION pg_temp.organization(number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
AS $$ SELECT md5('organization ' || number)::uuid $$;

INSERT INTO organizations (organization_id, name, status, hub_created_at, payload, content_hash, version, first_seen_at)
SELECT pg_temp.organization(n), 'Organization ' || n, 'active', now() - interval '1 year', jsonb_build_object('n', n), '\x00', 1, now()
FROM generate_series(1, :organizations) AS n;

INSERT INTO connections (
    organization_id, connection_id, status, platform, last_pull, hub_created_at, payload, content_hash, version, first_seen_at,
    changed_at, connected_at
)
SELECT pg_temp.organization(n), md5('connection ' || n)::uuid, CASE WHEN n % 20 = 0 THEN 'disconnected' ELSE 'connected' END,
    CASE WHEN n % 2 = 0 THEN 'xero' ELSE 'quickbooks' END, now() - random() * interval '65 minutes', now() - interval '1 year',
    '{}', '\x00', 1, now(), now(), now() - interval '1 year'
FROM generate_series(1, :organizations) AS n;

INSERT INTO history (organization_id, kind, object_id, version, known_from, body)
SELECT pg_temp.organization(n), 'connection', md5('connection ' || n)::uuid::text, version, now() - (20 - version) * interval '1 minute',
    jsonb_build_object('status', 'connected', 'platform', 'xero', 'last_pull', now())
FROM generate_series(1, :organizations) AS n CROSS JOIN generate_series(1, 20) AS version;

INSERT INTO streams (organization_id, stream, due_at, cursor_at, read_at, full_at)
SELECT pg_temp.organization(n), stream, now() + random() * interval '5 minutes', now(), now(), now() - random() * interval '1 day'
FROM generate_series(1, :organizations) AS n CROSS JOIN unnest(ARRAY[
    'connection', 'events', 'settings', 'tax_rates', 'ledger_accounts', 'products', 'counterparts', 'records:product',
    'records:customer', 'records:vendor', 'records:receivable', 'records:bill', 'records:payment_record', 'local:receivable',
    'local:payable', 'books:receivable', 'books:payable'
]) AS stream;

INSERT INTO work (organization_id, kind, due_at)
SELECT pg_temp.organization(n), kind, now() + (random() - 0.01) * interval '5 minutes'
FROM generate_series(1, :organizations) AS n CROSS JOIN unnest(ARRAY['poll', 'ingest', 'push', 'compare']) AS kind;

INSERT INTO records (
    organization_id, record_id, object_type, object_id, sync_status, errors, platform, platform_object_id, created_at, updated_at,
    payload, content_hash, state, cause, cause_group, cause_text, owner, reason, next_attempt_at, deadline_at, first_failed_at,
    amount_minor, currency, version, changed_at
)
SELECT pg_temp.organization(1 + floor(:organizations * spread ^ 3)::bigint), gen_random_uuid(),
    (ARRAY['receivable', 'bill', 'customer', 'product'])[1 + n % 4], gen_random_uuid(),
    CASE state WHEN 'waiting' THEN 'pending' WHEN 'acknowledged' THEN 'done' WHEN 'confirmed' THEN 'done' ELSE 'error' END,
    CASE WHEN fails THEN jsonb_build_object('message', text) END, 'xero', n::text, at, at, '{}', decode(md5(n::text), 'hex'), state,
    CASE WHEN fails THEN cause END, CASE WHEN fails THEN text END, CASE WHEN fails THEN text END,
    CASE WHEN fails THEN 'bookkeeper' END, 'As it is.', CASE WHEN state = 'retrying' THEN now() + spread * interval '1 hour' END,
    CASE WHEN state NOT IN ('acknowledged', 'confirmed') THEN now() + spread * interval '2 hours' END, CASE WHEN fails THEN at END,
    (spread * 100000)::bigint, (ARRAY['USD', 'EUR', 'GBP'])[1 + n % 3], 1, at
FROM (
    SELECT *, state NOT IN ('waiting', 'acknowledged', 'confirmed') AS fails,
        CASE WHEN cause = 'unknown' THEN 'never seen before ' || (n % 200) ELSE cause END AS text
    FROM (
        SELECT n, random() AS spread, now() - random() * interval '300 days' AS at,
            CASE WHEN n % 33 = 0 THEN (ARRAY['retrying', 'blocked', 'needs_person', 'quarantined', 'blocked'])[1 + (n / 33) % 5]
                WHEN n % 100 = 1 THEN 'waiting' WHEN n % 10 < 3 THEN 'acknowledged' ELSE 'confirmed' END AS state,
            (ARRAY['missing_tax_rate', 'missing_ledger_account', 'period_locked', 'rate_limited', 'duplicate_document_number',
                'connection_revoked', 'timeout_ambiguous', 'reference_not_found', 'invalid_field', 'unknown'])[1 + (n / 165) % 10] AS cause
        FROM generate_series(:first, :last) AS n
    ) drawn
) rows;

INSERT INTO record_counts
SELECT organization_id, object_type, sync_status, state, coalesce(cause, ''), currency, count(*), sum(amount_minor)
FROM records GROUP BY 1, 2, 3, 4, 5, 6;

INSERT INTO differences (
    organization_id, difference_id, fingerprint, ledger, currency, kind, delta_minor, count_delta, basis, expected, reason, version,
    first_seen_at, changed_at
)
SELECT pg_temp.organization(1 + n % :organizations), gen_random_uuid(), n::text, 'receivable', 'USD',
    (ARRAY['not_pushed', 'not_pushed', 'push_failed', 'amount', 'number'])[1 + n % 5], -100, -1, 'stated', n % 5 < 2, 'As it is.', 1, now(),
    now()
FROM generate_series(1, 20 * :organizations) AS n;

INSERT INTO comparisons
SELECT organization_id, 'receivable', now(), true, count(*) FILTER (WHERE NOT expected), count(*) FILTER (WHERE expected) FROM differences GROUP BY 1;

INSERT INTO balances (
    organization_id, ledger, currency, local_minor, local_count, books_minor, books_count, terms, unclassified_minor, certified, version,
    compared_at
)
SELECT pg_temp.organization(n), ledger, 'USD', 100, 1, 100, 1, '[]', CASE WHEN n % 50 = 0 THEN 5 ELSE 0 END, true, 1, now()
FROM generate_series(1, :organizations) AS n CROSS JOIN unnest(ARRAY['receivable', 'payable']) AS ledger;

INSERT INTO events (
    organization_id, event_id, subscription_id, source, object_type, action, object_id, created_at, received_at, raw, worked_at
)
SELECT pg_temp.organization(1 + n % :organizations), gen_random_uuid(), md5('subscription')::uuid,
    CASE WHEN n % 20 = 0 THEN 'log' ELSE 'webhook' END, 'receivable', 'issued', n::text, at, at, '{}', CASE WHEN n % 1000 > 0 THEN now() END
FROM (SELECT n, now() - random() * interval '10 days' AS at FROM generate_series(1, 50 * :organizations) AS n) rows;

INSERT INTO alerts (
    organization_id, alert_id, fingerprint, kind, scope, severity, status, summary, detail, started_at, version, changed_at
)
SELECT '00000000-0000-0000-0000-000000000000', gen_random_uuid(), n::text, 'cause_failing', 'fleet', 'warning',
    CASE WHEN n <= 60 THEN 'firing' ELSE 'resolved' END, 'Pushes fail.', 'They do.', now(), 1, now()
FROM generate_series(1, 5000) AS n;
