"""Several records of one object: one of them speaks, and none is sent while another may have landed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from service.domain.causes.cause import Cause
from service.domain.causes.facts import Owner
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, Outcome, next_number
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.override import Override, Word, refusal
from service.domain.pushing.push import decide, settle
from service.domain.pushing.retry_plan import Candidate, weigh
from service.domain.pushing.sibling import Sibling, attempts_of_object, held_by_siblings, is_free, speaks
from service.domain.record import Record
from service.domain.record_observed import observe
from service.domain.record_state import State
from tests.domain.record_builders import (
    POLICY,
    START,
    at,
    attempt,
    connected,
    failed,
    follow,
    read_back,
    seen,
)
from tests.domain.test_standing import PUSH

OTHER_ID = UUID(int=8_500)
MINE = failed(Cause.RATE_LIMITED, created_at=START)
EARLIER, LATER = -60, 60


def sibling(
    seconds: float, status: str = "error", cause: Cause = Cause.RATE_LIMITED, **known: Any
) -> Sibling:
    """Another record of the object, made so many seconds after the one that is asked about."""
    books_id = {"platform_object_id": known.pop("books_id")} if "books_id" in known else {}
    told = seen(status, seconds, cause, record_id=OTHER_ID, created_at=at(seconds), **books_id)
    return Sibling(record=follow(told, seconds=seconds), **known)


def answer(
    other: Sibling, decision: Decision = PUSH, record: Record = MINE, word: Evidence | None = None
) -> Decision:
    """What becomes of a decision about a record that has a sibling."""
    return held_by_siblings(record, decision, [other], word)


def naming(*names: object) -> Evidence:
    """A person's word to send it, which names what they saw."""
    despite = frozenset(str(each) for each in names)
    return Evidence(kind=EvidenceKind.NAMED_PERSON, observed_at=at(500), despite=despite)


def test_alone_a_record_is_decided_on_as_ever() -> None:
    """Without siblings nothing is held, and nothing is added to its attempts."""
    mine = [attempt()]
    assert held_by_siblings(MINE, PUSH, [], None) is PUSH
    assert attempts_of_object(MINE, mine, ()) is mine
    assert speaks(MINE, ())


def test_free_is_whom_no_other_record_holds() -> None:
    """The newest record of an object is free, unless an older one is on its way, there, or in doubt."""
    assert is_free(MINE, ())
    assert is_free(MINE, [sibling(EARLIER)])
    assert not is_free(MINE, [sibling(LATER)])
    assert not is_free(MINE, [sibling(EARLIER, "pending")])
    assert not is_free(MINE, [sibling(EARLIER, cause=Cause.TIMEOUT_AMBIGUOUS)])


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.SUPERSEDE])
def test_a_later_success_supersedes_whatever_was_decided(verdict: Verdict) -> None:
    """An older failure is acknowledged with the later success, and neither fails nor waits any more."""
    decision = answer(sibling(LATER, "done"), replace(PUSH, verdict=verdict))
    assert (decision.verdict, decision.evidence, decision.owner) == (Verdict.SUPERSEDE, None, Owner.NOBODY)
    assert decision.reason == (
        f"A later record of this invoice ({OTHER_ID}) brought it to QuickBooks as document 145, so this one "
        "is superseded and is not sent."
    )
    after = settle(MINE, decision)
    assert (after.state, after.cause, after.owner, after.version) == (State.ACKNOWLEDGED, None, None, 2)
    assert (after.deadline_at, after.next_attempt_at, after.healed_at) == (None, None, None)


def test_what_is_superseded_stays_so_while_the_hub_repeats_itself() -> None:
    """The same failure again is no news; another one is of a new episode, and proven before it is sent."""
    after = settle(MINE, answer(sibling(LATER, "done")))
    again = observe(after, seen("error", 90, Cause.RATE_LIMITED, created_at=START), at(90), POLICY)
    assert (again.state, again.episode) == (State.ACKNOWLEDGED, 1)
    other = observe(again, seen("error", 95, Cause.INVALID_FIELD, created_at=START), at(95), POLICY)
    assert (other.state, other.episode) == (State.QUARANTINED, 2)


@pytest.mark.parametrize(
    ("other", "verdict", "words"),
    [
        (sibling(EARLIER, "pending"), Verdict.BLOCK, "is on its way to QuickBooks"),
        (sibling(LATER, "pending"), Verdict.BLOCK, "is on its way to QuickBooks"),
        (sibling(EARLIER, "done"), Verdict.QUARANTINE, "An earlier record of this invoice"),
        (sibling(EARLIER, books_id="145"), Verdict.QUARANTINE, "as document 145"),
        (sibling(EARLIER, cause=Cause.TIMEOUT_AMBIGUOUS), Verdict.QUARANTINE, "may be in QuickBooks"),
        (sibling(LATER, cause=Cause.TIMEOUT_AMBIGUOUS), Verdict.BLOCK, "may be in QuickBooks"),
        (sibling(EARLIER, attempts=[attempt(outcome=None)]), Verdict.QUARANTINE, "may be in QuickBooks"),
        (sibling(EARLIER, attempts=[attempt()]), Verdict.QUARANTINE, "may be in QuickBooks"),
        (
            sibling(EARLIER, evidence=[Evidence(kind=EvidenceKind.SET_ASIDE, observed_at=at(9))]),
            Verdict.NEEDS_PERSON,
            "A person set another record",
        ),
        (sibling(LATER), Verdict.BLOCK, "failed too, and is followed instead"),
    ],
    ids=str,
)
def test_one_is_not_sent_while_another_may_land(other: Sibling, verdict: Verdict, words: str) -> None:
    """What another record brought to the books, or may have, or what speaks in its stead, holds a push."""
    decision = answer(other)
    assert (decision.verdict, decision.trigger, decision.attempt_number) == (verdict, None, None)
    assert words in decision.reason
    assert str(OTHER_ID) in decision.reason


