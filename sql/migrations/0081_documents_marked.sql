-- What tells plain pairs is kept beside each document: reading it out of a million bodies took a third of comparing them.

-- Made of the body in the version that `marked_version` says, and not believed of another: a release that does not write them, and
-- rows that are older, harm nothing. A whole comparison writes what lacks.
ALTER TABLE tieout.documents ADD COLUMN net_minor bigint, ADD COLUMN tax_minor bigint, ADD COLUMN is_net boolean,
    -- Digest of what lines are compared by, and their accounts; null without lines.
    ADD COLUMN lines_mark uuid, ADD COLUMN line_accounts jsonb, ADD COLUMN marked_version bigint;

CREATE FUNCTION tieout.document_marks(body jsonb)
RETURNS TABLE (net_minor bigint, tax_minor bigint, is_net boolean, lines_mark uuid, line_accounts jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (body ->> 'net_minor')::bigint, (body ->> 'tax_minor')::bigint, body ->> 'basis' = 'derived_net',
        nullif(md5(
            jsonb_path_query_array(body, '$.lines[*].net_minor')::text
            || jsonb_path_query_array(body, '$.lines[*].quantity')::text
            || jsonb_path_query_array(body, '$.lines[*].description')::text
        ), md5('[][][]'))::uuid,
        nullif(jsonb_path_query_array(body, '$.lines[*].ledger_account_id'), '[]')
$$;

-- What a whole comparison stages then.
ALTER TABLE tieout.staged_documents ADD COLUMN is_marked boolean;
