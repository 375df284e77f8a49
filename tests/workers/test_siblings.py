"""Several records of one document: however the hub keeps them, the document is made once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.domain.cadence.stream import RECORD_STREAMS
from service.domain.fleet import WorkKind
from service.domain.pushing.override import Override, Word
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.store.overrides import OverrideRefused, insert_override
from service.store.retries import list_retry_items
from service.store.streams import nudge_streams
from service.store.work import nudge_work
from service.web.retrying import Filter, Planner, make
from service.workers.pusher import Pusher
from service.workers.work import Work
from tests.workers.healing import POLICY, Healing, healing

MINUTE = 60.0
HOUR = 3_600.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once, whose hub makes a record of each attempt."""
    async with healing(database) as opened:
        opened.simulator.set_behaviour(record_per="attempt")
        await opened.settle()
        yield opened


def twice(world: Healing, **details: object) -> str:
    """Issue an invoice whose first push fails, and have somebody push it again in the hub before we look."""
    organization_id = str(world.organization_id)
    document_id: str = world.simulator.issue_invoice(organization_id, **details)
    world.simulator.advance(MINUTE)
    [record] = _told(world, document_id)
    world.simulator.push(organization_id, record)
    world.simulator.advance(MINUTE)
    return document_id


def _told(world: Healing, document_id: str) -> Sequence[str]:
    told = world.watch.truth(world.organization_id)["records"]
    return [each["id"] for each in told if each["object_id"] == document_id]


async def records_of(world: Healing, document_id: str) -> Sequence[Record]:
    """The records of a document, the oldest first."""
    found = [each for each in await world.records() if str(each.object_id) == document_id]
    return sorted(found, key=lambda each: (each.created_at, each.record_id))


async def test_an_old_failure_is_superseded_by_a_later_success(world: Healing) -> None:
    """What a later record of the document brought to the books is not sent again for the old one's sake."""
    document_id = twice(world, fails="rate_limited")
    await world.live(5 * HOUR, 10 * MINUTE)
    old, new = await records_of(world, document_id)
    assert (old.sync_status, new.sync_status) == ("error", "done")
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (0, 1)
    assert (old.state, new.state) == (State.ACKNOWLEDGED, State.CONFIRMED)
    assert (old.cause, old.owner) == (None, None)
    assert str(new.record_id) in old.reason


async def test_siblings_in_one_run_are_sent_one_at_a_time(world: Healing) -> None:
    """Two failed records that one cure frees are not both sent: the later one speaks for the document."""
    organization_id = str(world.organization_id)
    world.simulator.remove_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    document_id = twice(world, tax_rate=2000)
    await world.live(10 * MINUTE, MINUTE)
    assert {each.state for each in await records_of(world, document_id)} == {State.BLOCKED}
    world.simulator.set_behaviour(record_per="object")
    world.simulator.add_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    await world.live(3 * HOUR, 10 * MINUTE)
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 1)
    old, new = await records_of(world, document_id)
    assert not await world.attempts(old)
    assert (old.state, new.state) == (State.ACKNOWLEDGED, State.CONFIRMED)


@pytest.mark.parametrize("per", ["attempt", "attempt_unnamed"])
async def test_each_attempt_may_make_a_record(world: Healing, per: str) -> None:
    """Where each push makes a record of its own, a document lands all the same, once."""
    world.simulator.set_behaviour(record_per=per)
    world.simulator.fail_next_push(str(world.organization_id), "rate_limited", times=2)
    document_id: str = world.simulator.issue_invoice(str(world.organization_id))
    await world.live(30 * HOUR, 15 * MINUTE)
    assert world.copies()[document_id] == 1
    *older, newest = await records_of(world, document_id)
    assert len(older) == 2
    assert newest.state is State.CONFIRMED
    assert {each.state for each in older} <= {State.ACKNOWLEDGED, State.CONFIRMED}


async def test_who_is_held_by_another_record_takes_no_turn(world: Healing) -> None:
    """While one record of a document is on its way, another document is the trial of their cause."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    held = twice(world)
    await world.live(10 * MINUTE, MINUTE)
    assert {each.state for each in await records_of(world, held)} == {State.BLOCKED}
    old, _ = await records_of(world, held)
    world.simulator.set_behaviour(record_per="object")
    swift = world.simulator.world.push_seconds
    world.simulator.world.push_seconds = (30 * HOUR, 31 * HOUR)
    world.simulator.push(organization_id, str(old.record_id))
    world.simulator.world.push_seconds = swift
    free: str = world.simulator.issue_invoice(organization_id)
    await world.live(5 * HOUR, 10 * MINUTE)
    assert {each.state for each in await records_of(world, held)} == {State.WAITING, State.BLOCKED}
    assert world.pushes_of(held) == 0
    assert world.pushes_of(free) > 1


async def test_what_appears_after_the_decision_holds_the_push(world: Healing) -> None:
    """A record that is read on its way, after the decision and before the intent, is not overtaken."""
    organization_id = str(world.organization_id)
    document_id: str = world.simulator.issue_invoice(organization_id, fails="rate_limited")
    world.watch.advance(6 * MINUTE)
    await world.settle()
    world.watch.advance(2 * MINUTE)
    await world.settle()
    [failed] = _told(world, document_id)
    assert (await world.record_of(document_id)).next_attempt_at
    assert world.pushes_of(document_id) == 0
    world.watch.advance(2 * MINUTE)

    class Slow(Pusher):
        """Between whose decisions and pushes something happens."""

        async def _settle(self, work: Work, decided: Any) -> None:
            await super()._settle(work, decided)
            world.simulator.push(organization_id, failed)
            soon = [(RECORD_STREAMS["receivable"], work.now)]
            async with world.watch.database.organization(world.organization_id) as connection:
                await nudge_streams(connection, world.organization_id, soon)
                await nudge_work(connection, [world.organization_id], WorkKind.POLL, work.now)
            await world.watch.catch_up()

    slow = Slow(world.watch.database, world.watch.hub, POLICY, "slow")
    await slow.run_once(await world.watch.database.now())
    assert len(await records_of(world, document_id)) == 2
    assert world.pushes_of(document_id) == 0
    await world.live(HOUR, 10 * MINUTE)
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (0, 1)


async def test_people_and_plans_are_told_of_the_other_record(world: Healing) -> None:
    """Who wants the older one sent is told of the later one, and must name it; a plan leaves it out."""
    document_id = twice(world, fails="rate_limited")
    world.watch.advance(6 * MINUTE)
    await world.watch.catch_up()
    old, new = await records_of(world, document_id)
    word = Override(word=Word.PUSH, person="Ada", reason="I want it there.")
    planner = Planner(name="Ada", organization_id=world.organization_id, policy=POLICY)
    async with world.watch.database.organization(world.organization_id) as connection:
        with pytest.raises(OverrideRefused, match=f"name it in `despite`: {new.record_id}"):
            await insert_override(connection, world.organization_id, old.record_id, word, POLICY)
        [item] = await list_retry_items(connection, await make(connection, planner, Filter()))
    assert (item.record_id, item.status, item.is_unsafe) == (old.record_id, "excluded", True)
    assert "superseded" in item.reason
    named = replace(word, despite=frozenset({str(new.record_id)}))
    async with world.watch.database.organization(world.organization_id) as connection:
        await insert_override(connection, world.organization_id, old.record_id, named, POLICY)
    await world.live(10 * MINUTE, MINUTE)
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 2)
