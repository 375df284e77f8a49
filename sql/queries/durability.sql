-- What the server loses when it stops all at once.

-- name: ensure_durable :exec
-- This transaction is on disk before its commit is answered, however the server is set; a stronger setting is left as it is.
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') IN ('off', 'local');

-- name: list_forgetful_settings :many
-- Settings by which what was committed may be lost, or the database as a whole.
SELECT name FROM unnest(ARRAY['fsync', 'full_page_writes', 'synchronous_commit']) AS name
WHERE current_setting(name) = 'off' ORDER BY name;
