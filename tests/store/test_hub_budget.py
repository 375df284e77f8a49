"""One budget for all: no slot is given away twice, and a pause holds for everybody."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from service.store.database import POOL_SIZE_MAX, Database
from service.store.hub_budget import (
    add_hub_usage,
    get_hub_health,
    get_hub_usage,
    mark_hub_failing,
    mark_hub_ok,
    pause_hub,
    reserve_hub_slots,
)

RATE = 50.0
INSTANT = "SELECT extract(epoch FROM tieout.instant())::float"


async def test_no_slot_is_given_away_twice(database: Database) -> None:
    """Stretches that many reserve at once do not overlap, and none begins in the past."""

    async def reserve(count: int) -> tuple[float, float]:
        async with database.fleet() as connection:
            first_in_seconds = await reserve_hub_slots(connection, count, RATE)
            return await connection.fetchval(INSTANT) + first_in_seconds, count / RATE

    # Opened beforehand, so that no reservation is told of late while others connect.
    await asyncio.gather(*(database.now() for _ in range(POOL_SIZE_MAX)))
    stretches = sorted(await asyncio.gather(*(reserve(count) for count in range(1, 13))))
    total = sum(length for _, length in stretches)
    assert stretches[-1][0] + stretches[-1][1] - stretches[0][0] <= total + 0.5
    for (begin, length), (following, _) in pairwise(stretches):
        # Each is told of a little later than it was reserved.
        assert following >= begin + length - 0.2


async def test_pause_holds_for_everybody(database: Database) -> None:
    """Nobody's next slot begins before a pause is over; a shorter one changes nothing."""
    async with database.fleet() as connection:
        await pause_hub(connection, 30)
        await pause_hub(connection, 1)
        assert await reserve_hub_slots(connection, 1, RATE) == pytest.approx(30, abs=1)
        assert await reserve_hub_slots(connection, 1, RATE) == pytest.approx(30, abs=1)
        usage = await get_hub_usage(connection)
    assert (usage.paused_until - await database.now()).total_seconds() == pytest.approx(30, abs=2)


async def test_health_is_since_when(database: Database) -> None:
    """A hub that fails has failed since its first failure in a row; one answer ends that."""
    async with database.fleet() as connection:
        assert (await get_hub_health(connection)).failing_since is None
        await mark_hub_failing(connection, "unreachable", "no\0body")
    async with database.fleet() as connection:
        first = await get_hub_health(connection)
        assert first.failing_since is not None
        await mark_hub_failing(connection, "timeout", "later")
    async with database.fleet() as connection:
        second = await get_hub_health(connection)
        assert second.failing_since == first.failing_since
        assert (second.failure, second.message) == ("timeout", "later")
        await mark_hub_ok(connection)
    async with database.fleet() as connection:
        healthy = await get_hub_health(connection)
    assert healthy.failing_since is None
    assert healthy.last_ok_at is not None


async def test_what_is_used_is_what_was_sent(database: Database) -> None:
    """Slots that nobody used are no requests; what was sent is told as its rate, then as nothing."""

    async def used() -> float:
        async with database.fleet() as connection:
            return (await get_hub_usage(connection)).used_per_second

    async with database.fleet() as connection:
        await reserve_hub_slots(connection, 200, RATE)
        await add_hub_usage(connection, 10)
    for _ in range(3):  # a note every two seconds, of ten requests each
        database.clock_offset += timedelta(seconds=2)
        async with database.fleet() as connection:
            await add_hub_usage(connection, 10)
    assert await used() == pytest.approx(5.0, rel=0.4)
    database.clock_offset += timedelta(seconds=11)
    assert await used() == 0.0
