-- The sum of sql/migrations, written by `make schema`: for reading, never applied. The role tieout_app
-- belongs to the cluster and is not in it, nor are the few rows that migrations insert.

CREATE SCHEMA tieout;

CREATE TYPE tieout.followed_record AS (
	record_id uuid,
	organization_id uuid,
	object_type text,
	updated_at timestamp with time zone,
	sync_status text,
	errors text,
	object_id uuid,
	platform text,
	platform_object_id text,
	provider text,
	provider_object_id text,
	created_at timestamp with time zone,
	last_pulled_at timestamp with time zone,
	object_updated_at timestamp with time zone,
	platform_updated_at timestamp with time zone,
	provider_updated_at timestamp with time zone,
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
	next_attempt_at timestamp with time zone,
	deadline_at timestamp with time zone,
	first_failed_at timestamp with time zone,
	healed_at timestamp with time zone,
	amount_minor bigint,
	currency text,
	doubted_at timestamp with time zone,
	payload text,
	content_hash bytea,
	body text
);

CREATE TYPE tieout.handed_record AS (
	record_id uuid,
	object_type text,
	updated_at text,
	sync_status text,
	errors text,
	object_id uuid,
	platform text,
	platform_object_id text,
	provider text,
	provider_object_id text,
	created_at text,
	last_pulled_at text,
	object_updated_at text,
	platform_updated_at text,
	provider_updated_at text,
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
	next_attempt_at text,
	deadline_at text,
	first_failed_at text,
	healed_at text,
	amount_minor bigint,
	currency text,
	doubted_at text,
	content_hash bytea
);

CREATE TYPE tieout.record_row AS (
	record_id uuid,
	organization_id uuid,
	object_type text,
	updated_at timestamp with time zone,
	sync_status text,
	errors text,
	object_id uuid,
	platform text,
	platform_object_id text,
	provider text,
	provider_object_id text,
	created_at timestamp with time zone,
	last_pulled_at timestamp with time zone,
	object_updated_at timestamp with time zone,
	platform_updated_at timestamp with time zone,
	provider_updated_at timestamp with time zone,
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
	next_attempt_at timestamp with time zone,
	deadline_at timestamp with time zone,
	first_failed_at timestamp with time zone,
	healed_at timestamp with time zone,
	amount_minor bigint,
	currency text,
	payload text,
	content_hash bytea,
	body text
);

CREATE FUNCTION tieout.analyze_compared() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET default_statistics_target TO '100'
    AS $$
BEGIN
    ANALYZE tieout.differences, tieout.counted_keys;
EXCEPTION
    WHEN lock_not_available THEN NULL;
END $$;

CREATE FUNCTION tieout.analyze_counted() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '100ms'
    SET default_statistics_target TO '100'
    AS $$
BEGIN
    ANALYZE tieout.counted;
EXCEPTION
    WHEN lock_not_available THEN NULL;
END $$;

CREATE FUNCTION tieout.chain(organization uuid, row_kind text, row_entry text, content jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    latest record;
    digest bytea := tieout.content_hash(content);
    place bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('tieout.paper_trail ' || organization, 0));
    SELECT t.position, t.chain_hash INTO latest FROM tieout.paper_trail t
    WHERE t.organization_id = organization ORDER BY t.position DESC LIMIT 1;
    place := coalesce(latest.position, 0) + 1;
    INSERT INTO tieout.paper_trail (organization_id, position, kind, entry, content_hash, chain_hash, written_at)
    VALUES (
        organization, place, row_kind, row_entry, digest, sha256(coalesce(latest.chain_hash, ''::bytea) || digest), tieout.now()
    );
    RETURN place;
END $$;

CREATE FUNCTION tieout.chain_sign_off() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM tieout.chain(
        NEW.organization_id, 'sign_off', format('%s/%s', NEW.period, NEW.number), to_jsonb(NEW)
    );
    RETURN NULL;
END $$;

