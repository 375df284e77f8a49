"""Retrying, on a real Postgres against the simulated hub: by cause, once, with evidence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.domain.record_state import State
from service.store.database import Database
from service.workers.pusher import Pusher
from tests.workers.healing import POLICY, Healing, healing

MINUTE = 60.0
HOUR = 3_600.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once."""
    async with healing(database) as opened:
        await opened.settle()
        yield opened


async def issue(world: Healing, **details: object) -> str:
    """Issue an invoice and let its first push end."""
    document_id: str = world.simulator.issue_invoice(str(world.organization_id), **details)
    await world.live(10 * MINUTE, MINUTE)
    return document_id


async def test_missing_tax_rate_blocks_and_its_return_heals(world: Healing) -> None:
    """Without its rate a document is never pushed; when the rate appears it is, once, and is confirmed."""
    organization_id = str(world.organization_id)
    world.simulator.remove_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    document_id = await issue(world, tax_rate=2000)
    record = await world.record_of(document_id)
    assert (record.state, record.cause, record.owner) == (State.BLOCKED, "missing_tax_rate", "bookkeeper")
    assert world.pushes_of(document_id) == 0
    world.simulator.add_tax_rate(organization_id, 2000)
    await world.live(2 * HOUR, 5 * MINUTE)
    record = await world.record_of(document_id)
    assert (record.state, record.cause) == (State.CONFIRMED, None)
    assert world.pushes_of(document_id) == 1
    assert world.copies()[document_id] == 1
    [attempt] = await world.attempts(record)
    assert (attempt.outcome, attempt.trigger, attempt.evidence_kind) == (
        "accepted",
        "cure",
        "refused_before_creation",
    )


async def test_timed_out_after_landing_is_never_pushed(world: Healing) -> None:
    """A failure that may have landed is quarantined, and stays so while nothing proves its absence."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=True)
    await world.live(5 * HOUR, HOUR / 2)
    record = await world.record_of(document_id)
    assert record.state in {State.QUARANTINED, State.CONFIRMED}
    assert world.pushes_of(document_id) == 0
    assert world.copies()[document_id] == 1


async def test_passing_trouble_is_retried_with_growing_waits(world: Healing) -> None:
    """What time cures is pushed again after its wait, as often as it takes, each time on new evidence."""
    world.simulator.fail_next_push(str(world.organization_id), "rate_limited", times=3)
    document_id = await issue(world)
    await world.live(2 * HOUR, MINUTE)
    record = await world.record_of(document_id)
    assert record.state is State.CONFIRMED
    attempts = await world.attempts(record)
    assert [attempt.outcome for attempt in attempts] == ["accepted"] * 3
    assert len({attempt.evidence_id for attempt in attempts}) == 3
    assert world.copies()[document_id] == 1


async def test_lost_connection_holds_everything(world: Healing) -> None:
    """While the connection is revoked nothing is pushed; once it is back, what failed by it goes."""
    organization_id = str(world.organization_id)
    world.simulator.fail_next_push(organization_id, "connection_revoked")
    document_id: str = world.simulator.issue_invoice(organization_id)
    world.watch.advance(MINUTE)
    world.simulator.revoke_connection(organization_id)
    await world.live(HOUR, 10 * MINUTE)
    record = await world.record_of(document_id)
    assert (record.state, record.owner) == (State.BLOCKED, "accounting_admin")
    assert world.pushes_of(document_id) == 0
    world.simulator.reconnect(organization_id)
    await world.live(2 * HOUR, 5 * MINUTE)
    assert (await world.record_of(document_id)).state is State.CONFIRMED
    assert world.copies()[document_id] == 1


async def test_consent_renewed_on_the_same_connection_is_a_cure(world: Healing) -> None:
    """What failed for want of rights goes when an administrator has connected, before its hourly trial."""
    organization_id = str(world.organization_id)
    said = "The linked user's role is too low for this"
    world.simulator.fail_next_push(organization_id, "unknown", text=said)
    document_id = await issue(world)
    await world.live(5 * MINUTE, MINUTE)
    record = await world.record_of(document_id)
    assert (record.state, record.cause) == (State.BLOCKED, "permission_denied")
    world.simulator.revoke_connection(organization_id)
    await world.live(10 * MINUTE, MINUTE)
    world.simulator.reconnect(organization_id)
    await world.live(10 * MINUTE, MINUTE)
    assert world.pushes_of(document_id) == 1
    [attempt] = await world.attempts(await world.record_of(document_id))
    assert attempt.trigger == "cure"


async def test_locked_period_is_tried_by_one_alone(world: Healing) -> None:
    """Where no cure can be seen one of the group is tried an hour, in turn; a success frees the rest."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    documents = [world.simulator.issue_invoice(organization_id) for _ in range(4)]
    await world.live(2.5 * HOUR, 5 * MINUTE)
    tried = [world.pushes_of(document_id) for document_id in documents]
    assert sorted(tried) == [0, 0, 1, 1]
    world.simulator.unlock_period(organization_id)
    await world.live(2.5 * HOUR, 5 * MINUTE)
    assert {(await world.record_of(each)).state for each in documents} == {State.CONFIRMED}
    assert [world.copies()[each] for each in documents] == [1] * 4


