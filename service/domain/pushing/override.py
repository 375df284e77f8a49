"""A named person decides about one record, with a reason: send it, or do not.

It is evidence like any other, kept for ever, and about the present failure only. What a person cannot decide:

- what has not failed, and what is on the wire this very moment;
- to send what stands in the books under its number, or what another record of the same object brought there
  or may have, without naming that they saw it;
- the same twice, unless they name more that they saw; and sending more than a few times in one failure: then
  the document must change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from service.domain.causes.facts import Owner
from service.domain.document import Document
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, Outcome, in_episode, speaking
from service.domain.pushing.policy import Policy
from service.domain.pushing.push import IN_FLIGHT_SECONDS, aside_reason
from service.domain.pushing.sibling import Hold, Obstacle, Sibling, holds, unseen
from service.domain.pushing.sibling import reason_of as reason_of_hold
from service.domain.pushing.standing import reason_of
from service.domain.record import Record
from service.domain.record_state import State, move

SENDS_MAX: Final = 5
"""Times that people may have one failure sent: what failed five times more fails for what it is."""


class Word(StrEnum):
    """What a person decides."""

    PUSH = "push"
    """Send it once more, whatever the books prove or do not prove."""
    IT_IS_THERE = "it_is_there"
    """It stands in the books, so it is not sent."""
    LEAVE = "leave"
    """It is not wanted there, so it is not sent."""

    @property
    def evidence(self) -> EvidenceKind:
        """What it is written down as."""
        return EvidenceKind.NAMED_PERSON if self is Word.PUSH else EvidenceKind.SET_ASIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A word: whose, what, and why; `despite` names documents of the books that they saw under its number."""

    word: Word
    person: str
    reason: str
    despite: frozenset[str] = frozenset()


_SAID: Final = {
    Word.PUSH: "{person} wants it sent again: {reason}",
    Word.IT_IS_THERE: "{person} found it in the books: {reason}",
    Word.LEAVE: "{person} does not want it in the books: {reason}",
}


def said(word: str, person: str, reason: str) -> str:
    """The word as one sentence."""
    known = Word(word) if word in set(Word) else Word.PUSH
    return _SAID[known].format(person=person, reason=reason.strip().rstrip("."))


def refusal(
    override: Override,
    record: Record,
    attempts: Sequence[Attempt],
    evidence: Sequence[Evidence],
    standing: Sequence[Document],
    *,
    siblings: Sequence[Sibling] = (),
    now: datetime,
) -> str | None:
    """Why this word cannot be given now, in a sentence that says what can be done; None when it can.

    `evidence` holds findings that no attempt has used yet.
    """
    if not record.has_failed:
        is_under_way = record.state is State.WAITING
        told = "it is on its way to the books" if is_under_way else "it has not failed"
        return f"Nothing is to be decided about this record: {told}."
    mine = in_episode(record, attempts)
    last = mine[-1] if mine else None
    if last and last.outcome is None and now < last.started_at + timedelta(seconds=IN_FLIGHT_SECONDS):
        return "It is being sent this very moment. Decide when the outcome is known, in two minutes."
    latest = _latest(record, mine, evidence)
    if latest is not None and _is_the_same(override, latest):
        return f"That is decided already: {latest.detail}."
    if override.word is not Word.PUSH:
        return None
    doubles = [each for each in standing if each.document_id not in override.despite]
    if doubles:
        named = ", ".join(each.document_id for each in doubles)
        return f"{reason_of(record, doubles[0])} To send it nevertheless, name it in `despite`: {named}."
    word = Evidence(kind=EvidenceKind.NAMED_PERSON, observed_at=now, despite=override.despite)
    in_the_way = unseen(holds(record, siblings), word)
    if in_the_way:
        return _refused_by(record, in_the_way)
    sent = [each for each in mine if each.outcome is not Outcome.NOT_SENT]
    if sum(each.evidence is EvidenceKind.NAMED_PERSON for each in sent) >= SENDS_MAX:
        return f"People had it sent {SENDS_MAX} times already, and it failed each time. Change the document."
    return None


def _refused_by(record: Record, in_the_way: Sequence[Hold]) -> str:
    told = reason_of_hold(record, in_the_way[0])
    if in_the_way[0].obstacle is Obstacle.UNDER_WAY:
        return told
    named = ", ".join(str(each.record.record_id) for each in in_the_way)
    return f"{told} To send it nevertheless, name it in `despite`: {named}."


def set_aside(record: Record, override: Override, now: datetime, policy: Policy) -> Record:
    """The record after a word that it is not to be sent."""
    return replace(
        record,
        state=move(record.state, State.NEEDS_PERSON),
        reason=aside_reason(said(override.word, override.person, override.reason)),
        owner=Owner.BOOKKEEPER.value,
        next_attempt_at=None,
        deadline_at=now + timedelta(seconds=policy.person_seconds),
        version=record.version + 1,
    )


def _is_the_same(override: Override, latest: Evidence) -> bool:
    """Whether it says what counts already; what is to be sent may be in another's way since."""
    names_more = override.word is Word.PUSH and not override.despite <= latest.despite
    return latest.kind is override.word.evidence and not names_more


def _latest(record: Record, attempts: Sequence[Attempt], evidence: Sequence[Evidence]) -> Evidence | None:
    words = [
        found
        for kind in (EvidenceKind.NAMED_PERSON, EvidenceKind.SET_ASIDE)
        if (found := speaking(record, attempts, evidence, kind))
    ]
    return max(words, key=lambda each: each.observed_at, default=None)
