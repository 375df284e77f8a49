"""Planned retries at work: sent once, by the same gate as everything else, and followed to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from service.domain.pushing.override import Override, Word
from service.domain.record_state import State
from service.store.database import Database
from service.store.hub_budget import pause_hub
from service.store.overrides import insert_override
from service.store.pushes import AttemptKey
from service.store.records import list_records
from service.store.retries import StoredItem, get_retry, list_retry_items, list_wishes, take_retry_item
from service.web.retrying import Filter, Planner, apply, cancel, make
from tests.workers.healing import POLICY, Healing, healing

MINUTE = 60.0
HOUR = 3_600.0


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """A healthy organization that has been read once."""
    async with healing(database, documents=3) as opened:
        await opened.settle()
        yield opened


async def issue(world: Healing, **details: object) -> str:
    """Issue an invoice and let its first push fail."""
    document_id: str = world.simulator.issue_invoice(str(world.organization_id), **details)
    await world.live(8 * MINUTE, 4 * MINUTE)
    return document_id


async def retried(world: Healing, *, runs: bool = True) -> UUID:
    """Plan and apply a retry, as an operator does, and let the pusher run."""
    planner = Planner(name="Ada", organization_id=world.organization_id, policy=POLICY)
    async with world.watch.database.organization(world.organization_id) as connection:
        retry_id = await make(connection, planner, Filter())
        retry = await get_retry(connection, retry_id)
        assert retry is not None
        await apply(connection, retry_id, retry.hash, "Ada")
    if runs:
        await world.settle()
    return retry_id


async def items(world: Healing, retry_id: UUID) -> dict[str, StoredItem]:
    """What became of it, by the document's id."""
    async with world.watch.database.organization(world.organization_id) as connection:
        found = await list_retry_items(connection, retry_id)
        records = await list_records(connection, organization_id=world.organization_id, limit=100)
    object_ids = {record.record_id: str(record.object_id) for record in records}
    return {object_ids[each.record_id]: each for each in found}


async def document(world: Healing, document_id: str) -> Mapping[str, Any]:
    """A document of the hub, as it was read last."""
    rows = await world.watch.rows(world.organization_id, "documents")
    found: Mapping[str, Mapping[str, Any]] = {row["document_id"]: row["body"] for row in rows}
    return found[document_id]


async def test_it_does_not_wait_for_what_an_operator_knows(world: Healing) -> None:
    """A record whose cure cannot be seen is sent at once when an operator wants it, with their name on it."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    document_id = await issue(world)
    assert (await world.record_of(document_id)).state is State.BLOCKED
    world.simulator.unlock_period(organization_id)
    retry_id = await retried(world)
    await world.live(5 * MINUTE, MINUTE)
    assert (await world.record_of(document_id)).state in {State.ACKNOWLEDGED, State.CONFIRMED}
    [attempt] = await world.attempts(await world.record_of(document_id))
    assert (attempt.trigger, attempt.evidence_kind) == ("operator", "refused_before_creation")
    assert attempt.evidence_detail["person"] == "Ada"
    assert attempt.evidence_detail["retry_id"] == str(retry_id)
    [item] = (await items(world, retry_id)).values()
    assert (item.status, item.outcome, item.number) == ("sent", "accepted", attempt.number)
    assert world.copies()[document_id] == 1


async def test_what_happens_meanwhile_is_left_out(world: Healing) -> None:
    """A record that the hub moved on after the plan was applied is left out, and says so."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    document_id = await issue(world)
    retry_id = await retried(world, runs=False)
    record = await world.record_of(document_id)
    world.simulator.unlock_period(organization_id)
    world.simulator.push(organization_id, str(record.record_id))
    world.watch.advance(10 * MINUTE)
    await world.watch.catch_up()
    await world.settle()
    item = (await items(world, retry_id))[document_id]
    assert (item.status, item.outcome) == ("left_out", None)
    assert "has changed since it was planned" in item.reason
    assert world.pushes_of(document_id) == 0
    assert world.copies()[document_id] == 1


async def test_a_cancelled_one_is_not_sent(world: Healing) -> None:
    """Cancelled before its turn came, a record stays where it was."""
    world.simulator.lock_period(str(world.organization_id), "2099-12-31")
    document_id = await issue(world)
    retry_id = await retried(world, runs=False)
    async with world.watch.database.organization(world.organization_id) as connection:
        [wish] = await list_wishes(connection, world.organization_id, 10)
        await cancel(connection, retry_id, "Bob")
        # A pusher that had read it just before finds, when it writes its intent, that the turn is gone.
        attempt = AttemptKey(record_id=wish.record_id, episode=1, number=2)
        assert not await take_retry_item(connection, world.organization_id, wish, attempt)
    await world.settle()
    assert (await items(world, retry_id))[document_id].status == "cancelled"
    assert world.pushes_of(document_id) == 0


async def test_what_could_not_be_sent_keeps_its_turn(world: Healing) -> None:
    """A push that never left is no attempt: the record waits for its turn again, and goes."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    document_id = await issue(world)
    world.simulator.unlock_period(organization_id)
    world.simulator.add_fault("not_sent", "*push*", count=1)
    retry_id = await retried(world)
    await world.live(3 * MINUTE, 20)
    outcomes = [each.outcome for each in await world.attempts(await world.record_of(document_id))]
    assert outcomes == ["not_sent", "accepted"]
    assert (await items(world, retry_id))[document_id].outcome == "accepted"
    assert world.copies()[document_id] == 1


async def test_a_pause_of_the_hub_takes_no_turn_away(world: Healing) -> None:
    """While the hub asked for silence a planned retry keeps its turn, and nothing is written of it."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    document_id = await issue(world)
    world.simulator.unlock_period(organization_id)
    before = await world.record_of(document_id)
    async with world.watch.database.fleet() as connection:
        await pause_hub(connection, 10 * MINUTE)
    retry_id = await retried(world)
    assert (await items(world, retry_id))[document_id].status == "queued"
    assert await world.record_of(document_id) == before
    assert await world.attempts(before) == ()
    async with world.watch.database.fleet() as connection:
        await connection.execute("UPDATE hub_budget SET paused_until = tieout.instant()")
    await world.live(12 * MINUTE, MINUTE)
    assert (await items(world, retry_id))[document_id].outcome == "accepted"
    assert world.copies()[document_id] == 1


