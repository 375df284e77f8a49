-- The chain that vouches for the paper trail.

-- name: list_paper_trail_faults :many
-- What does not fit: rows that changed, are gone or were never chained, links that are missing or were made up.
-- $1 organization_id, $2 limit
WITH written AS (
    SELECT 'evidence' AS kind, evidence_id::text AS entry, tieout.content_hash(to_jsonb(e)) AS content_hash
    FROM evidence e WHERE organization_id = $1
    UNION ALL
    SELECT 'attempt', format('%s/%s/%s', record_id, episode, number), tieout.content_hash(to_jsonb(a))
    FROM attempts a WHERE organization_id = $1
    UNION ALL
    SELECT 'outcome', format('%s/%s/%s', record_id, episode, number), tieout.content_hash(to_jsonb(o))
    FROM attempt_outcomes o WHERE organization_id = $1
    UNION ALL
    SELECT 'retry_act', format('%s/%s', retry_id, act), tieout.content_hash(to_jsonb(t))
    FROM retry_acts t WHERE organization_id = $1
    UNION ALL
    SELECT 'sign_off', format('%s/%s', period, number), tieout.content_hash(to_jsonb(s))
    FROM sign_offs s WHERE organization_id = $1
), chained AS (
    SELECT kind, entry, position, content_hash, chain_hash, lag(position, 1, 0::bigint) OVER chain AS position_before,
        lag(chain_hash, 1, ''::bytea) OVER chain AS hash_before
    FROM paper_trail WHERE organization_id = $1
    WINDOW chain AS (ORDER BY position)
), judged AS (
    SELECT kind, entry, c.position, CASE
        WHEN c.position IS NULL THEN 'unchained'
        WHEN c.position <> c.position_before + 1 THEN 'link_missing'
        WHEN c.chain_hash <> sha256(c.hash_before || c.content_hash) THEN 'link_changed'
        WHEN w.content_hash IS NULL THEN 'row_missing'
        WHEN w.content_hash <> c.content_hash THEN 'row_changed'
    END AS fault
    FROM written w FULL JOIN chained c USING (kind, entry)
)
SELECT kind, entry, position, fault FROM judged WHERE fault IS NOT NULL ORDER BY position NULLS LAST, kind, entry LIMIT $2;

-- name: list_trailed_organizations :many
-- Organizations that have a paper trail, or may have lost it; the nil one has that of plans which span the fleet.
SELECT organization_id FROM organizations UNION SELECT organization_id FROM paper_trail ORDER BY organization_id;

-- name: get_paper_trail_head :one
-- The latest link: kept elsewhere, it vouches for everything before it.
-- $1 organization_id
SELECT position, chain_hash FROM paper_trail WHERE organization_id = $1 ORDER BY position DESC LIMIT 1;
