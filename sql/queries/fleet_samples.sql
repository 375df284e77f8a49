-- How the fleet stood, minute by minute.

-- name: insert_fleet_sample :exec
-- Takes the sample of this minute, unless a replica has; the sums are read only then.
-- $1 states text[] of records that fail
INSERT INTO fleet_samples (taken_at, failing, waiting, differences)
SELECT minute.at, counts.failing, counts.waiting, counts.differences
FROM (SELECT date_trunc('minute', tieout.now()) AS at) minute
CROSS JOIN LATERAL (
    SELECT coalesce(sum(counted) FILTER (WHERE subject = 'records' AND keys[2] = ANY($1::text[])), 0)::bigint AS failing,
        coalesce(sum(counted) FILTER (WHERE subject = 'records' AND keys[2] = 'waiting'), 0)::bigint AS waiting,
        coalesce(sum(counted) FILTER (WHERE subject = 'differences' AND keys[2] = 'false'), 0)::bigint AS differences
    FROM fleet_counts WHERE subject IN ('records', 'differences')
) counts
WHERE NOT EXISTS (SELECT FROM fleet_samples s WHERE s.taken_at = minute.at)
ON CONFLICT DO NOTHING;

-- name: list_fleet_samples :many
-- The last sample of each of $2 equal stretches between the first sample, $1 ago at most, and now; oldest first.
-- $1 window interval, $2 stretches
WITH span AS (
    SELECT greatest(min(taken_at), tieout.now() - $1::interval) AS since FROM fleet_samples
    WHERE taken_at >= tieout.now() - $1::interval
)
SELECT DISTINCT ON (stretch) taken_at, failing, waiting, differences
FROM (
    SELECT s.*, width_bucket(
        extract(epoch FROM s.taken_at), extract(epoch FROM span.since),
        extract(epoch FROM greatest(tieout.now(), span.since + interval '1 second')), $2
    ) AS stretch
    FROM span JOIN fleet_samples s ON s.taken_at >= span.since
) placed
ORDER BY stretch, taken_at DESC;

-- name: prune_fleet_samples :exec
-- $1 kept interval
DELETE FROM fleet_samples WHERE taken_at < tieout.now() - $1::interval;
