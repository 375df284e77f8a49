-- What runs with its owner's rights looks at temporary objects last: unless told where, Postgres looks there first for tables and types,
-- and whoever may make some in a session could have had the owner run code of theirs in the place of pg_class or text.

ALTER FUNCTION tieout.ensure_history_month(date) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION tieout.drop_history_before(date) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION tieout.empty_history_before(date, integer) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION tieout.return_history(integer) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION tieout.analyze_counted() SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION tieout.analyze_compared() SET search_path = pg_catalog, pg_temp;
