-- Synced records as we follow them.

-- name: lock_records :many
-- Those of a page that we hold already, locked until the transaction ends.
-- $1 organization_id, $2 record_ids uuid[]
SELECT * FROM records WHERE organization_id = $1 AND record_id = ANY($2::uuid[]) ORDER BY record_id FOR UPDATE;

-- name: list_record_news :many
-- Which rows of a page tell something that we do not know, by their place in it, and whether their record is new to us; the rest is
-- not sent back.
-- $1 organization_id, $2 record_ids uuid[], $3 content_hashes bytea[]
WITH known AS MATERIALIZED (
    SELECT record_id, content_hash FROM records WHERE organization_id = $1 AND record_id = ANY($2::uuid[])
)
SELECT (told.number - 1)::integer AS place, k.record_id IS NULL AS is_new
FROM unnest($2::uuid[], $3::bytea[]) WITH ORDINALITY AS told (record_id, content_hash, number)
LEFT JOIN known k ON k.record_id = told.record_id
WHERE k.content_hash IS DISTINCT FROM told.content_hash
ORDER BY told.number;

-- name: insert_records :exec
-- Records that were not there when they were looked for in this transaction, each with its first version; fewer are written where
-- one is there now.
-- $1 organization_id, $2 rows handed_record[], $3 versions as lines of JSON, $4 payloads as lines of JSON
WITH incoming AS MATERIALIZED (
    SELECT * FROM unnest(string_to_array($3, E'\n'), string_to_array($4, E'\n'), $2::handed_record[]) AS told (body, payload)
), kept AS (
    INSERT INTO history (organization_id, kind, object_id, version, valid_from, known_from, body)
    SELECT $1, 'record', record_id::text, version, updated_at::timestamptz, tieout.now(), body::jsonb FROM incoming
)
INSERT INTO records (
    organization_id, record_id, object_type, object_id, sync_status, errors, platform, platform_object_id, provider,
    provider_object_id, created_at, updated_at, last_pulled_at, object_updated_at, platform_updated_at, provider_updated_at,
    payload, content_hash, state, cause, cause_rule, cause_group, cause_text, rules_version, owner, reason, episode,
    attempts_count, next_attempt_at, deadline_at, first_failed_at, healed_at, amount_minor, currency, doubted_at, version, changed_at
)
SELECT $1, record_id, object_type, object_id, sync_status, errors::jsonb, platform, platform_object_id, provider,
    provider_object_id, created_at::timestamptz, updated_at::timestamptz, last_pulled_at::timestamptz,
    object_updated_at::timestamptz, platform_updated_at::timestamptz, provider_updated_at::timestamptz, payload::jsonb,
    content_hash, state, cause, cause_rule, cause_group, cause_text, rules_version, owner, reason, episode, attempts_count,
    next_attempt_at::timestamptz, deadline_at::timestamptz, first_failed_at::timestamptz, healed_at::timestamptz, amount_minor,
    currency, doubted_at::timestamptz, version, tieout.now()
FROM incoming ORDER BY record_id
ON CONFLICT DO NOTHING;

-- name: update_records :exec
-- Records that were locked in this transaction, each with its new version; what has no payload of its own keeps the one that the
-- hub told last. A version has the hub's time when the hub told it, and none when we made it. A version that is not older than ours is
-- not overwritten, and fewer are written then.
-- $1 organization_id, $2 rows handed_record[], $3 versions as lines of JSON, $4 payloads as lines of JSON or nothing
WITH incoming AS MATERIALIZED (
    SELECT * FROM unnest(string_to_array($3, E'\n'), string_to_array($4, E'\n'), $2::handed_record[]) AS told (body, payload)
), kept AS (
    INSERT INTO history (organization_id, kind, object_id, version, valid_from, known_from, body)
    SELECT $1, 'record', i.record_id::text, i.version,
        CASE WHEN i.updated_at::timestamptz <> old.updated_at THEN i.updated_at::timestamptz END, tieout.now(), i.body::jsonb
    FROM incoming i JOIN records old ON old.organization_id = $1 AND old.record_id = i.record_id
)
UPDATE records r
SET object_type = n.object_type, object_id = n.object_id, sync_status = n.sync_status, errors = n.errors::jsonb,
    platform = n.platform, platform_object_id = n.platform_object_id, provider = n.provider,
    provider_object_id = n.provider_object_id, created_at = n.created_at::timestamptz, updated_at = n.updated_at::timestamptz,
    last_pulled_at = n.last_pulled_at::timestamptz, object_updated_at = n.object_updated_at::timestamptz,
    platform_updated_at = n.platform_updated_at::timestamptz, provider_updated_at = n.provider_updated_at::timestamptz,
    payload = coalesce(nullif(n.payload, '')::jsonb, r.payload), content_hash = coalesce(n.content_hash, r.content_hash), state = n.state,
    cause = n.cause, cause_rule = n.cause_rule, cause_group = n.cause_group, cause_text = n.cause_text,
    rules_version = n.rules_version, owner = n.owner, reason = n.reason, episode = n.episode,
    attempts_count = n.attempts_count, next_attempt_at = n.next_attempt_at::timestamptz,
    deadline_at = n.deadline_at::timestamptz, first_failed_at = n.first_failed_at::timestamptz,
    healed_at = n.healed_at::timestamptz, amount_minor = n.amount_minor, currency = n.currency,
    doubted_at = n.doubted_at::timestamptz, version = n.version, changed_at = tieout.now()
