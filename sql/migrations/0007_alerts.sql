-- Who is told: alerts, and the outbox of notifications to each channel.

CREATE TABLE tieout.alerts (
    -- The nil uuid for an alert that concerns several organizations or the fleet.
    organization_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    -- Kind and cause or scope; one firing alert per fingerprint.
    fingerprint text NOT NULL,
    kind text NOT NULL,
    scope text NOT NULL,
    cause text,
    severity text NOT NULL CONSTRAINT alerts_severity CHECK (severity IN ('critical', 'warning', 'info')),
    status text NOT NULL CONSTRAINT alerts_status CHECK (status IN ('pending', 'firing', 'resolved')),
    summary text NOT NULL,
    detail text NOT NULL,
    owner text,
    next_step text NOT NULL DEFAULT '',
    -- The first of the members, as a message names them.
    organizations uuid[] NOT NULL DEFAULT '{}',
    -- All organizations behind it, so that a further one is noticed.
    members uuid[] NOT NULL DEFAULT '{}',
    organizations_count integer NOT NULL DEFAULT 0,
    records_count integer NOT NULL DEFAULT 0,
    money_at_risk jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    -- The last instant at which its condition held, or at which we could not see: healing must have been read later.
    held_at timestamptz NOT NULL DEFAULT tieout.now(),
    -- When an organization last joined.
    grew_at timestamptz NOT NULL DEFAULT tieout.now(),
    -- Since when its condition no longer holds; it resolves when that has lasted.
    quiet_since timestamptz,
    ended_at timestamptz,
    -- Another alert says it already: shown, not sent.
    is_inhibited boolean NOT NULL DEFAULT false,
    regressions_count integer NOT NULL DEFAULT 0,
    notified_at timestamptz,
    -- The sequence of its last message; what that message said is beside it.
    notified_count integer NOT NULL DEFAULT 0,
    notified_severity text,
    notified_records_count integer NOT NULL DEFAULT 0,
    notified_organizations_count integer NOT NULL DEFAULT 0,
    acknowledged_at timestamptz,
    acknowledged_by text,
    snoozed_until timestamptz,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, alert_id)
);
CREATE UNIQUE INDEX alerts_one_open ON tieout.alerts (organization_id, fingerprint) WHERE status <> 'resolved';
-- lock_alerts, prune_alerts
CREATE INDEX alerts_ended ON tieout.alerts (ended_at) WHERE status = 'resolved';
CALL tieout.wall('alerts');

CREATE TABLE tieout.notifications (
    organization_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    -- A digest of the channel's URL, which itself may hold a secret.
    channel text NOT NULL,
    -- Order within one alert and channel: a later one waits for an earlier one.
    sequence bigint NOT NULL,
    body jsonb NOT NULL,
    status text NOT NULL CONSTRAINT notifications_status CHECK (status IN ('waiting', 'sent', 'refused')),
    -- An earlier send may have arrived: the next one is marked as a possible repeat. Set when a send begins, and taken
    -- back when its outcome is known, so that it also tells of a sender that died in between.
    is_repeat boolean NOT NULL DEFAULT false,
    attempts_count integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    -- When it was taken, or refused for good.
    finished_at timestamptz,
    error text,
    PRIMARY KEY (organization_id, notification_id),
    CONSTRAINT notifications_in_order UNIQUE (organization_id, alert_id, channel, sequence)
);
-- claim_due_notifications
CREATE INDEX notifications_waiting ON tieout.notifications (channel, due_at) WHERE status = 'waiting';
-- list_failing_channels, get_channel_success, prune_notifications
CREATE INDEX notifications_finished ON tieout.notifications (channel, status, finished_at) WHERE status <> 'waiting';
CALL tieout.wall('notifications');

-- What alerts are decided from is asked for several times a minute, so each question has its index.
-- list_failing_causes: the count itself is not indexed, so that counting stays an update in place.
CREATE INDEX record_counts_failing ON tieout.record_counts (cause, organization_id)
WHERE state IN ('waiting', 'retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause <> '';
-- list_stuck_organizations
CREATE INDEX records_waiting ON tieout.records (organization_id, updated_at) WHERE state = 'waiting';
-- list_unconfirmed_organizations
CREATE INDEX records_unconfirmed ON tieout.records (organization_id, healed_at)
WHERE state = 'acknowledged' AND healed_at IS NOT NULL AND object_type IN ('receivable', 'bill');
-- list_differing_organizations
CREATE INDEX differences_unexpected ON tieout.differences (organization_id, kind)
WHERE resolved_at IS NULL AND NOT expected;
-- list_missing_events
CREATE INDEX events_missing ON tieout.events (received_at) WHERE source = 'log';
