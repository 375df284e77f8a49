-- People see whether it gets better or worse: once a minute one narrow row tells how the fleet stood.

CREATE TABLE tieout.fleet_samples (
    -- The minute.
    taken_at timestamptz PRIMARY KEY,
    -- Records that fail, and those on their way.
    failing bigint NOT NULL,
    waiting bigint NOT NULL,
    -- Open differences that no rule explains.
    differences bigint NOT NULL
);

-- It tells of all organizations together: a key of one of them does not see it.
ALTER TABLE tieout.fleet_samples ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON tieout.fleet_samples TO tieout_app USING ((SELECT tieout.scope_is_fleet()));
GRANT SELECT, INSERT, DELETE ON tieout.fleet_samples TO tieout_app;
