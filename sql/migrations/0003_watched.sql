-- What is watched: organizations, connections, synced records, documents of both sides, reference data, and their history.

CREATE TABLE tieout.organizations (
    organization_id uuid PRIMARY KEY,
    name text NOT NULL,
    status text,
    hub_created_at timestamptz,
    hub_updated_at timestamptz,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    version bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    -- No longer listed by the hub.
    removed_at timestamptz
);
-- list_organizations
CREATE INDEX organizations_by_name ON tieout.organizations (name, organization_id);
CALL tieout.wall('organizations');

CREATE TABLE tieout.connections (
    organization_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    status text,
    platform text,
    last_pull timestamptz,
    connection_url text,
    errors jsonb,
    hub_created_at timestamptz,
    hub_updated_at timestamptz,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    version bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- First instant at which we saw it connected; nothing older is pushed by the hub.
    connected_at timestamptz,
    removed_at timestamptz,
    PRIMARY KEY (organization_id, connection_id)
);
CALL tieout.wall('connections');

CREATE TABLE tieout.records (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    -- As the hub last told it.
    object_type text NOT NULL,
    object_id uuid,
    sync_status text,
    errors jsonb,
    platform text,
    platform_object_id text,
    provider text,
    provider_object_id text,
    created_at timestamptz,
    updated_at timestamptz NOT NULL,
    last_pulled_at timestamptz,
    object_updated_at timestamptz,
    platform_updated_at timestamptz,
    provider_updated_at timestamptz,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    -- Ours.
    state text NOT NULL CONSTRAINT records_state CHECK (state IN (
        'waiting', 'acknowledged', 'confirmed', 'retrying', 'blocked', 'quarantined', 'needs_person', 'given_up'
    )),
    cause text,
    cause_rule text,
    cause_group text,
    cause_text text,
    rules_version integer,
    owner text,
    reason text NOT NULL,
    episode integer NOT NULL DEFAULT 1,
    attempts_count integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    -- By when we look again, whatever happens. None of the states that wait is without it.
    deadline_at timestamptz,
    first_failed_at timestamptz,
    healed_at timestamptz,
    -- The local document's money, copied so that counting what is at risk needs no join.
    amount_minor bigint,
    currency text,
    version bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, record_id),
    CONSTRAINT records_waits_with_deadline CHECK (state IN ('acknowledged', 'confirmed') OR deadline_at IS NOT NULL),
    CONSTRAINT records_error_has_cause CHECK (
        state NOT IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') OR cause IS NOT NULL
    )
) WITH (fillfactor = 90);
-- list_record_links, list_records_of_objects
CREATE INDEX records_by_object ON tieout.records (organization_id, object_id);
-- get_record, which is asked by the record's id alone
CREATE INDEX records_by_id ON tieout.records (record_id);
-- list_due_records, get_next_look_at
CREATE INDEX records_open ON tieout.records (organization_id, least(next_attempt_at, deadline_at))
WHERE state NOT IN ('acknowledged', 'confirmed');
-- list_causes
CREATE INDEX records_failing ON tieout.records (organization_id, cause)
WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up');
CALL tieout.wall('records');

-- Counted as records are written, so that /status never counts.
CREATE TABLE tieout.record_counts (
    organization_id uuid NOT NULL,
    object_type text NOT NULL,
    sync_status text NOT NULL,
    state text NOT NULL,
    cause text NOT NULL,
    currency text NOT NULL,
    records bigint NOT NULL,
    amount_minor numeric NOT NULL,
    PRIMARY KEY (organization_id, object_type, sync_status, state, cause, currency)
) WITH (fillfactor = 70);
CALL tieout.wall('record_counts');

-- Tax rates, ledger accounts, products, counterparts and settings as the hub lists them.
CREATE TABLE tieout.reference_objects (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    reference_id text NOT NULL,
    name text,
    code text,
    -- Percent times 100; tax rates only.
    rate integer,
    status text,
    is_external boolean,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    version bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    removed_at timestamptz,
    PRIMARY KEY (organization_id, kind, reference_id)
);
CALL tieout.wall('reference_objects');

