"""Several records of one object: whether the hub keeps one, or one per attempt, is not documented.

So they are taken for what they are, tries of one document, of which one may land. The **newest** record
speaks for it: it alone is pushed, and it answers for the attempts of all of them, how many there were and
what may have come of them. What an older one says:

- a later record is done: the older one is *superseded*, acknowledged with that one, and nothing more is done;
- a later record is not: the older one waits for what becomes of that one.

And the newest is held, whatever its own evidence, while another is in the books, on its way, of unknown
outcome, or set aside by a person. A person may have a record sent nevertheless, naming those others in
`despite`; nobody may while one is on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from service.domain.causes.facts import Owner, object_name, platform_name
from service.domain.pushing.attempt import (
    Attempt,
    Evidence,
    EvidenceKind,
    in_episode,
    is_under_way,
    is_unknown,
    last_sent,
    speaking,
)
from service.domain.pushing.decision import Decision, Verdict
from service.domain.record import LISTED_TYPES, Record
from service.domain.record_state import SETTLED, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """Another record of the same object, with our attempts of it and the evidence that none has used yet."""

    record: Record
    attempts: Sequence[Attempt] = ()
    evidence: Sequence[Evidence] = ()


class Obstacle(StrEnum):
    """Why a sibling keeps a record from being sent; what weighs most comes first."""

    UNDER_WAY = "under way"
    LANDED = "landed"
    UNPROVEN = "unproven"
    ASIDE = "set aside"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A sibling that is in the way, and why."""

    obstacle: Obstacle
    record: Record
    is_later: bool

    @property
    def supersedes(self) -> bool:
        """Whether it is a later success."""
        is_done = self.record.sync_status == "done" or self.record.state is State.CONFIRMED
        return is_done and self.is_later and self.obstacle is Obstacle.LANDED

    @property
    def names(self) -> frozenset[str]:
        """What it can be named by: its own id, or those of its document in the books."""
        ids = (self.record.record_id, self.record.platform_object_id, self.record.provider_object_id)
        return frozenset(str(each) for each in ids if each)


def speaks(record: Record, siblings: Sequence[Sibling]) -> bool:
    """Whether it is the newest record of its object."""
    return all(_age(each.record) < _age(record) for each in siblings)


def attempts_of_object(
    record: Record, attempts: Sequence[Attempt], siblings: Sequence[Sibling]
) -> Sequence[Attempt]:
    """The attempts that a record answers for: its own, and of the newest those of the others as well.

    In the order in which they were made, numbered so that no number of the record's own is used again.
    """
    others = [attempt for each in siblings for attempt in in_episode(each.record, each.attempts)]
    if not others or not speaks(record, siblings):
        return attempts
    mine = {id(each) for each in attempts}
    merged: list[Attempt] = []
    number = 0
    for each in sorted(
        [*in_episode(record, attempts), *others], key=lambda one: (one.started_at, one.number)
    ):
        number = max(number + 1, each.number if id(each) in mine else 0)
        merged.append(replace(each, episode=record.episode, number=number))
    return merged


def holds(record: Record, siblings: Sequence[Sibling]) -> Sequence[Hold]:
    """All that is in the way of sending a record, the weightiest first."""
    found = [
        Hold(obstacle=obstacle, record=each.record, is_later=is_later)
        for each in siblings
        for is_later in [_age(each.record) > _age(record)]
        if (obstacle := _obstacle(each, is_later=is_later)) is not None
    ]
    order = list(Obstacle)
    return sorted(found, key=lambda hold: (order.index(hold.obstacle), hold.record.record_id))


def is_free(record: Record, siblings: Sequence[Sibling]) -> bool:
    """Whether it may be sent as far as the others go: it speaks for its object, and none is in its way."""
    return speaks(record, siblings) and not holds(record, siblings)


def unseen(found: Sequence[Hold], word: Evidence | None) -> Sequence[Hold]:
    """Those of them that the person has not named whose word permits the push, if it is one.

    A word for this very record need not name a later one that has merely failed too.
    """
    if word is None or word.kind is not EvidenceKind.NAMED_PERSON:
        return found
    return [
        each
        for each in found
        if each.obstacle is Obstacle.UNDER_WAY
        or not (each.obstacle is Obstacle.LATER or each.names & word.despite)
    ]


