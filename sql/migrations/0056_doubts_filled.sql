-- A release without doubts wrote none down: what it left in quarantine, or on its way behind one or behind `done`, counts as doubted.

-- 0048 left them empty, so the first harmless failure after the upgrade freed a record whose earlier try may have landed. Rather too many
-- than too few: what a push on proof has set on its way is among them, and is looked for in the books again only if it fails once more.
UPDATE tieout.records r SET doubted_at = r.updated_at
WHERE r.doubted_at IS NULL AND (r.state = 'quarantined' OR r.state = 'waiting' AND (
    r.cause IN (
        'timeout_ambiguous', 'platform_internal_error', 'stale_object', 'duplicate_document_number', 'document_not_modifiable', 'unknown'
    )
    OR r.healed_at IS NOT NULL
    OR EXISTS (
        SELECT FROM tieout.history h
        WHERE h.organization_id = r.organization_id AND h.kind = 'record' AND h.object_id = r.record_id::text
            AND h.body ->> 'state' IN ('quarantined', 'acknowledged', 'confirmed')
    )
));
