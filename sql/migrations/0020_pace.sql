-- How often streams are read is decided by what was learned: bounds that were stated, results that are awaited, what a call is worth.

ALTER TABLE tieout.streams
    -- By when it was said, at the last reading, that the next would be; null before the first.
    ADD COLUMN bound_at timestamptz,
    -- How often it asks to be read while calls suffice, and how many calls a reading takes: what bounds are stretched by.
    ADD COLUMN demand_seconds double precision,
    ADD COLUMN calls double precision NOT NULL DEFAULT 1,
    ADD COLUMN changes_per_second double precision NOT NULL DEFAULT 0;

-- The earliest bound of an organization's streams, on its reading's row; null for all other work.
ALTER TABLE tieout.work ADD COLUMN bound_at timestamptz;
-- get_polling_lag
CREATE INDEX work_bound ON tieout.work (bound_at) WHERE bound_at IS NOT NULL;

-- Results of pushes that events have announced: which object's, in which stream of records, since when. The nameless
-- object stands for events that name another object than the record does.
CREATE TABLE tieout.awaited (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    object_id text NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (organization_id, stream, object_id)
);
CALL tieout.wall('awaited');

-- What the cadence of all organizations has in common, one row: what a call is worth, how far bounds are stretched, what was learned.
CREATE TABLE tieout.pace (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    price double precision NOT NULL DEFAULT 1.2,
    stretch double precision NOT NULL DEFAULT 1,
    comparing_stretch double precision NOT NULL DEFAULT 1,
    pull_seconds double precision NOT NULL DEFAULT 3600,
    -- How many results took how long, by buckets; empty before anything was seen.
    prompt double precision[] NOT NULL DEFAULT '{}',
    late double precision NOT NULL DEFAULT 0,
    missed double precision NOT NULL DEFAULT 1,
    changes double precision NOT NULL DEFAULT 20,
    -- What all replicas began since the price was last set.
    readings bigint NOT NULL DEFAULT 0,
    waited_seconds double precision NOT NULL DEFAULT 0,
    priced_at timestamptz,
    stretched_at timestamptz,
    -- Readings a second, over the last minutes.
    used_per_second double precision NOT NULL DEFAULT 0,
    -- The bounds that settings named when a replica last began; others make everything be looked at anew.
    policy text
) WITH (fillfactor = 10);
INSERT INTO tieout.pace DEFAULT VALUES;
GRANT SELECT, UPDATE ON tieout.pace TO tieout_app;
