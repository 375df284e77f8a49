-- Entries of these indexes are told apart by their second column, not the third: half the time of a pair counted is finding their places.
-- not transactional

DROP INDEX CONCURRENTLY IF EXISTS tieout.counted_by_books_id;
-- list_seats, list_changed_documents
CREATE UNIQUE INDEX CONCURRENTLY counted_by_books_id ON tieout.counted (organization_id, books_id, ledger);
DROP INDEX CONCURRENTLY IF EXISTS tieout.counted_by_books;
DROP INDEX CONCURRENTLY IF EXISTS tieout.counted_by_mark;
-- list_number_mates
CREATE INDEX CONCURRENTLY counted_by_mark ON tieout.counted (organization_id, local_mark);
DROP INDEX CONCURRENTLY IF EXISTS tieout.counted_by_local_mark;
