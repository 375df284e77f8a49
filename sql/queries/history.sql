-- Append-only versions of everything watched.

-- name: insert_history :exec
-- $1 organization_id, $2 kind, $3 rows json [{object_id, version, valid_from, body}]
INSERT INTO history (organization_id, kind, object_id, version, valid_from, known_from, body)
SELECT $1, $2, object_id, version, valid_from, tieout.now(), body
FROM json_to_recordset($3::json) AS row (object_id text, version bigint, valid_from timestamptz, body jsonb);

-- name: list_history :many
-- The versions of one object, newest first: all, or those known at an instant.
-- $1 organization_id, $2 kind, $3 object_id, $4 limit, $5 as_of or null
SELECT version, valid_from, known_from, body FROM history
WHERE organization_id = $1 AND kind = $2 AND object_id = $3 AND known_from <= coalesce($5::timestamptz, 'infinity')
ORDER BY version DESC, known_from DESC LIMIT $4;

-- name: ensure_history_month :one
-- $1 date
SELECT tieout.ensure_history_month($1) AS made;

-- name: empty_history_before :one
-- Takes versions out of the oldest month that ended before a day, keeping the last one of each object.
-- $1 date, $2 how many
SELECT tieout.empty_history_before($1, $2) AS taken;

-- name: return_history :one
-- Brings kept versions back, once the months that held them are gone.
-- $1 how many
SELECT tieout.return_history($1) AS returned;

-- name: drop_history_before :one
-- $1 date
SELECT tieout.drop_history_before($1) AS dropped;
