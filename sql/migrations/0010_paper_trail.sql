-- The paper trail is chained: whoever changes or removes a row of it afterwards, with whatever rights, breaks the chain.

-- One link per row of the trail and organization. Its hash covers the row and the link before; the last one, kept elsewhere,
-- vouches for all that came before it.
CREATE TABLE tieout.paper_trail (
    organization_id uuid NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL CONSTRAINT paper_trail_kind CHECK (kind IN ('evidence', 'attempt', 'outcome')),
    -- Which row: the evidence's id, or record/episode/number.
    entry text NOT NULL,
    content_hash bytea NOT NULL,
    chain_hash bytea NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, position),
    CONSTRAINT paper_trail_once UNIQUE (organization_id, kind, entry)
);
CALL tieout.wall('paper_trail', append_only => true);

-- The digest of a row as it is stored. What is null is left out, so that a column added later changes no old digest.
-- Instants are written in the session's time zone, which is UTC for the service.
CREATE FUNCTION tieout.content_hash(content jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT sha256(convert_to(jsonb_strip_nulls(content)::text, 'UTF8')) $$;

-- Adds a row to its organization's chain; called by the statement that writes the row. No trigger: see docs/decisions/0003.
-- Writers of one organization queue up here, so that each link knows the one before.
CREATE FUNCTION tieout.chain(organization uuid, row_kind text, row_entry text, content jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE
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
