"""Functions that do for the service what it may not: none can be made to do anything else."""

from __future__ import annotations

from datetime import date

from service.store.database import Database
from service.store.history import drop_history_before, empty_history_before, ensure_history_month
from service.store.work import get_now

DEFINERS = """
SELECT proname,
    (SELECT split_part(set, '=', 2) FROM unnest(proconfig) set WHERE set LIKE 'search_path=%') AS search_path
FROM pg_proc WHERE pronamespace = 'tieout'::regnamespace AND prosecdef
"""

SHADOWS = """
CREATE FUNCTION pg_temp.planted() RETURNS name LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'planted code ran as %', current_user;
END $$;
CREATE TEMPORARY VIEW pg_class AS
SELECT pg_temp.planted() AS relname, 'tieout'::regnamespace::oid AS relnamespace, 'r'::"char" AS relkind;
CREATE DOMAIN pg_temp.text AS varchar CHECK (pg_temp.planted() IS NULL);
CREATE DOMAIN pg_temp.date AS int CHECK (pg_temp.planted() IS NULL);
"""


async def test_what_runs_as_the_owner_looks_at_temporary_objects_last(database: Database) -> None:
    """Each function that runs with its owner's rights has a search path that ends in pg_temp."""
    async with database.fleet() as connection:
        rows = await connection.fetch(DEFINERS)
    assert len(rows) >= 6
    assert {row["proname"]: row["search_path"] for row in rows} == {
        row["proname"]: "pg_catalog, pg_temp" for row in rows
    }


async def test_temporary_objects_shadow_nothing_of_the_catalog(database: Database) -> None:
    """Whatever the service's role plants in its session, nothing with its owner's rights runs it."""
    async with database.fleet() as connection:
        await connection.execute(SHADOWS)
        assert await drop_history_before(connection, date(2020, 1, 1)) == 0
        assert await empty_history_before(connection, date(2020, 1, 1), 1) == 0
        month = (await get_now(connection)).date().replace(day=1)
        assert await ensure_history_month(connection, month) in {True, False}
