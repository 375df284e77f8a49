"""What cures a failure is seen wherever the hub shows it; what it does not show is tried, on a slow clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import pytest

from service.domain.causes.names import Cause
from service.domain.record_state import State
from service.store.cures import list_passed_trials
from service.store.database import Database
from service.store.hub_budget import pause_hub
from service.store.pushes import list_attempts, list_canaries
from service.store.records import list_records
from tests.workers.healing import Healing, healing
from tests.workers.test_pusher import HOUR, MINUTE, issue


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once."""
    async with healing(database) as opened:
        await opened.settle()
        yield opened


async def test_a_payment_goes_once_its_invoice_is_there(world: Healing) -> None:
    """A payment that came before its invoice waits for it, without a push, and goes when that has landed."""
    organization_id = str(world.organization_id)
    world.simulator.remove_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    document_id = await issue(world, tax_rate=2000)
    payment_id = world.simulator.pay(organization_id, document_id)
    await world.live(3 * HOUR, 10 * MINUTE)
    record = await world.record_of(payment_id)
    assert (record.state, record.cause) == (State.BLOCKED, "reference_not_found")
    assert world.pushes_of(payment_id) == 0
    world.simulator.add_tax_rate(organization_id, 2000)
    await world.live(2 * HOUR, 5 * MINUTE)
    assert (await world.record_of(document_id)).state is State.CONFIRMED
    assert (await world.record_of(payment_id)).state is State.ACKNOWLEDGED
    assert world.pushes_of(payment_id) == 1


async def test_a_contact_goes_once_it_is_renamed(world: Healing) -> None:
    """A customer of a name that the books have is pushed when it bears another, not from time to time."""
    organization_id = str(world.organization_id)
    taken = world.simulator.add_party_to_books(organization_id, "Smith & Sons")
    assert taken
    customer_id = world.simulator.add_counterpart(organization_id, "Smith & Sons")
    await world.live(3 * HOUR, 10 * MINUTE)
    record = await world.record_of(customer_id)
    assert (record.state, record.cause, world.pushes_of(customer_id)) == (State.BLOCKED, "duplicate_name", 0)
    world.simulator.rename_counterpart(organization_id, customer_id, "Smith & Daughters")
    await world.live(HOUR, 5 * MINUTE)
    assert (await world.record_of(customer_id)).state is State.ACKNOWLEDGED
    assert world.pushes_of(customer_id) == 1


async def test_a_payment_that_nothing_tells_of_is_tried(world: Healing) -> None:
    """Nobody says when a payment was changed: what only that cures is sent now and then until it passes."""
    organization_id = str(world.organization_id)
    document_id = await issue(world)
    world.simulator.fail_next_push(organization_id, "invalid_field", times=2)
    payment_id = world.simulator.pay(organization_id, document_id)
    await world.live(4 * HOUR, 10 * MINUTE)
    record = await world.record_of(payment_id)
    assert (record.state, world.pushes_of(payment_id)) == (State.ACKNOWLEDGED, 2)
    assert {each.trigger for each in await world.attempts(record)} == {"canary"}


async def test_while_the_hub_asks_for_silence_nothing_is_tried(world: Healing, database: Database) -> None:
    """A long pause that any replica was asked for is kept, and nothing is written of it."""
    document_id = await issue(world, fails="invalid_field")
    world.simulator.edit_local(str(world.organization_id), document_id, memo="shorter")
    world.watch.advance(10 * MINUTE)
    await world.watch.catch_up()
    before = await world.record_of(document_id)
    async with database.fleet() as connection:
        await pause_hub(connection, 1_800.0)
    await world.watch.run(world.pusher)
    assert await world.record_of(document_id) == before
    assert await world.attempts(before) == ()
    async with database.fleet(readonly=True) as connection:
        due_at = await connection.fetchval("SELECT due_at FROM work WHERE kind = 'push'")
    assert (due_at - await database.now()).total_seconds() == pytest.approx(1_800, abs=5)


