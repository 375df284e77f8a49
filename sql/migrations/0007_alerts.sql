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
    organizations uuid[] NOT NULL DEFAULT '{}',
    organizations_count integer NOT NULL DEFAULT 0,
    records_count integer NOT NULL DEFAULT 0,
    money_at_risk jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    -- Since when its condition no longer holds; it resolves when that has lasted.
    quiet_since timestamptz,
    ended_at timestamptz,
    notified_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    snoozed_until timestamptz,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, alert_id)
);
CREATE UNIQUE INDEX alerts_one_open ON tieout.alerts (organization_id, fingerprint) WHERE status <> 'resolved';
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
    -- An earlier send whose outcome is unknown: the next one is marked as a possible repeat.
    is_repeat boolean NOT NULL DEFAULT false,
    attempts_count integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    sent_at timestamptz,
    error text,
    PRIMARY KEY (organization_id, notification_id),
    CONSTRAINT notifications_in_order UNIQUE (organization_id, alert_id, channel, sequence)
);
-- claim_due_notifications
CREATE INDEX notifications_waiting ON tieout.notifications (channel, due_at) WHERE status = 'waiting';
CALL tieout.wall('notifications');
