-- What has not changed for longer than history is kept is still known: its last version outlives the month that held it.

-- Last versions on their way out of a month that is about to be dropped; they go on to history_default once it is.
CREATE TABLE tieout.history_kept (
    organization_id uuid NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    version bigint NOT NULL,
    valid_from timestamptz,
    known_from timestamptz NOT NULL,
    body jsonb NOT NULL,
    PRIMARY KEY (organization_id, kind, object_id, version, known_from)
);
CALL tieout.wall('history_kept', append_only => true);

-- Takes so many versions out of the months that ended before the given day, the oldest first, keeping of each object the last one
-- known before that day, unless it says that the object is gone. Answers how many were taken: fewer than asked when none is left.
-- A version kept earlier makes way for a later one.
CREATE FUNCTION tieout.empty_history_before(day date, portion integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
    partition_name text;
    taken bigint := 0;
    more bigint;
BEGIN
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
END $$;

-- Brings so many kept versions back into history, now that the months that held them are gone; answers how many.
CREATE FUNCTION tieout.return_history(portion integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    WITH taken AS (
        DELETE FROM tieout.history_kept WHERE ctid = ANY(ARRAY(SELECT ctid FROM tieout.history_kept LIMIT portion)) RETURNING *
    ), returned AS (
        INSERT INTO tieout.history SELECT * FROM taken ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM taken
$$;

REVOKE EXECUTE ON FUNCTION tieout.empty_history_before, tieout.return_history FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tieout.empty_history_before, tieout.return_history TO tieout_app;
