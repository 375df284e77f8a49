-- What a fix packet is made from.

-- name: list_failing_records :many
-- Records that fail for a cause and that nobody has set aside, of each of these organizations those that failed longest.
-- $1 cause, $2 organization_ids uuid[], $3 limit of each
SELECT listed.* FROM unnest($2::uuid[]) WITH ORDINALITY AS told (organization_id, place)
CROSS JOIN LATERAL (
    SELECT * FROM records r
    WHERE r.organization_id = told.organization_id AND state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
        AND NOT EXISTS (SELECT FROM set_aside_records k WHERE k.organization_id = r.organization_id AND k.record_id = r.record_id)
    ORDER BY first_failed_at, record_id LIMIT $3
) listed
ORDER BY told.place, listed.first_failed_at, listed.record_id;

-- name: sum_failing_records :many
-- How many of them there are, with how much money, by currency.
-- $1 cause, $2 organization_id or null
WITH failing AS (
    SELECT organization_id, currency, amount_minor FROM records r
    WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
        AND ($2::uuid IS NULL OR organization_id = $2)
        AND NOT EXISTS (SELECT FROM set_aside_records k WHERE k.organization_id = r.organization_id AND k.record_id = r.record_id)
)
SELECT currency, count(*) AS records, coalesce(sum(amount_minor), 0) AS amount_minor,
    (SELECT count(DISTINCT organization_id) FROM failing) AS organizations
FROM failing
GROUP BY currency;

-- name: sum_failing_organizations :many
-- The same of each organization, those with the most records first.
-- $1 cause, $2 organization_id or null, $3 organizations
WITH failing AS (
    SELECT organization_id, currency, count(*) AS records, coalesce(sum(amount_minor), 0) AS amount_minor FROM records r
    WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
        AND ($2::uuid IS NULL OR organization_id = $2)
        AND NOT EXISTS (SELECT FROM set_aside_records k WHERE k.organization_id = r.organization_id AND k.record_id = r.record_id)
    GROUP BY organization_id, currency
), largest AS (
    SELECT organization_id, sum(records) AS records FROM failing
    GROUP BY organization_id ORDER BY records DESC, organization_id LIMIT $3
)
SELECT f.organization_id, f.currency, f.records, f.amount_minor
FROM largest l JOIN failing f USING (organization_id)
ORDER BY l.records DESC, f.organization_id, f.currency;
