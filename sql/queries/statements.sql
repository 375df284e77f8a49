-- Month-end statements: what they are made from, and who signed them.

-- name: get_organization_name :one
-- $1 organization_id
SELECT name FROM organizations WHERE organization_id = $1;

-- name: count_statement_differences :one
-- How many differences of an organization are open, as comparing counted them.
-- $1 organization_id
SELECT coalesce(sum(open_differences + expected_differences), 0)::bigint AS differences
FROM comparisons WHERE organization_id = $1;

-- name: list_organization_months :many
-- $1 organization_id
SELECT ledger, currency, month, local_minor, local_count, books_minor, books_count FROM months
WHERE organization_id = $1 ORDER BY ledger, currency, month;

-- name: list_organization_months_as_of :many
-- $1 organization_id, $2 as_of
SELECT (m).ledger, (m).currency, (m).month, (m).local_minor, (m).local_count, (m).books_minor, (m).books_count FROM (
    SELECT DISTINCT ON (object_id) jsonb_populate_record(NULL::months, body) AS m FROM history
    WHERE organization_id = $1 AND kind = 'month' AND known_from <= $2
    ORDER BY object_id, version DESC, known_from DESC
) known ORDER BY 1, 2, 3;

-- name: list_statement_differences :many
-- Every open difference of an organization.
-- $1 organization_id
SELECT * FROM differences WHERE organization_id = $1 AND resolved_at IS NULL ORDER BY difference_id;

-- name: list_statement_differences_as_of :many
-- Those that were open at an instant, as far as we knew then.
-- $1 organization_id, $2 as_of
SELECT (d).* FROM (
    SELECT DISTINCT ON (object_id) jsonb_populate_record(NULL::differences, body) AS d FROM history
    WHERE organization_id = $1 AND kind = 'difference' AND known_from <= $2
    ORDER BY object_id, version DESC, known_from DESC
) known WHERE (d).resolved_at IS NULL ORDER BY (d).difference_id;

-- name: list_document_names :many
-- What documents are called.
-- $1 organization_id, $2 ledgers text[], $3 sides text[], $4 document_ids text[]: one of each together
SELECT d.ledger, d.side, d.document_id, d.number, d.party_name
FROM unnest($2::text[], $3::text[], $4::text[]) AS wanted (ledger, side, document_id)
JOIN documents d ON d.organization_id = $1 AND d.ledger = wanted.ledger AND d.side = wanted.side
    AND d.document_id = wanted.document_id;

-- name: list_document_names_as_of :many
-- What documents were called at an instant.
-- $1 organization_id, $2 ledgers text[], $3 sides text[], $4 document_ids text[]: one of each together, $5 as_of
SELECT wanted.ledger, wanted.side, wanted.document_id, known.number, known.party_name
FROM unnest($2::text[], $3::text[], $4::text[]) AS wanted (ledger, side, document_id)
CROSS JOIN LATERAL (
    SELECT h.body -> 'document' ->> 'number' AS number, h.body -> 'document' ->> 'party_name' AS party_name FROM history h
    WHERE h.organization_id = $1 AND h.kind = 'document' AND h.known_from <= $5
        AND h.object_id = wanted.ledger || '/' || wanted.side || '/' || wanted.document_id
    ORDER BY h.version DESC, h.known_from DESC LIMIT 1
) known;

-- name: list_statement_reads :many
-- Which reads the figures of each ledger rest on, and how many documents could not be read. A ledger without documents has no
-- balance: there it is what was read by the time of its comparison.
-- $1 organization_id
SELECT c.ledger,
    coalesce(b.local_at, CASE WHEN s.read_at < c.compared_at THEN s.read_at WHEN s.read_at IS NOT NULL THEN c.compared_at END) AS local_at,
    coalesce(x.last_pull, b.last_pull) AS books_at, coalesce(x.certified, b.certified, false) AS certified, x.reason,
    u.unreadable_local, u.unreadable_books
