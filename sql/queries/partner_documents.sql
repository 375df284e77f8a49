-- Documents of the partner's own system, and the hub's copies of them.

-- name: lock_local_documents :many
-- What is local under these ids, in either ledger, kept as it is until this transaction ends.
-- $1 organization_id, $2 document_ids text[]
SELECT ledger, document_id, kind, origin, body, payload, content_hash, list_hash, version, removed_at FROM documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = ANY($2::text[])
ORDER BY ledger, document_id FOR UPDATE;

-- name: list_superseded_bodies :many
-- The hub's copies of these. Asked for once they are locked: what the lock waited for is seen only by a later statement.
-- $1 organization_id, $2 document_ids text[]
SELECT ledger, document_id, body FROM superseded_documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = ANY($2::text[]);

-- name: insert_superseded_documents :exec
-- Sets the hub's copies of local documents aside, before the partner's word takes their place.
-- $1 organization_id, $2 ledgers text[], $3 document_ids text[]: one of each together
INSERT INTO superseded_documents (
    organization_id, ledger, side, document_id, kind, origin, number, party_id, party_name, currency, total_minor, status,
    issued_on, due_on, body, payload, content_hash, list_hash, hub_updated_at, version, first_seen_at, changed_at
)
SELECT d.organization_id, d.ledger, d.side, d.document_id, d.kind, d.origin, d.number, d.party_id, d.party_name, d.currency,
    d.total_minor, d.status, d.issued_on, d.due_on, d.body, d.payload, d.content_hash, d.list_hash, d.hub_updated_at, d.version,
    d.first_seen_at, d.changed_at
FROM unnest($2::text[], $3::text[]) AS put (ledger, document_id)
JOIN documents d ON d.organization_id = $1 AND d.ledger = put.ledger AND d.side = 'local' AND d.document_id = put.document_id
WHERE d.origin = 'hub' AND d.removed_at IS NULL
ORDER BY d.ledger, d.document_id
ON CONFLICT DO NOTHING;

-- name: restore_superseded_documents :many
-- Lets the hub's copies take their places again, once the partner has taken its word back.
-- $1 organization_id, $2 document_ids text[]
WITH beside AS (
    DELETE FROM superseded_documents
    WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = ANY($2::text[])
    RETURNING *
)
UPDATE documents d
SET kind = b.kind, origin = b.origin, number = b.number, party_id = b.party_id, party_name = b.party_name,
    currency = b.currency, total_minor = b.total_minor, status = b.status, issued_on = b.issued_on, due_on = b.due_on,
    body = b.body, payload = b.payload, content_hash = b.content_hash, list_hash = b.list_hash,
    hub_updated_at = b.hub_updated_at, version = d.version + 1, changed_at = tieout.now(), removed_at = NULL
FROM beside b
WHERE d.organization_id = $1 AND d.ledger = b.ledger AND d.side = b.side AND d.document_id = b.document_id
RETURNING d.ledger, d.document_id, d.version, d.body, d.hub_updated_at;

-- name: mark_partner_documents_removed :many
-- Those that the partner has taken back and the hub never had.
-- $1 organization_id, $2 document_ids text[]
UPDATE documents SET removed_at = tieout.now(), version = version + 1, changed_at = tieout.now()
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = ANY($2::text[])
    AND origin = 'partner' AND removed_at IS NULL
RETURNING ledger, document_id, version, body;

-- name: list_known_organizations :many
-- Which of these are organizations that the hub lists.
-- $1 organization_ids uuid[]
SELECT organization_id FROM organizations WHERE organization_id = ANY($1::uuid[]) AND removed_at IS NULL;
