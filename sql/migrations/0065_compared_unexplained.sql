-- What a comparison keeps as open is what nothing explains: an index that took away what is expected left such organizations out.
-- not transactional

-- list_organizations_in_need.
CREATE INDEX CONCURRENTLY IF NOT EXISTS comparisons_to_explain ON tieout.comparisons (organization_id)
    INCLUDE (open_differences) WHERE open_differences > 0;
DROP INDEX CONCURRENTLY IF EXISTS tieout.comparisons_unexplained;
