-- What a fix packet is made from.

-- name: list_failing_records :many
-- Records that fail for a cause and that nobody has set aside, organization by organization, the longest failed first.
-- $1 cause, $2 organization_id or null, $3 limit
SELECT * FROM records r
WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
    AND ($2::uuid IS NULL OR organization_id = $2)
    AND NOT EXISTS (SELECT FROM set_aside_records k WHERE k.organization_id = r.organization_id AND k.record_id = r.record_id)
ORDER BY organization_id, first_failed_at, record_id LIMIT $3;

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