FROM incoming n
WHERE r.organization_id = $1 AND r.record_id = n.record_id AND r.version < n.version;

-- name: get_record :one
-- $1 record_id, $2 organization_id or null
SELECT * FROM records WHERE record_id = $1 AND ($2::uuid IS NULL OR organization_id = $2);

-- name: list_records :many
-- Keyset-paged by organization and record. A filter that is null does not filter.
-- $1 organization_id, $2 object_type, $3 sync_status, $4 state, $5 cause, $6 after organization_id, $7 after record_id, $8 limit
SELECT * FROM records
WHERE ($1::uuid IS NULL OR organization_id = $1)
    AND ($2::text IS NULL OR object_type = $2)
    AND ($3::text IS NULL OR sync_status = $3)
    AND ($4::text IS NULL OR state = $4)
    AND ($5::text IS NULL OR cause = $5)
    AND ($6::uuid IS NULL OR (organization_id, record_id) > ($6, $7::uuid))
ORDER BY organization_id, record_id LIMIT $8;

-- name: list_records_of_objects :many
-- $1 organization_id, $2 object_ids uuid[]
SELECT * FROM records WHERE organization_id = $1 AND object_id = ANY($2::uuid[]);

-- name: list_due_records :many
-- Open records that are to be looked at now, longest due first.
-- $1 organization_id, $2 limit
SELECT * FROM records
WHERE organization_id = $1 AND state NOT IN ('acknowledged', 'confirmed')
    AND least(next_attempt_at, deadline_at) <= tieout.now()
ORDER BY least(next_attempt_at, deadline_at) LIMIT $2;

-- name: get_next_look_at :one
-- $1 organization_id, $2 after or null
SELECT min(least(next_attempt_at, deadline_at)) AS next_look_at FROM records
WHERE organization_id = $1 AND state NOT IN ('acknowledged', 'confirmed')
    AND ($2::timestamptz IS NULL OR least(next_attempt_at, deadline_at) > $2);

-- name: list_blocked_records :many
-- Records of an organization that wait for a cure, by cause.
-- $1 organization_id, $2 limit
SELECT * FROM records WHERE organization_id = $1 AND state = 'blocked' ORDER BY cause, record_id LIMIT $2;

-- name: list_unproven_records :many
-- Records of types that can be read back which are to be looked for in the books: quarantined ones whose deadline is over,
-- or since whose organization's last run (or within the minute before it ended) the books have been read; and whatever
-- failed and was found absent already, since that is looked at again before it is used.
-- $1 organization_id, $2 object_types text[], $3 limit
SELECT * FROM records r
WHERE r.organization_id = $1 AND r.object_type = ANY($2::text[])
    AND r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
    AND (r.state = 'quarantined' AND (least(r.next_attempt_at, r.deadline_at) <= tieout.now() OR EXISTS (
        SELECT FROM scans s
        WHERE s.organization_id = $1 AND s.side = 'books' AND s.finished_at > coalesce((
            SELECT w.finished_at - interval '1 minute' FROM work w WHERE w.organization_id = $1 AND w.kind = 'push'
        ), '-infinity')
    )) OR EXISTS (
        SELECT FROM evidence e
        WHERE e.organization_id = $1 AND e.record_id = r.record_id AND e.kind = 'read_back' AND e.observed_at >= r.updated_at
            AND NOT EXISTS (
                SELECT FROM attempts a WHERE a.organization_id = $1 AND a.evidence_id = e.evidence_id
            )
    ))
