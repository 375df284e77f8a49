"""Attempts and evidence: what was tried, what became of it, and what permits to try again.

The one question before any push is whether the last one may have landed. The answers that permit another
(RELIABILITY P5), each good for one attempt:

- **not sent**, **refused**: the attempt itself did nothing, and the hub has not told anything newer since.
- **refused before creation**: the hub told that the push failed, for a reviewed cause that cannot occur
  once the document exists, and neither platform nor provider gave it an id.
- **read back**: the books were read, certified and late enough, and do not hold it.
- **a named person** says so, until a later try may have landed, of which they did not know; who says that it
  be set aside forbids it as firmly and for good, and the later word counts.

What an attempt that was not sent has used of the last two is given back: as another row, as old as it was.

Everything else is unknown, and unknown is never repeated: an attempt without an outcome, one that was
accepted and whose outcome is not told yet, a record in doubt, a cause whose failure may leave the document
behind. Only the last two kinds permit anything then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.causes.facts import facts_of
from service.domain.record import Record
from service.errors import Fate


class Outcome(StrEnum):
    """What became of an attempt; none at all is unknown, like `uncertain`."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    NOT_SENT = "not_sent"
    """Not an attempt at all: it is written down, and counts for nothing."""


class Trigger(StrEnum):
    """Why it was pushed just then."""

    SCHEDULE = "schedule"
    CURE = "cure"
    CANARY = "canary"
    OPERATOR = "operator"


class EvidenceKind(StrEnum):
    """What permits a push."""

    NOT_SENT = "not_sent"
    REFUSED = "refused"
    REFUSED_BEFORE_CREATION = "refused_before_creation"
    READ_BACK = "read_back"
    NAMED_PERSON = "named_person"
    FOUND = "found"
    """The opposite: it stands in the books. Kept with the others, and permits nothing."""
    SET_ASIDE = "set_aside"
    """The opposite, by a named person: it is there, or is not wanted. Forbids, until another word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of ours, in the order of `number` within its episode."""

    number: int
    episode: int
    started_at: datetime
    record_updated_at: datetime
    """The record's version that it was decided on: a later one is news."""
    trigger: Trigger
    evidence: EvidenceKind
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    http_status: int | None = None
    error: str | None = None
    told_at: datetime | None = None
    """The record's version in the hub's answer, by the hub's clock, which need not agree with ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A stored finding that no attempt has used yet: a reading of the books, or a person's word."""

    kind: EvidenceKind
    observed_at: datetime
    detail: str = ""
    """Whose word it is, and why."""
    evidence_id: UUID | None = None
    about: datetime | None = None
    """The record's version that it was said about, where that was written down."""
    despite: frozenset[str] = frozenset()
    """Documents of the books that a person saw under its number, and wants it sent nevertheless."""


REFUSALS = frozenset({403, 404, 405, 422})
"""Statuses with which the hub itself refuses to do anything; 401 and 429 turn the call away before that."""
TURNED_AWAY = frozenset({401, 429})


def outcome_of(fate: Fate | None, http_status: int | None = None) -> Outcome:
    """What an answer means; no fate is success. A refusal counts only with a status that cannot mean work."""
    match fate:
        case None:
            return Outcome.ACCEPTED
        case Fate.NOT_SENT:
            return Outcome.NOT_SENT
        case Fate.REFUSED if http_status in REFUSALS:
            return Outcome.REFUSED
        case Fate.REFUSED if http_status in TURNED_AWAY:
            return Outcome.NOT_SENT
        case _:
            return Outcome.UNCERTAIN


def in_episode(record: Record, attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """Our attempts of the record's present episode, in order."""
    mine = (attempt for attempt in attempts if attempt.episode == record.episode)
    return tuple(sorted(mine, key=lambda attempt: attempt.number))


def last_sent(attempts: Sequence[Attempt]) -> Attempt | None:
    """The last of an episode's attempts that left, or may have; what was not sent hides none before it."""
    return next((each for each in reversed(attempts) if each.outcome is not Outcome.NOT_SENT), None)


def next_number(record: Record, attempts: Sequence[Attempt]) -> int:
    """The number of the next attempt: the hub's own tries are counted, and a number is never used twice."""
    last = max((attempt.number for attempt in in_episode(record, attempts)), default=0)
    return max(last, record.attempts_count) + 1


def is_unknown(attempt: Attempt) -> bool:
    """Whether an attempt may have landed without anybody having told."""
    return attempt.outcome in {None, Outcome.UNCERTAIN}


def is_under_way(record: Record, attempt: Attempt) -> bool:
    """Whether the hub took it and has told nothing newer since.

    Newer is what is later than its own answer, by its own clock. Where that answer was no new version, our
    clock has to do.
    """
    answered_at = attempt.told_at
    if answered_at is None or answered_at <= attempt.record_updated_at:
        answered_at = max(attempt.record_updated_at, attempt.started_at)
    return attempt.outcome is Outcome.ACCEPTED and record.updated_at <= answered_at


def permitted_by(
    record: Record, attempts: Sequence[Attempt], evidence: Sequence[Evidence]
) -> EvidenceKind | None:
    """The evidence that permits one more push of an errored record, or None."""
    mine = in_episode(record, attempts)
    for kind in (EvidenceKind.NAMED_PERSON, EvidenceKind.READ_BACK):
        if speaking(record, attempts, evidence, kind):
            return kind
    if record.cause is None or facts_of(record.cause).may_exist or record.is_doubted:
        return None
    if not mine:
        return _before_creation(record)
    last, sent = mine[-1], last_sent(mine)
    if sent is not None and (is_unknown(sent) or is_under_way(record, sent)):
        return None
    if record.updated_at > last.record_updated_at or last.outcome is Outcome.ACCEPTED:
        return _before_creation(record)
    return EvidenceKind.NOT_SENT if last.outcome is Outcome.NOT_SENT else EvidenceKind.REFUSED


def speaking(
    record: Record, attempts: Sequence[Attempt], evidence: Sequence[Evidence], kind: EvidenceKind
) -> Evidence | None:
    """The unused finding of a kind that is about the present, the latest of several."""
    sent = last_sent(in_episode(record, attempts))
    found = [each for each in evidence if each.kind is kind and _speaks(each, record, sent)]
    return max(found, key=lambda each: each.observed_at, default=None)


def _before_creation(record: Record) -> EvidenceKind | None:
    """The hub's word that it failed, while no id of either side says that something exists."""
    has_id = bool(record.platform_object_id or record.provider_object_id)
    is_told = record.sync_status == "error"
    return EvidenceKind.REFUSED_BEFORE_CREATION if is_told and not has_id else None


def _speaks(found: Evidence, record: Record, sent: Attempt | None) -> bool:
    """Whether a finding is about the present: later than what was sent last, and the record's version."""
    if sent is not None and found.observed_at <= sent.started_at:
        return False
    if found.kind not in {EvidenceKind.NAMED_PERSON, EvidenceKind.SET_ASIDE}:
        return found.observed_at >= record.updated_at
    # Whoever spoke knew this failure; what the hub did since matters to them only if it may have landed, and
    # to those who do not want it sent not even then.
    if found.observed_at < (record.first_failed_at or record.updated_at):
        return False
    known_at = found.about or found.observed_at
    is_outdated = record.doubted_at is not None and known_at < record.doubted_at
    return found.kind is EvidenceKind.SET_ASIDE or not is_outdated
