"""History: what we knew at an instant, kept by month."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import uuid4

import asyncpg
import pytest

from service.store.database import Database
from service.store.history import (
    HistoryKind,
    Version,
    drop_history_before,
    empty_history_before,
    ensure_history_month,
    insert_history,
    list_history,
    return_history,
)


async def test_what_we_knew_then(database: Database) -> None:
    """Of an object the versions that were known at the instant are told, the newest first."""
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
            for name, version in expected.items():
                known = await list_history(
                    connection, organization_id, HistoryKind.RECORD, name, 10, as_of=instants[number]
                )
                assert [each.version for each in known] == list(range(version, 0, -1))
                assert known[0].body == {"version": version, "name": name}
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
    today = (await database.now()).date()
    last_year = today.replace(day=1) - timedelta(days=365)
    young = today - timedelta(days=31)
    async with database.fleet() as connection:
        assert await ensure_history_month(connection, last_year)
        assert not await ensure_history_month(connection, last_year)
        assert await ensure_history_month(connection, today)
        assert await drop_history_before(connection, last_year) == 0
        assert await drop_history_before(connection, young) == 1
        assert await ensure_history_month(connection, last_year)


async def test_nobody_forgets_what_is_young(database: Database) -> None:
    """The service can forget no history of the last month, whatever it takes for the time."""
    today = (await database.now()).date()
    database.clock_offset = timedelta(days=400)
    for forgets in (drop_history_before, partial(empty_history_before, portion=1)):
        for day in (today - timedelta(days=29), today + timedelta(days=400)):
            with pytest.raises(asyncpg.RaiseError, match="31 days at least"):
                async with database.fleet() as connection:
                    await forgets(connection, day)


async def test_what_stands_unchanged_outlives_its_month(database: Database) -> None:
    """Of months that are dropped the last version of each object is kept, so that it is still known later."""
    organization_id = uuid4()
    now = await database.now()
    day = (now - timedelta(days=500)).date()

    async def write(days_ago: int, **bodies: dict[str, object]) -> None:
        database.clock_offset = timedelta(days=-days_ago)
        async with database.organization(organization_id) as connection:
            await ensure_history_month(connection, (now - timedelta(days=days_ago)).date())
            versions = [
                Version(object_id=name, version=700 - days_ago, body={"at": days_ago, **body})
                for name, body in bodies.items()
            ]
            await insert_history(connection, organization_id, HistoryKind.RECORD, versions)
        database.clock_offset = timedelta(0)

    await write(660, a={}, b={}, c={}, d={}, e={})
    await write(658, b={})
    await write(600, c={"removed": True}, e={})
    await write(200, d={})

    async def prune() -> list[int]:
        async with database.fleet() as connection:
            taken = [await empty_history_before(connection, day, 3) for _ in range(4)]
            await drop_history_before(connection, day)
            return [*taken, await return_history(connection, 100)]

    async def known(days_ago: int) -> dict[str, object]:
        async with database.organization(organization_id) as connection:
            found = [
                await list_history(
                    connection,
                    organization_id,
                    HistoryKind.RECORD,
                    name,
                    1,
                    as_of=now - timedelta(days=days_ago),
                )
                for name in "abcde"
            ]
        last = [each for versions in found for each in versions]
        return {each.object_id: each.body["at"] for each in last if not each.body.get("removed")}

    expected = {499: {"a": 660, "b": 658, "d": 660, "e": 600}, 199: {"a": 660, "b": 658, "d": 200, "e": 600}}
    assert {days_ago: await known(days_ago) for days_ago in expected} == expected
    assert await prune() == [3, 3, 2, 0, 4]
    assert {days_ago: await known(days_ago) for days_ago in expected} == expected
    assert await prune() == [0, 0, 0, 0, 0], "nothing is left to be pruned"
    async with database.organization(organization_id) as connection:
        assert await connection.fetchval("SELECT count(*) FROM history") == 5
    # A year later the version kept of what changed since makes way.
    day = (now - timedelta(days=40)).date()
    assert sum((await prune())[:4]) == 1
    assert await known(0) == expected[199]
    async with database.organization(organization_id) as connection:
        assert await connection.fetchval("SELECT count(*) FROM history") == 4
