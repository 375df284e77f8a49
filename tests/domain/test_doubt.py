"""A doubt outlives whatever the hub does with a record: only proof ends it, or a push that rests on proof."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.causes.facts import facts_of
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, Outcome, permitted_by
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.push import decide, settle
from service.domain.pushing.record_push import confirmed, push_refused, push_unknown, pushed
from service.domain.record import Record, SeenRecord
from service.domain.record_observed import observe, reclassify
from service.domain.record_state import State
from tests.domain.record_builders import (
    POLICY,
    WORDS,
    at,
    attempt,
    connected,
    failed,
    follow,
    read_back,
    seen,
    word,
)

LATE = 90_000
"""Every wait is over."""

TIMED_OUT = seen("error", 0, Cause.TIMEOUT_AMBIGUOUS)
THROTTLED = seen("error", 40, Cause.RATE_LIMITED)


def ask(record: Record, *evidence: Evidence, tries: tuple[Attempt, ...] = ()) -> Decision:
    """Decide when every wait is over and every cure shows."""
    due = replace(record, next_attempt_at=at(LATE - 1))
    known = connected(last_pull=at(LATE), object_updated_at=at(LATE))
    return decide(due, tries, evidence, known, now=at(LATE), policy=POLICY, random=0.5)


@pytest.mark.parametrize("between", [(), (seen("pending", 30),), (seen("odd", 30),), (seen(None, 30),)])
@pytest.mark.parametrize("object_type", ["receivable", "payment_record"])
def test_a_try_of_the_hubs_own_does_not_end_a_doubt(
    between: tuple[SeenRecord, ...], object_type: str
) -> None:
    """Behind a time-out a harmless failure stays quarantined, be `pending` seen in between or not."""
    told = [replace(each, object_type=object_type) for each in (TIMED_OUT, *between, THROTTLED)]
    record = follow(*told)
    assert (record.state, record.cause, record.attempts_count) == (
        State.QUARANTINED,
        Cause.RATE_LIMITED,
        2,
    )
    assert ask(record).verdict is Verdict.QUARANTINE
    assert ask(settle(record, ask(record))).verdict is Verdict.QUARANTINE


@pytest.mark.parametrize("cause", [Cause.PERIOD_LOCKED, Cause.MISSING_TAX_RATE, Cause.INVALID_FIELD])
def test_no_later_failure_ends_a_doubt(cause: Cause) -> None:
    """However often the hub tries, and whatever it tells then, nothing goes without proof."""
    record = follow(TIMED_OUT, seen("pending", 30), THROTTLED, seen("pending", 50), seen("error", 60, cause))
    assert record.state is State.QUARANTINED
    assert ask(record).verdict is not Verdict.PUSH


def test_what_may_exist_stays_in_doubt_where_it_is_not_quarantined() -> None:
    """A document that could not be modified exists, so a throttled try after it permits nothing."""
    for between in ((), (seen("pending", 30),)):
        record = follow(seen("error", 0, Cause.DOCUMENT_NOT_MODIFIABLE), *between, THROTTLED)
        assert ask(record).verdict is Verdict.QUARANTINE


def test_a_doubt_about_our_own_push_outlives_a_try_of_the_hub() -> None:
    """Nobody knows what became of our push; the hub tries itself and is throttled: still nobody knows."""
    record = push_unknown(failed(Cause.RATE_LIMITED), at(10), POLICY)
    assert follow(seen("pending", 30), THROTTLED, previous=record).state is State.QUARANTINED


@pytest.mark.parametrize("between", [(), (seen("pending", 30),)])
@pytest.mark.parametrize("first", [(), (seen("error", -20, Cause.RATE_LIMITED),)])
def test_what_was_done_once_is_never_sent_blindly(
    first: tuple[SeenRecord, ...], between: tuple[SeenRecord, ...]
) -> None:
    """`done` without ids, then a harmless error: a new episode, in which the object may exist."""
    done = seen("done", 0, platform_object_id=None)
    record = follow(*first, done, *between, THROTTLED)
    assert (record.episode, record.attempts_count) == (2, 1)
    assert ask(record).verdict is Verdict.QUARANTINE
    found = confirmed(follow(TIMED_OUT), "Found in the books.", at(5))
    assert ask(follow(*between, THROTTLED, previous=found)).verdict is Verdict.QUARANTINE


def test_proof_ends_a_doubt() -> None:
    """Read back later than the last try, or on a person's word, it goes; what was read before is no proof."""
    record = follow(TIMED_OUT, seen("pending", 30), THROTTLED)
    assert ask(record, read_back(39)).verdict is Verdict.QUARANTINE
    for proof in (read_back(9_000), word(9_000)):
        decision = ask(record, proof)
        assert (decision.verdict, decision.evidence) == (Verdict.PUSH, proof.kind)


