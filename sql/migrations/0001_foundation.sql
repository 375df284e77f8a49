-- Everything else stands on this: the schema, the role that the service works under, its clock and its tenant wall.

-- The service works as tieout_app: a role that owns nothing, may not log in and may not change the schema. Roles belong
-- to the whole cluster, so another database of it may have made this one, or be making it at this very moment.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tieout_app') THEN
        CREATE ROLE tieout_app NOLOGIN NOBYPASSRLS;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END $$;

DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'tieout_app', 'MEMBER') THEN
        EXECUTE format('GRANT tieout_app TO %I', current_user);
    END IF;
END $$;

CREATE SCHEMA IF NOT EXISTS tieout;
GRANT USAGE ON SCHEMA tieout TO tieout_app;

-- The service's clock. Leases and due times read it and no replica's own; a test sets the offset. COALESCE would keep
-- Postgres from using it as an index condition under row-level security; CASE does not.
CREATE FUNCTION tieout.now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT statement_timestamp()
        + CASE WHEN current_setting('tieout.clock_offset', true) <> ''
            THEN current_setting('tieout.clock_offset', true)::interval ELSE interval '0' END
$$;

-- The same clock read at the instant of the call: for a row that many replicas queue up for, where the time at
-- which the statement began is already old when the row is theirs.
CREATE FUNCTION tieout.instant() RETURNS timestamptz
LANGUAGE sql VOLATILE
AS $$
    SELECT clock_timestamp()
        + CASE WHEN current_setting('tieout.clock_offset', true) <> ''
            THEN current_setting('tieout.clock_offset', true)::interval ELSE interval '0' END
$$;

-- The tenant wall. Each transaction says whose rows it may see: '*' the whole fleet, a uuid that organization alone,
-- and unset nobody's. Policies ask through a sub-select, so that Postgres evaluates them once a statement, not once a row.
CREATE FUNCTION tieout.scope_is_fleet() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT current_setting('tieout.scope', true) = '*' $$;

CREATE FUNCTION tieout.scope_organization() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(nullif(current_setting('tieout.scope', true), '*'), '')::uuid $$;

-- Puts the wall around a table and gives the service its rights on it. Append-only tables are the paper trail:
-- the service may add to them and read them, nothing else.
CREATE PROCEDURE tieout.wall(table_name text, append_only boolean DEFAULT false)
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
REVOKE EXECUTE ON PROCEDURE tieout.wall FROM PUBLIC;
