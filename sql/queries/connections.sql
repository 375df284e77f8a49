-- The links of organizations to QuickBooks Online or Xero.

-- name: list_connections :many
-- The current one first: connected before others, newer before older.
-- $1 organization_id
SELECT * FROM connections WHERE organization_id = $1
ORDER BY (removed_at IS NULL) DESC, (status = 'connected') DESC NULLS LAST, hub_created_at DESC NULLS LAST;

-- name: upsert_connections :exec
-- When a connection first worked stays. One that works again was renewed when the hub changed it, as far as it says so; a pull, which
-- moves that time too, is no renewal.
-- $1 rows json
INSERT INTO connections (
    organization_id, connection_id, status, platform, last_pull, connection_url, errors, hub_created_at, hub_updated_at,
    payload, content_hash, version, first_seen_at, changed_at, connected_at, removed_at
)
SELECT organization_id, connection_id, status, platform, last_pull, connection_url, errors, hub_created_at, hub_updated_at,
    payload, content_hash, version, tieout.now(), tieout.now(),
    CASE WHEN status = 'connected' THEN coalesce(hub_created_at, tieout.now()) END, removed_at
FROM json_populate_recordset(NULL::connections, $1::json)
ON CONFLICT (organization_id, connection_id) DO UPDATE
SET status = excluded.status, platform = excluded.platform, last_pull = excluded.last_pull,
    connection_url = coalesce(excluded.connection_url, connections.connection_url), errors = excluded.errors,
    hub_created_at = excluded.hub_created_at, hub_updated_at = excluded.hub_updated_at, payload = excluded.payload,
    content_hash = excluded.content_hash, version = excluded.version, changed_at = tieout.now(),
    connected_at = coalesce(connections.connected_at, excluded.connected_at), removed_at = excluded.removed_at,
    renewed_at = CASE
        WHEN excluded.status IS DISTINCT FROM 'connected' OR connections.status = 'connected' THEN connections.renewed_at
        WHEN excluded.hub_updated_at > connections.hub_updated_at THEN least(excluded.hub_updated_at, tieout.now())
        ELSE tieout.now()
    END;

-- name: upsert_connection_standing :exec
-- Where an organization stands after its connections were written: connected before others, newer before older. Books that were
-- never pulled are as old as their connection.
-- $1 organization_id
INSERT INTO standings (organization_id, connection_status, last_pull)
SELECT $1, c.status, c.last_pull FROM (SELECT) AS always
LEFT JOIN LATERAL (
    SELECT status, coalesce(last_pull, renewed_at, connected_at) AS last_pull FROM connections
    WHERE organization_id = $1 AND removed_at IS NULL
    ORDER BY (status = 'connected') DESC NULLS LAST, hub_created_at DESC NULLS LAST LIMIT 1
) c ON true
ON CONFLICT (organization_id) DO UPDATE
SET connection_status = excluded.connection_status, last_pull = excluded.last_pull;
