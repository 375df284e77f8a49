"""A list of the books is looked through once for what waits, and anew before anything is sent for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.domain.record_state import State
from service.store.database import Database
from service.workers.readback_books import read_books
from tests.workers.healing import Healing, healing
from tests.workers.test_siblings import records_of, twice

MINUTE, HOUR = 60.0, 3_600.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once, whose hub makes a record of each attempt."""
    async with healing(database) as opened:
        opened.simulator.set_behaviour(record_per="attempt")
        await opened.settle()
        yield opened


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The ledgers that are read to look for something, as they are read."""
    found: list[Any] = []

    async def counted(*where: Any) -> Any:
        found.append(where[2])
        return await read_books(*where)

    monkeypatch.setattr("service.workers.readback.read_books", counted)
    return found


async def test_what_was_proven_absent_and_waits_is_not_looked_for_in_every_run(
    world: Healing, reads: list[Any]
) -> None:
    """While what was proven absent waits for something else, only a newer list is looked through for it."""
    organization_id = str(world.organization_id)
    world.simulator.remove_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    document_id = twice(world, fails="timeout_ambiguous", landed=False, tax_rate=2000)
    await world.live(4 * HOUR, 10 * MINUTE)
    older, newest = await records_of(world, document_id)
    assert [each["kind"] for each in await world.evidence(older)] == ["read_back"]
    assert (older.state, newest.state) == (State.QUARANTINED, State.BLOCKED)
    before = await books_scans(world)
    reads.clear()
    await world.live(4 * HOUR, 5 * MINUTE)
    assert len(reads) <= await books_scans(world) - before + 2
    reads.clear()
    world.simulator.add_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    await world.live(2 * HOUR, 5 * MINUTE)
    assert reads
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 1)


async def books_scans(world: Healing) -> int:
    """How often a list of the books was read whole."""
    return sum(each["side"] == "books" for each in await world.watch.rows(world.organization_id, "scans"))
