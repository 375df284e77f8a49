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

-- name: get_backfill_progress :one
-- A stream is to be read while it is due and was not read whole since it was restarted; one that fails comes again later.
-- $1 organization_ids uuid[]
SELECT count(*) AS streams, count(*) FILTER (WHERE full_at IS NULL AND due_at <= tieout.now()) AS remaining,
    count(DISTINCT organization_id) FILTER (WHERE failures > 0) AS failing
FROM streams WHERE organization_id = ANY($1::uuid[]);
