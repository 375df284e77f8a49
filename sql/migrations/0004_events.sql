-- The webhook ledger: what was received, and what the hub's own log had that never arrived.

CREATE TABLE tieout.events (
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    -- The nil uuid for an event that we found in the hub's log, which names no subscription.
    subscription_id uuid NOT NULL,
    source text NOT NULL CONSTRAINT events_source CHECK (source IN ('webhook', 'log')),
    object_type text,
    action text,
    object_id text,
    created_at timestamptz,
    received_at timestamptz NOT NULL,
    -- The bytes that were signed, kept as they came: they may be no JSON at all.
    raw bytea NOT NULL,
    -- Why it could not be read; such an event changes nothing and is shown.
    quarantined text,
    duplicates integer NOT NULL DEFAULT 0,
    worked_at timestamptz,
    PRIMARY KEY (organization_id, event_id, subscription_id)
) WITH (fillfactor = 90);
-- list_unworked_events, get_event_backlog
CREATE INDEX events_unworked ON tieout.events (organization_id, received_at) WHERE worked_at IS NULL;
-- list_events
CREATE INDEX events_by_arrival ON tieout.events (organization_id, received_at, event_id);
CALL tieout.wall('events');

-- list_events of the whole fleet
CREATE INDEX events_by_arrival_fleet ON tieout.events (received_at, event_id);
-- count_webhooks
CREATE INDEX events_missed ON tieout.events (organization_id) WHERE source = 'log';
-- list_events
CREATE INDEX events_quarantined ON tieout.events (received_at, event_id) WHERE quarantined IS NOT NULL;

-- How deliveries ended: counted as they come, so that /status never counts. Those turned away are counted only, since
-- anybody can send them. A shard is a replica's own row, so that no commit waits for another's.
CREATE TABLE tieout.webhook_counts (
    day date NOT NULL,
    outcome text NOT NULL,
    shard integer NOT NULL,
    deliveries bigint NOT NULL,
    PRIMARY KEY (day, outcome, shard)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON tieout.webhook_counts TO tieout_app;
