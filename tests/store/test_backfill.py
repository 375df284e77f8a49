"""What is to be read anew is written down, and ends when it was read since."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.cadence.stream import STREAMS
from service.store.backfill import Progress, begin_backfill, delete_backfills, get_backfill_progress
from service.store.database import Database
from service.store.streams import ensure_streams, list_streams, restart_streams, upsert_stream

ALL = len(STREAMS)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def organization_id(database: Database) -> UUID:
    """An organization that was read whole just now."""
    organization_id = uuid4()
    async with database.fleet() as connection:
        await ensure_streams(connection, [organization_id])
    await read(database, organization_id, await database.now())
    return organization_id


async def read(database: Database, organization_id: UUID, began_at: datetime) -> None:
    """Read every list whole."""
    async with database.organization(organization_id) as connection:
        for facts in (await list_streams(connection, organization_id)).values():
            after = replace(facts, full_at=began_at, due_at=began_at + timedelta(days=1))
            await upsert_stream(connection, organization_id, after, began_at)


async def begin(database: Database, *organization_ids: UUID, is_anew: bool = False) -> bool:
    """Begin a backfill, and make what it asks for due."""
    async with database.fleet() as connection:
        now = await database.now()
        is_begun = await begin_backfill(connection, organization_ids, now, is_anew=is_anew)
        await restart_streams(connection, organization_ids)
    return is_begun


async def progress(database: Database, *organization_ids: UUID) -> Progress:
    """How far it has come."""
    async with database.fleet() as connection:
        return await get_backfill_progress(connection, organization_ids)


async def test_it_goes_on_until_all_was_read_since(database: Database, organization_id: UUID) -> None:
    """While anything is unread another one goes on with it, reading nothing twice; then it begins again."""
    assert await begin(database, organization_id)
    assert (await progress(database, organization_id)).remaining == ALL
    await read(database, organization_id, await database.now())
    other = uuid4()
    async with database.fleet() as connection:
        await ensure_streams(connection, [other])
    assert await begin(database, organization_id, other), "what was never asked for is not under way"
    await read(database, organization_id, await database.now())
    assert not await begin(database, organization_id, other)
    assert (await progress(database, organization_id, other)).remaining == ALL
    await read(database, other, await database.now())
    assert await begin(database, other, organization_id)


async def test_one_that_is_added_is_read_anew(database: Database, organization_id: UUID) -> None:
    """Whoever goes on with some of those that he asks for has the others read anew; or all, if he says so."""
    other = uuid4()
    async with database.fleet() as connection:
        await ensure_streams(connection, [other])
    await read(database, other, await database.now())
    assert await begin(database, organization_id)
    assert not await begin(database, organization_id, other)
    assert (await progress(database, other)).remaining == ALL
    await read(database, organization_id, await database.now())
    assert await begin(database, organization_id, other, is_anew=True)
    assert (await progress(database, organization_id, other)).remaining == 2 * ALL


async def test_a_reading_that_began_before_is_passed_over(database: Database, organization_id: UUID) -> None:
    """A list that was being read whole when the backfill began is made due once more."""
    before = await database.now()
    assert await begin(database, organization_id)
    await read(database, organization_id, before)
    found = await progress(database, organization_id)
    assert (found.remaining, found.passed_over) == (ALL, ALL)
    async with database.fleet() as connection:
        await restart_streams(connection, [organization_id])
    found = await progress(database, organization_id)
    assert (found.remaining, found.passed_over) == (ALL, 0)


async def test_what_has_ended_is_forgotten(database: Database, organization_id: UUID) -> None:
    """Once one has ended, what is unread for other reasons is no part of it."""
    assert await begin(database, organization_id)
    async with database.fleet() as connection:
        await delete_backfills(connection, [organization_id])
    assert await begin(database, organization_id)