async def passed_at(world: Healing, cause: str) -> datetime | None:
    """When a trial of a cause last came through."""
    async with world.watch.database.organization(world.organization_id) as connection:
        return (await list_canaries(connection, world.organization_id))[cause].passed_at


async def test_a_trial_that_failed_has_not_passed_by_what_healed_it_later(world: Healing) -> None:
    """A record that was once a trial and is brought through by somebody else tells nothing of the others."""
    organization_id = str(world.organization_id)
    document_id = await issue(world)
    world.simulator.fail_next_push(organization_id, "invalid_field", times=2)
    payment_id = world.simulator.pay(organization_id, document_id)
    await world.live(100 * MINUTE, 10 * MINUTE)
    record = await world.record_of(payment_id)
    assert (record.state, world.pushes_of(payment_id)) == (State.BLOCKED, 1)
    world.simulator.push(organization_id, str(record.record_id))
    await world.live(20 * MINUTE, 10 * MINUTE)
    assert (await world.record_of(payment_id)).state is State.ACKNOWLEDGED
    assert await passed_at(world, "invalid_field") is None


@pytest.mark.parametrize("per", ["object", "attempt"])
async def test_a_trial_has_passed_whichever_record_tells_it(world: Healing, per: str) -> None:
    """That a trial came through is seen at its record, or at the one that the hub made of it."""
    organization_id = str(world.organization_id)
    world.simulator.set_behaviour(record_per=per)
    document_id = await issue(world)
    world.simulator.fail_next_push(organization_id, "invalid_field")
    payment_id = world.simulator.pay(organization_id, document_id)
    began_at = await world.watch.database.now()
    await world.live(3 * HOUR, 10 * MINUTE)
    assert world.pushes_of(payment_id) == 1
    told = await passed_at(world, "invalid_field")
    assert told
    assert told > began_at


@pytest.mark.parametrize("per", ["object", "attempt"])
async def test_the_fleet_is_told_of_a_trial_once(world: Healing, database: Database, per: str) -> None:
    """Of what ends for all at once the fleet keeps when it last came through, not every trial."""
    organization_id = str(world.organization_id)
    world.simulator.set_behaviour(record_per=per)
    world.simulator.fail_next_push(organization_id, "unknown", text="consumer_key_unknown")
    document_id = world.simulator.issue_invoice(organization_id)
    await world.live(4 * HOUR, 10 * MINUTE)
    assert world.copies()[document_id] == world.pushes_of(document_id) == 1
    async with database.organization(world.organization_id) as connection:
        told = await list_passed_trials(connection, {Cause.APP_CONFIGURATION, Cause.INVALID_FIELD})
    platform = world.simulator.organization(organization_id).books.platform
    assert [cause for cause, _ in told] == [Cause.APP_CONFIGURATION]
    assert [where for _, where in told if where and where.startswith(platform)]


async def test_what_is_put_right_for_all_frees_all(database: Database) -> None:
    """Where the application itself was refused, a trial of one organization frees the others' documents."""
    async with healing(database, organizations=3) as world:
        await world.settle()
        by_platform: defaultdict[str, list[UUID]] = defaultdict(list)
        for each in world.watch.organization_ids:
            by_platform[world.simulator.organization(str(each)).books.platform].append(each)
        first, second, *_ = max(by_platform.values(), key=len)
        documents = {}
        for each in (first, second):
            world.simulator.fail_next_push(str(each), "unknown", text="consumer_key_unknown")
            documents[each] = world.simulator.issue_invoice(str(each))
            await world.live(30 * MINUTE, 10 * MINUTE)
        await world.live(50 * MINUTE, 10 * MINUTE)
        triggers = []
        for each, document_id in documents.items():
            async with database.organization(each) as connection:
                found = await list_records(connection, organization_id=each, limit=500)
                (record,) = [one for one in found if str(one.object_id) == document_id]
                tries = (await list_attempts(connection, each, [record.record_id]))[record.record_id]
            triggers += [(attempt.trigger, record.cause) for attempt in tries]
        assert triggers == [("canary", None), ("cure", None)]
