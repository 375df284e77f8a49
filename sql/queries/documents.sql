-- Documents of both sides in one normal form. Where the partner's own system has put a document, its word stands in `documents`
-- and the hub's copy in `superseded_documents`; what asks for the hub's looks into both.

-- name: list_document_hashes :many
-- Of what the hub told.
-- $1 organization_id, $2 ledger, $3 side
SELECT document_id, content_hash, list_hash, hub_updated_at, version, removed_at FROM documents
WHERE organization_id = $1 AND ledger = $2 AND side = $3 AND origin = 'hub'
UNION ALL
SELECT document_id, content_hash, list_hash, hub_updated_at, version, removed_at FROM superseded_documents
WHERE organization_id = $1 AND ledger = $2 AND side = $3;

-- name: list_hashes_of_documents :many
-- Of what the hub told.
-- $1 organization_id, $2 ledger, $3 side, $4 document_ids text[]
SELECT document_id, content_hash, list_hash, hub_updated_at, version, removed_at FROM documents
WHERE organization_id = $1 AND ledger = $2 AND side = $3 AND document_id = ANY($4::text[]) AND origin = 'hub'
UNION ALL
SELECT document_id, content_hash, list_hash, hub_updated_at, version, removed_at FROM superseded_documents
WHERE organization_id = $1 AND ledger = $2 AND side = $3 AND document_id = ANY($4::text[]);

-- name: upsert_documents :many
-- Answers what it wrote, with its version. The hub's word does not overwrite the partner's while that stands; the partner's is
-- written over what it was joined with, and nothing that came since.
-- $1 rows json
INSERT INTO documents AS d (
    organization_id, ledger, side, document_id, kind, origin, number, party_id, party_name, currency, total_minor, status,
    issued_on, due_on, body, payload, content_hash, list_hash, hub_updated_at, version, first_seen_at, changed_at,
    net_minor, tax_minor, is_net, lines_mark, line_accounts, marked_version
)
SELECT organization_id, ledger, side, document_id, kind, origin, number, party_id, party_name, currency, total_minor, status,
    issued_on, due_on, body, payload, content_hash, list_hash, hub_updated_at, version, tieout.now(), tieout.now(), m.*, version
FROM json_populate_recordset(NULL::documents, $1::json) i, tieout.document_marks(i.body) m
ORDER BY organization_id, ledger, side, document_id
ON CONFLICT (organization_id, ledger, side, document_id) DO UPDATE
SET kind = excluded.kind, origin = excluded.origin, number = excluded.number, party_id = excluded.party_id,
    party_name = excluded.party_name, currency = excluded.currency, total_minor = excluded.total_minor,
    status = excluded.status, issued_on = excluded.issued_on, due_on = excluded.due_on, body = excluded.body,
    payload = excluded.payload, content_hash = excluded.content_hash, list_hash = excluded.list_hash,
    hub_updated_at = excluded.hub_updated_at, version = greatest(excluded.version, d.version + 1), changed_at = tieout.now(),
    removed_at = NULL, net_minor = excluded.net_minor, tax_minor = excluded.tax_minor, is_net = excluded.is_net,
    lines_mark = excluded.lines_mark, line_accounts = excluded.line_accounts,
    marked_version = greatest(excluded.version, d.version + 1)
WHERE CASE excluded.origin WHEN 'partner' THEN excluded.version > d.version ELSE d.origin = 'hub' OR d.removed_at IS NOT NULL END
RETURNING ledger, side, document_id, version;

-- name: upsert_superseded_documents :exec
-- The hub's copies of documents that are the partner's.
-- $1 rows json
INSERT INTO superseded_documents (
    organization_id, ledger, side, document_id, kind, origin, number, party_id, party_name, currency, total_minor, status,
    issued_on, due_on, body, payload, content_hash, list_hash, hub_updated_at, version, first_seen_at, changed_at
)
SELECT organization_id, ledger, side, document_id, kind, origin, number, party_id, party_name, currency, total_minor, status,
    issued_on, due_on, body, payload, content_hash, list_hash, hub_updated_at, version, tieout.now(), tieout.now()
FROM json_populate_recordset(NULL::documents, $1::json) ORDER BY organization_id, ledger, side, document_id
ON CONFLICT (organization_id, ledger, side, document_id) DO UPDATE
SET kind = excluded.kind, number = excluded.number, party_id = excluded.party_id, party_name = excluded.party_name,
    currency = excluded.currency, total_minor = excluded.total_minor, status = excluded.status, issued_on = excluded.issued_on,
    due_on = excluded.due_on, body = excluded.body, payload = excluded.payload, content_hash = excluded.content_hash,
    list_hash = excluded.list_hash, hub_updated_at = excluded.hub_updated_at, version = excluded.version,
    changed_at = tieout.now(), removed_at = NULL;

