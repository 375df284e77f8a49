-- Where the reading of each stream of an organization stands.

-- name: list_streams :many
-- $1 organization_id
SELECT stream, due_at, cursor_at, read_at, full_at, failures, error FROM streams WHERE organization_id = $1;

-- name: upsert_stream :exec
-- $1 organization_id, $2 stream, $3 due_at, $4 cursor_at, $5 read_at, $6 full_at, $7 failures, $8 error
INSERT INTO streams (organization_id, stream, due_at, cursor_at, read_at, full_at, failures, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (organization_id, stream) DO UPDATE
SET due_at = excluded.due_at, cursor_at = excluded.cursor_at, read_at = excluded.read_at,
    full_at = excluded.full_at, failures = excluded.failures, error = excluded.error;

-- name: nudge_streams :exec
-- Wishes for streams of one organization no later than given.
-- $1 organization_id, $2 streams text[], $3 wanted_at
UPDATE streams SET due_at = least(due_at, $3) WHERE organization_id = $1 AND stream = ANY($2::text[]) AND due_at > $3;

-- name: insert_targets :exec
-- Single objects to be read alone; a repeated wish keeps the earlier time.
-- $1 organization_id, $2 streams text[], $3 object_ids text[], $4 wanted_at
INSERT INTO targets AS t (organization_id, stream, object_id, wanted_at)
SELECT $1, stream, object_id, $4 FROM unnest($2::text[], $3::text[]) AS wish (stream, object_id)
ORDER BY stream, object_id
ON CONFLICT (organization_id, stream, object_id) DO UPDATE SET wanted_at = least(t.wanted_at, excluded.wanted_at);

-- name: list_targets :many
-- $1 organization_id, $2 stream, $3 limit
SELECT object_id FROM targets WHERE organization_id = $1 AND stream = $2 ORDER BY wanted_at LIMIT $3;

-- name: delete_targets :exec
-- $1 organization_id, $2 stream, $3 object_ids text[] or null for all of the stream
DELETE FROM targets WHERE organization_id = $1 AND stream = $2 AND ($3::text[] IS NULL OR object_id = ANY($3::text[]));

-- name: get_oldest_full_read :one
-- The oldest complete reading over the whole fleet; null while any stream has had none.
SELECT CASE WHEN count(*) = count(full_at) THEN min(full_at) END AS last_full_sweep_at
FROM streams WHERE stream LIKE 'records:%';
