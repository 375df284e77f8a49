-- Reading everything anew: whom it is about, and how far it has come.

-- name: list_backfill_organizations :many
-- Those that are asked for, or all that the hub lists.
-- $1 organization_ids uuid[] or null
SELECT organization_id FROM organizations
WHERE removed_at IS NULL AND ($1::uuid[] IS NULL OR organization_id = ANY($1::uuid[]))
ORDER BY organization_id;

-- name: get_fleet_listing :one
-- When the list of organizations was last asked for, and why it was not read, where it was not.
SELECT finished_at, CASE WHEN failures > 0 THEN coalesce(error, 'the reading failed') END AS error
FROM work WHERE kind = 'fleet' AND finished_at IS NOT NULL
ORDER BY finished_at DESC LIMIT 1;

-- name: is_backfill_open :one
-- Whether an earlier one of some of these has not ended: what it asks for is due, or was not even made due.
-- $1 organization_ids uuid[]
SELECT EXISTS (
    SELECT FROM backfills b JOIN streams s ON s.organization_id = b.organization_id
    WHERE b.organization_id = ANY($1::uuid[])
        AND (s.full_at < b.began_at OR s.full_at IS NULL AND s.due_at <= tieout.now())
) AS is_open;

-- name: insert_backfills :exec
-- Writes down that everything is to be read anew; begun again from there on, or only where none is under way.
-- $1 organization_ids uuid[], $2 began_at, $3 whether to begin again
INSERT INTO backfills AS b (organization_id, began_at)
SELECT organization_id, $2 FROM unnest($1::uuid[]) AS organization_id ORDER BY organization_id
ON CONFLICT (organization_id) DO UPDATE SET began_at = excluded.began_at WHERE $3::boolean;

-- name: delete_backfills :exec
-- Those that have ended.
-- $1 organization_ids uuid[]
DELETE FROM backfills WHERE organization_id = ANY($1::uuid[]);

-- name: get_backfill_progress :one
-- A stream is to be read while it was not read whole since the backfill began, and is due; one that fails comes again later. Passed
-- over is what was being read when it was made due.
-- $1 organization_ids uuid[]
SELECT count(*) AS streams,
    count(*) FILTER (WHERE s.full_at < b.began_at OR s.full_at IS NULL AND s.due_at <= tieout.now()) AS remaining,
    count(*) FILTER (WHERE s.full_at < b.began_at) AS passed_over,
    count(DISTINCT s.organization_id) FILTER (WHERE s.failures > 0) AS failing
FROM streams s LEFT JOIN backfills b ON b.organization_id = s.organization_id
WHERE s.organization_id = ANY($1::uuid[]);
