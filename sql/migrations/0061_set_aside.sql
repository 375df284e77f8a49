-- Records that a person has set aside are told apart from those that wait for somebody.
-- not transactional

-- count_set_aside, list_failing_records, sum_failing_records: the few words among all evidence.
CREATE INDEX CONCURRENTLY IF NOT EXISTS evidence_set_aside ON tieout.evidence (organization_id, record_id) WHERE kind = 'set_aside';

-- Whether a person's word that a record is not sent is the last that counts, now or at an instant: what domain.pushing.attempt.speaking
-- says of both words, for telling alone. The columns are named in full: it runs under any search path.
CREATE OR REPLACE FUNCTION tieout.is_set_aside(
    organization uuid, record uuid, failing_episode integer, failed_at timestamptz, doubted_at timestamptz, as_of timestamptz
) RETURNS boolean
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

-- The records that fail and that a person has set aside, of an organization or, for null, of all: as `is_set_aside` says it of one, but
-- found together, since one by one ten thousand of them would take a second of each /status.
CREATE OR REPLACE FUNCTION tieout.set_aside(organization uuid) RETURNS TABLE (organization_id uuid, record_id uuid, cause text, cause_group text)
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
), tried AS MATERIALIZED (
    SELECT a.organization_id, a.record_id, a.episode, a.evidence_id, a.started_at, o.outcome
    FROM failing f
    JOIN tieout.attempts a ON a.organization_id = f.organization_id AND a.record_id = f.record_id
    LEFT JOIN tieout.attempt_outcomes o ON o.organization_id = a.organization_id AND o.record_id = a.record_id
        AND o.episode = a.episode AND o.number = a.number
), last_word AS (
    SELECT DISTINCT ON (f.organization_id, f.record_id) f.organization_id, f.record_id, f.cause, f.cause_group, e.kind
    FROM failing f
    JOIN tieout.evidence e ON e.organization_id = f.organization_id AND e.record_id = f.record_id
    WHERE e.kind IN ('set_aside', 'named_person') AND e.observed_at >= f.failed_at
        AND (e.kind = 'set_aside' OR f.doubted_at IS NULL
            OR coalesce((e.detail ->> 'record_updated_at')::timestamptz, e.observed_at) >= f.doubted_at)
        AND NOT EXISTS (
            SELECT FROM tried a
            WHERE a.organization_id = f.organization_id AND a.record_id = f.record_id
                AND (a.evidence_id = e.evidence_id
                    OR a.episode = f.episode AND a.started_at >= e.observed_at AND a.outcome IS DISTINCT FROM 'not_sent')
        )
    ORDER BY f.organization_id, f.record_id, e.observed_at DESC, e.kind DESC
)
SELECT w.organization_id, w.record_id, w.cause, tieout.wording(w.cause, w.cause_group) FROM last_word w WHERE w.kind = 'set_aside'
$$;
