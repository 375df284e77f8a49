-- Examples of causes and the money that no rule explains are found without reading every organization.
-- not transactional

-- list_fleet_causes: the record of a cause that failed first, and the one that is looked at next.
CREATE INDEX CONCURRENTLY IF NOT EXISTS records_failed_first ON tieout.records
    (cause, tieout.wording(cause, cause_group), first_failed_at, record_id)
    WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up');
CREATE INDEX CONCURRENTLY IF NOT EXISTS records_checked_next ON tieout.records
    (cause, tieout.wording(cause, cause_group), least(next_attempt_at, deadline_at))
    WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up');

-- sum_unclassified.
CREATE INDEX CONCURRENTLY IF NOT EXISTS balances_unclassified ON tieout.balances (currency) INCLUDE (unclassified_minor)
    WHERE unclassified_minor <> 0;

-- list_organizations_in_need.
CREATE INDEX CONCURRENTLY IF NOT EXISTS comparisons_unexplained ON tieout.comparisons (organization_id)
    INCLUDE (open_differences, expected_differences) WHERE open_differences > expected_differences;
