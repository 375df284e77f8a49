-- Webhooks as the receiver stores them, and what it counts.

-- name: store_deliveries :many
-- Stores deliveries, each event once: a known one counts its repeats. One that was found in the hub's log, which names no
-- subscription, before its delivery came is adopted by it. Counts how they ended, wishes for the work of what is new, and
-- makes the commit wait for the disk as `ensure_durable` does: all in one question, since every round trip that a commit takes
-- is waited for by all who come meanwhile. What cannot be read needs no work. Gives back those that were known before, or one
-- row without any. The rows are in order of their key, so that commits which store the same ones at once wait for each other
-- instead of blocking each other.
-- $1 organization_ids uuid[], $2 event_ids uuid[], $3 subscription_ids uuid[], $4 object_types text[], $5 actions text[],
-- $6 object_ids text[], $7 created_ats timestamptz[], $8 raws bytea[], $9 quarantined text[], $10 repeats int[],
-- $11 shard, $12 kind of work; $9 and $10 may be NULL when there is none
WITH incoming AS (
    SELECT organization_id, event_id, subscription_id, object_type, action, object_id, created_at, raw, quarantined,
        coalesce(repeats, 0) AS repeats
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bytea[], $9::text[],
        $10::int[]
    ) AS row (
        organization_id, event_id, subscription_id, object_type, action, object_id, created_at, raw, quarantined, repeats
    )
), adopted AS (
    UPDATE events e SET subscription_id = i.subscription_id, source = 'webhook', raw = i.raw, duplicates = e.duplicates + i.repeats
    FROM incoming i
    WHERE e.organization_id = i.organization_id AND e.event_id = i.event_id AND e.source = 'log'
        AND NOT EXISTS (
            SELECT FROM events k WHERE k.organization_id = i.organization_id AND k.event_id = i.event_id
                AND k.subscription_id = i.subscription_id AND k.source = 'webhook'
        )
    RETURNING e.organization_id, e.event_id, e.subscription_id
), stored AS (
    INSERT INTO events AS e (
        organization_id, event_id, subscription_id, source, object_type, action, object_id, created_at, received_at, raw,
        quarantined, duplicates, worked_at
    )
    SELECT organization_id, event_id, subscription_id, 'webhook', object_type, action, object_id, created_at, tieout.now(), raw,
        quarantined, repeats, CASE WHEN quarantined IS NOT NULL THEN tieout.now() END
    FROM incoming i
    WHERE NOT EXISTS (
        SELECT FROM adopted a WHERE a.organization_id = i.organization_id AND a.event_id = i.event_id
            AND a.subscription_id = i.subscription_id
    )
    ON CONFLICT (organization_id, event_id, subscription_id) DO UPDATE SET duplicates = e.duplicates + excluded.duplicates + 1
    RETURNING organization_id, event_id, subscription_id, CASE
        WHEN xmax <> 0 THEN 'duplicate' WHEN quarantined IS NOT NULL THEN 'quarantined' ELSE 'stored'
    END AS outcome
), ended AS (
    SELECT organization_id, outcome FROM stored UNION ALL SELECT organization_id, 'stored' FROM adopted
), counted AS (
    INSERT INTO webhook_counts AS w (day, outcome, shard, deliveries)
    SELECT (tieout.now() AT TIME ZONE 'UTC')::date, outcome, $11, sum(times)
    FROM (SELECT outcome, 1 AS times FROM ended UNION ALL SELECT 'duplicate', repeats FROM incoming) AS each
    GROUP BY outcome HAVING sum(times) > 0 ORDER BY outcome
    ON CONFLICT (day, outcome, shard) DO UPDATE SET deliveries = w.deliveries + excluded.deliveries
), found_after_all AS (
    INSERT INTO fleet_counts (subject, keys, counted)
    SELECT 'missed_events', '{}', -count(*) FROM adopted HAVING count(*) > 0
), nudged AS (
    INSERT INTO work AS w (organization_id, kind, due_at)
    SELECT DISTINCT organization_id, $12, tieout.now() FROM ended WHERE outcome = 'stored' ORDER BY organization_id
    ON CONFLICT (organization_id, kind) DO UPDATE
    SET due_at = CASE WHEN w.lease_by IS NULL THEN least(w.due_at, excluded.due_at) ELSE w.due_at END,
        wanted_at = CASE WHEN w.lease_by IS NULL THEN NULL ELSE least(w.wanted_at, excluded.due_at) END
    WHERE w.lease_by IS NOT NULL OR w.due_at > excluded.due_at
)
SELECT s.organization_id, s.event_id, s.subscription_id,
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN set_config('synchronous_commit', 'on', true) END
FROM (SELECT) AS always LEFT JOIN stored s ON s.outcome = 'duplicate';

-- name: add_webhook_counts :exec
-- Each replica counts in a shard of its own, so that none waits for another's commit.
-- $1 outcomes text[], $2 deliveries bigint[], $3 shard
INSERT INTO webhook_counts AS w (day, outcome, shard, deliveries)
SELECT (tieout.now() AT TIME ZONE 'UTC')::date, outcome, $3, deliveries
FROM unnest($1::text[], $2::bigint[]) AS row (outcome, deliveries)
ORDER BY outcome
ON CONFLICT (day, outcome, shard) DO UPDATE SET deliveries = w.deliveries + excluded.deliveries;

-- name: sum_deliveries_today :many
-- How today's deliveries ended; what could not be stored is in none of the counts.
SELECT outcome, sum(deliveries)::bigint AS deliveries FROM webhook_counts
WHERE day = (tieout.now() AT TIME ZONE 'UTC')::date GROUP BY outcome;