ORDER BY r.deadline_at, r.record_id LIMIT $3;

-- name: count_open_records :many
-- Records that wait for something, by what they wait for, and when the youngest of each kind began to.
-- $1 organization_id
SELECT object_type, state, cause, count(*) AS records, max(changed_at) AS newest_at FROM records
WHERE organization_id = $1 AND state IN ('waiting', 'blocked') GROUP BY object_type, state, cause;

-- name: list_sibling_records :many
-- The other records of the objects that some records are of, each with which one it is a sibling of.
-- $1 organization_id, $2 record_ids uuid[]
SELECT r.record_id AS of_record_id, s.* FROM records r
JOIN records s ON s.organization_id = r.organization_id AND s.object_id = r.object_id AND s.object_type = r.object_type
    AND s.record_id <> r.record_id
WHERE r.organization_id = $1 AND r.record_id = ANY($2::uuid[]);

-- name: list_unsettled_objects :many
-- Which of these objects are not in the books yet, as far as their records say.
-- $1 organization_id, $2 object_ids uuid[]
SELECT object_id FROM unnest($2::uuid[]) AS wanted (object_id)
WHERE NOT EXISTS (
    SELECT FROM records r
    WHERE r.organization_id = $1 AND r.object_id = wanted.object_id AND r.state IN ('acknowledged', 'confirmed')
);

-- name: list_record_links :many
-- What pairing needs of the records of a ledger's object type.
-- $1 organization_id, $2 object_types text[]
SELECT record_id, object_type, object_id, platform_object_id, provider_object_id, sync_status, state, cause, reason, created_at,
    updated_at, version, amount_minor, currency
FROM records WHERE organization_id = $1 AND object_type = ANY($2::text[]);

-- name: list_fleet_causes :many
-- One row per open cause group of the fleet, heaviest first, from what is kept; two looks into an index give each its example,
-- which is the record that failed first, and when one is looked at next.
-- $1 limit
WITH sums AS MATERIALIZED (
    SELECT subject, keys, sum(counted) AS counted FROM fleet_counts
    WHERE subject IN ('cause', 'cause_owner', 'cause_money', 'cause_organizations')
    GROUP BY subject, keys HAVING sum(counted) <> 0
), heaviest AS (
    SELECT keys AS key, keys[1] AS cause, keys[2] AS cause_group, counted AS records FROM sums WHERE subject = 'cause'
    ORDER BY counted DESC, keys LIMIT $1
), owners AS (
    SELECT DISTINCT ON (keys[1:2]) keys[1:2] AS key, keys[3] AS owner FROM sums WHERE subject = 'cause_owner'
    ORDER BY keys[1:2], counted DESC, keys[3]
), money AS (
    SELECT keys[1:2] AS key, jsonb_object_agg(keys[3], counted) AS money_at_risk FROM sums WHERE subject = 'cause_money'
    GROUP BY keys[1:2]
)
SELECT h.cause, nullif(h.cause_group, '') AS cause_group, h.records::bigint, coalesce(s.counted, 0)::bigint AS organizations,
    nullif(o.owner, '') AS owner, first.first_failed_at AS first_seen_at, next.next_check_at, first.cause_text AS example,
    first.record_id AS example_record_id, coalesce(m.money_at_risk, '{}') AS money_at_risk
FROM heaviest h
LEFT JOIN sums s ON s.subject = 'cause_organizations' AND s.keys = h.key
LEFT JOIN owners o ON o.key = h.key
LEFT JOIN money m ON m.key = h.key
JOIN LATERAL (
    SELECT r.first_failed_at, r.cause_text, r.record_id FROM records r
    WHERE r.cause = h.cause AND tieout.wording(r.cause, r.cause_group) = h.cause_group
        AND r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
    ORDER BY r.first_failed_at, r.record_id LIMIT 1
) first ON true
LEFT JOIN LATERAL (
    SELECT least(r.next_attempt_at, r.deadline_at) AS next_check_at FROM records r
    WHERE r.cause = h.cause AND tieout.wording(r.cause, r.cause_group) = h.cause_group
        AND r.state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
    ORDER BY least(r.next_attempt_at, r.deadline_at) LIMIT 1
) next ON true
ORDER BY h.records DESC, h.key;

