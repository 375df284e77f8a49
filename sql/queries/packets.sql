-- What a fix packet is made from.

-- name: list_failing_records :many
-- Records that fail for a cause, organization by organization, the longest failed first.
-- $1 cause, $2 organization_id or null, $3 limit
SELECT * FROM records
WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
    AND ($2::uuid IS NULL OR organization_id = $2)
ORDER BY organization_id, first_failed_at, record_id LIMIT $3;

-- name: sum_failing_records :many
-- How many records fail for a cause, with how much money, by currency.
-- $1 cause, $2 organization_id or null
SELECT currency, count(*) AS records, coalesce(sum(amount_minor), 0) AS amount_minor,
    (SELECT count(DISTINCT organization_id) FROM records
        WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
            AND ($2::uuid IS NULL OR organization_id = $2)) AS organizations
FROM records
WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up') AND cause = $1
    AND ($2::uuid IS NULL OR organization_id = $2)
GROUP BY currency;
