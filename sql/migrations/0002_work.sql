-- Who does what next, and how fast: work that is due, the replicas that do it, the hub's shared budget of requests.

-- One row per organization and kind of work: small, local, claimed with FOR UPDATE SKIP LOCKED. Fleet-wide work is
-- that of the nil organization. A claimed row's due_at is the end of its lease: should the replica die, the row is due again.
CREATE TABLE tieout.work (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    -- A wish that arrived while the row was claimed; kept aside, since due_at is the lease's end just then.
    wanted_at timestamptz,
    lease_by text,
    -- Counts claims. A write states the fence it was claimed with; an older one is refused (a replica come back from the dead).
    fence bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    claimed_at timestamptz,
    finished_at timestamptz,
    error text,
    PRIMARY KEY (organization_id, kind)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- claim_due_work, get_polling_lag
CREATE INDEX work_due ON tieout.work (kind, due_at);
CALL tieout.wall('work');

-- Where the reading of each stream of an organization stands.
CREATE TABLE tieout.streams (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    due_at timestamptz NOT NULL,
    -- The latest updated_at that was read completely (records), or last_pull that was scanned (books).
    cursor_at timestamptz,
    read_at timestamptz,
    full_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    error text,
    -- Wishes for an earlier read, the first and the last of those not met yet. Kept apart from due_at, because one may
    -- arrive while the stream is being read: a reading meets the wishes for times before it began, and no others.
    wanted_at timestamptz,
    wanted_until timestamptz,
    PRIMARY KEY (organization_id, stream)
) WITH (fillfactor = 80);
CALL tieout.wall('streams');

-- Single objects that an event named: read alone, before the whole list is due.
CREATE TABLE tieout.targets (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    object_id text NOT NULL,
    wanted_at timestamptz NOT NULL,
    -- Counts the wishes for it: one that came while it was being read is another reason to read it.
    wishes integer NOT NULL DEFAULT 1,
    PRIMARY KEY (organization_id, stream, object_id)
);
CALL tieout.wall('targets');

CREATE TABLE tieout.replicas (
    replica_id text PRIMARY KEY,
    roles text[] NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tieout.replicas TO tieout_app;

-- The hub's budget of requests, one row: next_at is the first slot that nobody has reserved.
CREATE TABLE tieout.hub_budget (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    next_at timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity',
    -- Requests per second: what was reserved in the whole seconds since used_from.
    used_from timestamptz NOT NULL DEFAULT '-infinity',
    used integer NOT NULL DEFAULT 0,
    used_per_second real NOT NULL DEFAULT 0
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
INSERT INTO tieout.hub_budget DEFAULT VALUES;
GRANT SELECT, UPDATE ON tieout.hub_budget TO tieout_app;

-- How the hub was last met by any replica: what hub_unreachable and hub_unauthorized are decided from.
CREATE TABLE tieout.hub_health (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    last_ok_at timestamptz,
    failing_since timestamptz,
    last_failure_at timestamptz,
    failure text,
    message text
);
INSERT INTO tieout.hub_health DEFAULT VALUES;
GRANT SELECT, UPDATE ON tieout.hub_health TO tieout_app;
