"""Streams and single objects: no wish is lost, whenever it comes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.domain.cadence.bound import StreamFacts
from service.domain.cadence.stream import STREAMS, Stream
from service.store.backfill import begin_backfill
from service.store.database import Database
from service.store.streams import (
    delete_targets,
    delete_targets_before,
    ensure_streams,
    insert_targets,
    list_next_targets,
    list_streams,
    list_targets,
    mark_streams_due,
    mark_targets_wanted,
    nudge_streams,
    restart_streams,
    upsert_stream,
)

STREAM = Stream.BILL_RECORDS
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def organization_id(database: Database) -> UUID:
    """An organization with its streams."""
    organization_id = uuid4()
    async with database.fleet() as connection:
        await ensure_streams(connection, [organization_id])
    return organization_id


async def _facts(database: Database, organization_id: UUID) -> StreamFacts:
    async with database.organization(organization_id) as connection:
        streams = await list_streams(connection, organization_id)
    assert streams.keys() == set(STREAMS)
    return streams[STREAM]


async def _read(database: Database, organization_id: UUID, began_at: datetime) -> None:
    before = await _facts(database, organization_id)
    after = replace(before, due_at=began_at + timedelta(hours=1), read_at=began_at, cursor_at=began_at)
    async with database.organization(organization_id) as connection:
        await upsert_stream(connection, organization_id, after, began_at)


async def _wish(database: Database, organization_id: UUID, *ats: datetime) -> None:
    async with database.organization(organization_id) as connection:
        await nudge_streams(connection, organization_id, [(STREAM, at) for at in ats])


async def test_a_reading_meets_the_wishes_before_it(database: Database, organization_id: UUID) -> None:
    """A wish for a time before the reading began is met by it; one for later stays."""
    now = await database.now()
    await _wish(database, organization_id, now - MINUTE)
    assert (await _facts(database, organization_id)).wanted_at == now - MINUTE
    await _read(database, organization_id, now)
    assert (await _facts(database, organization_id)).wanted_at is None
    await _wish(database, organization_id, now + MINUTE)
    await _read(database, organization_id, now)
    assert (await _facts(database, organization_id)).wanted_at == now + MINUTE


async def test_of_many_wishes_the_first_and_the_last_count(database: Database, organization_id: UUID) -> None:
    """When the first wish is met, the last one is still to be."""
    now = await database.now()
    await _wish(database, organization_id, now + 3 * MINUTE, now - MINUTE, now + MINUTE)
    await _wish(database, organization_id, now + 2 * MINUTE)
    assert (await _facts(database, organization_id)).wanted_at == now - MINUTE
    await _read(database, organization_id, now)
    assert (await _facts(database, organization_id)).wanted_at == now + 3 * MINUTE
    await _read(database, organization_id, now + 4 * MINUTE)
    assert (await _facts(database, organization_id)).wanted_at is None


async def test_due_times_move_where_they_were_seen(database: Database, organization_id: UUID) -> None:
    """What is learned elsewhere moves a stream, unless somebody has moved it meanwhile."""
    now = await database.now()
    await _read(database, organization_id, now)
    seen = {STREAM: await _facts(database, organization_id)}
    async with database.organization(organization_id) as connection:
        await mark_streams_due(connection, organization_id, {STREAM: now + MINUTE}, seen)
    assert (await _facts(database, organization_id)).due_at == now + MINUTE
    async with database.organization(organization_id) as connection:
        await mark_streams_due(connection, organization_id, {STREAM: now + timedelta(days=1)}, seen)
    assert (await _facts(database, organization_id)).due_at == now + MINUTE


async def test_restarting_reads_everything_again(database: Database, organization_id: UUID) -> None:
    """A restarted organization is due at once and in full."""
    now = await database.now()
    await _read(database, organization_id, now)
    async with database.fleet() as connection:
        await begin_backfill(connection, [organization_id], now + MINUTE, is_anew=True)
        await restart_streams(connection, [organization_id])
    stream = await _facts(database, organization_id)
    assert stream.due_at <= await database.now()
    assert stream.full_at is None


async def test_a_restart_outlives_the_reading_it_met(database: Database, organization_id: UUID) -> None:
    """A stream that is restarted while it is read is still due in full; a reading in full meets it."""
    now = await database.now()
    before = replace(await _facts(database, organization_id), full_at=now - timedelta(hours=2))
    async with database.organization(organization_id) as connection:
        await upsert_stream(connection, organization_id, before, now - timedelta(hours=2))
    async with database.fleet() as connection:
        await begin_backfill(connection, [organization_id], now, is_anew=True)
        await restart_streams(connection, [organization_id])
    after = replace(before, due_at=now + timedelta(hours=1), read_at=now)
    async with database.organization(organization_id) as connection:
        await upsert_stream(connection, organization_id, after, now)
    stream = await _facts(database, organization_id)
    assert (stream.full_at, stream.read_at) == (None, now)
    assert stream.due_at <= await database.now()
    async with database.organization(organization_id) as connection:
        await upsert_stream(connection, organization_id, replace(after, full_at=now), now)
    stream = await _facts(database, organization_id)
    assert (stream.full_at, stream.due_at) == (now, now + timedelta(hours=1))


async def test_a_target_wished_for_again_is_read_again(database: Database, organization_id: UUID) -> None:
    """An object that somebody wished for while it was being read stays wished for."""
    now = await database.now()
    stream = Stream.LOCAL_PAYABLES
    async with database.organization(organization_id) as connection:
        await insert_targets(connection, organization_id, [(stream, "a", now), (stream, "b", now)])
        listed = await list_targets(connection, organization_id, stream, now, 10)
        assert [target.object_id for target in listed] == ["a", "b"]
        await insert_targets(connection, organization_id, [(stream, "a", now)])
        await delete_targets(connection, organization_id, stream, listed)
        left = await list_targets(connection, organization_id, stream, now, 10)
    assert [(target.object_id, target.wishes) for target in left] == [("a", 2)]


async def test_a_list_answers_the_targets_before_it(database: Database, organization_id: UUID) -> None:
    """A whole list forgets what was wanted before it began, and nothing that is wanted later."""
    now = await database.now()
    stream = Stream.LOCAL_PAYABLES
    async with database.organization(organization_id) as connection:
        targets = [(stream, "before", now - MINUTE), (stream, "later", now + MINUTE)]
        await insert_targets(connection, organization_id, targets)
        await delete_targets_before(connection, organization_id, stream, now)
        assert await list_next_targets(connection, organization_id) == {stream: now + MINUTE}
        assert await list_targets(connection, organization_id, stream, now, 10) == []
        (target,) = await list_targets(connection, organization_id, stream, now + MINUTE, 10)
        await mark_targets_wanted(connection, organization_id, stream, [target], now + 2 * MINUTE)
        assert await list_next_targets(connection, organization_id) == {stream: now + 2 * MINUTE}
