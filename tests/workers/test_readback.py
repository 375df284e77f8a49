"""What may have landed is looked for in the books, on real Postgres against the simulated hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from msgspec.structs import replace

from service.domain.cadence.pulled import CREATION
from service.domain.pushing.override import Override, Word
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.store.overrides import OverrideRefused, insert_override
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
    await world.live(6 * MINUTE, 2 * MINUTE)
    return document_id


async def test_what_landed_is_confirmed_and_never_pushed(world: Healing) -> None:
    """A push that failed by a time-out after it landed is found in the books, and nothing is sent."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=True)
    assert (await world.record_of(document_id)).state is State.QUARANTINED
    await world.live(2 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    assert (record.state, record.cause, record.sync_status) == (State.CONFIRMED, None, "error")
    assert "Read back from the books" in record.reason
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (0, 1)
    [found] = await world.evidence(record)
    assert (found["kind"], found["detail"]["paired_by"]) == ("found", "number")


async def test_what_is_proven_absent_is_pushed_once_more(world: Healing) -> None:
    """After quiet time and pulls, a certified scan without the document permits one push, which heals it."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=False)
    failed_at = (await world.record_of(document_id)).updated_at
    await world.live(6 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    assert record.state is State.CONFIRMED
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 1)
    [attempt] = await world.attempts(record)
    assert attempt.evidence_kind == "read_back"
    assert (attempt.started_at - failed_at).total_seconds() > 2 * HOUR
    [evidence] = await world.evidence(record)
    assert evidence["evidence_id"] == attempt.evidence_id
    assert len(evidence["detail"]["pulls"]) >= 2


async def test_the_creation_of_a_connection_is_no_pull(world: Healing) -> None:
    """A new connection names its creation as its last pull, which is none of those that prove absence."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=False)
    world.watch.way.tamper = _before_the_first_pull
    world.simulator.reconnect(str(world.organization_id), is_new=True)
    await world.live(10 * MINUTE, 5 * MINUTE)
    world.watch.way.tamper = None
    await world.live(8 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    [evidence] = await world.evidence(record)
    [connection, *_] = world.simulator.organization(str(world.organization_id)).connections[::-1]
    pulls = [datetime.fromisoformat(each) for each in evidence["detail"]["pulls"]]
    assert len(pulls) >= 2
    assert min(pulls) > connection.created_at + CREATION
    assert world.copies()[document_id] == 1


def _before_the_first_pull(request: httpx.Request, body: Any) -> Any:
    """Each connection names its creation as its last pull, and what it would serve is not there yet."""
    path = request.url.path
    if path.endswith("/accounting-connections"):
        return {"data": [{**row, "last_pull": row["created_at"]} for row in body["data"]]}
    return {**body, "data": []} if "/accounting/" in path else body


@pytest.mark.parametrize("landed", [True, False])
@pytest.mark.parametrize("pending_seconds", [1.0, 10 * MINUTE])
async def test_a_try_of_the_hubs_own_frees_nothing(
    world: Healing, pending_seconds: float, *, landed: bool
) -> None:
    """Behind a time-out the hub tries itself and is throttled, on its way for long or not: still one copy."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=landed)
    record = await world.record_of(document_id)
    organization_id = str(world.organization_id)
    world.simulator.fail_next_push(organization_id, "rate_limited", object_id=document_id)
    world.simulator.push(organization_id, str(record.record_id), seconds=pending_seconds)
    await world.live(20 * MINUTE, 2 * MINUTE)
    held = await world.record_of(document_id)
    assert (held.state, held.cause, held.attempts_count) == (State.QUARANTINED, "rate_limited", 2)
    assert world.pushes_of(document_id) == 0
    await world.live(8 * HOUR, 20 * MINUTE)
    assert (await world.record_of(document_id)).state is State.CONFIRMED
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (0 if landed else 1, 1)


async def test_a_word_ends_with_a_later_try_that_may_have_landed(world: Healing) -> None:
    """Nobody knew of a later try of the hub when the word was given; it times out, so proof is needed."""
    organization_id = str(world.organization_id)
    document_id = await issue(world, fails="timeout_ambiguous", landed=False)
    record = await world.record_of(document_id)
    world.simulator.fail_next_push(organization_id, "platform_internal_error", object_id=document_id)
    world.simulator.push(organization_id, str(record.record_id), seconds=1.0)
    world.watch.advance(1)
    await override(world, record)
    world.watch.advance(HOUR)
    await world.live(20 * MINUTE, 2 * MINUTE)
    assert world.pushes_of(document_id) == 0
    await world.live(8 * HOUR, 20 * MINUTE)
    assert [each.evidence_kind for each in await world.attempts(record)] == ["read_back"]
    assert world.copies()[document_id] == 1


@pytest.mark.parametrize("fault", ["sent_and_lost", "executed_answer_lost", "html"])
async def test_unknown_answers_are_resolved(world: Healing, fault: str) -> None:
    """However the answer to our push was lost, the document is in the books once in the end."""
    world.simulator.add_fault(fault, "*push*", count=1)
    document_id = await issue(world, fails="rate_limited")
    await world.live(8 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    assert record.state is State.CONFIRMED
    assert world.copies()[document_id] == 1
    outcomes = [attempt.outcome for attempt in await world.attempts(record)]
    assert outcomes in (["uncertain"], ["uncertain", "accepted"])


async def test_pulls_are_asked_for_when_they_do_not_come(database: Database) -> None:
    """Where the hub does not pull by itself it is asked to, not more often than it could answer."""
    asked = 0

    def count(request: httpx.Request) -> None:
        nonlocal asked
        asked += request.url.path.endswith("/sync")

    async with healing(database, pull_seconds=10 * 24 * HOUR) as world:
        await world.settle()
        world.watch.way.before = count
        document_id = await issue(world, fails="timeout_ambiguous", landed=False)
        await world.live(5 * HOUR, 10 * MINUTE)
        assert (world.pushes_of(document_id), world.copies()[document_id]) == (1, 1)
    assert 2 <= asked <= 4


async def test_an_uncertified_scan_proves_nothing(world: Healing) -> None:
    """While the list of the books cannot be read whole, nothing is concluded and nothing is pushed."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=True)
    world.simulator.add_fault("missing_rows", "GET /accounting/receivables*")
    await world.live(8 * HOUR, 20 * MINUTE)
    assert world.pushes_of(document_id) == 0
    assert world.copies()[document_id] == 1


async def test_an_empty_list_of_books_that_held_some_proves_nothing(world: Healing) -> None:
    """While the hub answers that the books are empty, what may have landed is not sent; a person is told."""
    world.simulator.set_behaviour(push_on_done="accept")
    world.simulator.add_fault("empty", "GET /accounting/receivables*")
    document_id = await issue(world, fails="timeout_ambiguous", landed=True)
    await world.live(8 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    assert (record.state, record.owner) == (State.QUARANTINED, "bookkeeper")
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (0, 1)
    world.simulator.clear_faults()
    await world.live(4 * HOUR, 20 * MINUTE)
    assert (await world.record_of(document_id)).state is State.CONFIRMED


async def test_what_people_changed_beyond_likeness_is_not_made_again(world: Healing) -> None:
    """What landed, and was renumbered and voided before anybody read it, waits for a person."""
    organization_id = str(world.organization_id)
    world.simulator.set_behaviour(push_on_done="accept")
    document_id = world.simulator.issue_invoice(organization_id, fails="timeout_ambiguous", landed=True)
    world.simulator.advance(5 * MINUTE)
    world.simulator.edit_in_books(organization_id, document_id, number="X-1")
    world.simulator.void_in_books(organization_id, document_id)
    await world.live(8 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    assert (record.state, record.owner) == (State.QUARANTINED, "bookkeeper")
    assert "number X-1 of the same party and day" in record.reason
    assert (world.pushes_of(document_id), world.copies()[document_id]) == (0, 1)


async def override(world: Healing, record: Record, word: Word = Word.PUSH) -> UUID | None:
    """Say, as Ada, what is to become of a record."""
    async with world.watch.database.organization(record.organization_id) as connection:
        return await insert_override(
            connection,
            record.organization_id,
            record.record_id,
            Override(word=word, person="ada", reason=f"She looked: {word}"),
            POLICY,
        )


async def test_a_person_may_decide_for_one_record_once(world: Healing) -> None:
    """A named person's word sends a quarantined record at once and once; it is kept with the attempt."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=False)
    world.simulator.fail_next_push(str(world.organization_id), "timeout_ambiguous", object_id=document_id)
    evidence_id = await override(world, await world.record_of(document_id))
    await world.live(HOUR, 10 * MINUTE)
    record = await world.record_of(document_id)
    [attempt] = await world.attempts(record)
    assert (attempt.evidence_id, attempt.trigger) == (evidence_id, "operator")
    assert attempt.evidence_detail["person"] == "ada"
    assert attempt.evidence_detail["reason"] == "She looked: push"
    assert (record.state, world.pushes_of(document_id)) == (State.QUARANTINED, 1)


@pytest.mark.parametrize("fault", ["not_sent", "unauthorized", "throttle"])
async def test_a_word_outlives_a_push_that_never_left(world: Healing, fault: str) -> None:
    """A payment that a person wants sent goes when the hub can be reached, on that same word, and once."""
    organization_id = str(world.organization_id)
    document_id = await issue(world)
    world.simulator.fail_next_push(organization_id, "timeout_ambiguous", object_type="payment_record")
    world.simulator.pay(organization_id, document_id)
    await world.live(8 * MINUTE, 4 * MINUTE)
    [held] = await world.records(state="quarantined")
    world.simulator.add_fault(fault, "*push*", count=2)
    await override(world, held)
    await world.live(HOUR, MINUTE)
    attempts = await world.attempts(held)
    assert [each.outcome for each in attempts] == ["not_sent", "not_sent", "accepted"]
    words = await world.evidence(held)
    assert {each.evidence_id for each in attempts} == {each["evidence_id"] for each in words}
    assert {(each["kind"], each["observed_at"]) for each in words} == {
        ("named_person", words[0]["observed_at"])
    }
    assert {each["detail"]["person"] for each in words} == {"ada"}
    assert (await world.records(object_type="payment_record"))[0].state is State.ACKNOWLEDGED


async def test_a_proof_outlives_a_push_that_never_left(world: Healing) -> None:
    """What was proven absent goes when the hub can be reached, on a reading as old as it is, seen anew."""
    document_id = await issue(world, fails="timeout_ambiguous", landed=False)
    world.simulator.add_fault("not_sent", "*push*", count=2)
    await world.live(6 * HOUR, 20 * MINUTE)
    record = await world.record_of(document_id)
    attempts = await world.attempts(record)
    assert [each.outcome for each in attempts] == ["not_sent", "not_sent", "accepted"]
    proofs = await world.evidence(record)
    assert {each.evidence_id for each in attempts} == {each["evidence_id"] for each in proofs}
    assert len({(each["kind"], each["observed_at"]) for each in proofs}) == 1
    assert (record.state, world.copies()[document_id]) == (State.CONFIRMED, 1)


async def test_a_proof_given_back_is_outdated_by_what_comes_to_stand_there(world: Healing) -> None:
    """Entered by hand while the hub could not be reached, it is not sent on the proof of before."""
    organization_id = str(world.organization_id)
    document_id = await issue(world, fails="timeout_ambiguous", landed=False)
    world.simulator.add_fault("not_sent", "*push*")
    record = await world.record_of(document_id)
    while not await world.attempts(record):
        await world.live(20 * MINUTE, 5 * MINUTE)
    [local] = [
        row["body"]
        for row in await world.watch.rows(world.organization_id, "documents")
        if row["document_id"] == document_id and row["side"] == "local"
    ]
    world.simulator.add_to_books(
        organization_id,
        number=local["number"],
        party=local["party_name"],
        currency=local["currency"],
        net_minor=local["total_minor"] - 1,
        tax_rate=0,
    )
    world.simulator.pull_now(organization_id)
    await world.live(20 * MINUTE, 5 * MINUTE)
    world.simulator.clear_faults()
    await world.live(3 * HOUR, 20 * MINUTE)
    assert (await world.record_of(document_id)).state is State.QUARANTINED
    assert {each.outcome for each in await world.attempts(record)} == {"not_sent"}


async def test_a_word_about_what_has_not_failed_is_none(world: Healing) -> None:
    """What is in the books, and what is not ours, cannot be overridden: nothing is written."""
    document_id = await issue(world)
    record = await world.record_of(document_id)
    with pytest.raises(OverrideRefused, match="has not failed"):
        await override(world, record)
    assert await override(world, replace(record, record_id=uuid4())) is None
    assert await world.evidence(record) == []


async def test_what_a_person_set_aside_is_not_sent(world: Healing) -> None:
    """What a person found in the books is not sent, though its wait is over, until another word."""
    document_id = await issue(world, fails="rate_limited")
    record = await world.record_of(document_id)
    await override(world, record, Word.IT_IS_THERE)
    await world.live(2 * HOUR, HOUR / 2)
    record = await world.record_of(document_id)
    assert (record.state, world.pushes_of(document_id)) == (State.NEEDS_PERSON, 0)
    assert record.reason == "It is not sent again: ada found it in the books: She looked: it_is_there."
    await override(world, record)
    await world.live(10 * MINUTE, 5 * MINUTE)
    assert world.pushes_of(document_id) == 1
    assert world.copies()[document_id] == 1


async def test_what_cannot_be_listed_waits_for_a_person(world: Healing) -> None:
    """A payment that may have landed stays quarantined, with whose turn it is: no list holds payments."""
    organization_id = str(world.organization_id)
    document_id = await issue(world)
    world.simulator.fail_next_push(organization_id, "timeout_ambiguous", object_type="payment_record")
    world.simulator.pay(organization_id, document_id)
    await world.live(8 * HOUR, HOUR)
    [held] = await world.records(state="quarantined")
    assert (held.object_type, held.owner) == ("payment_record", "bookkeeper")
    assert await world.attempts(held) == ()
