-- How many records there are of each sort.

-- name: add_record_counts :exec
-- What writing records changed in the counts: of their organization, of the causes that it has, and of the fleet.
-- $1 rows json [{organization_id, object_type, sync_status, state, cause, currency, cause_group, owner, records, amount_minor}],
-- deltas; the last two words are empty for what does not fail
WITH moved AS MATERIALIZED (
    SELECT *, state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AS is_failing
    FROM json_to_recordset($1::json) AS row (
        organization_id uuid, object_type text, sync_status text, state text, cause text, currency text, cause_group text,
        owner text, records bigint, amount_minor numeric
    )
), kept AS (
    INSERT INTO record_counts AS c (organization_id, object_type, sync_status, state, cause, currency, records, amount_minor)
    SELECT organization_id, object_type, sync_status, state, cause, currency, sum(records), sum(amount_minor) FROM moved
    GROUP BY organization_id, object_type, sync_status, state, cause, currency
    HAVING sum(records) <> 0 OR sum(amount_minor) <> 0
    ORDER BY organization_id, object_type, sync_status, state, cause, currency
    ON CONFLICT (organization_id, object_type, sync_status, state, cause, currency) DO UPDATE
    SET records = c.records + excluded.records, amount_minor = c.amount_minor + excluded.amount_minor
), moved_causes AS (
    SELECT organization_id, cause, cause_group, sum(records) AS records FROM moved WHERE is_failing
    GROUP BY organization_id, cause, cause_group HAVING sum(records) <> 0
), causes AS (
    INSERT INTO cause_counts AS c (organization_id, cause, cause_group, records)
    SELECT organization_id, cause, cause_group, records FROM moved_causes ORDER BY organization_id, cause, cause_group
    ON CONFLICT (organization_id, cause, cause_group) DO UPDATE SET records = c.records + excluded.records
    RETURNING organization_id, cause, cause_group, records
)
INSERT INTO fleet_counts (subject, keys, counted)
SELECT 'records', ARRAY[sync_status, state], sum(records) FROM moved
GROUP BY sync_status, state HAVING sum(records) <> 0
UNION ALL
SELECT 'cause', ARRAY[cause, cause_group], sum(records) FROM moved_causes GROUP BY cause, cause_group HAVING sum(records) <> 0
UNION ALL
SELECT 'cause_owner', ARRAY[cause, cause_group, owner], sum(records) FROM moved WHERE is_failing
GROUP BY cause, cause_group, owner HAVING sum(records) <> 0
UNION ALL
SELECT 'cause_money', ARRAY[cause, cause_group, currency], sum(amount_minor) FROM moved WHERE is_failing AND currency <> ''
GROUP BY cause, cause_group, currency HAVING sum(amount_minor) <> 0
UNION ALL
SELECT 'cause_organizations', ARRAY[c.cause, c.cause_group], sum(sign(c.records) - sign(c.records - m.records))
FROM causes c JOIN moved_causes m USING (organization_id, cause, cause_group)
GROUP BY c.cause, c.cause_group HAVING sum(sign(c.records) - sign(c.records - m.records)) <> 0;

-- name: sum_organization_record_counts :many
-- $1 organization_ids uuid[]
SELECT organization_id, sync_status, state, sum(records)::bigint AS records FROM record_counts
WHERE organization_id = ANY($1::uuid[]) GROUP BY organization_id, sync_status, state;
