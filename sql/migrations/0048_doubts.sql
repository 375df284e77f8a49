-- A doubt is kept beside the state of a record: by way of `pending` a quarantine was forgotten, and a second document could be made.

-- The last version that told of a try which may have landed; null when none did, or when something ended the doubt. The release before
-- neither writes nor ends it, which is on the safe side.
ALTER TABLE tieout.records ADD COLUMN doubted_at timestamptz;

-- What the service hands over of a record from now on; record_row stays for the release before. The same holds of it: never changed.
CREATE TYPE tieout.followed_record AS (
    record_id uuid,
    organization_id uuid,
    object_type text,
    updated_at timestamptz,
    sync_status text,
    errors text,
    object_id uuid,
    platform text,
    platform_object_id text,
    provider text,
    provider_object_id text,
    created_at timestamptz,
    last_pulled_at timestamptz,
    object_updated_at timestamptz,
    platform_updated_at timestamptz,
    provider_updated_at timestamptz,
    state text,
    reason text,
    version bigint,
    episode integer,
    cause text,
    cause_rule text,
    cause_group text,
    cause_text text,
    rules_version integer,
    owner text,
    attempts_count integer,
    next_attempt_at timestamptz,
    deadline_at timestamptz,
    first_failed_at timestamptz,
    healed_at timestamptz,
    amount_minor bigint,
    currency text,
    doubted_at timestamptz,
    payload text,
    content_hash bytea,
    body text
);
