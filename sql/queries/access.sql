-- Keys and page sessions, known by their digests only.

-- name: get_api_key :one
-- $1 digest
SELECT key_id, name, role, organization_id FROM api_keys WHERE digest = $1 AND revoked_at IS NULL;

-- name: list_api_keys :many
SELECT key_id, name, role, organization_id, created_at, revoked_at FROM api_keys ORDER BY revoked_at NULLS FIRST, name;

-- name: count_api_keys :one
SELECT count(*) AS live FROM api_keys WHERE revoked_at IS NULL;

-- name: insert_api_key :one
-- No row when a live key of that name exists.
-- $1 key_id, $2 name, $3 role, $4 organization_id, $5 digest
INSERT INTO api_keys (key_id, name, role, organization_id, digest, created_at) VALUES ($1, $2, $3, $4, $5, tieout.now())
ON CONFLICT DO NOTHING RETURNING key_id;

-- name: mark_api_key_revoked :one
-- $1 name
UPDATE api_keys SET revoked_at = tieout.now() WHERE name = $1 AND revoked_at IS NULL RETURNING key_id;

-- name: insert_session :exec
-- $1 digest, $2 key_name, $3 role, $4 organization_id, $5 csrf_token, $6 lifetime interval
INSERT INTO sessions (digest, key_name, role, organization_id, csrf_token, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, tieout.now(), tieout.now() + $6::interval);

-- name: get_session :one
-- $1 digest
SELECT key_name, role, organization_id, csrf_token, expires_at FROM sessions WHERE digest = $1 AND expires_at > tieout.now();

-- name: delete_session :exec
-- $1 digest
DELETE FROM sessions WHERE digest = $1;

-- name: prune_sessions :exec
DELETE FROM sessions WHERE expires_at <= tieout.now();
