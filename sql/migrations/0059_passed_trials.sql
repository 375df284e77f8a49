-- What became of a trial is told of the trial itself, and once for the fleet where it counts for all.

-- When a trial came through: its record healed, or the record that the hub made of it is done, and neither an error nor another try
-- of ours lies in between. Null where it did not, or has not yet. The columns are named in full: it runs under any search path.
CREATE FUNCTION tieout.trial_passed_at(trial tieout.attempts) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
SELECT coalesce(
    CASE WHEN mine.state IN ('acknowledged', 'confirmed') AND mine.healed_at > trial.record_updated_at THEN mine.healed_at END,
    answer.passed_at
)
FROM tieout.records mine
LEFT JOIN LATERAL (
    SELECT CASE WHEN next.sync_status = 'done' AND next.first_failed_at IS NULL THEN next.created_at END AS passed_at
    FROM tieout.records next
    WHERE next.organization_id = trial.organization_id AND next.object_id = mine.object_id AND next.object_type = mine.object_type
        AND next.record_id <> mine.record_id AND next.created_at > trial.record_updated_at
    ORDER BY next.created_at, next.record_id LIMIT 1
) answer ON true
WHERE mine.organization_id = trial.organization_id AND mine.record_id = trial.record_id AND mine.episode = trial.episode
    AND NOT EXISTS (
        SELECT FROM tieout.attempts later
        LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = later.organization_id AND o.record_id = later.record_id
            AND o.episode = later.episode AND o.number = later.number
        WHERE later.organization_id = trial.organization_id AND later.record_id = trial.record_id
            AND later.episode = trial.episode AND later.number > trial.number AND o.outcome IS DISTINCT FROM 'not_sent'
    )
    AND NOT EXISTS (
        -- Versions that we made have no time of the hub's.
        SELECT FROM tieout.history told
        WHERE told.organization_id = trial.organization_id AND told.kind = 'record' AND told.object_id = trial.record_id::text
            AND told.known_from > trial.started_at AND told.valid_from IS NOT NULL
            AND told.body ->> 'state' IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
    )
$$;

-- When a trial last came through anywhere, of causes that end for all at once; of no organization, so without a wall. Before, all
-- trials of the fleet were asked, for which the index attempts_of_trials stays until no replica of that release runs.
CREATE TABLE tieout.passed_trials (
    cause text NOT NULL,
    platform text NOT NULL DEFAULT '',
    passed_at timestamptz NOT NULL,
    PRIMARY KEY (cause, platform)
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON tieout.passed_trials TO tieout_app;
