-- Records that were classified under older rules are found without reading all that fail.
-- not transactional
DROP INDEX CONCURRENTLY IF EXISTS tieout.records_outdated;
-- list_outdated_records, list_outdated_organizations
CREATE INDEX CONCURRENTLY records_outdated ON tieout.records (organization_id, rules_version)
WHERE state IN ('retrying', 'blocked', 'quarantined', 'needs_person', 'given_up');
ALTER TABLE tieout.paper_trail VALIDATE CONSTRAINT paper_trail_kind;
ALTER TABLE tieout.evidence VALIDATE CONSTRAINT evidence_kind;
