"""How the fleet stood: one sample a minute whoever takes it, in equal stretches, seen by the fleet alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from service.domain.causes.names import Cause
from service.domain.record_state import State
from service.store.database import Database
from service.store.fleet_samples import insert_fleet_sample, list_fleet_samples, prune_fleet_samples
from service.store.work import get_now
from tests.web.builders import ORGANIZATION, add_organization, add_record

DAY, TEN_MINUTES = timedelta(days=1), timedelta(minutes=10)


async def take(database: Database, minutes: float = 0) -> None:
    """Take a sample, so many minutes from now on."""
    before = database.clock_offset
    database.clock_offset = timedelta(minutes=minutes)
    async with database.fleet() as connection:
        await insert_fleet_sample(connection)
    database.clock_offset = before


async def test_a_minute_has_one_sample(database: Database) -> None:
    """Three replicas at once make one row of a minute, which says how the fleet stood."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_record(database, ORGANIZATION, state=State.BLOCKED, cause=Cause.MISSING_TAX_RATE)
    await add_record(database, ORGANIZATION, state=State.CONFIRMED)
    await asyncio.gather(*(take(database, 5) for _ in range(3)))
    database.clock_offset = timedelta(minutes=6)
    async with database.fleet(readonly=True) as connection:
        [sample] = await list_fleet_samples(connection, DAY, 96)
    assert (sample.failing, sample.waiting, sample.differences) == (1, 0, 0)
    assert sample.taken_at.second == 0


async def test_history_is_told_in_stretches(database: Database) -> None:
    """However many samples there are, one is told of each stretch, the oldest first; old ones are pruned."""
    for minute in range(30):
        await take(database, minute)
    database.clock_offset = timedelta(minutes=30)
    async with database.fleet() as connection:
        told = await list_fleet_samples(connection, DAY, 10)
        assert len(told) == 10
        assert [each.taken_at for each in told] == sorted(each.taken_at for each in told)
        since = await get_now(connection) - TEN_MINUTES
        recent = await list_fleet_samples(connection, TEN_MINUTES, 96)
        assert 9 <= len(recent) <= 10
        assert all(each.taken_at >= since for each in recent)
        await prune_fleet_samples(connection, TEN_MINUTES)
        assert await list_fleet_samples(connection, DAY, 96) == recent


async def test_one_organization_sees_nothing_of_the_fleet(database: Database) -> None:
    """Within the wall of one organization there are no samples."""
    await take(database)
    async with database.organization(ORGANIZATION, readonly=True) as connection:
        assert await list_fleet_samples(connection, DAY, 96) == []