@pytest.mark.parametrize(
    ("fault", "outcome", "state"),
    [
        ("executed_answer_lost", "uncertain", None),
        ("sent_and_lost", "uncertain", State.QUARANTINED),
        ("server_error", "uncertain", State.QUARANTINED),
        ("html", "uncertain", State.QUARANTINED),
        ("truncated", "uncertain", None),
        ("executed_twice", "accepted", None),
    ],
)
async def test_what_is_unknown_is_never_repeated(
    world: Healing, fault: str, outcome: str, state: State | None
) -> None:
    """However the answer is lost, a push is sent once; where the hub tells no more it is quarantined."""
    world.simulator.add_fault(fault, "*push*", count=1)
    document_id = await issue(world, fails="rate_limited")
    await world.live(1.5 * HOUR, 10 * MINUTE)
    record = await world.record_of(document_id)
    attempts = await world.attempts(record)
    assert [attempt.outcome for attempt in attempts] == [outcome]
    if state is not None:
        assert record.state is state
    # The hub executing one push twice is its own doing: we sent it once, and the second copy is told as such.
    assert world.copies()[document_id] <= (2 if fault == "executed_twice" else 1)


async def test_what_was_not_sent_is_no_attempt(world: Healing) -> None:
    """A push that never left is written down, counts for nothing, and is sent again."""
    world.simulator.add_fault("not_sent", "*push*", count=2)
    document_id = await issue(world, fails="rate_limited")
    await world.live(HOUR, MINUTE)
    record = await world.record_of(document_id)
    outcomes = [attempt.outcome for attempt in await world.attempts(record)]
    assert outcomes == ["not_sent", "not_sent", "accepted"]
    assert record.state is State.CONFIRMED
    assert world.copies()[document_id] == 1


async def test_three_pushers_push_once(world: Healing, database: Database) -> None:
    """However many replicas are due at once, each record is pushed once."""
    organization_id = str(world.organization_id)
    world.simulator.remove_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    documents = [world.simulator.issue_invoice(organization_id, tax_rate=2000) for _ in range(10)]
    await world.live(10 * MINUTE, MINUTE)
    world.simulator.add_tax_rate(organization_id, 2000)
    pushers = [Pusher(database, world.watch.hub, POLICY, f"replica-{each}") for each in range(3)]
    for _ in range(24):
        world.watch.advance(5 * MINUTE)
        await world.watch.catch_up()
        now = await database.now()
        await asyncio.gather(*(pusher.run_once(now) for pusher in pushers))
    assert [world.pushes_of(each) for each in documents] == [1] * 10
    assert [world.copies()[each] for each in documents] == [1] * 10


async def test_any_change_of_the_document_is_seen(world: Healing) -> None:
    """Whatever was changed of a document that only its change cures, be it a memo, it is sent again."""
    document_id = await issue(world, fails="invalid_field")
    assert (await world.record_of(document_id)).state is State.BLOCKED
    world.simulator.edit_local(str(world.organization_id), document_id, memo="shorter")
    await world.live(2 * HOUR, 20 * MINUTE)
    assert (await world.record_of(document_id)).state is State.CONFIRMED
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 1)


async def test_a_number_of_somebody_else_is_not_sent_again(world: Healing) -> None:
    """While another party's document bears its number it is not pushed; once that is gone it is, once."""
    organization_id = str(world.organization_id)
    world.simulator.refuse_duplicate_numbers(organization_id)
    taken = world.simulator.add_to_books(
        organization_id, number="INV-77", party="Somebody else", net_minor=99_900
    )
    world.simulator.pull_now(organization_id)
    document_id = await issue(world, number="INV-77", fails="duplicate_document_number")
    await world.live(26 * HOUR, HOUR / 2)
    record = await world.record_of(document_id)
    assert (record.state, record.cause, world.pushes_of(document_id)) == (
        State.BLOCKED,
        "duplicate_document_number",
        0,
    )
    world.simulator.delete_in_books(organization_id, taken)
    await world.live(26 * HOUR, HOUR / 2)
    assert (await world.record_of(document_id)).state is State.CONFIRMED
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 1)


async def test_a_cure_outlives_a_push_that_never_left(world: Healing) -> None:
    """When the push that a change released is not sent, the next run sends it, without another change."""
    organization_id = str(world.organization_id)
    document_id = await issue(world, fails="invalid_field")
    world.simulator.add_fault("not_sent", "*push*", count=2)
    world.simulator.edit_local(organization_id, document_id, memo="shorter")
    await world.live(2 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    outcomes = [attempt.outcome for attempt in await world.attempts(record)]
    assert outcomes == ["not_sent", "not_sent", "accepted"]
    assert record.state is State.CONFIRMED
    assert world.copies()[document_id] == 1


async def test_a_trial_that_never_left_is_no_trial(world: Healing) -> None:
    """A trial that was not sent is made by the next run, not an hour later."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    document_id = world.simulator.issue_invoice(organization_id)
    await world.live(HOUR - MINUTE, HOUR - MINUTE)
    world.simulator.add_fault("not_sent", "*push*", count=1)
    await world.live(10 * MINUTE, MINUTE)
    outcomes = [each.outcome for each in await world.attempts(await world.record_of(document_id))]
    assert outcomes == ["not_sent", "accepted"]
