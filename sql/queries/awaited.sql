-- Results of pushes that events have announced.

-- name: insert_awaited :exec
-- Awaits results from now on; of several events about one object the last counts.
-- $1 organization_id, $2 streams text[], $3 object_ids text[], $4 since timestamptz[]
INSERT INTO awaited AS a (organization_id, stream, object_id, since)
SELECT $1, stream, object_id, max(since)
FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS event (stream, object_id, since)
GROUP BY stream, object_id ORDER BY stream, object_id
ON CONFLICT (organization_id, stream, object_id) DO UPDATE SET since = greatest(a.since, excluded.since);

-- name: list_awaited :many
-- The youngest of each stream.
-- $1 organization_id, $2 how many of each
SELECT stream, since
FROM (
    SELECT stream, since, row_number() OVER (PARTITION BY stream ORDER BY since DESC) AS number
    FROM awaited WHERE organization_id = $1
) ranked
WHERE number <= $2
ORDER BY stream, since;

-- name: delete_answered :many
-- Records that ended after an event answer it, in whichever stream it was awaited; any of a stream answers the nameless.
-- Tells how long each took.
-- $1 organization_id, $2 stream, $3 object_ids text[], $4 updated_ats timestamptz[]
DELETE FROM awaited a
USING (
    SELECT object_id, max(updated_at) AS updated_at
    FROM unnest($3::text[], $4::timestamptz[]) AS record (object_id, updated_at) GROUP BY object_id
    UNION ALL
    SELECT '', max(updated_at) FROM unnest($4::timestamptz[]) AS updated_at
) record
WHERE a.organization_id = $1 AND a.object_id = record.object_id AND record.updated_at >= a.since
    AND (a.stream = $2 OR a.object_id <> '')
RETURNING extract(epoch FROM record.updated_at - a.since)::float8 AS seconds;

-- name: delete_given_up :many
-- What was awaited in vain for too long.
-- $1 organization_id, $2 stream, $3 since
DELETE FROM awaited WHERE organization_id = $1 AND stream = $2 AND since < $3 RETURNING object_id;
