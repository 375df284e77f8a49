-- What a fix packet is made from.

-- name: list_failing_records :many
-- Records that fail for a cause and that nobody has set aside, organization by organization, the longest failed first.
-- $1 cause, $2 organization_id or null, $3 limit
SELECT * FROM records
WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
    AND ($2::uuid IS NULL OR organization_id = $2)
    AND (organization_id, record_id) NOT IN (SELECT organization_id, record_id FROM tieout.set_aside($2))
ORDER BY organization_id, first_failed_at, record_id LIMIT $3;

-- name: sum_failing_records :many
-- How many of them there are, with how much money, by currency.
-- $1 cause, $2 organization_id or null
WITH failing AS (
    SELECT organization_id, currency, amount_minor FROM records
    WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
        AND ($2::uuid IS NULL OR organization_id = $2)
        AND (organization_id, record_id) NOT IN (SELECT organization_id, record_id FROM tieout.set_aside($2))
)
SELECT currency, count(*) AS records, coalesce(sum(amount_minor), 0) AS amount_minor,
    (SELECT count(DISTINCT organization_id) FROM failing) AS organizations
FROM failing
GROUP BY currency;

-- name: count_set_aside :many
-- How many records fail that a person has set aside, by cause and wording.
-- $1 organization_id or null
SELECT cause, nullif(cause_group, '') AS cause_group, count(*) AS records FROM tieout.set_aside($1) GROUP BY cause, cause_group;
