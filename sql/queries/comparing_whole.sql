-- Comparing a ledger whole, in steps: what is plainly equal is settled here, the rest is named for the domain to look at. Each step
-- fills a temporary table and analyzes it, so that the next is planned for what is there: one statement of all steps took ten
-- times as long.

-- name: create_staged_links :exec
-- Made for this transaction, like the four below.
CREATE TEMPORARY TABLE staged_links (LIKE tieout.staged_links) ON COMMIT DROP;

-- name: create_staged_owners :exec
CREATE TEMPORARY TABLE staged_owners (LIKE tieout.staged_owners) ON COMMIT DROP;

-- name: create_staged_documents :exec
CREATE TEMPORARY TABLE staged_documents (LIKE tieout.staged_documents) ON COMMIT DROP;

-- name: create_staged_pairs :exec
CREATE TEMPORARY TABLE staged_pairs (LIKE tieout.staged_pairs) ON COMMIT DROP;

-- name: create_staged_found :exec
CREATE TEMPORARY TABLE staged_found (LIKE tieout.staged_found INCLUDING INDEXES) ON COMMIT DROP;

-- name: stage_links :exec
-- What the records of each local document name in the books.
-- $1 organization_id, $2 object_types text[]
INSERT INTO staged_links (local_id, records, records_version, platform_id, provider_id)
SELECT object_id::text, count(*), sum(version), min(platform_object_id), min(provider_object_id)
FROM records WHERE organization_id = $1 AND object_type = ANY($2::text[]) AND object_id IS NOT NULL GROUP BY object_id;

-- name: analyze_staged_links :exec
ANALYZE staged_links (local_id, records);

-- name: stage_owners :exec
-- Who names what in the books.
-- $1 organization_id, $2 object_types text[]
INSERT INTO staged_owners (books_id, local_id)
SELECT books_id, CASE WHEN min(local_id) = max(local_id) THEN min(local_id) END
FROM (
    SELECT platform_object_id AS books_id, object_id::text AS local_id FROM records
    WHERE organization_id = $1 AND object_type = ANY($2::text[]) AND object_id IS NOT NULL AND platform_object_id IS NOT NULL
    UNION ALL
    SELECT provider_object_id, object_id::text FROM records
    WHERE organization_id = $1 AND object_type = ANY($2::text[]) AND object_id IS NOT NULL AND provider_object_id IS NOT NULL
        AND provider_object_id IS DISTINCT FROM platform_object_id
) named
GROUP BY books_id;

-- name: analyze_staged_owners :exec
ANALYZE staged_owners (books_id, local_id);

-- name: stage_documents :exec
-- What can be compared of each document without reading it whole.
-- $1 organization_id, $2 ledger
INSERT INTO staged_documents (
    side, document_id, version, currency, total_minor, net_minor, tax_minor, is_net, number, party_name, status, issued_on, due_on,
    made_on, lines_mark, line_accounts
)
SELECT side, document_id, version, currency, total_minor, (body ->> 'net_minor')::bigint, (body ->> 'tax_minor')::bigint,
    body ->> 'basis' = 'derived_net', number, party_name, status, issued_on, due_on,
    CASE WHEN issued_on IS NULL THEN ((body ->> 'created_at')::timestamptz AT TIME ZONE 'UTC')::date END,
    CASE WHEN body -> 'lines' <> '[]' THEN md5(
        jsonb_path_query_array(body, '$.lines[*].net_minor')::text
        || jsonb_path_query_array(body, '$.lines[*].quantity')::text
        || jsonb_path_query_array(body, '$.lines[*].description')::text
    )::uuid END,
    CASE WHEN body -> 'lines' <> '[]' THEN jsonb_path_query_array(body, '$.lines[*].ledger_account_id') END
FROM documents WHERE organization_id = $1 AND ledger = $2 AND removed_at IS NULL;

-- name: analyze_staged_documents :exec
ANALYZE staged_documents (side, document_id);

-- name: stage_pairs :exec
-- Pairs that a record makes for certain: the only one of its document, naming one that nobody else names.
-- $1 by which id of the record: record or provider, $2 ledger_account_ids text[]
INSERT INTO staged_pairs (
    local_id, books_id, paired_by, is_plain, local_version, books_version, records_version, currency, total_minor, month,
    local_number, books_number, claims
)
SELECT l.document_id, b.document_id, $1,
    l.currency = b.currency
        AND b.total_minor = CASE WHEN b.is_net AND l.net_minor IS NOT NULL THEN l.net_minor ELSE l.total_minor END
        AND coalesce(l.tax_minor = b.tax_minor, true)
        AND coalesce(l.number = b.number, true)
        AND coalesce(l.party_name = b.party_name, true)
        AND coalesce(l.status = b.status OR 'unknown' IN (l.status, b.status), true)
        AND coalesce(l.issued_on = b.issued_on, true)
        AND coalesce(l.due_on = b.due_on, true)
        AND coalesce(
            l.lines_mark = b.lines_mark AND (l.line_accounts = b.line_accounts OR NOT b.line_accounts ?| $2::text[]), true
        ),
    l.version, b.version, k.records_version, l.currency, l.total_minor,
    date_trunc('month', coalesce(l.issued_on, b.issued_on, l.made_on, '0001-01-01'::date)::timestamp)::date,
    l.number, b.number,
    nullif(
        array_remove(ARRAY[nullif(k.platform_id, b.document_id), nullif(nullif(k.provider_id, b.document_id), k.platform_id)], NULL),
        '{}'
    )