CREATE FUNCTION tieout.content_hash(content jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT sha256(convert_to(jsonb_strip_nulls(content)::text, 'UTF8')) $$;

CREATE FUNCTION tieout.count_fleet() RETURNS TABLE(subject text, keys text[], counted numeric)
    LANGUAGE sql STABLE
    SET search_path TO 'tieout', 'pg_catalog'
    AS $$
    WITH failing AS MATERIALIZED (
        SELECT r.cause, tieout.wording(r.cause, r.cause_group) AS cause_group, coalesce(r.owner, '') AS owner,
            coalesce(r.currency, '') AS currency, count(*) AS records, coalesce(sum(r.amount_minor), 0) AS minor
        FROM records r WHERE r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
        GROUP BY 1, 2, 3, 4
    )
    SELECT 'records', ARRAY[c.sync_status, c.state], sum(c.records) FROM record_counts c GROUP BY c.sync_status, c.state
    UNION ALL
    SELECT 'cause', ARRAY[f.cause, f.cause_group], sum(f.records) FROM failing f GROUP BY f.cause, f.cause_group
    UNION ALL
    SELECT 'cause_owner', ARRAY[f.cause, f.cause_group, f.owner], sum(f.records) FROM failing f
    GROUP BY f.cause, f.cause_group, f.owner
    UNION ALL
    SELECT 'cause_money', ARRAY[f.cause, f.cause_group, f.currency], sum(f.minor) FROM failing f WHERE f.currency <> ''
    GROUP BY f.cause, f.cause_group, f.currency
    UNION ALL
    SELECT 'cause_organizations', ARRAY[k.cause, k.cause_group], count(*) FROM cause_counts k WHERE k.records > 0
    GROUP BY k.cause, k.cause_group
    UNION ALL
    SELECT 'set_aside', ARRAY[a.cause, a.cause_group], count(*) FROM set_aside_records a GROUP BY a.cause, a.cause_group
    UNION ALL
    SELECT 'differences', ARRAY[d.kind, d.expected::text], count(*) FROM differences d WHERE d.resolved_at IS NULL
    GROUP BY d.kind, d.expected
    UNION ALL
    SELECT 'missed_events', '{}'::text[], count(*) FROM events e WHERE e.source = 'log'
$$;

CREATE FUNCTION tieout.document_marks(body jsonb) RETURNS TABLE(net_minor bigint, tax_minor bigint, is_net boolean, lines_mark uuid, line_accounts jsonb)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    SELECT (body ->> 'net_minor')::bigint, (body ->> 'tax_minor')::bigint, body ->> 'basis' = 'derived_net',
        nullif(md5(
            jsonb_path_query_array(body, '$.lines[*].net_minor')::text
            || jsonb_path_query_array(body, '$.lines[*].quantity')::text
            || jsonb_path_query_array(body, '$.lines[*].description')::text
        ), md5('[][][]'))::uuid,
        nullif(jsonb_path_query_array(body, '$.lines[*].ledger_account_id'), '[]')
$_$;

CREATE FUNCTION tieout.drop_history_before(day date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    partition_name text;
    dropped integer := 0;
BEGIN
    -- By the real date: the offset of tieout.now() is anybody's to set.
    IF day > current_date - 31 THEN
        RAISE EXCEPTION 'history is kept for 31 days at least, so nothing goes that was known on %', day;
    END IF;
    FOR partition_name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'tieout'::regnamespace AND relkind = 'r' AND relname ~ '^history_\d{4}_\d{2}$'
          AND to_date(substr(relname, 9), 'YYYY_MM') + interval '1 month' <= day
    LOOP
        EXECUTE format('DROP TABLE tieout.%I', partition_name);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $_$;

CREATE FUNCTION tieout.empty_history_before(day date, portion integer) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    partition_name text;
    taken bigint := 0;
    more bigint;
BEGIN
    -- By the real date: the offset of tieout.now() is anybody's to set.
    IF day > current_date - 31 THEN
        RAISE EXCEPTION 'history is kept for 31 days at least, so nothing goes that was known on %', day;
    END IF;
    FOR partition_name IN
        SELECT relname FROM pg_class
        WHERE relnamespace = 'tieout'::regnamespace AND relkind = 'r' AND relname ~ '^history_\d{4}_\d{2}$'
          AND to_date(substr(relname, 9), 'YYYY_MM') + interval '1 month' <= day
        ORDER BY relname
    LOOP
        EXECUTE format($q$
            WITH taken AS (
                DELETE FROM tieout.%1$I WHERE ctid = ANY(ARRAY(SELECT ctid FROM tieout.%1$I LIMIT $2)) RETURNING *
            ), older AS (
                DELETE FROM tieout.history_default d USING taken t
                WHERE d.organization_id = t.organization_id AND d.kind = t.kind AND d.object_id = t.object_id
                    AND d.known_from < t.known_from
            ), kept AS (
                INSERT INTO tieout.history_kept
                SELECT t.* FROM taken t
                WHERE t.body -> 'removed' IS DISTINCT FROM 'true'::jsonb
                    AND NOT (t.kind = 'alert' AND t.body ->> 'status' = 'resolved')
                    AND NOT EXISTS (
                        SELECT FROM tieout.history n
                        WHERE n.organization_id = t.organization_id AND n.kind = t.kind AND n.object_id = t.object_id
                            AND n.known_from < $1 AND (n.known_from, n.version) > (t.known_from, t.version)
                    )
                    AND NOT EXISTS (
                        SELECT FROM tieout.history_kept k
                        WHERE k.organization_id = t.organization_id AND k.kind = t.kind AND k.object_id = t.object_id
                            AND (k.known_from, k.version) > (t.known_from, t.version)
                    )
                ON CONFLICT DO NOTHING
            )
            SELECT count(*) FROM taken
        $q$, partition_name) INTO more USING day::timestamp AT TIME ZONE 'UTC', portion - taken;
        taken := taken + more;
        EXIT WHEN taken >= portion;
    END LOOP;
    RETURN taken;
END $_$;

CREATE FUNCTION tieout.ensure_history_month(month date) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

CREATE FUNCTION tieout.instant() RETURNS timestamp with time zone
    LANGUAGE sql
    AS $$
    SELECT clock_timestamp()
        + CASE WHEN current_setting('tieout.clock_offset', true) <> ''
            THEN current_setting('tieout.clock_offset', true)::interval ELSE interval '0' END
$$;

CREATE FUNCTION tieout.is_set_aside(organization uuid, record uuid, failing_episode integer, failed_at timestamp with time zone, doubted_at timestamp with time zone, as_of timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
SELECT coalesce((
    SELECT e.kind = 'set_aside' FROM tieout.evidence e
    WHERE e.organization_id = organization AND e.record_id = record AND e.kind IN ('set_aside', 'named_person')
        AND e.observed_at >= failed_at
        AND (as_of IS NULL OR e.observed_at <= as_of)
        AND (e.kind = 'set_aside' OR is_set_aside.doubted_at IS NULL
            OR coalesce((e.detail ->> 'record_updated_at')::timestamptz, e.observed_at) >= is_set_aside.doubted_at)
        AND NOT EXISTS (
            SELECT FROM tieout.attempts a
            LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
                AND o.episode = a.episode AND o.number = a.number AND (as_of IS NULL OR o.finished_at <= as_of)
            WHERE a.organization_id = organization AND a.record_id = record AND (as_of IS NULL OR a.started_at <= as_of)
                AND (a.evidence_id = e.evidence_id
                    OR a.episode = failing_episode AND a.started_at >= e.observed_at AND o.outcome IS DISTINCT FROM 'not_sent')
        )
    ORDER BY e.observed_at DESC, e.kind DESC LIMIT 1
), false)
$$;

CREATE FUNCTION tieout.now() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT statement_timestamp()
        + CASE WHEN current_setting('tieout.clock_offset', true) <> ''
            THEN current_setting('tieout.clock_offset', true)::interval ELSE interval '0' END
$$;

CREATE FUNCTION tieout.number_mark(number text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT hashtextextended(CASE WHEN number ~ '[^ -~]'
        THEN regexp_replace(lower(normalize(number, NFKC) COLLATE "C"), '[^!-gk-ruvxz{-~]', '', 'g')
        ELSE translate(lower(number COLLATE "C"), ' hijstwy', '')
    END, 0)
$$;

CREATE FUNCTION tieout.return_history(portion integer) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    WITH taken AS (
        DELETE FROM tieout.history_kept WHERE ctid = ANY(ARRAY(SELECT ctid FROM tieout.history_kept LIMIT portion)) RETURNING *
    ), returned AS (
        INSERT INTO tieout.history SELECT * FROM taken ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM taken
$$;

CREATE FUNCTION tieout.scope_is_fleet() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT current_setting('tieout.scope', true) = '*' $$;

CREATE FUNCTION tieout.scope_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(nullif(current_setting('tieout.scope', true), '*'), '')::uuid $$;

CREATE FUNCTION tieout.set_aside(organization uuid) RETURNS TABLE(organization_id uuid, record_id uuid, cause text, cause_group text)
    LANGUAGE sql STABLE
    AS $$
WITH failing AS MATERIALIZED (
    SELECT r.organization_id, r.record_id, r.cause, r.cause_group, r.episode, r.doubted_at, coalesce(r.first_failed_at, r.updated_at) AS failed_at
    FROM (
        SELECT DISTINCT e.organization_id, e.record_id FROM tieout.evidence e
        WHERE e.kind = 'set_aside' AND (organization IS NULL OR e.organization_id = organization)
    ) said
    JOIN tieout.records r ON r.organization_id = said.organization_id AND r.record_id = said.record_id
    WHERE r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
)
SELECT f.organization_id, f.record_id, f.cause, tieout.wording(f.cause, f.cause_group)
FROM failing f
CROSS JOIN LATERAL (
    SELECT e.kind FROM tieout.evidence e
    WHERE e.organization_id = f.organization_id AND e.record_id = f.record_id
        AND e.kind IN ('set_aside', 'named_person') AND e.observed_at >= f.failed_at
        AND (e.kind = 'set_aside' OR f.doubted_at IS NULL
            OR coalesce((e.detail ->> 'record_updated_at')::timestamptz, e.observed_at) >= f.doubted_at)
        AND NOT EXISTS (
            SELECT FROM tieout.attempts a
            LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
                AND o.episode = a.episode AND o.number = a.number
            WHERE a.organization_id = f.organization_id AND a.record_id = f.record_id
                AND (a.evidence_id = e.evidence_id
                    OR a.episode = f.episode AND a.started_at >= e.observed_at AND o.outcome IS DISTINCT FROM 'not_sent')
        )
    ORDER BY e.observed_at DESC, e.kind DESC LIMIT 1
) last_word
WHERE last_word.kind = 'set_aside'
$$;

CREATE TABLE tieout.attempts (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    episode integer NOT NULL,
    number integer NOT NULL,
    evidence_id uuid NOT NULL,
    trigger text NOT NULL,
    fence bigint NOT NULL,
    replica_id text NOT NULL,
    record_updated_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    CONSTRAINT attempts_trigger CHECK ((trigger = ANY (ARRAY['schedule'::text, 'cure'::text, 'canary'::text, 'operator'::text])))
);

CREATE FUNCTION tieout.trial_passed_at(trial tieout.attempts) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
SELECT coalesce(
    CASE WHEN mine.state IN ('acknowledged', 'confirmed') AND mine.healed_at > trial.record_updated_at THEN mine.healed_at END,
    answer.passed_at
)
FROM tieout.records mine
LEFT JOIN LATERAL (
    SELECT CASE WHEN next.sync_status = 'done' AND next.first_failed_at IS NULL THEN next.created_at END AS passed_at
    FROM tieout.records next
    WHERE next.organization_id = trial.organization_id AND next.object_id = mine.object_id AND next.object_type = mine.object_type
        AND next.record_id <> mine.record_id AND next.created_at > trial.record_updated_at
    ORDER BY next.created_at, next.record_id LIMIT 1
) answer ON true
WHERE mine.organization_id = trial.organization_id AND mine.record_id = trial.record_id AND mine.episode = trial.episode
    AND NOT EXISTS (
        SELECT FROM tieout.attempts later
        LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = later.organization_id AND o.record_id = later.record_id
            AND o.episode = later.episode AND o.number = later.number
        WHERE later.organization_id = trial.organization_id AND later.record_id = trial.record_id
            AND later.episode = trial.episode AND later.number > trial.number AND o.outcome IS DISTINCT FROM 'not_sent'
    )
    AND NOT EXISTS (
        -- Versions that we made have no time of the hub's.
        SELECT FROM tieout.history told
        WHERE told.organization_id = trial.organization_id AND told.kind = 'record' AND told.object_id = trial.record_id::text
            AND told.known_from > trial.started_at AND told.valid_from IS NOT NULL
            AND told.body ->> 'state' IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
    )
$$;

CREATE PROCEDURE tieout.wall(IN table_name text, IN append_only boolean DEFAULT false)
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE tieout.%I ENABLE ROW LEVEL SECURITY', table_name);
    EXECUTE format(
        'CREATE POLICY wall ON tieout.%I TO tieout_app
             USING ((SELECT tieout.scope_is_fleet()) OR organization_id = (SELECT tieout.scope_organization()))',
        table_name
    );
    EXECUTE format(
        'GRANT SELECT, INSERT%s ON tieout.%I TO tieout_app',
        CASE WHEN append_only THEN '' ELSE ', UPDATE, DELETE' END,
        table_name
    );
END $$;

CREATE FUNCTION tieout.wording(cause text, cause_group text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN cause = 'unknown' AND cause_group IS NOT NULL THEN cause_group ELSE '' END $$;

CREATE TABLE tieout.alerts (
    organization_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    fingerprint text NOT NULL,
    kind text NOT NULL,
    scope text NOT NULL,
    cause text,
    severity text NOT NULL,
    status text NOT NULL,
    summary text NOT NULL,
    detail text NOT NULL,
    owner text,
    next_step text DEFAULT ''::text NOT NULL,
    organizations uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    members uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    organizations_count integer DEFAULT 0 NOT NULL,
    records_count integer DEFAULT 0 NOT NULL,
    money_at_risk jsonb DEFAULT '{}'::jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    held_at timestamp with time zone DEFAULT tieout.now() NOT NULL,
    grew_at timestamp with time zone DEFAULT tieout.now() NOT NULL,
    quiet_since timestamp with time zone,
    ended_at timestamp with time zone,
    is_inhibited boolean DEFAULT false NOT NULL,
    regressions_count integer DEFAULT 0 NOT NULL,
    notified_at timestamp with time zone,
    notified_count integer DEFAULT 0 NOT NULL,
    notified_severity text,
    notified_records_count integer DEFAULT 0 NOT NULL,
    notified_organizations_count integer DEFAULT 0 NOT NULL,
    acknowledged_at timestamp with time zone,
    acknowledged_by text,
    snoozed_until timestamp with time zone,
    version bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT alerts_severity CHECK ((severity = ANY (ARRAY['critical'::text, 'warning'::text, 'info'::text]))),
    CONSTRAINT alerts_status CHECK ((status = ANY (ARRAY['pending'::text, 'firing'::text, 'resolved'::text])))
);

CREATE TABLE tieout.api_keys (
    key_id uuid NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    organization_id uuid,
    digest bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_role CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'approver'::text])))
);

CREATE TABLE tieout.attempt_outcomes (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    episode integer NOT NULL,
    number integer NOT NULL,
    outcome text NOT NULL,
    http_status integer,
    error text,
    told_at timestamp with time zone,
    finished_at timestamp with time zone NOT NULL,
    CONSTRAINT attempt_outcomes_outcome CHECK ((outcome = ANY (ARRAY['accepted'::text, 'refused'::text, 'uncertain'::text, 'not_sent'::text])))
);

CREATE TABLE tieout.awaited (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    object_id text NOT NULL,
    since timestamp with time zone NOT NULL
);

CREATE TABLE tieout.backfills (
    organization_id uuid NOT NULL,
    began_at timestamp with time zone NOT NULL
);

CREATE TABLE tieout.balances (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    local_minor bigint NOT NULL,
    local_count integer NOT NULL,
    books_minor bigint NOT NULL,
    books_count integer NOT NULL,
    terms jsonb NOT NULL,
    unclassified_minor bigint NOT NULL,
    certified boolean NOT NULL,
    local_at timestamp with time zone,
    books_at timestamp with time zone,
    last_pull timestamp with time zone,
    version bigint NOT NULL,
    compared_at timestamp with time zone NOT NULL
);

CREATE TABLE tieout.cause_counts (
    organization_id uuid NOT NULL,
    cause text NOT NULL,
    cause_group text NOT NULL,
    records bigint NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE tieout.comparisons (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    compared_at timestamp with time zone NOT NULL,
    certified boolean NOT NULL,
    open_differences integer NOT NULL,
    expected_differences integer NOT NULL
);

CREATE TABLE tieout.connections (
    organization_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    status text,
    platform text,
    last_pull timestamp with time zone,
    connection_url text,
    errors jsonb,
    hub_created_at timestamp with time zone,
    hub_updated_at timestamp with time zone,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    version bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    connected_at timestamp with time zone,
    removed_at timestamp with time zone,
    renewed_at timestamp with time zone
);

CREATE UNLOGGED TABLE tieout.counted (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    local_id text,
    books_id text,
    paired_by text,
    local_version bigint,
    books_version bigint,
    records_version bigint NOT NULL,
    local_currency text,
    local_minor bigint,
    local_month date,
    books_currency text,
    books_minor bigint,
    books_month date,
    local_number text,
    books_number text,
    claims text[],
    local_keys bigint[],
    books_keys bigint[],
    is_equal boolean NOT NULL,
    local_mark bigint,
    books_mark bigint
);

CREATE UNLOGGED TABLE tieout.counted_keys (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    key bigint NOT NULL,
    side text NOT NULL,
    document_id text NOT NULL
);

CREATE UNLOGGED TABLE tieout.counted_until (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    read_at timestamp with time zone NOT NULL,
    whole_at timestamp with time zone NOT NULL,
    compared_at timestamp with time zone NOT NULL,
    last_pull timestamp with time zone,
    records_read_at timestamp with time zone,
    circumstances bytea NOT NULL,
    revisit_local text[] NOT NULL,
    revisit_books text[] NOT NULL
);

CREATE TABLE tieout.differences (
    organization_id uuid NOT NULL,
    difference_id uuid NOT NULL,
    fingerprint text NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    local_id text,
    books_id text,
    local_minor bigint,
    books_minor bigint,
    delta_minor bigint NOT NULL,
    count_delta integer NOT NULL,
    basis text NOT NULL,
    expected boolean NOT NULL,
    rule text,
    expected_until timestamp with time zone,
    record_id uuid,
    cause text,
    reason text NOT NULL,
    confidence numeric,
    version bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    resolved_at timestamp with time zone,
    local_on date,
    books_on date,
    origin text
);

CREATE TABLE tieout.documents (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    side text NOT NULL,
    document_id text NOT NULL,
    kind text NOT NULL,
    origin text DEFAULT 'hub'::text NOT NULL,
    number text,
    party_id text,
    party_name text,
    currency text,
    total_minor bigint,
    status text,
    issued_on date,
    due_on date,
    body jsonb NOT NULL,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    list_hash bytea NOT NULL,
    hub_updated_at timestamp with time zone,
    version bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    net_minor bigint,
    tax_minor bigint,
    is_net boolean,
    lines_mark uuid,
    line_accounts jsonb,
    marked_version bigint,
    CONSTRAINT documents_ledger CHECK ((ledger = ANY (ARRAY['receivable'::text, 'payable'::text]))),
    CONSTRAINT documents_side CHECK ((side = ANY (ARRAY['local'::text, 'books'::text])))
);

CREATE TABLE tieout.events (
    organization_id uuid NOT NULL,
    event_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    source text NOT NULL,
    object_type text,
    action text,
    object_id text,
    created_at timestamp with time zone,
    received_at timestamp with time zone NOT NULL,
    raw bytea NOT NULL,
    quarantined text,
    duplicates integer DEFAULT 0 NOT NULL,
    worked_at timestamp with time zone,
    CONSTRAINT events_source CHECK ((source = ANY (ARRAY['webhook'::text, 'log'::text])))
)
WITH (fillfactor='90');

CREATE TABLE tieout.evidence (
    organization_id uuid NOT NULL,
    evidence_id uuid NOT NULL,
    record_id uuid NOT NULL,
    kind text NOT NULL,
    detail jsonb NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    CONSTRAINT evidence_kind CHECK ((kind = ANY (ARRAY['not_sent'::text, 'refused'::text, 'refused_before_creation'::text, 'read_back'::text, 'named_person'::text, 'found'::text, 'set_aside'::text])))
);

CREATE TABLE tieout.findings (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    kind text NOT NULL,
    document_id text DEFAULT ''::text NOT NULL,
    reason text NOT NULL,
    owner text NOT NULL,
    amount_minor bigint,
    currency text,
    found_at timestamp with time zone NOT NULL
);

CREATE TABLE tieout.fleet_counts (
    subject text NOT NULL,
    keys text[] NOT NULL,
    counted numeric NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000');

CREATE TABLE tieout.fleet_samples (
    taken_at timestamp with time zone NOT NULL,
    failing bigint NOT NULL,
    waiting bigint NOT NULL,
    differences bigint NOT NULL
);

CREATE TABLE tieout.history (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    valid_from timestamp with time zone,
    known_from timestamp with time zone NOT NULL,
    body jsonb NOT NULL
)
PARTITION BY RANGE (known_from);

CREATE TABLE tieout.history_default (
    organization_id uuid CONSTRAINT history_organization_id_not_null NOT NULL,
    kind text CONSTRAINT history_kind_not_null NOT NULL,
    object_id text CONSTRAINT history_object_id_not_null NOT NULL,
    version bigint CONSTRAINT history_version_not_null NOT NULL,
    valid_from timestamp with time zone,
    known_from timestamp with time zone CONSTRAINT history_known_from_not_null NOT NULL,
    body jsonb CONSTRAINT history_body_not_null NOT NULL
);

CREATE TABLE tieout.history_kept (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    valid_from timestamp with time zone,
    known_from timestamp with time zone NOT NULL,
    body jsonb NOT NULL
);

CREATE TABLE tieout.hub_budget (
    is_only boolean DEFAULT true NOT NULL,
    next_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    paused_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    used_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    used integer DEFAULT 0 NOT NULL,
    used_per_second real DEFAULT 0 NOT NULL,
    CONSTRAINT hub_budget_is_only_check CHECK (is_only)
)
WITH (fillfactor='10', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='500');

CREATE TABLE tieout.hub_health (
    is_only boolean DEFAULT true NOT NULL,
    last_ok_at timestamp with time zone,
    failing_since timestamp with time zone,
    last_failure_at timestamp with time zone,
    failure text,
    message text,
    CONSTRAINT hub_health_is_only_check CHECK (is_only)
);

CREATE TABLE tieout.login_codes (
    digest bytea NOT NULL,
    key_name text NOT NULL,
    role text NOT NULL,
    organization_id uuid,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT login_codes_role CHECK ((role = ANY (ARRAY['viewer'::text, 'operator'::text, 'approver'::text])))
);

CREATE TABLE tieout.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    compatible boolean NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE tieout.months (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    month date NOT NULL,
    local_minor bigint NOT NULL,
    local_count integer NOT NULL,
    books_minor bigint NOT NULL,
    books_count integer NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE tieout.notifications (
    organization_id uuid NOT NULL,
    notification_id uuid NOT NULL,
    alert_id uuid NOT NULL,
    channel text NOT NULL,
    sequence bigint NOT NULL,
    body jsonb NOT NULL,
    status text NOT NULL,
    is_repeat boolean DEFAULT false NOT NULL,
    attempts_count integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    error text,
    CONSTRAINT notifications_status CHECK ((status = ANY (ARRAY['waiting'::text, 'sent'::text, 'refused'::text])))
);

CREATE TABLE tieout.organizations (
    organization_id uuid NOT NULL,
    name text NOT NULL,
    status text,
    hub_created_at timestamp with time zone,
    hub_updated_at timestamp with time zone,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    version bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone
);

CREATE TABLE tieout.pace (
    is_only boolean DEFAULT true NOT NULL,
    price double precision DEFAULT 1.2 NOT NULL,
    stretch double precision DEFAULT 1 NOT NULL,
    comparing_stretch double precision DEFAULT 1 NOT NULL,
    pull_seconds double precision DEFAULT 3600 NOT NULL,
    prompt double precision[] DEFAULT '{}'::double precision[] NOT NULL,
    late double precision DEFAULT 0 NOT NULL,
    missed double precision DEFAULT 1 NOT NULL,
    changes double precision DEFAULT 20 NOT NULL,
    readings bigint DEFAULT 0 NOT NULL,
    waited_seconds double precision DEFAULT 0 NOT NULL,
    priced_at timestamp with time zone,
    stretched_at timestamp with time zone,
    used_per_second double precision DEFAULT 0 NOT NULL,
    policy text,
    CONSTRAINT pace_is_only_check CHECK (is_only)
)
WITH (fillfactor='10');

CREATE TABLE tieout.pairs (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    local_id text NOT NULL,
    books_id text NOT NULL,
    paired_by text NOT NULL,
    confidence numeric NOT NULL,
    paired_at timestamp with time zone NOT NULL
);

CREATE TABLE tieout.paper_trail (
    organization_id uuid NOT NULL,
    "position" bigint NOT NULL,
    kind text NOT NULL,
    entry text NOT NULL,
    content_hash bytea NOT NULL,
    chain_hash bytea NOT NULL,
    written_at timestamp with time zone NOT NULL
);

CREATE TABLE tieout.passed_trials (
    cause text NOT NULL,
    platform text DEFAULT ''::text NOT NULL,
    passed_at timestamp with time zone NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE tieout.record_counts (
    organization_id uuid NOT NULL,
    object_type text NOT NULL,
    sync_status text NOT NULL,
    state text NOT NULL,
    cause text NOT NULL,
    currency text NOT NULL,
    records bigint NOT NULL,
    amount_minor numeric NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE tieout.records (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    object_type text NOT NULL,
    object_id uuid,
    sync_status text,
    errors jsonb,
    platform text,
    platform_object_id text,
    provider text,
    provider_object_id text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone NOT NULL,
    last_pulled_at timestamp with time zone,
    object_updated_at timestamp with time zone,
    platform_updated_at timestamp with time zone,
    provider_updated_at timestamp with time zone,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    state text NOT NULL,
    cause text,
    cause_rule text,
    cause_group text,
    cause_text text,
    rules_version integer,
    owner text,
    reason text NOT NULL,
    episode integer DEFAULT 1 NOT NULL,
    attempts_count integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone,
    deadline_at timestamp with time zone,
    first_failed_at timestamp with time zone,
    healed_at timestamp with time zone,
    amount_minor bigint,
    currency text,
    version bigint NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    doubted_at timestamp with time zone,
    CONSTRAINT records_error_has_cause CHECK (((state <> ALL (ARRAY['retrying'::text, 'blocked'::text, 'quarantined'::text, 'needs_person'::text, 'given_up'::text])) OR (cause IS NOT NULL))),
    CONSTRAINT records_state CHECK ((state = ANY (ARRAY['waiting'::text, 'acknowledged'::text, 'confirmed'::text, 'retrying'::text, 'blocked'::text, 'quarantined'::text, 'needs_person'::text, 'given_up'::text]))),
    CONSTRAINT records_waits_with_deadline CHECK (((state = ANY (ARRAY['acknowledged'::text, 'confirmed'::text])) OR (deadline_at IS NOT NULL)))
)
WITH (fillfactor='90');

CREATE TABLE tieout.reference_objects (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    reference_id text NOT NULL,
    name text,
    code text,
    rate integer,
    status text,
    is_external boolean,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    version bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    hub_updated_at timestamp with time zone
);

CREATE TABLE tieout.replicas (
    replica_id text NOT NULL,
    roles text[] NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL
);

CREATE TABLE tieout.retries (
    organization_id uuid NOT NULL,
    retry_id uuid NOT NULL,
    filter jsonb NOT NULL,
    hash text NOT NULL,
    matched integer NOT NULL,
    calls integer NOT NULL,
    planned_by text NOT NULL,
    planned_at timestamp with time zone NOT NULL,
    applied_by text,
    applied_at timestamp with time zone,
    cancelled_by text,
    cancelled_at timestamp with time zone
);

CREATE TABLE tieout.retry_acts (
    organization_id uuid NOT NULL,
    retry_id uuid NOT NULL,
    act text NOT NULL,
    key_name text NOT NULL,
    detail jsonb NOT NULL,
    acted_at timestamp with time zone NOT NULL,
    CONSTRAINT retry_acts_act CHECK ((act = ANY (ARRAY['applied'::text, 'cancelled'::text])))
);

CREATE TABLE tieout.retry_items (
    organization_id uuid NOT NULL,
    retry_id uuid NOT NULL,
    record_id uuid NOT NULL,
    status text NOT NULL,
    is_unsafe boolean NOT NULL,
    reason text NOT NULL,
    ground text NOT NULL,
    amount_minor bigint,
    currency text,
    wished_by text,
    wished_at timestamp with time zone,
    episode integer,
    number integer,
    CONSTRAINT retry_items_queued_by CHECK (((status <> 'queued'::text) OR ((wished_by IS NOT NULL) AND (wished_at IS NOT NULL)))),
    CONSTRAINT retry_items_status CHECK ((status = ANY (ARRAY['eligible'::text, 'excluded'::text, 'queued'::text, 'sent'::text, 'left_out'::text, 'cancelled'::text])))
);

CREATE TABLE tieout.scans (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    side text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    last_pull timestamp with time zone,
    certified boolean NOT NULL,
    reason text NOT NULL,
    documents_count integer NOT NULL,
    calls integer NOT NULL
);

CREATE TABLE tieout.sessions (
    digest bytea NOT NULL,
    key_digest bytea,
    key_name text NOT NULL,
    role text NOT NULL,
    organization_id uuid,
    csrf_token text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE tieout.set_aside_records (
    organization_id uuid NOT NULL,
    record_id uuid NOT NULL,
    cause text NOT NULL,
    cause_group text NOT NULL
);

CREATE TABLE tieout.sign_offs (
    organization_id uuid NOT NULL,
    period date NOT NULL,
    number integer NOT NULL,
    act text NOT NULL,
    key_name text,
    figures jsonb NOT NULL,
    figures_hash bytea NOT NULL,
    because text,
    is_complete boolean NOT NULL,
    acted_at timestamp with time zone NOT NULL,
    CONSTRAINT sign_offs_act CHECK ((act = ANY (ARRAY['prepared'::text, 'approved'::text, 'withdrawn'::text]))),
    CONSTRAINT sign_offs_who CHECK (((act = 'withdrawn'::text) = (key_name IS NULL))),
    CONSTRAINT sign_offs_why CHECK (((act = 'withdrawn'::text) = (because IS NOT NULL)))
);

CREATE TABLE tieout.staged_contested (
    books_mark bigint NOT NULL
);

CREATE TABLE tieout.staged_documents (
    side text NOT NULL,
    document_id text NOT NULL,
    version bigint NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    net_minor bigint,
    tax_minor bigint,
    is_net boolean NOT NULL,
    number text,
    party_name text,
    status text,
    issued_on date,
    due_on date,
    made_on date,
    lines_mark uuid,
    line_accounts jsonb,
    number_mark bigint,
    month date,
    is_unreadable boolean,
    is_marked boolean
);

CREATE TABLE tieout.staged_found (
    fingerprint text NOT NULL
);

CREATE TABLE tieout.staged_known (
    difference_id uuid NOT NULL,
    fingerprint text NOT NULL,
    version bigint NOT NULL,
    ledger text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    local_id text,
    books_id text,
    local_minor bigint,
    books_minor bigint,
    delta_minor bigint NOT NULL,
    count_delta integer NOT NULL,
    basis text NOT NULL,
    expected boolean NOT NULL,
    rule text,
    expected_until timestamp with time zone,
    record_id uuid,
    cause text,
    reason text NOT NULL,
    confidence numeric,
    local_on date,
    books_on date,
    origin text
);

CREATE TABLE tieout.staged_links (
    local_id text NOT NULL,
    records integer NOT NULL,
    records_version bigint NOT NULL,
    platform_id text,
    provider_id text
);

CREATE TABLE tieout.staged_owners (
    books_id text NOT NULL,
    local_id text
);

CREATE TABLE tieout.staged_pairs (
    local_id text NOT NULL,
    books_id text NOT NULL,
    paired_by text NOT NULL,
    is_plain boolean NOT NULL,
    local_version bigint NOT NULL,
    books_version bigint NOT NULL,
    records_version bigint NOT NULL,
    currency text NOT NULL,
    total_minor bigint NOT NULL,
    month date NOT NULL,
    local_number text,
    books_number text,
    claims text[],
    local_mark bigint
);

CREATE TABLE tieout.staged_records (
    local_id text NOT NULL,
    version bigint NOT NULL,
    platform_id text,
    provider_id text,
    local_mark bigint NOT NULL,
    platform_mark bigint
);

CREATE TABLE tieout.staged_several (
    local_mark bigint NOT NULL
);

CREATE TABLE tieout.standings (
    organization_id uuid NOT NULL,
    is_listed boolean DEFAULT false NOT NULL,
    connection_status text,
    last_pull timestamp with time zone,
    swept_at timestamp with time zone
)
WITH (fillfactor='70');

CREATE TABLE tieout.streams (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    cursor_at timestamp with time zone,
    read_at timestamp with time zone,
    full_at timestamp with time zone,
    failures integer DEFAULT 0 NOT NULL,
    error text,
    wanted_at timestamp with time zone,
    wanted_until timestamp with time zone,
    bound_at timestamp with time zone,
    demand_seconds double precision,
    calls double precision DEFAULT 1 NOT NULL,
    changes_per_second double precision DEFAULT 0 NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE tieout.superseded_documents (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    side text NOT NULL,
    document_id text NOT NULL,
    kind text NOT NULL,
    origin text NOT NULL,
    number text,
    party_id text,
    party_name text,
    currency text,
    total_minor bigint,
    status text,
    issued_on date,
    due_on date,
    body jsonb NOT NULL,
    payload jsonb NOT NULL,
    content_hash bytea NOT NULL,
    list_hash bytea NOT NULL,
    hub_updated_at timestamp with time zone,
    version bigint NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT superseded_documents_origin CHECK ((origin = 'hub'::text)),
    CONSTRAINT superseded_documents_side CHECK ((side = 'local'::text))
);

CREATE TABLE tieout.targets (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    object_id text NOT NULL,
    wanted_at timestamp with time zone NOT NULL,
    wishes integer DEFAULT 1 NOT NULL
);

CREATE TABLE tieout.unreadable_documents (
    organization_id uuid NOT NULL,
    ledger text NOT NULL,
    side text NOT NULL,
    document_id text NOT NULL,
    reason text NOT NULL
);

CREATE TABLE tieout.webhook_counts (
    day date NOT NULL,
    outcome text NOT NULL,
    shard integer NOT NULL,
    deliveries bigint NOT NULL
);

CREATE TABLE tieout.work (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    wanted_at timestamp with time zone,
    lease_by text,
    fence bigint DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    claimed_at timestamp with time zone,
    finished_at timestamp with time zone,
    error text,
    bound_at timestamp with time zone
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');

ALTER TABLE ONLY tieout.history ATTACH PARTITION tieout.history_default DEFAULT;

ALTER TABLE ONLY tieout.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (organization_id, alert_id);

ALTER TABLE ONLY tieout.api_keys
    ADD CONSTRAINT api_keys_digest_key UNIQUE (digest);

ALTER TABLE ONLY tieout.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY tieout.attempt_outcomes
    ADD CONSTRAINT attempt_outcomes_pkey PRIMARY KEY (organization_id, record_id, episode, number);

ALTER TABLE ONLY tieout.attempts
    ADD CONSTRAINT attempts_one_per_evidence UNIQUE (organization_id, evidence_id);

ALTER TABLE ONLY tieout.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (organization_id, record_id, episode, number);

ALTER TABLE ONLY tieout.awaited
    ADD CONSTRAINT awaited_pkey PRIMARY KEY (organization_id, stream, object_id);

ALTER TABLE ONLY tieout.backfills
    ADD CONSTRAINT backfills_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY tieout.balances
    ADD CONSTRAINT balances_pkey PRIMARY KEY (organization_id, ledger, currency);

ALTER TABLE ONLY tieout.cause_counts
    ADD CONSTRAINT cause_counts_pkey PRIMARY KEY (organization_id, cause, cause_group);

ALTER TABLE ONLY tieout.comparisons
    ADD CONSTRAINT comparisons_pkey PRIMARY KEY (organization_id, ledger);

ALTER TABLE ONLY tieout.connections
    ADD CONSTRAINT connections_pkey PRIMARY KEY (organization_id, connection_id);

ALTER TABLE ONLY tieout.counted_until
    ADD CONSTRAINT counted_until_pkey PRIMARY KEY (organization_id, ledger);

ALTER TABLE ONLY tieout.differences
    ADD CONSTRAINT differences_pkey PRIMARY KEY (organization_id, difference_id);

ALTER TABLE tieout.documents
    ADD CONSTRAINT documents_origin CHECK (((origin = 'hub'::text) OR ((origin = 'partner'::text) AND (side = 'local'::text)))) NOT VALID;

ALTER TABLE ONLY tieout.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (organization_id, ledger, side, document_id);

ALTER TABLE ONLY tieout.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (organization_id, event_id, subscription_id);

ALTER TABLE ONLY tieout.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (organization_id, evidence_id);

ALTER TABLE ONLY tieout.findings
    ADD CONSTRAINT findings_pkey PRIMARY KEY (organization_id, ledger, kind, document_id);

ALTER TABLE ONLY tieout.fleet_samples
    ADD CONSTRAINT fleet_samples_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY tieout.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (organization_id, kind, object_id, version, known_from);

ALTER TABLE ONLY tieout.history_default
    ADD CONSTRAINT history_default_pkey PRIMARY KEY (organization_id, kind, object_id, version, known_from);

ALTER TABLE ONLY tieout.history_kept
    ADD CONSTRAINT history_kept_pkey PRIMARY KEY (organization_id, kind, object_id, version, known_from);

ALTER TABLE ONLY tieout.hub_budget
    ADD CONSTRAINT hub_budget_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY tieout.hub_health
    ADD CONSTRAINT hub_health_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY tieout.login_codes
    ADD CONSTRAINT login_codes_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY tieout.migrations
    ADD CONSTRAINT migrations_name_key UNIQUE (name);

ALTER TABLE ONLY tieout.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY tieout.months
    ADD CONSTRAINT months_pkey PRIMARY KEY (organization_id, ledger, currency, month);

ALTER TABLE ONLY tieout.notifications
    ADD CONSTRAINT notifications_in_order UNIQUE (organization_id, alert_id, channel, sequence);

ALTER TABLE ONLY tieout.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (organization_id, notification_id);

ALTER TABLE ONLY tieout.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY tieout.pace
    ADD CONSTRAINT pace_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY tieout.pairs
    ADD CONSTRAINT pairs_pkey PRIMARY KEY (organization_id, ledger, local_id);

ALTER TABLE tieout.paper_trail
    ADD CONSTRAINT paper_trail_kind CHECK ((kind = ANY (ARRAY['evidence'::text, 'attempt'::text, 'outcome'::text, 'retry_act'::text, 'sign_off'::text]))) NOT VALID;

ALTER TABLE ONLY tieout.paper_trail
    ADD CONSTRAINT paper_trail_once UNIQUE (organization_id, kind, entry);

ALTER TABLE ONLY tieout.paper_trail
    ADD CONSTRAINT paper_trail_pkey PRIMARY KEY (organization_id, "position");

ALTER TABLE ONLY tieout.passed_trials
    ADD CONSTRAINT passed_trials_pkey PRIMARY KEY (cause, platform);

ALTER TABLE ONLY tieout.record_counts
    ADD CONSTRAINT record_counts_pkey PRIMARY KEY (organization_id, object_type, sync_status, state, cause, currency);

ALTER TABLE ONLY tieout.records
    ADD CONSTRAINT records_pkey PRIMARY KEY (organization_id, record_id);

ALTER TABLE ONLY tieout.reference_objects
    ADD CONSTRAINT reference_objects_pkey PRIMARY KEY (organization_id, kind, reference_id);

ALTER TABLE ONLY tieout.replicas
    ADD CONSTRAINT replicas_pkey PRIMARY KEY (replica_id);

ALTER TABLE ONLY tieout.retries
    ADD CONSTRAINT retries_pkey PRIMARY KEY (organization_id, retry_id);

ALTER TABLE ONLY tieout.retry_acts
    ADD CONSTRAINT retry_acts_pkey PRIMARY KEY (organization_id, retry_id, act);

ALTER TABLE ONLY tieout.retry_items
    ADD CONSTRAINT retry_items_pkey PRIMARY KEY (organization_id, retry_id, record_id);

ALTER TABLE ONLY tieout.scans
    ADD CONSTRAINT scans_pkey PRIMARY KEY (organization_id, ledger, side, finished_at);

ALTER TABLE ONLY tieout.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY tieout.set_aside_records
    ADD CONSTRAINT set_aside_records_pkey PRIMARY KEY (organization_id, record_id);

ALTER TABLE ONLY tieout.sign_offs
    ADD CONSTRAINT sign_offs_pkey PRIMARY KEY (organization_id, period, number);

ALTER TABLE ONLY tieout.staged_found
    ADD CONSTRAINT staged_found_pkey PRIMARY KEY (fingerprint);

ALTER TABLE ONLY tieout.standings
    ADD CONSTRAINT standings_pkey PRIMARY KEY (organization_id);

ALTER TABLE ONLY tieout.streams
    ADD CONSTRAINT streams_pkey PRIMARY KEY (organization_id, stream);

ALTER TABLE ONLY tieout.superseded_documents
    ADD CONSTRAINT superseded_documents_pkey PRIMARY KEY (organization_id, ledger, side, document_id);

ALTER TABLE ONLY tieout.targets
    ADD CONSTRAINT targets_pkey PRIMARY KEY (organization_id, stream, object_id);

ALTER TABLE ONLY tieout.unreadable_documents
    ADD CONSTRAINT unreadable_documents_pkey PRIMARY KEY (organization_id, ledger, side, document_id);

ALTER TABLE ONLY tieout.webhook_counts
    ADD CONSTRAINT webhook_counts_pkey PRIMARY KEY (day, outcome, shard);

ALTER TABLE ONLY tieout.work
    ADD CONSTRAINT work_pkey PRIMARY KEY (organization_id, kind);

CREATE INDEX alerts_ended ON tieout.alerts USING btree (ended_at) WHERE (status = 'resolved'::text);

CREATE UNIQUE INDEX alerts_one_open ON tieout.alerts USING btree (organization_id, fingerprint) WHERE (status <> 'resolved'::text);

CREATE UNIQUE INDEX api_keys_live_name ON tieout.api_keys USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX attempts_of_trials ON tieout.attempts USING btree (started_at) WHERE (trigger = 'canary'::text);

CREATE INDEX balances_unclassified ON tieout.balances USING btree (currency) INCLUDE (unclassified_minor) WHERE (unclassified_minor <> 0);

CREATE INDEX comparisons_to_explain ON tieout.comparisons USING btree (organization_id) INCLUDE (open_differences) WHERE (open_differences > 0);

CREATE UNIQUE INDEX counted_by_books_id ON tieout.counted USING btree (organization_id, books_id, ledger);

CREATE INDEX counted_by_books_mark ON tieout.counted USING btree (organization_id, ledger, books_mark) WHERE (books_mark IS NOT NULL);

CREATE UNIQUE INDEX counted_by_local ON tieout.counted USING btree (organization_id, ledger, local_id);

CREATE INDEX counted_by_mark ON tieout.counted USING btree (organization_id, local_mark);

CREATE INDEX counted_keys_by_document ON tieout.counted_keys USING btree (organization_id, ledger, side, document_id);

CREATE INDEX counted_keys_by_key ON tieout.counted_keys USING btree (organization_id, ledger, key);

CREATE INDEX differences_by_books ON tieout.differences USING btree (organization_id, ledger, books_id) WHERE (resolved_at IS NULL);

CREATE INDEX differences_by_kind ON tieout.differences USING btree (organization_id, kind) WHERE (resolved_at IS NULL);

CREATE INDEX differences_by_local ON tieout.differences USING btree (organization_id, ledger, local_id) WHERE (resolved_at IS NULL);

CREATE INDEX differences_by_record ON tieout.differences USING btree (organization_id, record_id) WHERE (resolved_at IS NULL);

CREATE UNIQUE INDEX differences_one_open ON tieout.differences USING btree (organization_id, fingerprint) WHERE (resolved_at IS NULL);

CREATE INDEX differences_turning ON tieout.differences USING btree (organization_id, ledger, expected_until) WHERE ((resolved_at IS NULL) AND ((expected_until IS NOT NULL) OR (kind = ANY (ARRAY['push_pending'::text, 'unclassified'::text])) OR (rule = 'just_issued'::text) OR ((kind = 'not_pushed'::text) AND (NOT expected))));

CREATE INDEX differences_unexpected ON tieout.differences USING btree (organization_id, kind) WHERE ((resolved_at IS NULL) AND (NOT expected));

CREATE INDEX documents_by_party ON tieout.documents USING btree (organization_id, ledger, party_id) WHERE (side = 'local'::text);

CREATE INDEX documents_changed ON tieout.documents USING btree (organization_id, ledger, changed_at);

CREATE INDEX documents_unmarked ON tieout.documents USING btree (organization_id, ledger, side, document_id) WHERE ((removed_at IS NULL) AND (marked_version IS DISTINCT FROM version));

CREATE INDEX events_by_arrival ON tieout.events USING btree (organization_id, received_at, event_id);

CREATE INDEX events_by_arrival_fleet ON tieout.events USING btree (received_at, event_id);

CREATE INDEX events_missed ON tieout.events USING btree (organization_id) WHERE (source = 'log'::text);

CREATE INDEX events_missing ON tieout.events USING btree (received_at) WHERE (source = 'log'::text);

CREATE INDEX events_quarantined ON tieout.events USING btree (received_at, event_id) WHERE (quarantined IS NOT NULL);

CREATE INDEX events_unworked ON tieout.events USING btree (organization_id, received_at) WHERE (worked_at IS NULL);

CREATE INDEX evidence_by_record ON tieout.evidence USING btree (organization_id, record_id);

CREATE INDEX evidence_set_aside ON tieout.evidence USING btree (organization_id, record_id) WHERE (kind = 'set_aside'::text);

CREATE INDEX notifications_finished ON tieout.notifications USING btree (channel, status, finished_at) WHERE (status <> 'waiting'::text);

CREATE INDEX notifications_waiting ON tieout.notifications USING btree (channel, due_at) WHERE (status = 'waiting'::text);

CREATE INDEX organizations_by_name ON tieout.organizations USING btree (name, organization_id);

CREATE INDEX pairs_by_books ON tieout.pairs USING btree (organization_id, ledger, books_id);

CREATE INDEX record_counts_failing ON tieout.record_counts USING btree (cause, organization_id) WHERE ((state = ANY (ARRAY['waiting'::text, 'retrying'::text, 'blocked'::text, 'quarantined'::text, 'needs_person'::text, 'given_up'::text])) AND (cause <> ''::text));

CREATE INDEX records_acknowledged ON tieout.records USING btree (organization_id, record_id) WHERE ((state = 'acknowledged'::text) AND (COALESCE(platform_object_id, provider_object_id) IS NOT NULL));

CREATE INDEX records_by_id ON tieout.records USING btree (record_id);

CREATE INDEX records_by_object ON tieout.records USING btree (organization_id, object_id);

CREATE INDEX records_by_platform_object ON tieout.records USING btree (organization_id, platform_object_id) WHERE (platform_object_id IS NOT NULL);

CREATE INDEX records_by_provider_object ON tieout.records USING btree (organization_id, provider_object_id) WHERE (provider_object_id IS NOT NULL);

CREATE INDEX records_changed ON tieout.records USING btree (organization_id, changed_at);

CREATE INDEX records_checked_next ON tieout.records USING btree (cause, tieout.wording(cause, cause_group), LEAST(next_attempt_at, deadline_at)) WHERE (state = ANY (ARRAY['retrying'::text, 'blocked'::text, 'quarantined'::text, 'needs_person'::text, 'given_up'::text]));

CREATE INDEX records_failed_first ON tieout.records USING btree (cause, tieout.wording(cause, cause_group), first_failed_at, record_id) WHERE (state = ANY (ARRAY['retrying'::text, 'blocked'::text, 'quarantined'::text, 'needs_person'::text, 'given_up'::text]));

CREATE INDEX records_failing ON tieout.records USING btree (organization_id, cause) WHERE (state = ANY (ARRAY['retrying'::text, 'blocked'::text, 'quarantined'::text, 'needs_person'::text, 'given_up'::text]));

CREATE INDEX records_open ON tieout.records USING btree (organization_id, LEAST(next_attempt_at, deadline_at)) WHERE (state <> ALL (ARRAY['acknowledged'::text, 'confirmed'::text]));

CREATE INDEX records_outdated ON tieout.records USING btree (organization_id, rules_version) WHERE (state = ANY (ARRAY['retrying'::text, 'blocked'::text, 'quarantined'::text, 'needs_person'::text, 'given_up'::text]));

CREATE INDEX records_unconfirmed ON tieout.records USING btree (organization_id, healed_at) WHERE ((state = 'acknowledged'::text) AND (healed_at IS NOT NULL) AND (object_type = ANY (ARRAY['receivable'::text, 'bill'::text])));

CREATE INDEX records_waiting ON tieout.records USING btree (organization_id, updated_at) WHERE (state = 'waiting'::text);

CREATE INDEX retries_by_id ON tieout.retries USING btree (retry_id);

CREATE INDEX retries_by_time ON tieout.retries USING btree (planned_at, retry_id);

CREATE INDEX retry_items_by_retry ON tieout.retry_items USING btree (retry_id);

CREATE INDEX retry_items_queued ON tieout.retry_items USING btree (organization_id) WHERE (status = 'queued'::text);

CREATE INDEX sessions_expired ON tieout.sessions USING btree (expires_at);

CREATE INDEX streams_failing ON tieout.streams USING btree (stream) WHERE (failures > 1);

CREATE INDEX work_bound ON tieout.work USING btree (bound_at) WHERE (bound_at IS NOT NULL);

CREATE INDEX work_due ON tieout.work USING btree (kind, due_at);

ALTER INDEX tieout.history_pkey ATTACH PARTITION tieout.history_default_pkey;

CREATE TRIGGER sign_offs_chained AFTER INSERT ON tieout.sign_offs FOR EACH ROW EXECUTE FUNCTION tieout.chain_sign_off();

ALTER TABLE ONLY tieout.attempt_outcomes
    ADD CONSTRAINT attempt_outcomes_organization_id_record_id_episode_number_fkey FOREIGN KEY (organization_id, record_id, episode, number) REFERENCES tieout.attempts(organization_id, record_id, episode, number);

ALTER TABLE ONLY tieout.attempts
    ADD CONSTRAINT attempts_organization_id_evidence_id_fkey FOREIGN KEY (organization_id, evidence_id) REFERENCES tieout.evidence(organization_id, evidence_id);

CREATE POLICY adding ON tieout.fleet_counts FOR INSERT TO tieout_app WITH CHECK (true);

ALTER TABLE tieout.alerts ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.attempt_outcomes ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.attempts ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.awaited ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.backfills ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.balances ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.cause_counts ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.comparisons ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.connections ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.counted ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.counted_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.counted_until ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.differences ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.documents ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.events ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.evidence ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.findings ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.fleet_counts ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.fleet_samples ENABLE ROW LEVEL SECURITY;

CREATE POLICY folding ON tieout.fleet_counts FOR DELETE TO tieout_app USING (( SELECT tieout.scope_is_fleet() AS scope_is_fleet));

ALTER TABLE tieout.history ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.history_kept ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.months ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.notifications ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.organizations ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.pairs ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.paper_trail ENABLE ROW LEVEL SECURITY;

CREATE POLICY reading ON tieout.fleet_counts FOR SELECT TO tieout_app USING (( SELECT tieout.scope_is_fleet() AS scope_is_fleet));

ALTER TABLE tieout.record_counts ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.records ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.reference_objects ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.retries ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.retry_acts ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.retry_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.scans ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.set_aside_records ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.sign_offs ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.standings ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.streams ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.superseded_documents ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.targets ENABLE ROW LEVEL SECURITY;

ALTER TABLE tieout.unreadable_documents ENABLE ROW LEVEL SECURITY;

CREATE POLICY wall ON tieout.alerts TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.attempt_outcomes TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.attempts TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.awaited TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.backfills TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.balances TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.cause_counts TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.comparisons TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.connections TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.counted TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.counted_keys TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.counted_until TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.differences TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.documents TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.events TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.evidence TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.findings TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.fleet_samples TO tieout_app USING (( SELECT tieout.scope_is_fleet() AS scope_is_fleet));

CREATE POLICY wall ON tieout.history TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.history_kept TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.months TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.notifications TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.organizations TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.pairs TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.paper_trail TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.record_counts TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.records TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.reference_objects TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.retries TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.retry_acts TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.retry_items TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.scans TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.set_aside_records TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.sign_offs TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.standings TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.streams TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.superseded_documents TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.targets TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.unreadable_documents TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

CREATE POLICY wall ON tieout.work TO tieout_app USING ((( SELECT tieout.scope_is_fleet() AS scope_is_fleet) OR (organization_id = ( SELECT tieout.scope_organization() AS scope_organization))));

ALTER TABLE tieout.work ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA tieout TO tieout_app;

REVOKE ALL ON FUNCTION tieout.analyze_compared() FROM PUBLIC;
GRANT ALL ON FUNCTION tieout.analyze_compared() TO tieout_app;

REVOKE ALL ON FUNCTION tieout.analyze_counted() FROM PUBLIC;
GRANT ALL ON FUNCTION tieout.analyze_counted() TO tieout_app;

REVOKE ALL ON FUNCTION tieout.drop_history_before(day date) FROM PUBLIC;
GRANT ALL ON FUNCTION tieout.drop_history_before(day date) TO tieout_app;

REVOKE ALL ON FUNCTION tieout.empty_history_before(day date, portion integer) FROM PUBLIC;
GRANT ALL ON FUNCTION tieout.empty_history_before(day date, portion integer) TO tieout_app;

REVOKE ALL ON FUNCTION tieout.ensure_history_month(month date) FROM PUBLIC;
GRANT ALL ON FUNCTION tieout.ensure_history_month(month date) TO tieout_app;

REVOKE ALL ON FUNCTION tieout.return_history(portion integer) FROM PUBLIC;
GRANT ALL ON FUNCTION tieout.return_history(portion integer) TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.attempts TO tieout_app;

REVOKE ALL ON PROCEDURE tieout.wall(IN table_name text, IN append_only boolean) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.alerts TO tieout_app;

GRANT SELECT,INSERT,UPDATE ON TABLE tieout.api_keys TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.attempt_outcomes TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.awaited TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.backfills TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.balances TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.cause_counts TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.comparisons TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.connections TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.counted TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.counted_keys TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.counted_until TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.differences TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.documents TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.events TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.evidence TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.findings TO tieout_app;

GRANT SELECT,INSERT,DELETE ON TABLE tieout.fleet_counts TO tieout_app;

GRANT SELECT,INSERT,DELETE ON TABLE tieout.fleet_samples TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.history TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.history_kept TO tieout_app;

GRANT SELECT,UPDATE ON TABLE tieout.hub_budget TO tieout_app;

GRANT SELECT,UPDATE ON TABLE tieout.hub_health TO tieout_app;

GRANT SELECT,INSERT,DELETE ON TABLE tieout.login_codes TO tieout_app;

GRANT SELECT ON TABLE tieout.migrations TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.months TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.notifications TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.organizations TO tieout_app;

GRANT SELECT,UPDATE ON TABLE tieout.pace TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.pairs TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.paper_trail TO tieout_app;

GRANT SELECT,INSERT,UPDATE ON TABLE tieout.passed_trials TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.record_counts TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.records TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.reference_objects TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.replicas TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.retries TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.retry_acts TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.retry_items TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.scans TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.sessions TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.set_aside_records TO tieout_app;

GRANT SELECT,INSERT ON TABLE tieout.sign_offs TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_contested TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_documents TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_found TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_known TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_links TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_owners TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_pairs TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_records TO tieout_app;

GRANT SELECT ON TABLE tieout.staged_several TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.standings TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.streams TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.superseded_documents TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.targets TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.unreadable_documents TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.webhook_counts TO tieout_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE tieout.work TO tieout_app;