@pytest.mark.parametrize("kind", [EvidenceKind.READ_BACK, EvidenceKind.NAMED_PERSON])
@pytest.mark.parametrize("object_type", ["receivable", "payment_record"])
def test_what_becomes_of_a_push_on_proof_governs(kind: EvidenceKind, object_type: str) -> None:
    """Throttled after such a push it waits and goes, as any other does: it is not held a second time."""
    told = [replace(each, object_type=object_type) for each in (TIMED_OUT, seen("pending", 30), THROTTLED)]
    sent = pushed(follow(*told), at(9_010), POLICY)
    ours = attempt(3, 9_010, record_updated_at=at(40), evidence=kind)
    answers = (seen("pending", 9_012), seen("error", 9_020, Cause.RATE_LIMITED))
    record = follow(*[replace(each, object_type=object_type) for each in answers], previous=sent)
    assert (record.state, record.attempts_count) == (State.RETRYING, 3)
    decision = ask(record, tries=(ours,))
    assert (decision.verdict, decision.evidence) == (Verdict.PUSH, EvidenceKind.REFUSED_BEFORE_CREATION)


def test_a_push_on_proof_that_the_hub_refused_leaves_no_doubt() -> None:
    """Proven absent, it is sent when its turn comes, and refused: the next needs no other proof than that."""
    waiting = replace(follow(TIMED_OUT, seen("pending", 30), THROTTLED), state=State.RETRYING)
    assert ask(waiting).verdict is Verdict.QUARANTINE
    refused = push_refused(waiting, at(9_010), POLICY)
    ours = attempt(3, 9_010, Outcome.REFUSED, record_updated_at=at(40), evidence=EvidenceKind.READ_BACK)
    assert ask(refused, tries=(ours,)).evidence is EvidenceKind.REFUSED


def test_a_doubt_stays_while_proven_absent_but_not_sent_yet() -> None:
    """What waits on proof needs it again when its turn comes: the books may have come to show it."""
    record = follow(TIMED_OUT, seen("pending", 30), THROTTLED)
    waits = decide(record, (), (read_back(9_000),), connected(), now=at(9_000), policy=POLICY, random=0.5)
    assert waits.verdict is Verdict.WAIT
    assert ask(settle(record, waits)).verdict is Verdict.QUARANTINE
    assert ask(settle(record, waits), read_back(9_000)).evidence is EvidenceKind.READ_BACK


def test_newer_rules_do_not_end_a_doubt_of_an_earlier_try() -> None:
    """An unknown error that is understood now frees what it held alone, not what was in doubt before it."""

    def understood(record: Record) -> Record:
        outdated = replace(record, rules_version=0, cause=Cause.UNKNOWN, state=State.QUARANTINED)
        return reclassify(outdated, at(LATE), POLICY)

    alone = understood(replace(failed(Cause.RATE_LIMITED), doubted_at=at(0)))
    assert alone.state is State.RETRYING
    assert ask(alone).verdict is Verdict.PUSH
    assert ask(understood(follow(TIMED_OUT, seen("pending", 30), THROTTLED))).verdict is Verdict.QUARANTINE


