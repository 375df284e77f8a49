-- Comparing a ledger whole, in steps: what is plainly equal is settled here, the rest is named for the domain to look at. Each step
-- fills a temporary table and analyzes it, so that the next is planned for what is there: one statement of all steps took ten
-- times as long.

-- name: mark_documents :exec
-- Keeps beside documents what plain pairs are told by, where that lacks: a release before, or the hub's word restored, has none.
-- $1 organization_id, $2 ledger, $3 limit
WITH unmarked AS MATERIALIZED (
    SELECT side, document_id, version, body FROM documents
    WHERE organization_id = $1 AND ledger = $2 AND removed_at IS NULL AND marked_version IS DISTINCT FROM version
    ORDER BY side, document_id LIMIT $3 FOR UPDATE
)
UPDATE documents d
SET net_minor = m.net_minor, tax_minor = m.tax_minor, is_net = m.is_net, lines_mark = m.lines_mark, line_accounts = m.line_accounts,
    marked_version = u.version
FROM unmarked u, tieout.document_marks(u.body) m
WHERE d.organization_id = $1 AND d.ledger = $2 AND d.side = u.side AND d.document_id = u.document_id;

-- name: aim_staging :exec
-- Tells the steps below which ledger they read: what makes a table takes no parameters, and only what makes one is read by several
-- processes at once. The organization is that of the transaction.
-- $1 ledger, $2 object_types text[], $3 ledger_account_ids text[]
SELECT set_config('tieout.staged_ledger', $1, true), set_config('tieout.staged_types', $2::text[]::text, true),
    set_config('tieout.staged_accounts', $3::text[]::text, true);

-- name: create_staged_records :exec
-- What each record of a local document names in the books. Made for this transaction, like the tables below.
CREATE TEMPORARY TABLE staged_records ON COMMIT DROP AS
SELECT object_id::text AS local_id, version, platform_object_id AS platform_id, provider_object_id AS provider_id,
    uuid_hash_extended(object_id, 0) AS local_mark, hashtextextended(platform_object_id, 0) AS platform_mark
FROM records
WHERE organization_id = tieout.scope_organization() AND object_type = ANY((SELECT current_setting('tieout.staged_types')::text[])::text[])
    AND object_id IS NOT NULL;

-- name: analyze_staged_records :exec
ANALYZE staged_records (local_id, platform_id, provider_id);

-- name: create_staged_several :exec
-- Local documents that several records tell of, by a mark of their ids: one of another's mark is looked at like them.
CREATE TEMPORARY TABLE staged_several ON COMMIT DROP AS
SELECT local_mark FROM staged_records GROUP BY local_mark HAVING count(*) > 1;

-- name: analyze_staged_several :exec
ANALYZE staged_several;

-- name: create_staged_contested :exec
-- Ids of the books that several records name, by a mark of them.
CREATE TEMPORARY TABLE staged_contested ON COMMIT DROP AS
SELECT books_mark FROM (
    SELECT platform_mark AS books_mark FROM staged_records WHERE platform_mark IS NOT NULL
    UNION ALL
    SELECT hashtextextended(provider_id, 0) FROM staged_records WHERE provider_id IS NOT NULL AND provider_id IS DISTINCT FROM platform_id
) named
GROUP BY books_mark HAVING count(*) > 1;

-- name: analyze_staged_contested :exec
ANALYZE staged_contested;

-- name: create_staged_documents :exec
-- What can be compared of each document without reading it whole.
CREATE TEMPORARY TABLE staged_documents ON COMMIT DROP AS
SELECT d.side, d.document_id, d.version, currency, total_minor, net_minor, tax_minor, is_net, number, party_name, status, issued_on, due_on,
    CASE WHEN issued_on IS NULL THEN ((body ->> 'created_at')::timestamptz AT TIME ZONE 'UTC')::date END AS made_on,
    lines_mark, line_accounts, marked_version IS NOT DISTINCT FROM d.version AS is_marked,
    CASE WHEN d.side = 'local' THEN tieout.number_mark(number) END AS number_mark,
    CASE WHEN d.side = 'local' THEN date_trunc('month', issued_on::timestamp)::date END AS month,
    u.document_id IS NOT NULL AS is_unreadable
FROM documents d
LEFT JOIN unreadable_documents u ON u.organization_id = (SELECT tieout.scope_organization())
    AND u.ledger = (SELECT current_setting('tieout.staged_ledger')) AND u.side = d.side AND u.document_id = d.document_id
WHERE d.organization_id = tieout.scope_organization() AND d.ledger = (SELECT current_setting('tieout.staged_ledger'))
    AND removed_at IS NULL;

-- name: analyze_staged_documents :exec
ANALYZE staged_documents (side, document_id);

-- name: create_staged_found :exec
CREATE TEMPORARY TABLE staged_found (LIKE tieout.staged_found INCLUDING INDEXES) ON COMMIT DROP;

-- name: create_staged_known :exec
-- The differences that are open before anything is written: what the same transaction writes is unknown to the planner.
CREATE TEMPORARY TABLE staged_known ON COMMIT DROP AS
SELECT difference_id, fingerprint, version, ledger, currency, kind, local_id, books_id, local_minor, books_minor, delta_minor, count_delta,
    basis, expected, rule, expected_until, record_id, cause, reason, confidence, local_on, books_on, origin