async def test_a_proof_that_a_retry_rests_on_keeps_its_turn_too(world: Healing) -> None:
    """Proven absent and blocked, it is wanted and cannot be sent at first: it goes all the same, once."""
    organization_id = str(world.organization_id)
    world.simulator.lock_period(organization_id, "2099-12-31")
    document_id = world.simulator.issue_invoice(organization_id, fails="timeout_ambiguous", landed=False)
    await world.live(8 * MINUTE, 4 * MINUTE)
    record = await world.record_of(document_id)
    world.simulator.push(organization_id, str(record.record_id), seconds=1.0)
    while (await world.record_of(document_id)).state is not State.BLOCKED:
        await world.live(20 * MINUTE, 20 * MINUTE)
    world.simulator.unlock_period(organization_id)
    world.simulator.add_fault("not_sent", "*push*", count=2)
    retry_id = await retried(world)
    await world.live(5 * MINUTE, 20)
    attempts = await world.attempts(record)
    assert [each.outcome for each in attempts] == ["not_sent", "not_sent", "accepted"]
    assert {each.evidence_kind for each in attempts} == {"read_back"}
    item = (await items(world, retry_id))[document_id]
    assert (item.status, item.outcome) == ("sent", "accepted")
    assert world.copies()[document_id] == 1


async def test_a_likeness_that_is_gone_takes_no_turn_away(world: Healing) -> None:
    """Proven absent, then taken for another document, it is renumbered and wanted: it is looked for anew."""
    organization_id = str(world.organization_id)
    world.simulator.remove_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    document_id = world.simulator.issue_invoice(
        organization_id, fails="timeout_ambiguous", landed=False, tax_rate=2000
    )
    await world.live(8 * MINUTE, 4 * MINUTE)
    record = await world.record_of(document_id)
    world.simulator.push(organization_id, str(record.record_id), seconds=1.0)
    while (await world.record_of(document_id)).state is not State.BLOCKED:
        await world.live(20 * MINUTE, 20 * MINUTE)
    blocked = await world.record_of(document_id)
    local = await document(world, document_id)
    world.simulator.add_to_books(
        organization_id,
        number=local["number"],
        party=local["party_name"],
        currency=local["currency"],
        net_minor=local["total_minor"] + 5_000,
        tax_rate=0,
        posted_on=date.fromisoformat(local["issued_on"]) - timedelta(days=90),
    )
    world.simulator.pull_now(organization_id)
    await world.live(HOUR, 10 * MINUTE)
    world.simulator.edit_local(organization_id, document_id, number="INV-OTHER")
    world.simulator.add_tax_rate(organization_id, 2000)
    while (await document(world, document_id))["number"] != "INV-OTHER":
        world.watch.advance(MINUTE)
        await world.watch.catch_up()
    assert (await world.record_of(document_id)).version == blocked.version
    retry_id = await retried(world)
    await world.live(5 * MINUTE, 20)
    item = (await items(world, retry_id))[document_id]
    assert (item.status, item.outcome) == ("sent", "accepted"), item.reason
    [attempt] = await world.attempts(record)
    assert (attempt.trigger, attempt.evidence_kind) == ("operator", "read_back")
    assert world.copies()[document_id] == 1


async def test_what_was_entered_by_hand_is_not_doubled(world: Healing) -> None:
    """A document entered in the books while its push was blocked stays the only one when the cure comes."""
    organization_id = str(world.organization_id)
    world.simulator.remove_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    document_id = await issue(world, tax_rate=2000)
    assert (await world.record_of(document_id)).state is State.BLOCKED
    local = await document(world, document_id)
    books_id = world.simulator.add_to_books(
        organization_id,
        number=local["number"].lower(),
        party=local["party_name"],
        currency=local["currency"],
        net_minor=local["total_minor"] - 1,
        tax_rate=0,
    )
    world.simulator.pull_now(organization_id)
    await world.live(10 * MINUTE, 5 * MINUTE)
    world.simulator.add_tax_rate(organization_id, 2000)
    world.simulator.pull_now(organization_id)
    await world.live(10 * MINUTE, 5 * MINUTE)
    record = await world.record_of(document_id)
    assert (record.state, record.owner) == (State.QUARANTINED, "bookkeeper")
    assert f"(id {books_id})" in record.reason
    await world.live(5 * HOUR, HOUR)
    again = await world.record_of(document_id)
    assert (again.state, again.reason, again.version) == (record.state, record.reason, record.version)
    assert world.pushes_of(document_id) == 0
    world.simulator.delete_in_books(organization_id, books_id)
    await world.live(3 * HOUR, HOUR)
    again = await world.record_of(document_id)
    assert "has been deleted there" in again.reason
    async with world.watch.database.organization(world.organization_id) as connection:
        word = Override(word=Word.PUSH, person="Ada", reason="I deleted mine.")
        await insert_override(connection, world.organization_id, again.record_id, word, POLICY)
    await world.live(3 * HOUR, HOUR)
    assert (await world.record_of(document_id)).state is State.CONFIRMED
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 1)
