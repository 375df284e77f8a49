-- What more of cures is watched: the hub's version of products and counterparts, and trials of other organizations.
-- not transactional

-- When the hub says that an object was changed, be it in what its list does not show: an address of a counterpart is elsewhere. Empty
-- where the hub tells no time, or until the object is read again.
ALTER TABLE tieout.reference_objects ADD COLUMN IF NOT EXISTS hub_updated_at timestamptz;

-- list_passed_trials: trials are few among attempts.
CREATE INDEX CONCURRENTLY IF NOT EXISTS attempts_of_trials ON tieout.attempts (started_at) WHERE trigger = 'canary';