-- name: mark_documents_seen :exec
-- The hub's version moved, and nothing that we look at did.
-- $1 organization_id, $2 ledger, $3 side, $4 document_ids text[], $5 hub_updated_ats timestamptz[]
WITH seen AS (
    SELECT * FROM unnest($4::text[], $5::timestamptz[]) AS seen (document_id, hub_updated_at)
), superseded AS (
    UPDATE superseded_documents d SET hub_updated_at = seen.hub_updated_at FROM seen
    WHERE d.organization_id = $1 AND d.ledger = $2 AND d.side = $3 AND d.document_id = seen.document_id
)
UPDATE documents d SET hub_updated_at = seen.hub_updated_at FROM seen
WHERE d.organization_id = $1 AND d.ledger = $2 AND d.side = $3 AND d.document_id = seen.document_id AND d.origin = 'hub';

-- name: mark_documents_removed :many
-- Those that a list which may prove absence no longer holds.
-- $1 organization_id, $2 ledger, $3 side, $4 document_ids text[] that it holds
UPDATE documents SET removed_at = tieout.now(), version = version + 1, changed_at = tieout.now()
WHERE organization_id = $1 AND ledger = $2 AND side = $3 AND origin = 'hub' AND removed_at IS NULL
    AND NOT document_id = ANY($4::text[])
RETURNING document_id, version, body;

-- name: mark_document_removed :many
-- One that the hub says does not exist.
-- $1 organization_id, $2 ledger, $3 side, $4 document_id
UPDATE documents SET removed_at = tieout.now(), version = version + 1, changed_at = tieout.now()
WHERE organization_id = $1 AND ledger = $2 AND side = $3 AND document_id = $4 AND origin = 'hub' AND removed_at IS NULL
RETURNING document_id, version, body;

-- name: delete_superseded_document :many
-- The hub's copy of a document that is the partner's, once the hub has none.
-- $1 organization_id, $2 ledger, $3 side, $4 document_id
DELETE FROM superseded_documents WHERE organization_id = $1 AND ledger = $2 AND side = $3 AND document_id = $4
RETURNING document_id;

-- name: list_documents :many
-- Everything of a ledger and side that comparing needs, removed ones included (they were seen once).
-- $1 organization_id, $2 ledger
SELECT side, document_id, body, version, first_seen_at, removed_at FROM documents
WHERE organization_id = $1 AND ledger = $2 ORDER BY side, document_id;

-- name: list_local_amounts :many
-- The money of the hub's local documents by their ids.
-- $1 organization_id, $2 document_ids text[]
SELECT document_id, total_minor, currency FROM documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = ANY($2::text[])
    AND origin = 'hub'
UNION ALL
SELECT document_id, total_minor, currency FROM superseded_documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND document_id = ANY($2::text[]);

-- name: sum_unpaid_invoices :many
-- What is yet to be paid of an organization's invoices, by currency: asked only where payments have no ledger account.
-- $1 organization_id
SELECT currency, count(*) AS invoices, sum(coalesce((body ->> 'due_minor')::bigint, total_minor))::bigint AS due_minor
FROM documents
WHERE organization_id = $1 AND ledger = 'receivable' AND side = 'local' AND kind = 'invoice' AND removed_at IS NULL
    AND currency IS NOT NULL AND coalesce(status, '') NOT IN ('draft', 'void', 'paid')
GROUP BY currency ORDER BY currency;

-- name: list_document_needs :many
-- The normal form of the hub's local documents by their ids, for what they need of the books; and the hub's version of them,
-- which also moves by what the normal form leaves out.
-- $1 organization_id, $2 document_ids text[]
SELECT document_id, body, hub_updated_at FROM documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = ANY($2::text[])
    AND origin = 'hub'
UNION ALL
SELECT document_id, body, hub_updated_at FROM superseded_documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND document_id = ANY($2::text[]);

-- name: list_known_objects :many
-- Which of these ids are objects of this organization, as its own lists have told.
-- $1 organization_id, $2 object_ids text[]
SELECT document_id AS object_id FROM documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND side = 'local' AND document_id = ANY($2::text[])
    AND origin = 'hub'
UNION
SELECT document_id FROM superseded_documents
WHERE organization_id = $1 AND ledger IN ('receivable', 'payable') AND document_id = ANY($2::text[])
UNION
SELECT reference_id FROM reference_objects
WHERE organization_id = $1 AND kind IN ('product', 'counterpart') AND reference_id = ANY($2::text[]);

-- name: list_numbered_books :many
-- Documents that stand in the books under one of these numbers, spelled in whatever case and with whatever spaces; those
-- with a number beyond ASCII are all given, to be compared by whoever asks.
-- $1 organization_id, $2 ledger, $3 number keys text[]
SELECT document_id, body FROM documents
WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND removed_at IS NULL
    AND (replace(lower(number), ' ', '') = ANY($3::text[]) OR number ~ '[^ -~]')
ORDER BY document_id;

-- name: list_fleet_document_names :many
-- What documents of several organizations are called, whether they are still there or not.
-- $1 organization_ids uuid[], $2 ledgers text[], $3 sides text[], $4 document_ids text[]: one row each
SELECT d.organization_id, d.ledger, d.side, d.document_id, d.number, d.party_name
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS asked (organization_id, ledger, side, document_id)
JOIN documents d USING (organization_id, ledger, side, document_id);
