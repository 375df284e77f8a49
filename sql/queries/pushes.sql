-- The paper trail of pushes.

-- name: insert_evidence :exec
-- $1 organization_id, $2 evidence_id, $3 record_id, $4 kind, $5 detail jsonb
WITH written AS (
    INSERT INTO evidence (organization_id, evidence_id, record_id, kind, detail, observed_at)
    VALUES ($1, $2, $3, $4, $5, tieout.now())
    RETURNING *
)
SELECT tieout.chain(organization_id, 'evidence', evidence_id::text, to_jsonb(written)) FROM written;

-- name: return_evidence :exec
-- What permitted an attempt that was not sent permits another: the same once more, observed when it was. Nothing unless that is the
-- outcome that stands written.
-- $1 organization_id, $2 record_id, $3 episode, $4 number of the attempt, $5 evidence_id, the new one
WITH written AS (
    INSERT INTO evidence (organization_id, evidence_id, record_id, kind, detail, observed_at)
    SELECT e.organization_id, $5, e.record_id, e.kind, e.detail || jsonb_build_object('given_back', e.evidence_id), e.observed_at
    FROM attempts a
    JOIN evidence e ON e.organization_id = a.organization_id AND e.evidence_id = a.evidence_id
    JOIN attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
        AND o.episode = a.episode AND o.number = a.number
    WHERE a.organization_id = $1 AND a.record_id = $2 AND a.episode = $3 AND a.number = $4 AND o.outcome = 'not_sent'
        AND e.kind IN ('read_back', 'named_person')
    RETURNING *
)
SELECT tieout.chain(organization_id, 'evidence', evidence_id::text, to_jsonb(written)) FROM written;

-- name: insert_attempt :one
-- Intent before the first byte. No row when this number was written already: somebody else is at it.
-- $1 organization_id, $2 record_id, $3 episode, $4 number, $5 evidence_id, $6 trigger, $7 fence, $8 replica_id, $9 record_updated_at
WITH written AS (
    INSERT INTO attempts (
        organization_id, record_id, episode, number, evidence_id, trigger, fence, replica_id, record_updated_at, started_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, tieout.now())
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT started_at, tieout.chain(
    organization_id, 'attempt', format('%s/%s/%s', record_id, episode, number), to_jsonb(written)
) AS position
FROM written;

-- name: insert_attempt_outcome :exec
-- $1 organization_id, $2 record_id, $3 episode, $4 number, $5 outcome, $6 http_status, $7 error, $8 told_at
WITH written AS (
    INSERT INTO attempt_outcomes (organization_id, record_id, episode, number, outcome, http_status, error, told_at, finished_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, tieout.now()) ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT tieout.chain(organization_id, 'outcome', format('%s/%s/%s', record_id, episode, number), to_jsonb(written))
FROM written;

-- name: list_attempts :many
-- In order, with what became of each; an outcome of null is unknown.
-- $1 organization_id, $2 record_ids uuid[]
SELECT a.record_id, a.episode, a.number, a.evidence_id, e.kind AS evidence_kind, e.detail AS evidence_detail, a.trigger, a.fence,
    a.replica_id, a.record_updated_at, a.started_at, o.finished_at, o.outcome, o.http_status, o.error, o.told_at
FROM attempts a
JOIN evidence e ON e.organization_id = a.organization_id AND e.evidence_id = a.evidence_id
LEFT JOIN attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
    AND o.episode = a.episode AND o.number = a.number
WHERE a.organization_id = $1 AND a.record_id = ANY($2::uuid[])
ORDER BY a.record_id, a.episode, a.number;

-- name: list_unfinished_attempts :many
-- Begun under an older claim and never finished: the process died in between.
-- $1 organization_id, $2 fence of the present claim
SELECT a.record_id, a.episode, a.number FROM attempts a
LEFT JOIN attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
    AND o.episode = a.episode AND o.number = a.number
WHERE a.organization_id = $1 AND a.fence < $2 AND o.number IS NULL;

-- name: list_evidence :many
-- $1 organization_id, $2 record_id
SELECT evidence_id, kind, detail, observed_at FROM evidence WHERE organization_id = $1 AND record_id = $2 ORDER BY observed_at;

-- name: list_open_evidence :many
-- What was found out, or said by a person, about records and has permitted no attempt yet.
-- $1 organization_id, $2 record_ids uuid[]
SELECT e.record_id, e.evidence_id, e.kind, e.observed_at, e.detail FROM evidence e
WHERE e.organization_id = $1 AND e.record_id = ANY($2::uuid[]) AND e.kind IN ('read_back', 'named_person', 'set_aside')
    AND NOT EXISTS (
        SELECT FROM attempts a WHERE a.organization_id = e.organization_id AND a.evidence_id = e.evidence_id
    )
ORDER BY e.record_id, e.observed_at;

-- name: list_canaries :many
-- The trials made lately for causes whose cure cannot be seen: when one was sent last, and when one last came through itself. What was
-- not sent was no trial.
-- $1 organization_id, $2 seconds that are looked back
SELECT e.detail->>'cause' AS cause, max(a.started_at) AS tried_at, max(tieout.trial_passed_at(a)) AS passed_at
FROM attempts a
JOIN evidence e ON e.organization_id = a.organization_id AND e.evidence_id = a.evidence_id
LEFT JOIN attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
    AND o.episode = a.episode AND o.number = a.number
WHERE a.organization_id = $1 AND a.trigger = 'canary' AND o.outcome IS DISTINCT FROM 'not_sent'
    AND a.started_at > tieout.now() - make_interval(secs => $2::float8)
GROUP BY 1;
