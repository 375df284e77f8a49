-- What people do about failed pushes: plans of retries that are applied as they were shown, and records that are set aside.

-- A plan and what was done with it. One that spans the fleet is the nil organization's.
CREATE TABLE tieout.retries (
    organization_id uuid NOT NULL,
    retry_id uuid NOT NULL,
    -- What was asked for, as it was asked.
    filter jsonb NOT NULL,
    -- Digest of all records of the plan, each with what it was planned on and whether it is to be sent.
    hash text NOT NULL,
    -- Records that matched; more than the plan holds when its limit was reached.
    matched integer NOT NULL,
    -- Calls of the hub that it needs at least.
    calls integer NOT NULL,
    planned_by text NOT NULL,
    planned_at timestamptz NOT NULL,
    applied_by text,
    applied_at timestamptz,
    cancelled_by text,
    cancelled_at timestamptz,
    PRIMARY KEY (organization_id, retry_id)
);
-- get_retry, which is asked by the retry's id alone
CREATE INDEX retries_by_id ON tieout.retries (retry_id);
-- list_retries, prune_retries
CREATE INDEX retries_by_time ON tieout.retries (planned_at, retry_id);
CALL tieout.wall('retries');

-- The records of a plan.
CREATE TABLE tieout.retry_items (
    -- The record's.
    organization_id uuid NOT NULL,
    retry_id uuid NOT NULL,
    record_id uuid NOT NULL,
    -- planned: eligible or excluded; applied: queued, then sent, left_out or cancelled.
    status text NOT NULL CONSTRAINT retry_items_status CHECK (status IN (
        'eligible', 'excluded', 'queued', 'sent', 'left_out', 'cancelled'
    )),
    -- Sending it might double it.
    is_unsafe boolean NOT NULL,
    reason text NOT NULL,
    -- What it was planned on; a record that has moved on since is left out.
    ground text NOT NULL,
    amount_minor bigint,
    currency text,
    -- Whose plan it is, once it is applied; copied, since the plan may be the fleet's.
    wished_by text,
    wished_at timestamptz,
    -- The attempt that was made of it.
    episode integer,
    number integer,
    PRIMARY KEY (organization_id, retry_id, record_id),
    CONSTRAINT retry_items_queued_by CHECK (status <> 'queued' OR (wished_by IS NOT NULL AND wished_at IS NOT NULL))
);
-- list_retry_items, and all that is done to the records of one plan
CREATE INDEX retry_items_by_retry ON tieout.retry_items (retry_id);
-- list_wishes
CREATE INDEX retry_items_queued ON tieout.retry_items (organization_id) WHERE status = 'queued';
CALL tieout.wall('retry_items');

-- The paper trail of retries: who applied which plan, who cancelled the rest. Append-only, and chained.
CREATE TABLE tieout.retry_acts (
    organization_id uuid NOT NULL,
    retry_id uuid NOT NULL,
    act text NOT NULL CONSTRAINT retry_acts_act CHECK (act IN ('applied', 'cancelled')),
    key_name text NOT NULL,
    -- The plan's filter, hash and figures; on a cancellation how many were not sent.
    detail jsonb NOT NULL,
    acted_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, retry_id, act)
);
CALL tieout.wall('retry_acts', append_only => true);

-- Both only allow more than before, so what is stored need not be looked at under the lock.
ALTER TABLE tieout.paper_trail DROP CONSTRAINT paper_trail_kind;
ALTER TABLE tieout.paper_trail ADD CONSTRAINT paper_trail_kind
    CHECK (kind IN ('evidence', 'attempt', 'outcome', 'retry_act')) NOT VALID;
ALTER TABLE tieout.evidence DROP CONSTRAINT evidence_kind;
ALTER TABLE tieout.evidence ADD CONSTRAINT evidence_kind CHECK (kind IN (
    'not_sent', 'refused', 'refused_before_creation', 'read_back', 'named_person', 'found', 'set_aside'
)) NOT VALID;
