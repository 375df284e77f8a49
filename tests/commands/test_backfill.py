"""`tieout backfill` reads all of whom it is about anew, however it is interrupted, whoever else is unread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import pytest

from service.commands import backfill
from service.settings import Settings
from service.store.database import Database

Run = Callable[[], Awaitable[None]]

IS_BEGUN_AND_WAITS: Final = """
SELECT EXISTS (SELECT FROM backfills)
    AND EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))
"""
"""Written down, and something waits for us; a lane that merely reads may wait for us before that."""


@pytest.fixture
async def run(hub: dict[str, object], database_url: str) -> Run:
    """The command of all organizations; they have been read once."""
    given = {f"TIEOUT_{name.upper()}": str(value) for name, value in hub.items()}
    settings = Settings.from_environment({"TIEOUT_DATABASE_URL": database_url, **given})

    async def run() -> None:
        await backfill.backfill(settings, None, is_anew=False, as_json=False)

    await run()
    return run


async def read_before(database: Database, instant: datetime) -> set[UUID]:
    """The organizations of which some list was not read whole since."""
    async with database.fleet() as connection:
        rows = await connection.fetch(
            "SELECT DISTINCT organization_id FROM streams WHERE full_at IS NULL OR full_at < $1", instant
        )
    return {row["organization_id"] for row in rows}


async def test_one_that_is_unread_leaves_nobody_out(run: Run, database: Database) -> None:
    """One organization that waits for its first reading keeps no other from being read anew."""
    began_at = await database.now()
    first = min(await read_before(database, began_at))
    async with database.fleet() as connection:
        await connection.execute(
            "UPDATE streams SET full_at = NULL, due_at = tieout.now() WHERE organization_id = $1", first
        )
    await run()
    assert await read_before(database, began_at) == set()


async def test_interrupted_while_it_begins_it_goes_on_with_the_rest(
    run: Run, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted before it had come to the last organizations, the next one reads those, too."""
    monkeypatch.setattr(backfill, "RESTARTED_AT_ONCE", 1)
    began_at = await database.now()
    last = max(await read_before(database, began_at))
    async with database.organization(last) as connection:
        await connection.execute("SELECT FROM streams WHERE organization_id = $1 FOR UPDATE", last)
        running = asyncio.ensure_future(run())
        async with asyncio.timeout(60):
            while not await connection.fetchval(IS_BEGUN_AND_WAITS):
                assert not running.done()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert last in await read_before(database, began_at)
    await run()
    assert "Going on where an earlier one stopped" in capsys.readouterr().err
    assert await read_before(database, began_at) == set()
