-- A whole comparison settles no pair of which a document cannot be read: the shape of what it stages then.

ALTER TABLE tieout.staged_documents ADD COLUMN is_unreadable boolean;
