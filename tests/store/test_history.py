"""History: what we knew at an instant, kept by month."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import uuid4

import asyncpg
import pytest

from service.store.database import Database
from service.store.history import (
    HistoryKind,
    Version,
    drop_history_before,
    ensure_history_month,
    insert_history,
    list_history,
    list_history_as_of,
)


async def test_what_we_knew_then(database: Database) -> None:
    """Of every object the newest version that was known at the instant is told, and the newest first."""
    organization_id = uuid4()
    instants = []
    for version in range(1, 4):
        async with database.organization(organization_id) as connection:
            versions = [
                Version(object_id=name, version=version, body={"version": version, "name": name})
                for name in ("a", "b")[: 2 if version < 3 else 1]
            ]
            await insert_history(connection, organization_id, HistoryKind.RECORD, versions)
        instants.append(await database.now())
        database.clock_offset += timedelta(seconds=10)
    async with database.organization(organization_id) as connection:
        for number, expected in [(0, {"a": 1, "b": 1}), (1, {"a": 2, "b": 2}), (2, {"a": 3, "b": 2})]:
            known = await list_history_as_of(
                connection, organization_id, HistoryKind.RECORD, instants[number], limit=10
            )
            assert {each.object_id: each.version for each in known} == expected
        page = await list_history_as_of(
            connection, organization_id, HistoryKind.RECORD, instants[2], after="a", limit=1
        )
        assert [each.body for each in page] == [{"version": 2, "name": "b"}]
        newest = await list_history(connection, organization_id, HistoryKind.RECORD, "a", 2)
        assert [each.version for each in newest] == [3, 2]


async def test_history_is_only_ever_added_to(database: Database) -> None:
    """The service's own role can neither change nor delete a version."""
    organization_id = uuid4()
    async with database.organization(organization_id) as connection:
        version = Version(object_id="a", version=1, body={})
        await insert_history(connection, organization_id, HistoryKind.RECORD, [version])
    for statement in ("UPDATE history SET version = 2", "DELETE FROM history"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.organization(organization_id) as connection:
                await connection.execute(statement)


async def test_months_come_and_go(database: Database) -> None:
    """A month is made once, and is dropped whole when it has ended before the day that is kept."""
    today = date.today()  # noqa: DTZ011 - the database refuses months far from its own day
    last_year = today.replace(day=1) - timedelta(days=365)
    async with database.fleet() as connection:
        assert await ensure_history_month(connection, last_year)
        assert not await ensure_history_month(connection, last_year)
        assert await ensure_history_month(connection, today)
        assert await drop_history_before(connection, last_year) == 0
        assert await drop_history_before(connection, today) == 1
        assert await ensure_history_month(connection, last_year)
