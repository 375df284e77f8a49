-- What the cadence of all organizations has in common, one row.

-- name: get_pace :one
-- What a call is worth just now, how far bounds are stretched, and what was learned.
SELECT price, stretch, comparing_stretch, pull_seconds, prompt, late, missed, changes, used_per_second, readings,
    waited_seconds, priced_at, stretched_at
FROM pace WHERE is_only;

-- name: lock_pace :one
-- The same, for whoever is about to write it; with the time, read when the row is ours.
SELECT price, stretch, comparing_stretch, pull_seconds, prompt, late, missed, changes, used_per_second, readings,
    waited_seconds, priced_at, stretched_at, tieout.instant() AS now
FROM pace WHERE is_only FOR UPDATE;

-- name: update_pace :exec
-- $1 price, $2 stretch, $3 comparing_stretch, $4 pull_seconds, $5 prompt double precision[], $6 late, $7 missed, $8 changes,
-- $9 readings, $10 waited_seconds, $11 priced_at, $12 stretched_at, $13 used_per_second
UPDATE pace
SET price = $1, stretch = $2, comparing_stretch = $3, pull_seconds = $4, prompt = $5, late = $6, missed = $7, changes = $8,
    readings = $9, waited_seconds = $10, priced_at = $11, stretched_at = $12, used_per_second = $13
WHERE is_only;

-- name: update_pace_policy :one
-- Notes the bounds that settings name; tells whether they were others before.
-- $1 policy text
UPDATE pace SET policy = $1 FROM (SELECT policy FROM pace WHERE is_only FOR UPDATE) before
WHERE is_only RETURNING before.policy IS NOT NULL AND before.policy <> $1 AS has_changed;

-- name: sum_demand :many
-- How many calls a reading of every stream would take, by how often it asks to be read and by what it is for.
SELECT round(demand_seconds) AS seconds, stream LIKE 'books:%' OR stream LIKE 'local:%' AS is_for_comparing, sum(calls) AS calls
FROM streams WHERE demand_seconds > 0
GROUP BY 1, 2;
