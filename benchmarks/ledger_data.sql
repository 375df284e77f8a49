-- Fills a migrated database with one ledger of :documents bills on each side, joined by synced records, and plants ten kinds of
-- differences in it, each in one document of five hundred. Beside it the schema `plain`: the same as narrow tables with one common
-- key, as somebody would prepare them for any of the other tools.

CREATE SCHEMA plain;
CREATE TABLE plain.truth AS
SELECT i::bigint AS id, CASE WHEN i % 500 < 10 THEN (ARRAY[
        'amount', 'tax', 'currency', 'number', 'counterparty', 'due_date', 'status', 'lines', 'deleted_in_books', 'only_in_books'
    ])[i % 500 + 1] ELSE '' END AS kind,
    (i::bigint * 7919) % 2000000 + 1000 AS net, 'INV-' || lpad(i::text, 8, '0') AS number, 'Party ' || i % 5000 AS party,
    date '2026-01-01' + (i % 300)::integer AS issued_on
FROM generate_series(1, :documents) AS i;

CREATE TABLE plain.local AS
SELECT id, number, party, 'USD' AS currency, net + net / 10 AS total, net / 10 AS tax, 'open' AS status, issued_on, issued_on + 30 AS due_on,
    100::bigint AS line_1, net - 100 AS line_2
FROM plain.truth WHERE kind <> 'only_in_books';

CREATE TABLE plain.books AS
SELECT id, CASE kind WHEN 'number' THEN 'X' || number ELSE number END AS number,
    CASE kind WHEN 'counterparty' THEN 'Somebody ' || id ELSE party END AS party,
    CASE kind WHEN 'currency' THEN 'EUR' ELSE 'USD' END AS currency,
    net + net / 10 + CASE kind WHEN 'amount' THEN 1 ELSE 0 END AS total, net / 10 - CASE kind WHEN 'tax' THEN 5 ELSE 0 END AS tax,
    CASE kind WHEN 'status' THEN 'paid' ELSE 'open' END AS status, issued_on,
    issued_on + 30 + CASE kind WHEN 'due_date' THEN 1 ELSE 0 END AS due_on,
    100::bigint + CASE kind WHEN 'lines' THEN 1 ELSE 0 END AS line_1,
    net - 100 + CASE kind WHEN 'lines' THEN -1 WHEN 'amount' THEN 1 WHEN 'tax' THEN 5 ELSE 0 END AS line_2
FROM plain.truth WHERE kind <> 'deleted_in_books';
ALTER TABLE plain.local ADD PRIMARY KEY (id);
ALTER TABLE plain.books ADD PRIMARY KEY (id);

SET search_path TO tieout;

INSERT INTO documents (
    organization_id, ledger, side, document_id, kind, number, party_id, party_name, currency, total_minor, status, issued_on, due_on,
    body, payload, content_hash, list_hash, hub_updated_at, version, first_seen_at, changed_at,
    net_minor, tax_minor, is_net, lines_mark, line_accounts, marked_version
)
SELECT :organization, 'payable', side, document_id, 'bill', number, party, party, currency, total, status, issued_on, due_on,
    body, jsonb_build_object('id', document_id, 'text', repeat('what the hub sent ', 20)), '\x00', '\x00',
    CASE side WHEN 'local' THEN (issued_on + time '11:00') AT TIME ZONE 'UTC' END, 1, now() - interval '1 day', now() - interval '1 day',
    marks.*, 1
FROM (
    SELECT 'local' AS side, '00000000-0000-4000-8000-' || lpad(id::text, 12, '0') AS document_id, * FROM plain.local
    UNION ALL
    SELECT 'books', 'B' || id, * FROM plain.books
) both_sides,
LATERAL (
    SELECT jsonb_build_object(
        'side', side, 'ledger', 'payable', 'kind', 'bill', 'document_id', document_id, 'currency', currency, 'total_minor', total,
        'basis', 'stated', 'number', number, 'party_id', party, 'party_name', party, 'net_minor', total - tax, 'tax_minor', tax,
        'due_minor', total, 'deduction_minor', 0, 'status', status, 'stated_status', status, 'issued_on', issued_on,
        'due_on', due_on, 'rounded_lines', 0, 'remainder', 0, 'based_on', null, 'issued_at', null,
        'created_at', CASE side WHEN 'local' THEN (issued_on + time '10:00') AT TIME ZONE 'UTC' END,
        'updated_at', CASE side WHEN 'local' THEN (issued_on + time '11:00') AT TIME ZONE 'UTC' END,
        'lines', jsonb_build_array(
            jsonb_build_object('description', 'Freight', 'quantity', 1, 'unit_amount', 1, 'net_minor', line_1, 'tax_rate', 1000,
                'tax_rate_reference', 'rate', 'ledger_account_id', side || '-60', 'product_id', null, 'product_name', null),
            jsonb_build_object('description', 'Goods as ordered', 'quantity', 1, 'unit_amount', 1, 'net_minor', line_2,
                'tax_rate', 1000, 'tax_rate_reference', 'rate', 'ledger_account_id', side || '-61', 'product_id', null,
                'product_name', null)
        )
    ) AS body OFFSET 0
) made, tieout.document_marks(body) marks;

INSERT INTO records (
    organization_id, record_id, object_type, object_id, sync_status, platform_object_id, created_at, updated_at, payload, content_hash,
    state, reason, version, changed_at
)
SELECT :organization, ('10000000-0000-4000-8000-' || lpad(id::text, 12, '0'))::uuid, 'bill',
    ('00000000-0000-4000-8000-' || lpad(id::text, 12, '0'))::uuid, 'done', 'B' || id, issued_on + time '10:00',
    issued_on + time '10:05', '{}', '\x00', 'confirmed', 'read back', 1, now() - interval '1 day'
FROM plain.local;

INSERT INTO connections (
    organization_id, connection_id, status, platform, last_pull, payload, content_hash, version, first_seen_at, changed_at, connected_at
)
SELECT :organization, :organization, 'connected', 'xero', now(), '{}', '\x00', 1, now(), now(), '2025-01-01';
INSERT INTO streams (organization_id, stream, due_at, read_at, full_at) VALUES (:organization, 'local:payable', now(), now(), now());
INSERT INTO scans (organization_id, ledger, side, started_at, finished_at, last_pull, certified, reason, documents_count, calls)
VALUES (:organization, 'payable', 'books', now(), now(), now(), true, 'complete', :documents, 1);
INSERT INTO work (organization_id, kind, due_at) VALUES (:organization, 'compare', now());

VACUUM ANALYZE documents;
VACUUM ANALYZE records;
VACUUM ANALYZE plain.local;
VACUUM ANALYZE plain.books;
