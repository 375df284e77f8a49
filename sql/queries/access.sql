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
-- $1 digest, $2 key_digest or null, $3 key_name, $4 role, $5 organization_id, $6 csrf_token, $7 lifetime interval
INSERT INTO sessions (digest, key_digest, key_name, role, organization_id, csrf_token, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, tieout.now(), tieout.now() + $7::interval);

-- name: get_session :one
-- Tells too whether the key that opened it still lives in our table; one of the environment does not stand there.
-- $1 digest
SELECT s.digest, s.key_digest, s.key_name, s.role, s.organization_id, s.csrf_token, k.key_id IS NOT NULL AS is_key_live
FROM sessions s
LEFT JOIN api_keys k ON k.digest = s.key_digest AND k.revoked_at IS NULL
WHERE s.digest = $1 AND s.expires_at > tieout.now();

-- name: delete_session :exec
-- $1 digest
DELETE FROM sessions WHERE digest = $1;

-- name: prune_sessions :exec
-- What has expired: sessions and login codes alike.
WITH codes AS (DELETE FROM login_codes WHERE expires_at <= tieout.now())
DELETE FROM sessions WHERE expires_at <= tieout.now();

-- name: insert_login_code :exec
-- $1 digest, $2 key_name, $3 role, $4 organization_id, $5 lifetime interval
INSERT INTO login_codes (digest, key_name, role, organization_id, expires_at)
VALUES ($1, $2, $3, $4, tieout.now() + $5::interval);

-- name: take_login_code :one
-- Gives a code that has not expired, and makes it unusable in the same breath.
-- $1 digest
DELETE FROM login_codes WHERE digest = $1 RETURNING key_name, role, organization_id, expires_at > tieout.now() AS is_live;