FROM staged_links k
JOIN staged_documents l ON l.side = 'local' AND l.document_id = k.local_id
JOIN staged_documents b ON b.side = 'books'
    AND b.document_id = CASE $1 WHEN 'record' THEN k.platform_id ELSE k.provider_id END
JOIN staged_owners o ON o.books_id = b.document_id AND o.local_id = k.local_id
WHERE k.records = 1 AND ($1 = 'record' OR NOT EXISTS (SELECT FROM staged_pairs p WHERE p.local_id = k.local_id));

-- name: analyze_staged_pairs :exec
ANALYZE staged_pairs (local_id, books_id, is_plain);

-- name: delete_stale_counted :exec
-- Whatever is not counted just as a plain pair counts.
-- $1 organization_id, $2 ledger
DELETE FROM counted c
WHERE c.organization_id = $1 AND c.ledger = $2 AND NOT EXISTS (
    SELECT FROM staged_pairs p
    WHERE p.is_plain AND p.local_id = c.local_id AND p.books_id = c.books_id AND p.paired_by = c.paired_by AND c.is_equal
        AND p.local_version = c.local_version AND p.books_version = c.books_version AND p.records_version = c.records_version
        AND c.local_currency = p.currency AND c.books_currency = p.currency AND c.local_minor = p.total_minor
        AND c.books_minor = p.total_minor AND c.local_month = p.month AND c.books_month = p.month
);

-- name: delete_counted_keys :exec
-- Plain pairs have none, and all others are counted anew.
-- $1 organization_id, $2 ledger
DELETE FROM counted_keys WHERE organization_id = $1 AND ledger = $2;

-- name: insert_plain_counted :exec
-- $1 organization_id, $2 ledger
INSERT INTO counted (
    organization_id, ledger, local_id, books_id, paired_by, local_version, books_version, records_version, local_currency, local_minor,
    local_month, books_currency, books_minor, books_month, local_number, books_number, claims, is_equal,
    local_mark, books_mark
)
SELECT $1, $2, p.local_id, p.books_id, p.paired_by, p.local_version, p.books_version, p.records_version, p.currency, p.total_minor,
    p.month, p.currency, p.total_minor, p.month, p.local_number, p.books_number, p.claims, true,
    tieout.number_mark(p.local_number), CASE WHEN p.books_number IS DISTINCT FROM p.local_number THEN tieout.number_mark(p.books_number) END
FROM staged_pairs p
WHERE p.is_plain AND NOT EXISTS (
    SELECT FROM counted c WHERE c.organization_id = $1 AND c.ledger = $2 AND c.local_id = p.local_id
)
ORDER BY p.local_id;

-- name: analyze_counted :exec
SELECT tieout.analyze_counted();

-- name: list_uneven_pairs :many
-- Certain pairs on which the domain has to look, after a key.
-- $1 after local_id, $2 limit
SELECT local_id, books_id FROM staged_pairs WHERE NOT is_plain AND local_id > $1 ORDER BY local_id LIMIT $2;

-- name: list_unpaired :many
-- Documents that no record pairs for certain.
SELECT d.side, d.document_id FROM staged_documents d
WHERE NOT EXISTS (SELECT FROM staged_pairs p WHERE d.side = 'local' AND p.local_id = d.document_id)
    AND NOT EXISTS (SELECT FROM staged_pairs p WHERE d.side = 'books' AND p.books_id = d.document_id);

-- name: insert_staged_found :exec
-- $1 fingerprints text[]
INSERT INTO staged_found SELECT DISTINCT unnest($1::text[]) ON CONFLICT DO NOTHING;

-- name: list_unfound_differences :many
-- Open differences that this comparison did not find.
-- $1 organization_id, $2 ledger, $3 limit
SELECT d.* FROM differences d
WHERE d.organization_id = $1 AND d.ledger = $2 AND d.resolved_at IS NULL
    AND NOT EXISTS (SELECT FROM staged_found f WHERE f.fingerprint = d.fingerprint)
LIMIT $3;

-- name: delete_findings_without_document :exec
-- Those of documents that stand in the books by now, or nowhere.
-- $1 organization_id, $2 ledger
DELETE FROM findings f
WHERE f.organization_id = $1 AND f.ledger = $2 AND f.document_id <> '' AND NOT EXISTS (
    SELECT FROM counted c
    WHERE c.organization_id = $1 AND c.ledger = $2 AND c.local_id = f.document_id AND c.books_id IS NULL
);

-- name: sum_counted :many
-- What all documents of a ledger add up to, by side, currency and month.
-- $1 organization_id, $2 ledger
SELECT 'local' AS side, local_currency AS currency, local_month AS month, sum(local_minor)::bigint AS minor, count(*) AS documents
FROM counted WHERE organization_id = $1 AND ledger = $2 AND local_currency IS NOT NULL GROUP BY local_currency, local_month
UNION ALL
SELECT 'books', books_currency, books_month, sum(books_minor)::bigint, count(*)
FROM counted WHERE organization_id = $1 AND ledger = $2 AND books_currency IS NOT NULL GROUP BY books_currency, books_month;

-- name: sum_open_differences :many
-- What the open differences of a ledger add up to, by currency, kind, and whether they are expected.
-- $1 organization_id, $2 ledger
SELECT currency, kind, expected, sum(delta_minor)::bigint AS delta_minor, sum(count_delta)::bigint AS count_delta,
    count(*) AS differences, count(*) FILTER (WHERE delta_minor <> 0 OR count_delta <> 0) AS moving
FROM differences WHERE organization_id = $1 AND ledger = $2 AND resolved_at IS NULL GROUP BY currency, kind, expected;
