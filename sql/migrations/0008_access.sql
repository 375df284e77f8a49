-- Who may ask: keys and page sessions, kept as digests only.

CREATE TABLE tieout.api_keys (
    key_id uuid PRIMARY KEY,
    name text NOT NULL,
    role text NOT NULL CONSTRAINT api_keys_role CHECK (role IN ('viewer', 'operator', 'approver')),
    -- Bound to one organization, or null for the whole fleet.
    organization_id uuid,
    digest bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE UNIQUE INDEX api_keys_live_name ON tieout.api_keys (name) WHERE revoked_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON tieout.api_keys TO tieout_app;

CREATE TABLE tieout.sessions (
    digest bytea PRIMARY KEY,
    -- The key it was opened with: a revoked key's sessions end with it. Null for one opened by a login code.
    key_digest bytea,
    key_name text NOT NULL,
    role text NOT NULL,
    organization_id uuid,
    csrf_token text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
-- prune_sessions
CREATE INDEX sessions_expired ON tieout.sessions (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON tieout.sessions TO tieout_app;

-- A link that opens one session, once, within minutes.
CREATE TABLE tieout.login_codes (
    digest bytea PRIMARY KEY,
    key_name text NOT NULL,
    role text NOT NULL CONSTRAINT login_codes_role CHECK (role IN ('viewer', 'operator', 'approver')),
    organization_id uuid,
    expires_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, DELETE ON tieout.login_codes TO tieout_app;
