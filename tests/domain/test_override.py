"""A person's word about one record: what it can decide, and what not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from service.domain.causes.cause import Cause
from service.domain.pushing.attempt import Evidence, EvidenceKind, Outcome, Trigger
from service.domain.pushing.decision import Verdict
from service.domain.pushing.override import SENDS_MAX, Override, Word, refusal, said, set_aside
from service.domain.pushing.push import decide
from service.domain.record import Record
from service.domain.record_state import State
from tests.domain.record_builders import POLICY, at, attempt, connected, failed, follow, seen
from tests.domain.test_standing import THERE

AMBIGUOUS = failed(Cause.TIMEOUT_AMBIGUOUS)
LATER = at(600)


def word(kind: Word = Word.PUSH, **changes: Any) -> Override:
    """Ada's word."""
    return Override(**{"word": kind, "person": "Ada", "reason": "I looked.", **changes})


def refused(
    override: Override, record: Record = AMBIGUOUS, *, now: datetime = LATER, **known: Any
) -> str | None:
    """Why it cannot be given."""
    given = {"attempts": (), "evidence": (), "standing": (), **known}
    return refusal(override, record, now=now, **given)


def spoken(kind: EvidenceKind, seconds: float) -> Evidence:
    """A word that counts."""
    return Evidence(kind=kind, observed_at=at(seconds), detail=said("leave", "Ada", "I looked."))


@pytest.mark.parametrize("kind", Word)
def test_a_word_about_what_failed_is_taken(kind: Word) -> None:
    """Each of the words may be given about a record that failed, whatever its cause."""
    for cause in (Cause.TIMEOUT_AMBIGUOUS, Cause.MISSING_TAX_RATE, Cause.DOCUMENT_NOT_MODIFIABLE):
        assert refused(word(kind), failed(cause)) is None


def test_what_has_not_failed_or_is_on_the_wire_is_not_decided() -> None:
    """A settled record, one on its way, and a push without an answer yet are nobody's to decide."""
    assert "has not failed" in str(refused(word(), follow(seen("done"))))
    assert "on its way" in str(refused(word(), follow(seen("pending"))))
    flying = attempt(outcome=None, seconds=500)
    for kind in Word:
        assert "this very moment" in str(refused(word(kind), attempts=[flying]))
    assert refused(word(), attempts=[flying], now=at(700)) is None


def test_what_stands_in_the_books_must_be_named() -> None:
    """Sending what the books hold under its number needs the ids of what was seen there."""
    told = str(refused(word(), standing=[THERE]))
    assert "stands in QuickBooks already (id 981)" in told
    assert "`despite`: 981" in told
    assert refused(word(despite=frozenset({"981"})), standing=[THERE]) is None
    assert refused(word(Word.IT_IS_THERE), standing=[THERE]) is None


def test_the_same_is_not_said_twice_and_the_later_word_counts() -> None:
    """A word that counts already is not taken again; the opposite one is, and then counts instead."""
    no, yes = spoken(EvidenceKind.SET_ASIDE, 100), spoken(EvidenceKind.NAMED_PERSON, 200)
    assert "decided already" in str(refused(word(Word.LEAVE), evidence=[no]))
    assert refused(word(Word.PUSH), evidence=[no]) is None
    assert "decided already" in str(refused(word(Word.PUSH), evidence=[no, yes]))
    for evidence, verdict in (([no], Verdict.NEEDS_PERSON), ([no, yes], Verdict.PUSH)):
        decision = decide(AMBIGUOUS, (), evidence, connected(), now=at(600), policy=POLICY, random=0.5)
        assert decision.verdict is verdict
    assert decision.trigger is Trigger.OPERATOR


def test_a_word_that_counts_is_amended_by_what_else_was_seen() -> None:
    """Who wants it sent may name what has come in its way since; to name no more is to say the same."""
    named = replace(spoken(EvidenceKind.NAMED_PERSON, 100), despite=frozenset({"7"}))
    for despite in ((), ("7",)):
        assert "decided already" in str(refused(word(despite=frozenset(despite)), evidence=[named]))
    both = word(despite=frozenset({"7", "981"}))
    assert refused(both, evidence=[named], standing=[THERE]) is None
    assert "`despite`: 981" in str(
        refused(word(despite=frozenset({"8"})), evidence=[named], standing=[THERE])
    )
    aside = spoken(EvidenceKind.SET_ASIDE, 200)
    amended = word(Word.LEAVE, despite=frozenset({"981"}))
    assert "decided already" in str(refused(amended, evidence=[named, aside]))


def test_people_have_one_failure_sent_a_few_times_only() -> None:
    """After so many pushes on people's word the document must change."""
    by_word = [
        attempt(number, seconds=number * 10, outcome=Outcome.REFUSED, evidence=EvidenceKind.NAMED_PERSON)
        for number in range(2, 2 + SENDS_MAX)
    ]
    assert refused(word(), attempts=by_word[1:]) is None
    assert "Change the document" in str(refused(word(), attempts=by_word))
    never_left = [replace(each, outcome=Outcome.NOT_SENT) for each in by_word]
    assert refused(word(), attempts=never_left) is None
    assert refused(word(Word.LEAVE), attempts=by_word) is None


def test_what_is_set_aside_says_who_and_why() -> None:
    """The record tells whose word it was, and its next look decides the same again."""
    record = set_aside(AMBIGUOUS, word(Word.LEAVE), at(600), POLICY)
    assert (record.state, record.version) == (State.NEEDS_PERSON, AMBIGUOUS.version + 1)
    assert record.reason == "It is not sent again: Ada does not want it in the books: I looked."
    decision = decide(
        record,
        (),
        [spoken(EvidenceKind.SET_ASIDE, 600)],
        connected(),
        now=at(700),
        policy=POLICY,
        random=0.5,
    )
    assert decision.reason == record.reason