def held_by_siblings(
    record: Record, decision: Decision, siblings: Sequence[Sibling], word: Evidence | None
) -> Decision:
    """The decision, or what the object's other records make of it; `word` is what would permit the push."""
    found = holds(record, siblings)
    in_the_way = unseen(found, word)
    later = next((each for each in found if each.supersedes), None)
    is_push = decision.verdict is Verdict.PUSH
    if later is not None and (not is_push or later in in_the_way):
        return _instead(record, decision, Verdict.SUPERSEDE, later)
    if not is_push:
        # What waits for its own cure waits in vain, once there is a later one.
        is_waiting = decision.verdict in {Verdict.WAIT, Verdict.BLOCK}
        in_the_way = [each for each in in_the_way if is_waiting and each.is_later]
    if not in_the_way:
        return decision
    return _instead(record, decision, _verdict(record, in_the_way[0]), in_the_way[0])


def reason_of(record: Record, hold: Hold) -> str:
    """Why a record is not sent, which other one is the reason, and what can be done."""
    kind, place = object_name(record.object_type), platform_name(record.platform)
    books_id = hold.record.platform_object_id or hold.record.provider_object_id
    there = f"{place} as document {books_id}" if books_id else place
    told = f"record of this {kind} ({hold.record.record_id})"
    match hold.obstacle:
        case Obstacle.UNDER_WAY:
            return f"Another {told} is on its way to {place}, and what becomes of it is awaited."
        case Obstacle.LANDED if hold.is_later:
            return f"A later {told} brought it to {there}, so this one is superseded and is not sent."
        case Obstacle.LANDED:
            look = "it is looked for" if record.object_type in LISTED_TYPES else "a person must look"
            return f"An earlier {told} brought it to {there}, and sending it may double it; {look} first."
        case Obstacle.UNPROVEN:
            return f"What another {told} was sent for may be in {place}, which is to be disproved first."
        case Obstacle.ASIDE:
            return f"A person set another {told} aside, so this one is not sent until they decide on it too."
        case Obstacle.LATER:
            return f"A later {told} failed too, and is followed instead of this one."


def _verdict(record: Record, hold: Hold) -> Verdict:
    """What follows from it; an older record waits for the later one, and no doubt is forgotten."""
    if hold.obstacle is Obstacle.ASIDE:
        return Verdict.NEEDS_PERSON
    is_doubt = not hold.is_later and hold.obstacle in {Obstacle.LANDED, Obstacle.UNPROVEN}
    return Verdict.QUARANTINE if is_doubt or record.is_doubted else Verdict.BLOCK


def _instead(record: Record, decision: Decision, verdict: Verdict, hold: Hold) -> Decision:
    owner = Owner.NOBODY
    if verdict is not Verdict.SUPERSEDE and hold.record.has_failed and hold.record.owner:
        owner = Owner(hold.record.owner)
    elif hold.obstacle is Obstacle.LANDED and record.object_type not in LISTED_TYPES:
        owner = Owner.BOOKKEEPER
    return replace(
        decision,
        verdict=verdict,
        reason=reason_of(record, hold),
        owner=owner,
        next_attempt_at=None,
        trigger=None,
        evidence=None,
        attempt_number=None,
        cures=(),
    )


def _obstacle(sibling: Sibling, *, is_later: bool) -> Obstacle | None:
    other = sibling.record
    if other.state is State.WAITING:
        return Obstacle.UNDER_WAY
    has_id = bool(other.platform_object_id or other.provider_object_id)
    if other.sync_status == "done" or other.state is State.CONFIRMED or has_id:
        return Obstacle.LANDED
    if other.state in SETTLED:
        # Superseded itself, by one that is asked about as well.
        return None
    if _is_unproven(sibling):
        return Obstacle.UNPROVEN
    if _is_set_aside(sibling):
        return Obstacle.ASIDE
    return Obstacle.LATER if is_later else None


def _is_unproven(sibling: Sibling) -> bool:
    """Whether something of it may have landed, which the books have not disproved."""
    record, attempts = sibling.record, in_episode(sibling.record, sibling.attempts)
    if speaking(record, attempts, sibling.evidence, EvidenceKind.READ_BACK):
        return False
    sent = last_sent(attempts)
    is_open = sent is not None and (is_unknown(sent) or is_under_way(record, sent))
    return is_open or record.is_doubted


def _is_set_aside(sibling: Sibling) -> bool:
    no, yes = (
        speaking(sibling.record, sibling.attempts, sibling.evidence, kind)
        for kind in (EvidenceKind.SET_ASIDE, EvidenceKind.NAMED_PERSON)
    )
    return no is not None and (yes is None or yes.observed_at <= no.observed_at)


def _age(record: Record) -> tuple[datetime, UUID]:
    """Records of an object in the order in which the hub made them."""
    return record.created_at or record.updated_at, record.record_id
