-- Tax rates, ledger accounts, products, counterparts, settings.

-- name: list_reference_hashes :many
-- $1 organization_id, $2 kind
SELECT reference_id, content_hash, version, removed_at, hub_updated_at FROM reference_objects
WHERE organization_id = $1 AND kind = $2;

-- name: upsert_reference_objects :exec
-- $1 rows json
INSERT INTO reference_objects (
    organization_id, kind, reference_id, name, code, rate, status, is_external, payload, content_hash, version, hub_updated_at,
    first_seen_at, changed_at
)
SELECT organization_id, kind, reference_id, name, code, rate, status, is_external, payload, content_hash, version, hub_updated_at,
    tieout.now(), tieout.now()
FROM json_populate_recordset(NULL::reference_objects, $1::json) ORDER BY organization_id, kind, reference_id
ON CONFLICT (organization_id, kind, reference_id) DO UPDATE
SET name = excluded.name, code = excluded.code, rate = excluded.rate, status = excluded.status,
    is_external = excluded.is_external, payload = excluded.payload, content_hash = excluded.content_hash,
    version = excluded.version, hub_updated_at = excluded.hub_updated_at, changed_at = tieout.now(), removed_at = NULL;

-- name: mark_reference_objects_touched :exec
-- The hub's version of them moved, and nothing that their list shows did: no version of ours.
-- $1 organization_id, $2 kind, $3 reference_ids text[], $4 hub_updated_ats timestamptz[]
UPDATE reference_objects r SET hub_updated_at = touched.hub_updated_at
FROM unnest($3::text[], $4::timestamptz[]) AS touched (reference_id, hub_updated_at)
WHERE r.organization_id = $1 AND r.kind = $2 AND r.reference_id = touched.reference_id;

-- name: mark_reference_objects_removed :many
-- Those that a complete list no longer holds.
-- $1 organization_id, $2 kind, $3 reference_ids text[] that it holds
UPDATE reference_objects SET removed_at = tieout.now(), version = version + 1, changed_at = tieout.now()
WHERE organization_id = $1 AND kind = $2 AND removed_at IS NULL AND NOT reference_id = ANY($3::text[])
RETURNING reference_id, version;

-- name: list_reference_objects :many
-- $1 organization_id, $2 kinds text[]
SELECT kind, reference_id, name, code, rate, status, is_external, payload, hub_updated_at FROM reference_objects
WHERE organization_id = $1 AND kind = ANY($2::text[]) AND removed_at IS NULL ORDER BY kind, reference_id;

-- name: list_references_by_ids :many
-- $1 organization_id, $2 kinds text[], $3 reference_ids text[]
SELECT kind, reference_id, name, code, rate, status, is_external, payload, hub_updated_at FROM reference_objects
WHERE organization_id = $1 AND kind = ANY($2::text[]) AND reference_id = ANY($3::text[]) AND removed_at IS NULL;

-- name: count_references_by_name :many
-- How many objects bear each of these names.
-- $1 organization_id, $2 kinds text[], $3 names text[]
SELECT kind, name, count(*) AS objects FROM reference_objects
WHERE organization_id = $1 AND kind = ANY($2::text[]) AND name = ANY($3::text[]) AND removed_at IS NULL
GROUP BY kind, name;

-- name: list_product_namesakes :many
-- Names that several products bear.
-- $1 organization_id
SELECT name FROM reference_objects
WHERE organization_id = $1 AND kind = 'product' AND removed_at IS NULL AND name IS NOT NULL
GROUP BY name HAVING count(*) > 1 ORDER BY name;