@given(st.lists(st.sampled_from(["pending", "done", None, "odd", *WORDS]), min_size=1, max_size=8))
def test_no_history_of_the_hubs_own_tries_permits_a_push_blindly(told: list[str | None]) -> None:
    """Once something may have landed, whatever the hub tells then, only proof permits a push."""
    record, may_exist = None, False
    for seconds, each in enumerate(told):
        status, cause = ("error", Cause(each)) if each in set(WORDS) else (each, Cause.UNKNOWN)
        version = seen(status, seconds, cause, platform_object_id=None)
        record = observe(record, version, at(seconds), POLICY)
        may_exist |= status == "done" or (status == "error" and facts_of(cause).may_exist)
        if record.has_failed and may_exist:
            assert permitted_by(record, (), ()) is None
            assert permitted_by(record, (), (read_back(seconds),)) is EvidenceKind.READ_BACK


def test_what_an_older_release_quarantined_stays_so() -> None:
    """A release beside this one writes no doubt down; that it is quarantined is doubt enough."""
    old = replace(follow(TIMED_OUT), doubted_at=None)
    assert follow(seen("pending", 30), THROTTLED, previous=old).state is State.QUARANTINED


def on_its_way_by_an_older_release(*told: SeenRecord) -> Record:
    """What a release without doubts made of these, and then of `pending`."""
    return replace(follow(*told, seen("pending", 30)), doubted_at=None)


@pytest.mark.parametrize(
    "told",
    [
        (TIMED_OUT,),
        (seen("error", 0, Cause.PLATFORM_INTERNAL_ERROR),),
        (seen("error", -20, Cause.RATE_LIMITED), seen("done", 0, platform_object_id=None)),
    ],
)
@pytest.mark.parametrize("again", [(), (seen("pending", 35),)])
def test_what_an_older_release_set_on_its_way_stays_in_doubt(
    told: tuple[SeenRecord, ...], again: tuple[SeenRecord, ...]
) -> None:
    """Behind a time-out or `done` an older release forgot that it may have landed; it is remembered here."""
    record = follow(*again, THROTTLED, previous=on_its_way_by_an_older_release(*told))
    assert record.doubted_at is not None
    assert ask(record).verdict is Verdict.QUARANTINE
    assert ask(record, read_back(9_000)).evidence is EvidenceKind.READ_BACK


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (Cause.RATE_LIMITED, State.RETRYING),
        (Cause.MISSING_TAX_RATE, State.BLOCKED),
        (Cause.INVALID_FIELD, State.BLOCKED),
    ],
)
def test_a_push_on_proof_that_the_hub_refused_frees_what_it_held(cause: Cause, state: State) -> None:
    """Behind a time-out it was sent on proof and refused: nothing is in doubt then, and its cause decides."""
    held = follow(TIMED_OUT, seen("error", 40, cause))
    assert held.state is State.QUARANTINED
    refused = push_refused(held, at(9_010), POLICY)
    assert (refused.state, refused.reason) == (state, failed(cause).reason)
    ours = attempt(3, 9_010, Outcome.REFUSED, record_updated_at=at(40), evidence=EvidenceKind.NAMED_PERSON)
    assert permitted_by(refused, (ours,), ()) is EvidenceKind.REFUSED


@pytest.mark.parametrize(
    "held", [follow(TIMED_OUT), follow(TIMED_OUT, replace(THROTTLED, platform_object_id="145"))]
)
def test_a_refused_push_frees_nothing_that_may_stand_there_nevertheless(held: Record) -> None:
    """What its very cause may have left in the books, or has an id there, needs proof to be sent again."""
    refused = push_refused(held, at(9_010), POLICY)
    ours = attempt(3, 9_010, Outcome.REFUSED, record_updated_at=held.updated_at)
    assert refused.state is State.QUARANTINED
    assert permitted_by(refused, (ours,), ()) is None
