-- What a partner put and took back before the hub's copy was first read hid that copy for good: it takes its place.

WITH beside AS (
    DELETE FROM tieout.superseded_documents s USING tieout.documents d
    WHERE d.organization_id = s.organization_id AND d.ledger = s.ledger AND d.side = s.side AND d.document_id = s.document_id
        AND d.origin = 'partner' AND d.removed_at IS NOT NULL
    RETURNING s.*
), restored AS (
    UPDATE tieout.documents d
    SET kind = b.kind, origin = b.origin, number = b.number, party_id = b.party_id, party_name = b.party_name,
        currency = b.currency, total_minor = b.total_minor, status = b.status, issued_on = b.issued_on, due_on = b.due_on,
        body = b.body, payload = b.payload, content_hash = b.content_hash, list_hash = b.list_hash,
        hub_updated_at = b.hub_updated_at, version = d.version + 1, changed_at = tieout.now(), removed_at = NULL
    FROM beside b
    WHERE d.organization_id = b.organization_id AND d.ledger = b.ledger AND d.side = b.side AND d.document_id = b.document_id
    RETURNING d.*
), kept AS (
    INSERT INTO tieout.history (organization_id, kind, object_id, version, valid_from, known_from, body)
    SELECT organization_id, 'document', ledger || '/' || side || '/' || document_id, version, hub_updated_at, tieout.now(),
        jsonb_build_object('document', body, 'removed', false)
    FROM restored
)
UPDATE tieout.work
SET due_at = CASE WHEN lease_by IS NULL THEN least(due_at, tieout.now()) ELSE due_at END,
    wanted_at = CASE WHEN lease_by IS NULL THEN wanted_at ELSE least(wanted_at, tieout.now()) END
WHERE kind = 'compare' AND organization_id IN (SELECT organization_id FROM restored);
