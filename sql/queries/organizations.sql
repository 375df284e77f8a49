-- Organizations as the hub lists them.

-- name: list_organization_hashes :many
-- $1 organization_ids uuid[]
SELECT organization_id, content_hash, version, hub_updated_at, removed_at FROM organizations
WHERE organization_id = ANY($1::uuid[]);

-- name: upsert_organizations :exec
-- $1 rows json
WITH incoming AS MATERIALIZED (
    SELECT * FROM json_populate_recordset(NULL::organizations, $1::json)
), listed AS (
    INSERT INTO standings (organization_id, is_listed) SELECT organization_id, true FROM incoming ORDER BY organization_id
    ON CONFLICT (organization_id) DO UPDATE SET is_listed = true
)
INSERT INTO organizations (
    organization_id, name, status, hub_created_at, hub_updated_at, payload, content_hash, version, first_seen_at
)
SELECT organization_id, name, status, hub_created_at, hub_updated_at, payload, content_hash, version, tieout.now()
FROM incoming
ORDER BY organization_id
ON CONFLICT (organization_id) DO UPDATE
SET name = excluded.name, status = excluded.status, hub_created_at = excluded.hub_created_at,
    hub_updated_at = excluded.hub_updated_at, payload = excluded.payload, content_hash = excluded.content_hash,
    version = excluded.version, removed_at = NULL;

-- name: insert_organization_history :exec
-- Versions of the organizations themselves, of many at once.
-- $1 rows json [{organization_id, version, valid_from, body}]
INSERT INTO history (organization_id, kind, object_id, version, valid_from, known_from, body)
SELECT organization_id, 'organization', organization_id::text, version, valid_from, tieout.now(), body
FROM json_to_recordset($1::json) AS row (organization_id uuid, version bigint, valid_from timestamptz, body jsonb);

-- name: list_unlisted_organizations :many
-- Those that a list of the hub does not hold.
-- $1 organization_ids uuid[] that it does hold, $2 limit
SELECT organization_id FROM organizations WHERE removed_at IS NULL AND NOT organization_id = ANY($1::uuid[])
ORDER BY organization_id LIMIT $2;

-- name: mark_organizations_removed :many
-- Those that the hub says do not exist.
-- $1 organization_ids uuid[]
WITH gone AS (
    UPDATE organizations SET removed_at = tieout.now(), version = version + 1
    WHERE removed_at IS NULL AND organization_id = ANY($1::uuid[])
    RETURNING organization_id, version, name, status, hub_created_at, hub_updated_at, payload
), unlisted AS (
    UPDATE standings s SET is_listed = false FROM gone g WHERE s.organization_id = g.organization_id
)
SELECT * FROM gone;

-- name: list_organizations :many
-- By name, after a key; with their connection and counts, which are looked up for those of the page alone.
-- $1 after name or null, $2 after organization_id, $3 limit, $4 organization_id or null, $5 how the name begins or null,
-- $6 how its connection stands or null
SELECT o.organization_id, o.name, o.status, o.hub_created_at, o.first_seen_at, o.removed_at,
    c.connection_id, c.status AS connection_status, c.platform, c.last_pull, c.changed_at AS connection_changed_at,
    c.connection_url, c.connected_at, s.read_at AS connection_observed_at
FROM (
    SELECT organization_id, name, status, hub_created_at, first_seen_at, removed_at FROM organizations
    WHERE ($4::uuid IS NULL OR organization_id = $4)
        AND ($1::text IS NULL OR (name, organization_id) > ($1, $2::uuid))
        AND ($5::text IS NULL OR starts_with(lower(name), lower($5)))
        AND ($6::text IS NULL OR $6 = coalesce((
            SELECT w.connection_status FROM standings w WHERE w.organization_id = organizations.organization_id
        ), 'none'))
    ORDER BY name, organization_id LIMIT $3
) o
LEFT JOIN LATERAL (
    SELECT * FROM connections c
    WHERE c.organization_id = o.organization_id AND c.removed_at IS NULL
    ORDER BY (c.status = 'connected') DESC NULLS LAST, c.hub_created_at DESC NULLS LAST LIMIT 1
) c ON true
LEFT JOIN streams s ON s.organization_id = o.organization_id AND s.stream = 'connection'
ORDER BY o.name, o.organization_id;

-- name: list_organization_names :many
-- $1 organization_ids uuid[]
SELECT organization_id, name FROM organizations WHERE organization_id = ANY($1::uuid[]);