-- name: list_organization_causes :many
-- The same for one organization, counted among its failing records.
-- $1 organization_id, $2 limit
WITH failing AS (
    SELECT cause, nullif(tieout.wording(cause, cause_group), '') AS cause_group, owner, record_id, amount_minor, currency,
        first_failed_at, cause_text, least(next_attempt_at, deadline_at) AS next_check_at
    FROM records
    WHERE organization_id = $1 AND state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
), money AS (
    SELECT cause, cause_group, jsonb_object_agg(currency, minor) AS money_at_risk
    FROM (
        SELECT cause, cause_group, currency, sum(amount_minor) AS minor FROM failing
        WHERE currency IS NOT NULL GROUP BY cause, cause_group, currency
    ) sums
    GROUP BY cause, cause_group
)
SELECT f.cause, f.cause_group, count(*) AS records, 1::bigint AS organizations, mode() WITHIN GROUP (ORDER BY f.owner) AS owner,
    min(f.first_failed_at) AS first_seen_at, min(f.next_check_at) AS next_check_at,
    (array_agg(f.cause_text ORDER BY f.first_failed_at, f.record_id))[1] AS example,
    (array_agg(f.record_id ORDER BY f.first_failed_at, f.record_id))[1] AS example_record_id,
    coalesce(m.money_at_risk, '{}') AS money_at_risk
FROM failing f
LEFT JOIN money m ON m.cause = f.cause AND m.cause_group IS NOT DISTINCT FROM f.cause_group
GROUP BY f.cause, f.cause_group, m.money_at_risk
ORDER BY count(*) DESC, f.cause LIMIT $2;

-- name: list_record_currencies_to_fill :many
-- Records of which the money of the hub's document is not copied yet, or has changed.
-- $1 organization_id, $2 object_ids uuid[]
SELECT r.record_id FROM records r
CROSS JOIN LATERAL (
    SELECT total_minor, currency FROM documents d
    WHERE d.organization_id = r.organization_id AND d.ledger IN ('receivable', 'payable') AND d.side = 'local'
        AND d.document_id = r.object_id::text AND d.origin = 'hub'
    UNION ALL
    SELECT total_minor, currency FROM superseded_documents d
    WHERE d.organization_id = r.organization_id AND d.ledger IN ('receivable', 'payable') AND d.document_id = r.object_id::text
) d
WHERE r.organization_id = $1 AND r.object_id = ANY($2::uuid[])
    AND (r.amount_minor, r.currency) IS DISTINCT FROM (d.total_minor, d.currency);

-- name: mark_records_looked_at :exec
-- Nothing about them changed but when they are looked at next, which is no version.
-- $1 organization_id, $2 record_ids uuid[], $3 versions bigint[], $4 deadline_ats timestamptz[]
UPDATE records r SET deadline_at = looked.deadline_at
FROM unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) AS looked (record_id, version, deadline_at)
WHERE r.organization_id = $1 AND r.record_id = looked.record_id AND r.version = looked.version
    AND r.state NOT IN ('acknowledged', 'confirmed');

-- name: list_recorded_ids :many
-- Which of these ids in the books a record of the organization names.
-- $1 organization_id, $2 ids text[]
SELECT platform_object_id AS id FROM records WHERE organization_id = $1 AND platform_object_id = ANY($2::text[])
UNION
SELECT provider_object_id FROM records WHERE organization_id = $1 AND provider_object_id = ANY($2::text[]);

-- name: list_records_by_ids :many
-- $1 record_ids uuid[], $2 organization_id or null
SELECT * FROM records WHERE record_id = ANY($1::uuid[]) AND ($2::uuid IS NULL OR organization_id = $2)
ORDER BY organization_id, record_id;

-- name: list_outdated_records :many
-- Errors that are stored as older rules understood them.
-- $1 organization_id, $2 rules_version, $3 limit
SELECT * FROM records
WHERE organization_id = $1 AND rules_version < $2 AND sync_status = 'error'
    AND state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
ORDER BY rules_version, record_id LIMIT $3;

-- name: list_outdated_organizations :many
-- Who has such errors.
-- $1 rules_version, $2 limit
SELECT DISTINCT organization_id FROM records
WHERE rules_version < $1 AND sync_status = 'error'
    AND state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up')
ORDER BY organization_id LIMIT $2;
