-- How each document counted in the last comparison of its ledger, what changed since, and who its neighbours are.

-- name: get_counted_until :one
-- Nothing when somebody compared since without counting.
-- $1 organization_id, $2 ledger
SELECT u.read_at, u.whole_at, u.compared_at, u.last_pull, u.records_read_at, u.circumstances, u.revisit_local, u.revisit_books
FROM counted_until u
JOIN comparisons c ON c.organization_id = $1 AND c.ledger = $2 AND c.compared_at = u.compared_at
WHERE u.organization_id = $1 AND u.ledger = $2;

-- name: upsert_counted_until :exec
-- $1 organization_id, $2 ledger, $3 read_at, $4 whole_at, $5 compared_at, $6 last_pull, $7 records_read_at, $8 circumstances,
-- $9 revisit_local text[], $10 revisit_books text[]
INSERT INTO counted_until (
    organization_id, ledger, read_at, whole_at, compared_at, last_pull, records_read_at, circumstances, revisit_local, revisit_books
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (organization_id, ledger) DO UPDATE
SET read_at = excluded.read_at, whole_at = excluded.whole_at, compared_at = excluded.compared_at, last_pull = excluded.last_pull,
    records_read_at = excluded.records_read_at, circumstances = excluded.circumstances,
    revisit_local = excluded.revisit_local, revisit_books = excluded.revisit_books;

-- name: is_anything_counted :one
-- $1 organization_id, $2 ledger
SELECT EXISTS (SELECT FROM counted WHERE organization_id = $1 AND ledger = $2) AS is_counted;

-- name: list_changed_documents :many
-- Written since an instant, and not what was counted. One that is gone and was not counted is news only to whoever has not
-- looked since.
-- $1 organization_id, $2 ledger, $3 since, $4 looked_at, $5 limit
SELECT side, document_id FROM (
    SELECT d.side, d.document_id, d.version, d.removed_at, d.changed_at, CASE d.side
        WHEN 'local' THEN (
            SELECT c.local_version FROM counted c WHERE c.organization_id = $1 AND c.ledger = $2 AND c.local_id = d.document_id
        )
        ELSE (SELECT c.books_version FROM counted c WHERE c.organization_id = $1 AND c.ledger = $2 AND c.books_id = d.document_id)
    END AS counted_version
    FROM documents d WHERE d.organization_id = $1 AND d.ledger = $2 AND d.changed_at > $3
) written
WHERE counted_version IS DISTINCT FROM version
    AND (removed_at IS NULL OR changed_at > $4 OR counted_version IS NOT NULL)
LIMIT $5;

-- name: list_changed_records :many
-- Written since an instant, and not what was counted.
-- $1 organization_id, $2 ledger, $3 since, $4 object_types text[] of documents, $5 object_type of parties, $6 limit
SELECT r.record_id, r.object_type, r.object_id::text AS object_id FROM records r
WHERE r.organization_id = $1 AND r.changed_at > $3 AND (r.object_type = $5::text OR r.object_type = ANY($4::text[]) AND (
    SELECT c.records_version FROM counted c WHERE c.organization_id = $1 AND c.ledger = $2 AND c.local_id = r.object_id::text
) IS DISTINCT FROM (
    SELECT sum(all_of.version)::bigint FROM records all_of
    WHERE all_of.organization_id = $1 AND all_of.object_id = r.object_id AND all_of.object_type = ANY($4::text[])
))
LIMIT $6;

-- name: list_documents_of_parties :many
-- $1 organization_id, $2 ledger, $3 party_ids text[], $4 limit
SELECT document_id FROM documents
WHERE organization_id = $1 AND ledger = $2 AND side = 'local' AND party_id = ANY($3::text[]) LIMIT $4;

-- name: list_turning_differences :many
-- Whose verdict time alone may have changed, or, if anything was read since, that reading.
-- $1 organization_id, $2 ledger, $3 now, $4 whether the books or the records were read since, $5 limit
SELECT local_id, books_id FROM differences
WHERE organization_id = $1 AND ledger = $2 AND resolved_at IS NULL AND (
    expected_until IS NOT NULL OR kind IN ('push_pending', 'unclassified') OR rule = 'just_issued'
    OR (kind = 'not_pushed' AND NOT expected)
) AND ($4::boolean OR expected_until <= $3)
LIMIT $5;

-- name: get_next_turn :one
-- When the next expected difference stops being expected.
-- $1 organization_id, $2 ledger, $3 now
SELECT min(expected_until) AS next_turn FROM differences
WHERE organization_id = $1 AND ledger = $2 AND resolved_at IS NULL AND expected_until > $3;

-- name: list_differences_of_records :many
-- Open ones that were told with these records.
-- $1 organization_id, $2 ledger, $3 record_ids uuid[]
SELECT local_id, books_id FROM differences
WHERE organization_id = $1 AND ledger = $2 AND resolved_at IS NULL AND record_id = ANY($3::uuid[]);

-- name: list_differences_of_documents :many
-- Open ones that are about any of these documents.
-- $1 organization_id, $2 ledger, $3 local_ids text[], $4 books_ids text[]
SELECT * FROM differences
WHERE organization_id = $1 AND ledger = $2 AND resolved_at IS NULL
    AND (local_id = ANY($3::text[]) OR books_id = ANY($4::text[]));

-- name: list_neighbours :many
-- Documents by id, those that are gone included, with the mark of their number.
-- $1 organization_id, $2 ledger, $3 local_ids text[], $4 books_ids text[]
SELECT side, document_id, body, version, removed_at IS NOT NULL AS is_gone, tieout.number_mark(number) AS number_mark
FROM documents WHERE organization_id = $1 AND ledger = $2 AND side = 'local' AND document_id = ANY($3::text[])
UNION ALL
SELECT side, document_id, body, version, removed_at IS NOT NULL, tieout.number_mark(number)
FROM documents WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND document_id = ANY($4::text[]);

-- name: list_number_mates :many
-- Pairs and lone documents that bore a number of one of these marks.
-- $1 organization_id, $2 ledger, $3 marks bigint[], $4 limit
SELECT local_id, books_id FROM counted WHERE organization_id = $1 AND ledger = $2 AND local_mark = ANY($3::bigint[])
UNION ALL
SELECT local_id, books_id FROM counted
WHERE organization_id = $1 AND ledger = $2 AND books_mark IS NOT NULL AND books_mark = ANY($3::bigint[])
LIMIT $4;

-- name: list_links :many
-- Records of these objects, and those of documents that name one of these in the books.
-- $1 organization_id, $2 object_ids uuid[], $3 books_ids text[], $4 object_types text[]
SELECT record_id, object_type, object_id, platform_object_id, provider_object_id, sync_status, state, cause, created_at, updated_at,
    version
FROM records WHERE organization_id = $1 AND object_id = ANY($2::uuid[]) AND object_type = ANY($4::text[])
UNION
SELECT record_id, object_type, object_id, platform_object_id, provider_object_id, sync_status, state, cause, created_at, updated_at,
    version
FROM records WHERE organization_id = $1 AND platform_object_id IS NOT NULL AND platform_object_id = ANY($3::text[])
    AND object_type = ANY($4::text[])
UNION
SELECT record_id, object_type, object_id, platform_object_id, provider_object_id, sync_status, state, cause, created_at, updated_at,
    version
FROM records WHERE organization_id = $1 AND provider_object_id IS NOT NULL AND provider_object_id = ANY($3::text[])
    AND object_type = ANY($4::text[]);

-- name: list_remembered_pairs :many
-- $1 organization_id, $2 ledger, $3 local_ids text[], $4 books_ids text[]
SELECT local_id, books_id, paired_by FROM pairs
WHERE organization_id = $1 AND ledger = $2 AND (local_id = ANY($3::text[]) OR books_id = ANY($4::text[]));

-- name: list_seats :many
-- How documents counted.
-- $1 organization_id, $2 ledger, $3 local_ids text[], $4 books_ids text[], $5 limit
SELECT * FROM counted WHERE organization_id = $1 AND ledger = $2 AND local_id = ANY($3::text[])
UNION ALL
SELECT * FROM counted WHERE organization_id = $1 AND ledger = $2 AND books_id = ANY($4::text[])
LIMIT $5;

-- name: list_key_members :many
-- Documents that have one of these keys of similarity.
-- $1 organization_id, $2 ledger, $3 keys bigint[], $4 limit
SELECT DISTINCT side, document_id FROM counted_keys
WHERE organization_id = $1 AND ledger = $2 AND key = ANY($3::bigint[]) LIMIT $4;

-- name: count_seats :many
-- How many documents of the books have each of these keys of similarity.
-- $1 organization_id, $2 ledger, $3 keys bigint[]
SELECT key, count(*) AS seats FROM counted_keys
WHERE organization_id = $1 AND ledger = $2 AND key = ANY($3::bigint[]) AND side = 'books' GROUP BY key;

-- name: delete_counted :exec
-- $1 organization_id, $2 ledger, $3 local_ids text[], $4 books_ids text[]
WITH keys_of_local AS (
    DELETE FROM counted_keys WHERE organization_id = $1 AND ledger = $2 AND side = 'local' AND document_id = ANY($3::text[])
), keys_of_books AS (
    DELETE FROM counted_keys WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND document_id = ANY($4::text[])
), of_books AS (
    DELETE FROM counted WHERE organization_id = $1 AND ledger = $2 AND books_id = ANY($4::text[])
        AND (local_id IS NULL OR NOT local_id = ANY($3::text[]))
)
DELETE FROM counted WHERE organization_id = $1 AND ledger = $2 AND local_id = ANY($3::text[]);

-- name: insert_counted :exec
-- $1 rows json
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_populate_recordset(NULL::counted, $1::json)
), keyed AS (
    INSERT INTO counted_keys (organization_id, ledger, key, side, document_id)
    SELECT organization_id, ledger, unnest(local_keys), 'local', local_id FROM incoming
    UNION ALL
    SELECT organization_id, ledger, unnest(books_keys), 'books', books_id FROM incoming
)
INSERT INTO counted (
    organization_id, ledger, local_id, books_id, paired_by, local_version, books_version, records_version, local_currency, local_minor,
    local_month, books_currency, books_minor, books_month, local_number, books_number, claims, local_keys, books_keys, is_equal,
    local_mark, books_mark
)
SELECT organization_id, ledger, local_id, books_id, paired_by, local_version, books_version, records_version, local_currency, local_minor,
    local_month, books_currency, books_minor, books_month, local_number, books_number, claims, local_keys, books_keys, is_equal,
    tieout.number_mark(local_number), CASE WHEN books_number IS DISTINCT FROM local_number THEN tieout.number_mark(books_number) END
