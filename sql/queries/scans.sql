-- What readings of whole lists can prove.

-- name: insert_scan :exec
-- $1 organization_id, $2 ledger, $3 side, $4 started_at, $5 finished_at, $6 last_pull, $7 certified, $8 reason,
-- $9 documents_count, $10 calls
INSERT INTO scans (organization_id, ledger, side, started_at, finished_at, last_pull, certified, reason, documents_count, calls)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING;

-- name: list_latest_scans :many
-- The newest scan of each ledger and side.
-- $1 organization_id
SELECT DISTINCT ON (ledger, side) ledger, side, started_at, finished_at, last_pull, certified, reason, documents_count
FROM scans WHERE organization_id = $1 ORDER BY ledger, side, finished_at DESC;

-- name: prune_scans :exec
-- Forgets those that are older than they are kept, but never the newest of a list, nor its newest certified one: books that are not
-- read any more are still compared by what these proved.
-- $1 interval
DELETE FROM scans s WHERE s.finished_at < tieout.now() - $1::interval AND EXISTS (
    SELECT 1 FROM scans later
    WHERE later.organization_id = s.organization_id AND later.ledger = s.ledger AND later.side = s.side
        AND later.finished_at > s.finished_at AND (later.certified OR NOT s.certified)
);

-- name: delete_unreadable_documents :exec
-- Those of a list, before it is told anew which cannot be read.
-- $1 organization_id, $2 ledger, $3 side
DELETE FROM unreadable_documents WHERE organization_id = $1 AND ledger = $2 AND side = $3;

-- name: delete_unreadable_of_documents :exec
-- Those among some documents that were read singly.
-- $1 organization_id, $2 ledger, $3 side, $4 document_ids text[]
DELETE FROM unreadable_documents WHERE organization_id = $1 AND ledger = $2 AND side = $3 AND document_id = ANY($4::text[]);

-- name: insert_unreadable_documents :exec
-- Documents that are there and cannot be read.
-- $1 organization_id, $2 ledger, $3 side, $4 document_ids text[], $5 reasons text[]
INSERT INTO unreadable_documents (organization_id, ledger, side, document_id, reason)
SELECT $1, $2, $3, document_id, reason FROM unnest($4::text[], $5::text[]) AS row (document_id, reason)
ORDER BY document_id
ON CONFLICT (organization_id, ledger, side, document_id) DO UPDATE SET reason = excluded.reason;

-- name: list_unreadable_documents :many
-- Documents of a ledger that are there and cannot be read, of both sides.
-- $1 organization_id, $2 ledger
SELECT side, document_id, reason FROM unreadable_documents WHERE organization_id = $1 AND ledger = $2;

-- name: list_unreadable :many
-- The same for people, by organization, ledger, side and id, after a key; a filter that is null does not filter.
-- $1 organization_id or null, $2 ledger, $3 side, $4 after organization_id or null, $5 after ledger, $6 after side,
-- $7 after document_id, $8 limit
SELECT organization_id, ledger, side, document_id, reason FROM unreadable_documents
WHERE ($1::uuid IS NULL OR organization_id = $1)
    AND ($2::text IS NULL OR ledger = $2)
    AND ($3::text IS NULL OR side = $3)
    AND ($4::uuid IS NULL OR (organization_id, ledger, side, document_id) > ($4, $5::text, $6::text, $7::text))
ORDER BY organization_id, ledger, side, document_id LIMIT $8;
