-- The paper trail of pushes: evidence, attempts and their outcomes. Append-only for the service.

-- Why another push was permitted. One row permits one attempt, for ever: attempts.evidence_id is unique. What was found
-- in the books is kept here too, and permits nothing.
CREATE TABLE tieout.evidence (
    organization_id uuid NOT NULL,
    evidence_id uuid NOT NULL,
    record_id uuid NOT NULL,
    kind text NOT NULL CONSTRAINT evidence_kind CHECK (kind IN (
        'not_sent', 'refused', 'refused_before_creation', 'read_back', 'named_person', 'found'
    )),
    detail jsonb NOT NULL,
    observed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, evidence_id)
);
-- list_evidence
CREATE INDEX evidence_by_record ON tieout.evidence (organization_id, record_id);
CALL tieout.wall('evidence', append_only => true);

-- Written and committed before the first byte of a push leaves.
CREATE TABLE tieout.attempts (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    episode integer NOT NULL,
    number integer NOT NULL,
    evidence_id uuid NOT NULL,
    trigger text NOT NULL CONSTRAINT attempts_trigger CHECK (trigger IN ('schedule', 'cure', 'canary', 'operator')),
    fence bigint NOT NULL,
    replica_id text NOT NULL,
    -- The record's updated_at when it was decided: a later one means that the hub moved it on.
    record_updated_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, record_id, episode, number),
    CONSTRAINT attempts_one_per_evidence UNIQUE (organization_id, evidence_id),
    FOREIGN KEY (organization_id, evidence_id) REFERENCES tieout.evidence
);
CALL tieout.wall('attempts', append_only => true);

-- What became of an attempt. One without an outcome is unknown, and treated as such.
CREATE TABLE tieout.attempt_outcomes (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    episode integer NOT NULL,
    number integer NOT NULL,
    outcome text NOT NULL CONSTRAINT attempt_outcomes_outcome CHECK (outcome IN (
        'accepted', 'refused', 'uncertain', 'not_sent'
    )),
    http_status integer,
    error text,
    -- The record's updated_at in the hub's answer: by the hub's own clock, what it tells later is later than this.
    told_at timestamptz,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, record_id, episode, number),
    FOREIGN KEY (organization_id, record_id, episode, number) REFERENCES tieout.attempts
);
CALL tieout.wall('attempt_outcomes', append_only => true);
