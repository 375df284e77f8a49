"""How long a person's word speaks: until a try that they did not know of may have landed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, Outcome
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.push import decide
from service.domain.pushing.sibling import Obstacle, Sibling, holds
from service.domain.record import Record, SeenRecord
from tests.domain.record_builders import POLICY, START, at, attempt, connected, follow, seen

TIMED_OUT = seen("error", 0, Cause.TIMEOUT_AMBIGUOUS)


def said(seconds: float, about: datetime = START, kind: EvidenceKind = EvidenceKind.NAMED_PERSON) -> Evidence:
    """A word, given by somebody who knew this version of the record."""
    return Evidence(kind=kind, observed_at=at(seconds), about=about)


def ask(record: Record, *evidence: Evidence) -> Decision:
    """Decide an hour later."""
    return decide(record, (), evidence, connected(), now=at(3_600), policy=POLICY, random=0.5)


@pytest.mark.parametrize(
    "later",
    [
        (seen("pending", 101), seen("error", 130, Cause.PLATFORM_INTERNAL_ERROR)),
        (seen("pending", 101), seen("error", 130, Cause.TIMEOUT_AMBIGUOUS)),
        (seen("error", 130, Cause.PLATFORM_INTERNAL_ERROR),),
        (seen("error", 130, Cause.TIMEOUT_AMBIGUOUS),),
        (seen("error", 99, Cause.TIMEOUT_AMBIGUOUS),),
    ],
)
def test_a_later_try_that_may_have_landed_ends_a_word(later: tuple[SeenRecord, ...]) -> None:
    """The word was about another failure; a row that was touched cannot be told from another time-out."""
    assert ask(follow(TIMED_OUT), said(100)).verdict is Verdict.PUSH
    held = ask(follow(TIMED_OUT, *later), said(100))
    assert held.verdict is Verdict.QUARANTINE
    assert ask(follow(TIMED_OUT, *later), said(140, later[-1].updated_at)).verdict is Verdict.PUSH


def test_a_later_try_that_did_nothing_leaves_a_word() -> None:
    """Whoever said that the time-out did not land said so still when the hub was merely throttled since."""
    record = follow(TIMED_OUT, seen("pending", 101), seen("error", 130, Cause.RATE_LIMITED))
    assert ask(record).verdict is Verdict.QUARANTINE
    assert ask(record, said(100)).evidence is EvidenceKind.NAMED_PERSON


def test_what_is_set_aside_stays_so_through_every_later_try() -> None:
    """That it is not wanted does not end with another failure."""
    record = follow(TIMED_OUT, seen("pending", 101), seen("error", 130, Cause.TIMEOUT_AMBIGUOUS))
    aside = said(100, kind=EvidenceKind.SET_ASIDE)
    assert ask(record, aside).verdict is Verdict.NEEDS_PERSON


def test_a_word_about_a_doubt_of_our_own_push_speaks() -> None:
    """No clock of the hub's matters: the word is about the version that it was given about."""
    ours = attempt(2, 60, Outcome.UNCERTAIN)
    decision = decide(
        follow(TIMED_OUT), (ours,), (said(100),), connected(), now=at(3_600), policy=POLICY, random=0.5
    )
    assert decision.evidence is EvidenceKind.NAMED_PERSON


@pytest.mark.parametrize("unknown", [Outcome.UNCERTAIN, None])
def test_what_was_not_sent_hides_no_try_before_it(unknown: Outcome | None) -> None:
    """A push of unknown outcome holds the record, and its document, however many never left after it."""
    record = follow(seen("error", 0, Cause.RATE_LIMITED))
    attempts = [attempt(2, 60, unknown)]
    attempts += [attempt(number, 100 * number, Outcome.NOT_SENT) for number in (3, 4)]
    decision = decide(record, attempts, (), connected(), now=at(9_000), policy=POLICY, random=0.5)
    assert decision.verdict is Verdict.QUARANTINE
    newest = replace(record, record_id=UUID(int=77), created_at=at(90))
    [hold] = holds(newest, [Sibling(record=record, attempts=attempts)])
    assert hold.obstacle is Obstacle.UNPROVEN


@pytest.mark.parametrize("kind", [EvidenceKind.NAMED_PERSON, EvidenceKind.READ_BACK])
def test_what_was_not_sent_leaves_what_it_rested_on(kind: EvidenceKind) -> None:
    """A push that never left is no try, so a word or a reading from before it is as good as it was."""
    unsent = [attempt(number, 200 * number, Outcome.NOT_SENT, evidence=kind) for number in (2, 3)]
    found = said(100, kind=kind)

    def evidence(record: Record, *tries: Attempt) -> EvidenceKind | None:
        return decide(record, tries, (found,), connected(), now=at(3_600), policy=POLICY, random=0.5).evidence

    assert evidence(follow(TIMED_OUT), *unsent) is kind
    # It is as old as it was: neither a try before these, nor what the hub told since, is forgotten.
    for outcome in (None, Outcome.UNCERTAIN, Outcome.ACCEPTED, Outcome.REFUSED):
        assert evidence(follow(TIMED_OUT), attempt(2, 150, outcome), *(unsent[1:])) is None
    later = follow(TIMED_OUT, seen("pending", 101), seen("error", 130, Cause.TIMEOUT_AMBIGUOUS))
    assert evidence(later, *unsent) is None