FROM comparisons c
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE side = 'local') AS unreadable_local, count(*) FILTER (WHERE side = 'books') AS unreadable_books
    FROM unreadable_documents WHERE organization_id = c.organization_id AND ledger = c.ledger
) u
LEFT JOIN LATERAL (
    SELECT max(local_at) AS local_at, max(books_at) AS books_at, max(last_pull) AS last_pull, bool_and(certified) AS certified
    FROM balances WHERE organization_id = c.organization_id AND ledger = c.ledger
) b ON true
LEFT JOIN streams s ON s.organization_id = c.organization_id AND s.stream = 'local:' || c.ledger
LEFT JOIN LATERAL (
    SELECT last_pull, finished_at, certified, reason FROM scans
    WHERE organization_id = c.organization_id AND ledger = c.ledger AND side = 'books'
        AND finished_at <= coalesce(b.books_at, c.compared_at)
    ORDER BY finished_at DESC LIMIT 1
) x ON true
WHERE c.organization_id = $1;

-- name: list_statement_reads_as_of :many
-- The same as we knew it at an instant. Reads of the hub's documents that changed no figure are not kept by time, so the last one
-- may have been later than it says here, never earlier. Nor is kept by time what could not be read.
-- $1 organization_id, $2 as_of
SELECT l.ledger, b.local_at, coalesce(x.last_pull, b.last_pull) AS books_at,
    coalesce(x.certified, b.certified, false) AS certified, x.reason, 0 AS unreadable_local, 0 AS unreadable_books
FROM unnest(ARRAY['receivable', 'payable']) AS l (ledger)
LEFT JOIN LATERAL (
    SELECT max((v).local_at) AS local_at, max((v).last_pull) AS last_pull,
        bool_and((v).certified) AS certified, count(*) AS versions
    FROM (
        SELECT DISTINCT ON (object_id) jsonb_populate_record(NULL::balances, body) AS v FROM history
        WHERE organization_id = $1 AND kind = 'balance' AND known_from <= $2 AND object_id LIKE l.ledger || '/%'
        ORDER BY object_id, version DESC, known_from DESC
    ) known
) b ON true
LEFT JOIN LATERAL (
    SELECT last_pull, finished_at, certified, reason FROM scans
    WHERE organization_id = $1 AND ledger = l.ledger AND side = 'books' AND finished_at <= $2
    ORDER BY finished_at DESC LIMIT 1
) x ON true
WHERE b.versions > 0 OR x.finished_at IS NOT NULL;

-- name: list_sign_offs :many
-- What happened to a statement, in order.
-- $1 organization_id, $2 period, $3 as_of or null
SELECT number, act, key_name, figures, because, is_complete, acted_at FROM sign_offs
WHERE organization_id = $1 AND period = $2 AND ($3::timestamptz IS NULL OR acted_at <= $3) ORDER BY number;

-- name: list_signed_periods :many
-- Months whose statement somebody vouches for: those from one on, and those that were signed lately.
-- $1 organization_id, $2 from a month on or null, $3 signed after or null
SELECT period, coalesce(period >= $2::date, false) AS is_moved FROM (
    SELECT DISTINCT ON (period) period, act, acted_at FROM sign_offs WHERE organization_id = $1 ORDER BY period, number DESC
) latest WHERE act <> 'withdrawn' AND (period >= $2::date OR acted_at > $3::timestamptz) ORDER BY period;

-- name: insert_sign_off :one
-- Answers nothing when another act bears the number already.
-- $1 organization_id, $2 period, $3 number, $4 act, $5 key_name, $6 figures, $7 figures_hash, $8 because, $9 is_complete,
-- $10 acted_at
INSERT INTO sign_offs (organization_id, period, number, act, key_name, figures, figures_hash, because, is_complete, acted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (organization_id, period, number) DO NOTHING RETURNING number;
