-- What comparing looks documents, records, differences and pairs up by, so that it need not read them all.
-- not transactional
DROP INDEX CONCURRENTLY IF EXISTS tieout.documents_changed;
-- list_changed_documents
CREATE INDEX CONCURRENTLY documents_changed ON tieout.documents (organization_id, ledger, changed_at);
DROP INDEX CONCURRENTLY IF EXISTS tieout.documents_by_number_mark;
-- list_number_mates
CREATE INDEX CONCURRENTLY documents_by_number_mark ON tieout.documents (organization_id, ledger, tieout.number_mark(number))
WHERE number IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS tieout.documents_by_party;
-- list_documents_of_parties
CREATE INDEX CONCURRENTLY documents_by_party ON tieout.documents (organization_id, ledger, party_id) WHERE side = 'local';
DROP INDEX CONCURRENTLY IF EXISTS tieout.records_changed;
-- list_changed_records
CREATE INDEX CONCURRENTLY records_changed ON tieout.records (organization_id, changed_at);
DROP INDEX CONCURRENTLY IF EXISTS tieout.records_by_platform_object;
-- list_links
CREATE INDEX CONCURRENTLY records_by_platform_object ON tieout.records (organization_id, platform_object_id)
WHERE platform_object_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS tieout.records_by_provider_object;
-- list_links
CREATE INDEX CONCURRENTLY records_by_provider_object ON tieout.records (organization_id, provider_object_id)
WHERE provider_object_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS tieout.records_acknowledged;
-- list_confirmable_records
CREATE INDEX CONCURRENTLY records_acknowledged ON tieout.records (organization_id, record_id)
WHERE state = 'acknowledged' AND coalesce(platform_object_id, provider_object_id) IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS tieout.differences_by_local;
-- list_differences_of_documents
CREATE INDEX CONCURRENTLY differences_by_local ON tieout.differences (organization_id, ledger, local_id) WHERE resolved_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS tieout.differences_by_books;
-- list_differences_of_documents
CREATE INDEX CONCURRENTLY differences_by_books ON tieout.differences (organization_id, ledger, books_id) WHERE resolved_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS tieout.differences_by_record;
-- list_differences_of_records
CREATE INDEX CONCURRENTLY differences_by_record ON tieout.differences (organization_id, record_id) WHERE resolved_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS tieout.pairs_by_books;
-- list_remembered_pairs
CREATE INDEX CONCURRENTLY pairs_by_books ON tieout.pairs (organization_id, ledger, books_id);