-- Documents of both sides in one normal form; amounts in minor units.
CREATE TABLE tieout.documents (
    organization_id uuid NOT NULL,
    ledger text NOT NULL CONSTRAINT documents_ledger CHECK (ledger IN ('receivable', 'payable')),
    side text NOT NULL CONSTRAINT documents_side CHECK (side IN ('local', 'books')),
    document_id text NOT NULL,
    kind text NOT NULL,
    -- hub: as the hub tells it; partner: put by the partner's own system.
    origin text NOT NULL DEFAULT 'hub',
    number text,
    party_id text,
    party_name text,
    currency text,
    total_minor bigint,
    status text,
    issued_on date,
    due_on date,
    -- The whole normal form (domain.document.Document), and what the hub sent.
    body jsonb NOT NULL,
    payload jsonb NOT NULL,
    -- Of the whole normal form, and of the part of it that a list tells (a list of bills has no lines).
    content_hash bytea NOT NULL,
    list_hash bytea NOT NULL,
    -- The hub's version; an older one never overwrites it. Null where the hub tells none (the books).
    hub_updated_at timestamptz,
    version bigint NOT NULL,
    first_seen_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    -- Concluded from a list that was read whole, and of the books only from a certified scan.
    removed_at timestamptz,
    PRIMARY KEY (organization_id, ledger, side, document_id)
);
CALL tieout.wall('documents');

-- Documents that are there and cannot be read, as of the last reading of their list: they are not absent.
CREATE TABLE tieout.unreadable_documents (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    side text NOT NULL,
    document_id text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (organization_id, ledger, side, document_id)
);
CALL tieout.wall('unreadable_documents');

-- Each complete reading of a list of documents, and whether it may prove absence.
CREATE TABLE tieout.scans (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    side text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    last_pull timestamptz,
    certified boolean NOT NULL,
    reason text NOT NULL,
    documents_count integer NOT NULL,
    calls integer NOT NULL,
    PRIMARY KEY (organization_id, ledger, side, finished_at)
);
CALL tieout.wall('scans');

-- Append-only versions of all the above: valid_from is the hub's time, known_from ours. By month, so that old ones are dropped whole.
CREATE TABLE tieout.history (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    valid_from timestamptz,
    known_from timestamptz NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (organization_id, kind, object_id, version, known_from)
) PARTITION BY RANGE (known_from);
-- Catches what falls outside the months made so far; normally empty.
CREATE TABLE tieout.history_default PARTITION OF tieout.history DEFAULT;
CALL tieout.wall('history', append_only => true);

-- Makes the partition of a month; true when it was made now. The service calls it without owning the table.
CREATE FUNCTION tieout.ensure_history_month(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    first_day date := date_trunc('month', month)::date;
    partition_name text := format('history_%s', to_char(first_day, 'YYYY_MM'));
BEGIN
    -- A far date would be a wrong clock, and thousands of tables.
    IF first_day NOT BETWEEN (current_date - 1200) AND (current_date + 1200) THEN
        RAISE EXCEPTION 'history month % is too far from today', first_day;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('tieout.ensure_history_month'));
    IF to_regclass('tieout.' || partition_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE tieout.%I PARTITION OF tieout.history FOR VALUES FROM (%L) TO (%L)',
        partition_name,
        first_day::timestamp AT TIME ZONE 'UTC',
        (first_day + interval '1 month') AT TIME ZONE 'UTC'
    );
    RETURN true;
END $$;

-- Drops the partitions that ended before the given day; answers how many.
CREATE FUNCTION tieout.drop_history_before(day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    partition_name text;
    dropped integer := 0;
BEGIN
    FOR partition_name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'tieout'::regnamespace AND relkind = 'r' AND relname ~ '^history_\d{4}_\d{2}$'
          AND to_date(substr(relname, 9), 'YYYY_MM') + interval '1 month' <= day
    LOOP
        EXECUTE format('DROP TABLE tieout.%I', partition_name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE EXECUTE ON FUNCTION tieout.ensure_history_month, tieout.drop_history_before FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.ensure_history_month, tieout.drop_history_before TO tieout_app;
