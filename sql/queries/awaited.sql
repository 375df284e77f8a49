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
-- Tells how long each took. Rows are locked in the order in which they are inserted, so that nobody waits crosswise.
-- $1 organization_id, $2 stream, $3 object_ids text[], $4 updated_ats timestamptz[]
WITH answered AS MATERIALIZED (
    SELECT a.stream, a.object_id, extract(epoch FROM record.updated_at - a.since)::float8 AS seconds
    FROM awaited a
    JOIN (
        SELECT object_id, max(updated_at) AS updated_at
        FROM unnest($3::text[], $4::timestamptz[]) AS record (object_id, updated_at) GROUP BY object_id
        UNION ALL
        SELECT '', max(updated_at) FROM unnest($4::timestamptz[]) AS updated_at
    ) record USING (object_id)
    WHERE a.organization_id = $1 AND record.updated_at >= a.since AND (a.stream = $2 OR a.object_id <> '')
    ORDER BY a.stream, a.object_id
    FOR UPDATE OF a
)
DELETE FROM awaited a USING answered
WHERE a.organization_id = $1 AND a.stream = answered.stream AND a.object_id = answered.object_id
RETURNING answered.seconds;

-- name: delete_given_up :many
-- What was awaited in vain for too long.
-- $1 organization_id, $2 stream, $3 since
WITH given_up AS MATERIALIZED (
    SELECT stream, object_id FROM awaited WHERE organization_id = $1 AND stream = $2 AND since < $3
    ORDER BY stream, object_id FOR UPDATE
)
DELETE FROM awaited a USING given_up
WHERE a.organization_id = $1 AND a.stream = given_up.stream AND a.object_id = given_up.object_id
RETURNING a.object_id;
