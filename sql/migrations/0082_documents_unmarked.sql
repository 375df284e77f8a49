-- Documents that a release before wrote are found by what they lack; once they are marked, this index is empty.
-- not transactional

DROP INDEX CONCURRENTLY IF EXISTS tieout.documents_unmarked;
-- mark_documents
CREATE INDEX CONCURRENTLY documents_unmarked ON tieout.documents (organization_id, ledger, side, document_id)
WHERE removed_at IS NULL AND marked_version IS DISTINCT FROM version;
