"""The last question before a push, on a real Postgres against the simulated hub."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.domain.record_state import State
from service.store.database import Database
from service.workers.reread import UNTOLD_MAX
from tests.workers.healing import Healing, healing

MINUTE = 60.0
HOUR = 3_600.0

ASKS = 2
"""Requests for one record that fails to be read: reads are repeated once."""


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once."""
    async with healing(database) as opened:
        await opened.settle()
        yield opened


async def fail(world: Healing, count: int = 1) -> list[str]:
    """Issue invoices whose pushes fail by what time cures, and draw the waits; in the order of turns."""
    organization_id = str(world.organization_id)
    documents = [world.simulator.issue_invoice(organization_id, fails="rate_limited") for _ in range(count)]
    for _ in range(10):
        world.watch.advance(MINUTE)
        await world.watch.catch_up()
    await world.watch.run(world.pusher)
    records = [await world.record_of(each) for each in documents]
    in_turn = sorted(records, key=lambda each: (each.first_failed_at, each.record_id))
    return [str(each.object_id) for each in in_turn]


async def run_pusher(world: Healing, times: int = 1) -> None:
    """Let only the pusher run, again and again, with time for its waits."""
    for _ in range(times):
        world.watch.advance(6 * MINUTE)
        await world.watch.run(world.pusher)


def keep_silent(world: Healing, records: int, **options: int) -> None:
    """Let the hub fail to tell of so many records."""
    world.simulator.add_fault(
        "server_error", "GET /accounting-synced-records/{synced_record_id}", count=ASKS * records, **options
    )


async def test_a_try_of_the_hub_that_nobody_has_read_keeps_ours_from_leaving(world: Healing) -> None:
    """While the hub tries a record by itself nothing is sent, though no reading has told us of it."""
    [document_id] = await fail(world)
    record = await world.record_of(document_id)
    world.simulator.push(str(record.organization_id), str(record.record_id), seconds=20 * MINUTE)
    await run_pusher(world, 3)
    assert await world.attempts(record) == ()
    assert (await world.record_of(document_id)).updated_at == record.updated_at, "somebody has read it"
    await world.live(2 * HOUR, 5 * MINUTE)
    assert world.copies()[document_id] == 1
    assert (await world.record_of(document_id)).state == State.CONFIRMED


async def test_one_that_the_hub_does_not_tell_of_keeps_no_other_waiting(world: Healing) -> None:
    """A record that cannot be read is not pushed, and goes once it can be; the others go meanwhile."""
    first, *others = await fail(world, 3)
    keep_silent(world, 1)
    await run_pusher(world)
    assert [world.pushes_of(each) for each in (first, *others)] == [0, 1, 1]
    await world.live(2 * HOUR, 5 * MINUTE)
    assert [world.copies()[each] for each in (first, *others)] == [1, 1, 1]


async def test_those_that_the_hub_does_not_tell_of_go_last(world: Healing) -> None:
    """However many records at the head cannot be read, the others go in the run that follows."""
    documents = await fail(world, UNTOLD_MAX + 2)
    keep_silent(world, UNTOLD_MAX)
    await run_pusher(world)
    assert not any(world.pushes_of(each) for each in documents)
    await run_pusher(world)
    sent = [row["object_id"] for row in world.simulator.pushes()["pushes"] if row["trigger"] == "api"]
    later = set(documents[:UNTOLD_MAX])
    assert [each in later for each in dict.fromkeys(sent)] == [False] * 2 + [True] * UNTOLD_MAX


async def test_what_the_hub_does_not_have_is_told_by_the_push(world: Healing) -> None:
    """A record that the hub does not find when asked is pushed, and what the hub says of that counts."""
    [document_id] = await fail(world)
    record = await world.record_of(document_id)
    keep_silent(world, 1, status=404)
    await run_pusher(world)
    assert len(await world.attempts(record)) == 1


async def test_an_id_that_no_list_tells_is_taken_from_the_answer(world: Healing) -> None:
    """Of the version that we know, an id in the books is written where only the record itself tells it."""
    [document_id] = await fail(world)
    record = await world.record_of(document_id)
    entry = world.simulator.organization(str(record.organization_id)).records_by_id[str(record.record_id)]
    entry.platform_object_id = "told-by-the-record"
    await run_pusher(world, 2)
    told = await world.record_of(document_id)
    assert (told.platform_object_id, told.updated_at) == ("told-by-the-record", record.updated_at)
    assert world.pushes_of(document_id) == 0
    assert await world.attempts(record) == ()