FROM incoming;

-- name: list_confirmable_records :many
-- Acknowledged ones whose document stood in the books, equal, under an id that the record names, and neither has changed since.
-- $1 organization_id, $2 ledger, $3 object_types text[], $4 limit
SELECT r.record_id, r.version, b.number FROM records r
JOIN counted c ON c.organization_id = $1 AND c.ledger = $2 AND c.local_id = r.object_id::text AND c.is_equal
    AND c.books_id IN (r.platform_object_id, r.provider_object_id)
JOIN documents b ON b.organization_id = $1 AND b.ledger = $2 AND b.side = 'books' AND b.document_id = c.books_id
    AND b.version = c.books_version
WHERE r.organization_id = $1 AND r.state = 'acknowledged' AND coalesce(r.platform_object_id, r.provider_object_id) IS NOT NULL
    AND r.object_type = ANY($3::text[])
    AND c.records_version = (
        SELECT sum(all_of.version)::bigint FROM records all_of
        WHERE all_of.organization_id = $1 AND all_of.object_id = r.object_id AND all_of.object_type = ANY($3::text[])
    )
ORDER BY r.record_id LIMIT $4;

-- name: mark_counted_confirmed :exec
-- That a record was confirmed changes nothing in what was compared.
-- $1 organization_id, $2 ledger, $3 local_ids text[]: one for each record that was confirmed
UPDATE counted c SET records_version = records_version + confirmed.records
FROM (SELECT local_id, count(*) AS records FROM unnest($3::text[]) AS of_record (local_id) GROUP BY local_id) confirmed
WHERE c.organization_id = $1 AND c.ledger = $2 AND c.local_id = confirmed.local_id;