FROM differences
WHERE organization_id = tieout.scope_organization() AND ledger = current_setting('tieout.staged_ledger') AND resolved_at IS NULL;

-- name: analyze_staged_known :exec
ANALYZE staged_known (local_id, books_id);

-- name: create_staged_pairs :exec
-- Pairs that a record makes for certain: the only one of its document, naming one that nobody else names. By the provider's id pairs
-- only what the platform's does not find in the books. Each other document has a row of its own.
CREATE TEMPORARY TABLE staged_pairs ON COMMIT DROP AS
WITH named AS NOT MATERIALIZED (
    SELECT 'record' AS paired_by, platform_id AS books_id, r.* FROM staged_records r
    WHERE coalesce(provider_id = platform_id, provider_id IS NULL)
    UNION ALL
    SELECT CASE WHEN d.document_id IS NULL THEN 'provider' ELSE 'record' END, coalesce(d.document_id, provider_id), r.*
    FROM staged_records r
    LEFT JOIN staged_documents d ON d.side = 'books' AND d.document_id = r.platform_id
    WHERE provider_id IS DISTINCT FROM platform_id AND provider_id IS NOT NULL
), certain AS NOT MATERIALIZED (
    SELECT * FROM named k
    WHERE NOT EXISTS (SELECT FROM staged_several s WHERE s.local_mark = k.local_mark)
        AND NOT EXISTS (SELECT FROM staged_contested c WHERE c.books_mark = hashtextextended(k.books_id, 0))
)
SELECT l.document_id AS local_id, b.document_id AS books_id, k.paired_by,
    coalesce(
        l.is_marked AND b.is_marked AND NOT l.is_unreadable AND NOT b.is_unreadable
        AND l.currency = b.currency
        AND b.total_minor = CASE WHEN b.is_net AND l.net_minor IS NOT NULL THEN l.net_minor ELSE l.total_minor END
        AND coalesce(l.tax_minor = b.tax_minor, true)
        AND coalesce(l.number = b.number, true)
        AND coalesce(l.party_name = b.party_name, true)
        AND coalesce(l.status = b.status OR 'unknown' IN (l.status, b.status), true)
        AND (b.status IS DISTINCT FROM 'void' OR l.status IS NOT DISTINCT FROM 'void')
        AND coalesce(l.issued_on = b.issued_on, true)
        AND coalesce(l.due_on = b.due_on, true)
        AND coalesce(
            l.lines_mark = b.lines_mark AND (
                l.line_accounts = b.line_accounts
                OR NOT b.line_accounts ?| (SELECT current_setting('tieout.staged_accounts')::text[])::text[]
            ),
            true
        ),
        false
    ) AS is_plain,
    l.version AS local_version, b.version AS books_version, k.version AS records_version, l.currency, l.total_minor,
    coalesce(l.month, date_trunc('month', coalesce(b.issued_on, l.made_on, '0001-01-01'::date)::timestamp)::date) AS month,
    l.number AS local_number, b.number AS books_number, l.number_mark AS local_mark,
    CASE WHEN k.provider_id IS NOT NULL THEN nullif(
        array_remove(ARRAY[nullif(k.platform_id, b.document_id), nullif(nullif(k.provider_id, b.document_id), k.platform_id)], NULL),
        '{}'
    ) END AS claims
FROM (SELECT * FROM staged_documents WHERE side = 'local') l
LEFT JOIN certain k ON k.local_id = l.document_id
FULL JOIN (SELECT * FROM staged_documents WHERE side = 'books') b ON b.document_id = k.books_id;

-- name: analyze_staged_pairs :exec
ANALYZE staged_pairs (local_id, books_id, is_plain);

-- name: delete_counted_until :exec
-- What is counted anew holds together only once all of it is written.
-- $1 organization_id, $2 ledger
DELETE FROM counted_until WHERE organization_id = $1 AND ledger = $2;

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
    p.local_mark, CASE WHEN p.books_number IS DISTINCT FROM p.local_number THEN tieout.number_mark(p.books_number) END
FROM staged_pairs p
WHERE p.is_plain AND NOT EXISTS (
    SELECT FROM counted c WHERE c.organization_id = $1 AND c.ledger = $2 AND c.local_id = p.local_id
)
ORDER BY p.local_id;

-- name: analyze_counted :exec
SELECT tieout.analyze_counted();

-- name: list_uneven_pairs :many
-- Certain pairs on which the domain has to look.
SELECT local_id, books_id FROM staged_pairs WHERE NOT is_plain AND local_id IS NOT NULL AND books_id IS NOT NULL;

-- name: list_known_differences :many
-- Those that are about any of these documents.
-- $1 local_ids text[], $2 books_ids text[]
SELECT * FROM staged_known WHERE local_id = ANY($1::text[]) OR books_id = ANY($2::text[]);

-- name: list_unpaired :many
-- Documents that no record pairs for certain.
SELECT CASE WHEN books_id IS NULL THEN 'local' ELSE 'books' END AS side, coalesce(local_id, books_id) AS document_id FROM staged_pairs
WHERE local_id IS NULL OR books_id IS NULL;

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

-- name: analyze_compared :exec
SELECT tieout.analyze_compared();

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
