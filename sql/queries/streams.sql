-- Where the reading of each stream of an organization stands.

-- name: ensure_streams :many
-- Makes the rows of organizations that have none yet, due at once; tells whose they are.
-- $1 organization_ids uuid[], $2 streams text[]
INSERT INTO streams (organization_id, stream, due_at)
SELECT organization_id, stream, tieout.now()
FROM unnest($1::uuid[]) AS organization_id CROSS JOIN unnest($2::text[]) AS stream
ORDER BY organization_id, stream
ON CONFLICT DO NOTHING
RETURNING organization_id;

-- name: list_streams :many
-- $1 organization_id
SELECT stream, due_at, cursor_at, read_at, full_at, bound_at, failures, error, wanted_at, wanted_until, calls, changes_per_second
FROM streams WHERE organization_id = $1;

-- name: upsert_stream :exec
-- What came of a reading. It has met the wishes for times before it began; later ones stay. A stream that was restarted while it
-- was read otherwise than in full stays due at once, and in full.
-- $1 organization_id, $2 stream, $3 due_at, $4 cursor_at, $5 read_at, $6 full_at, $7 failures, $8 error, $9 began_at,
-- $10 bound_at, $11 demand_seconds, $12 calls, $13 changes_per_second
INSERT INTO streams AS s (
    organization_id, stream, due_at, cursor_at, read_at, full_at, failures, error, bound_at, demand_seconds, calls,
    changes_per_second
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $10, $11, $12, $13)
ON CONFLICT (organization_id, stream) DO UPDATE
SET due_at = CASE WHEN s.full_at IS NULL AND excluded.full_at < $9 THEN least(s.due_at, excluded.due_at) ELSE excluded.due_at END,
    cursor_at = excluded.cursor_at, read_at = excluded.read_at,
    full_at = CASE WHEN s.full_at IS NULL AND excluded.full_at < $9 THEN NULL ELSE excluded.full_at END,
    failures = excluded.failures, error = excluded.error, bound_at = excluded.bound_at,
    demand_seconds = excluded.demand_seconds, calls = excluded.calls, changes_per_second = excluded.changes_per_second,
    wanted_at = CASE WHEN s.wanted_at > $9 THEN s.wanted_at WHEN s.wanted_until > $9 THEN s.wanted_until END,
    wanted_until = CASE WHEN s.wanted_until > $9 THEN s.wanted_until END;

-- name: mark_streams_due :exec
-- Moves streams: forward when something was learned, back when what they were due for is not worth its call any more. Whoever
-- moved one meanwhile knows better.
-- $1 organization_id, $2 streams text[], $3 due_ats timestamptz[], $4 the due_ats that were seen timestamptz[]
UPDATE streams s SET due_at = moved.due_at
FROM unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS moved (stream, due_at, seen_at)
WHERE s.organization_id = $1 AND s.stream = moved.stream AND s.due_at = moved.seen_at;

-- name: nudge_streams :exec
-- Wishes for streams of one organization no later than given.
-- $1 organization_id, $2 streams text[], $3 wanted_ats timestamptz[]
UPDATE streams s
SET wanted_at = least(s.wanted_at, wish.wanted_at), wanted_until = greatest(s.wanted_until, wish.wanted_until)
FROM (
    SELECT stream, min(wanted_at) AS wanted_at, max(wanted_at) AS wanted_until
    FROM unnest($2::text[], $3::timestamptz[]) AS each (stream, wanted_at) GROUP BY stream
) wish
WHERE s.organization_id = $1 AND s.stream = wish.stream;

-- name: restart_streams :exec
-- Makes everything that was not read whole since the backfill of these organizations began due at once and in full, whatever the
-- cursors say.
-- $1 organization_ids uuid[]
UPDATE streams s SET due_at = tieout.now(), full_at = NULL, failures = 0 FROM backfills b
WHERE s.organization_id = ANY($1::uuid[]) AND b.organization_id = s.organization_id
    AND (s.full_at IS NULL OR s.full_at < b.began_at);

-- name: insert_targets :exec
-- Single objects to be read alone; a repeated wish keeps the earlier time and is counted.
-- $1 organization_id, $2 streams text[], $3 object_ids text[], $4 wanted_ats timestamptz[]
INSERT INTO targets AS t (organization_id, stream, object_id, wanted_at)
SELECT $1, stream, object_id, min(wanted_at)
FROM unnest($2::text[], $3::text[], $4::timestamptz[]) AS wish (stream, object_id, wanted_at)
GROUP BY stream, object_id ORDER BY stream, object_id
ON CONFLICT (organization_id, stream, object_id) DO UPDATE
SET wanted_at = least(t.wanted_at, excluded.wanted_at), wishes = t.wishes + 1;

-- name: list_targets :many
-- Those that are wanted by now, longest wanted first.
-- $1 organization_id, $2 stream, $3 now, $4 limit
SELECT object_id, wanted_at, wishes FROM targets WHERE organization_id = $1 AND stream = $2 AND wanted_at <= $3
ORDER BY wanted_at LIMIT $4;

-- name: list_next_targets :many
-- When the next single object of each stream is wanted.
-- $1 organization_id
SELECT stream, min(wanted_at) AS wanted_at FROM targets WHERE organization_id = $1 GROUP BY stream;

-- name: delete_targets :exec
-- Those that were read, unless somebody wished again meanwhile.
-- $1 organization_id, $2 stream, $3 object_ids text[], $4 wishes integer[]
DELETE FROM targets t
USING unnest($3::text[], $4::integer[]) AS done (object_id, wishes)
WHERE t.organization_id = $1 AND t.stream = $2 AND t.object_id = done.object_id AND t.wishes = done.wishes;

-- name: delete_targets_before :exec
-- A list that began to be read then has answered all wishes before.
-- $1 organization_id, $2 stream, $3 began_at
DELETE FROM targets WHERE organization_id = $1 AND stream = $2 AND wanted_at < $3 AND wishes = 1;

-- name: mark_targets_wanted :exec
-- Puts off what could not be read.
-- $1 organization_id, $2 stream, $3 object_ids text[], $4 wanted_at
UPDATE targets SET wanted_at = $4 WHERE organization_id = $1 AND stream = $2 AND object_id = ANY($3::text[]);