def test_what_is_in_no_ones_way() -> None:
    """An earlier one that merely failed holds nothing, nor does what the books have disproved."""
    assert answer(sibling(EARLIER)) is PUSH
    doubt = sibling(EARLIER, cause=Cause.TIMEOUT_AMBIGUOUS, evidence=[read_back(0)])
    assert answer(doubt) is PUSH


def test_an_older_one_waits_for_the_later_and_not_for_its_own_cure() -> None:
    """It says so whatever it waited for, is no doubt that there was none before, and forgets none."""
    for verdict in (Verdict.WAIT, Verdict.BLOCK):
        decision = answer(sibling(LATER), replace(PUSH, verdict=verdict))
        assert (decision.verdict, "followed instead" in decision.reason) == (Verdict.BLOCK, True)
    person = replace(PUSH, verdict=Verdict.NEEDS_PERSON)
    assert answer(sibling(LATER), person) is person
    doubted = failed(Cause.TIMEOUT_AMBIGUOUS, created_at=START)
    assert answer(sibling(LATER), record=doubted).verdict is Verdict.QUARANTINE
    stuck = sibling(LATER, cause=Cause.DOCUMENT_NOT_MODIFIABLE)
    assert answer(stuck).owner == stuck.record.owner


def test_the_newest_answers_for_the_attempts_of_all() -> None:
    """What was sent for an older record counts as a try and as a doubt of the newest, and of no other."""
    older = sibling(EARLIER, attempts=[attempt(2, 10, Outcome.UNCERTAIN), attempt(3, 20)])
    mine = [attempt(7, 15, Outcome.NOT_SENT), attempt(8, 30, Outcome.NOT_SENT)]
    merged = attempts_of_object(MINE, mine, [older])
    assert [each.started_at for each in merged] == [at(10), at(15), at(20), at(30)]
    assert [each.number for each in merged] == [1, 7, 8, 9]
    assert next_number(MINE, merged) == 10
    later = sibling(LATER, attempts=[attempt(outcome=Outcome.UNCERTAIN)])
    assert attempts_of_object(MINE, mine, [later]) is mine


def test_a_lost_answer_of_another_record_is_a_doubt_of_the_newest() -> None:
    """The newest is quarantined by it, until the books prove that nothing landed since."""
    older = sibling(EARLIER, attempts=[attempt(2, 60, Outcome.UNCERTAIN)])
    due = waited(MINE)

    def decided(*evidence: Evidence) -> Verdict:
        attempts: list[Attempt] = [*attempts_of_object(due, (), [older])]
        return decide(due, attempts, evidence, connected(), now=at(9_000), policy=POLICY, random=0.5).verdict

    assert decided() is Verdict.QUARANTINE
    assert decided(read_back(50)) is Verdict.QUARANTINE
    assert decided(read_back(8_000)) is Verdict.PUSH


def waited(record: Record) -> Record:
    """The record, its wait over."""
    first = decide(record, (), (), connected(), now=at(1), policy=POLICY, random=0.5)
    return settle(record, first)


@pytest.mark.parametrize(
    "other",
    [
        sibling(LATER, "done"),
        sibling(EARLIER, "done"),
        sibling(EARLIER, cause=Cause.TIMEOUT_AMBIGUOUS),
    ],
    ids=str,
)
def test_a_person_may_have_it_sent_who_names_the_other(other: Sibling) -> None:
    """A word is refused that does not name the other record or its document; one that does permits it."""

    def refused(*despite: str) -> str | None:
        said = Override(word=Word.PUSH, person="Ada", reason="I looked.", despite=frozenset(despite))
        return refusal(said, MINE, (), (), (), siblings=[other], now=at(600))

    assert f"name it in `despite`: {OTHER_ID}." in str(refused())
    assert refused(str(OTHER_ID)) is None
    assert answer(other, word=naming(OTHER_ID)) is PUSH
    assert answer(other, word=naming("another")).verdict is not Verdict.PUSH
    if other.record.sync_status == "done":
        assert refused("145") is None
        assert answer(other, word=naming("145")) is PUSH


def test_nobody_can_have_it_sent_while_another_is_on_its_way() -> None:
    """That one is named or not: what becomes of it is awaited. One that merely failed need not be named."""
    flying = sibling(LATER, "pending")
    said = Override(word=Word.PUSH, person="Ada", reason="I looked.", despite=frozenset({str(OTHER_ID)}))
    told = refusal(said, MINE, (), (), (), siblings=[flying], now=at(600))
    assert told is not None
    assert "awaited" in told
    assert "despite" not in told
    assert answer(flying, word=naming(OTHER_ID)).verdict is Verdict.BLOCK
    assert answer(sibling(LATER), word=naming()) is PUSH


@pytest.mark.parametrize(
    ("other", "words", "is_unsafe"),
    [
        (sibling(LATER, "done"), "superseded", True),
        (sibling(EARLIER, "done"), "may double it", True),
        (sibling(LATER), "followed instead", False),
    ],
    ids=str,
)
def test_a_plan_leaves_out_what_another_record_keeps(other: Sibling, words: str, is_unsafe: bool) -> None:  # noqa: FBT001
    """A planned retry asks for siblings as every push does."""
    asked = Candidate(record=MINE, connection_status="connected", siblings=[other])
    item = weigh(asked, now=at(600), policy=POLICY)
    assert (item.is_eligible, item.is_unsafe) == (False, is_unsafe)
    assert words in item.reason
