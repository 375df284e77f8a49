-- Who signed which figures is chained like pushes are, and the service can forget no history that is still young.

-- Only allows more than before, so what is stored need not be looked at under the lock.
ALTER TABLE tieout.paper_trail DROP CONSTRAINT paper_trail_kind;
ALTER TABLE tieout.paper_trail ADD CONSTRAINT paper_trail_kind
    CHECK (kind IN ('evidence', 'attempt', 'outcome', 'retry_act', 'sign_off')) NOT VALID;

-- The one trigger of the trail: replicas of the release before sign while this is rolled out, and know nothing of the chain.
CREATE FUNCTION tieout.chain_sign_off() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM tieout.chain(
        NEW.organization_id, 'sign_off', format('%s/%s', NEW.period, NEW.number), to_jsonb(NEW)
    );
    RETURN NULL;
END $$;
CREATE TRIGGER sign_offs_chained AFTER INSERT ON tieout.sign_offs
FOR EACH ROW EXECUTE FUNCTION tieout.chain_sign_off();

-- What was signed before is chained as it is now. Not by tieout.chain(), which takes a lock for each organization; both tables
-- are ours until this ends.
DO $$
DECLARE
    signed tieout.sign_offs%ROWTYPE;
    latest record;
    digest bytea;
BEGIN
    FOR signed IN SELECT * FROM tieout.sign_offs ORDER BY organization_id, acted_at, period, number LOOP
        digest := tieout.content_hash(to_jsonb(signed));
        SELECT t.position, t.chain_hash INTO latest FROM tieout.paper_trail t
        WHERE t.organization_id = signed.organization_id ORDER BY t.position DESC LIMIT 1;
        INSERT INTO tieout.paper_trail (organization_id, position, kind, entry, content_hash, chain_hash, written_at)
        VALUES (
            signed.organization_id, coalesce(latest.position, 0) + 1, 'sign_off', format('%s/%s', signed.period, signed.number),
            digest, sha256(coalesce(latest.chain_hash, ''::bytea) || digest), tieout.now()
        );
    END LOOP;
END $$;

-- Both as before, but for the day that they refuse.
CREATE OR REPLACE FUNCTION tieout.drop_history_before(day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
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
END $$;

CREATE OR REPLACE FUNCTION tieout.empty_history_before(day date, portion integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
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
END $$;
