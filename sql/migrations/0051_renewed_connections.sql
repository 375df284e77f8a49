-- A renewed consent is a cure of its own, whenever the connection first worked: that stays, and tells which documents are too old.

-- When the connection last became connected again, of those that had been seen otherwise; null for one that never was.
ALTER TABLE tieout.connections ADD COLUMN renewed_at timestamptz;
