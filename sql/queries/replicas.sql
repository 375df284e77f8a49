-- The replicas, as they last reported.

-- name: upsert_replica :exec
-- $1 replica_id, $2 roles text[], $3 version
INSERT INTO replicas (replica_id, roles, version, started_at, heartbeat_at) VALUES ($1, $2, $3, tieout.now(), tieout.now())
ON CONFLICT (replica_id) DO UPDATE SET roles = excluded.roles, version = excluded.version, heartbeat_at = tieout.now();

-- name: delete_replica :exec
-- $1 replica_id
DELETE FROM replicas WHERE replica_id = $1;

-- name: list_replicas :many
-- $1 interval: silent for longer means gone
SELECT replica_id, roles, version, started_at, heartbeat_at FROM replicas
WHERE heartbeat_at > tieout.now() - $1::interval ORDER BY replica_id;

-- name: prune_replicas :exec
-- $1 interval
DELETE FROM replicas WHERE heartbeat_at <= tieout.now() - $1::interval;
