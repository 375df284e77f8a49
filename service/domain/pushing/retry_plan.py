"""A plan of retries: which records an operator may have sent now, which not and why, for how much money.

The plan asks the very gate that guards every push (`push.decide`), as if the operator's turn had come. So it
is no promise: the gate is asked again when a record's turn really comes, and what has moved on since it was
planned is left out rather than sent on stale grounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

from service.domain.causes.facts import facts_of, platform_name
from service.domain.document import Document
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, permitted_by, speaking
from service.domain.pushing.cure import Conditions
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.policy import Policy
from service.domain.pushing.push import decide
from service.domain.pushing.sibling import Sibling, held_by_siblings
from service.domain.pushing.standing import held
from service.domain.record import UNPROVEN, Record
from service.domain.record_state import State

RECORDS_MAX: Final = 1_000
"""Records of one plan: a minute of the hub's budget, and what a person can still look through."""

PLAN_LASTS: Final = timedelta(hours=24)
"""How long a plan may be applied, and how long its records may wait for their turn after that."""

CALLS_PER_PUSH: Final = 2
"""The hub is asked whether a record has moved on, then told to push it."""

READS_PER_STREAM: Final = 2
"""Readings that follow the pushes of one organization and type: the records, and once more for stragglers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record, and what the gate needs to know about it."""

    record: Record
    attempts: Sequence[Attempt] = ()
    evidence: Sequence[Evidence] = ()
    connection_status: str | None = None
    standing: Sequence[Document] = ()
    siblings: Sequence[Sibling] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One record of a plan: whether it is to be sent, and the sentence that says why, or why not."""

    record: Record
    is_eligible: bool
    is_unsafe: bool
    """Sending it might double it."""
    reason: str

    @property
    def ground(self) -> str:
        """What it was planned on."""
        return ground_of(self.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One record of an applied plan that waits for its turn."""

    retry_id: UUID
    record_id: UUID
    ground: str
    wished_by: str
    wished_at: datetime

    def holds_for(self, record: Record, now: datetime) -> bool:
        """Whether the record is still what was planned, and the plan not too old."""
        return record.has_failed and self.ground == ground_of(record) and now < self.wished_at + PLAN_LASTS


def ground_of(record: Record) -> str:
    """What a plan of a record rests on: another version, attempt, cause or doubt is another ground."""
    doubt = "unproven" if record.state is State.QUARANTINED else "failed" if record.has_failed else "settled"
    parts = (record.episode, record.attempts_count, record.updated_at.isoformat(), record.cause, doubt)
    return "/".join(map(str, parts))


def weigh(candidate: Candidate, *, now: datetime, policy: Policy) -> Item:
    """Ask the gate about one record as if its turn had come."""
    record = candidate.record
    if not record.has_failed:
        is_under_way = record.state is State.WAITING
        reason = "It is on its way to the books already."
        if not is_under_way:
            reason = f"It has not failed: {_quoted(record.reason)}"
        return Item(record=record, is_eligible=False, is_unsafe=is_under_way, reason=reason)
    conditions = Conditions(connection_status=candidate.connection_status, is_wished=True)
    decision = decide(
        record,
        candidate.attempts,
        candidate.evidence,
        conditions,
        now=now,
        policy=policy,
        random=0.0,
    )
    named = speaking(record, candidate.attempts, candidate.evidence, EvidenceKind.NAMED_PERSON)
    decision = held_by_siblings(record, decision, candidate.siblings, named)
    decision = held(record, decision, candidate.standing, named.despite if named else frozenset())
    if decision.verdict is Verdict.PUSH:
        assert decision.evidence is not None, "a push is permitted by something"
        return Item(
            record=record, is_eligible=True, is_unsafe=False, reason=_permitted(record, decision.evidence)
        )
    is_proven = permitted_by(record, candidate.attempts, candidate.evidence) is not None
    return Item(
        record=record,
        is_eligible=False,
        is_unsafe=not is_proven or decision.verdict in {Verdict.QUARANTINE, Verdict.SUPERSEDE},
        reason=_excluded(decision, is_proven=is_proven),
    )


def left_out(wish: Wish, record: Record | None, decision: Decision | None, now: datetime) -> str | None:
    """Why a record whose turn has come is not sent after all; None when it is, or is to wait for its turn."""
    if record is None or not record.has_failed or wish.ground != ground_of(record):
        told = "" if record is None else f" Now it says: {_quoted(record.reason)}"
        return f"It has changed since it was planned, so it was not sent.{told}"
    if not wish.holds_for(record, now):
        return "Its turn did not come within a day of the plan."
    if decision is None or decision.verdict is Verdict.PUSH:
        return None
    return f"It may not be sent as things are now: {_quoted(decision.reason)}"


def moved_on(items: Mapping[UUID, str], records: Mapping[UUID, Record]) -> Mapping[UUID, str]:
    """Of the grounds that records were planned on, those that no longer hold, each with what is so now."""
    return {
        record_id: _since(records.get(record_id))
        for record_id, ground in items.items()
        if record_id not in records or ground_of(records[record_id]) != ground
    }


def hash_of(items: Iterable[Item]) -> str:
    """Digest of a plan: another record, ground or answer is another plan."""
    rows = sorted(f"{item.record.record_id} {item.ground} {item.is_eligible}" for item in items)
    return sha256("\n".join(rows).encode()).hexdigest()


def calls_of(items: Sequence[Item]) -> int:
    """Calls of the hub that applying it needs: a last look and the push of each, then reading outcomes."""
    sent = [item.record for item in items if item.is_eligible]
    streams = {(record.organization_id, record.object_type) for record in sent}
    return CALLS_PER_PUSH * len(sent) + READS_PER_STREAM * len(streams)


_PERMITS: Final[Mapping[EvidenceKind, str]] = {
    EvidenceKind.NOT_SENT: "Our last push never left, so nothing was made.",
    EvidenceKind.REFUSED: "The hub refused our last push, so nothing was made.",
    EvidenceKind.REFUSED_BEFORE_CREATION: "{platform} refused it before anything was made.",
    EvidenceKind.READ_BACK: "The books were read whole and do not hold it; they are asked once more first.",
    EvidenceKind.NAMED_PERSON: "A person decided that it be sent, whatever the books prove.",
}


def _permitted(record: Record, kind: EvidenceKind) -> str:
    sentence = _PERMITS[kind].replace("{platform}", platform_name(record.platform))
    sentence = sentence[0].upper() + sentence[1:]
    if record.state is not State.BLOCKED or record.cause is None:
        return sentence
    cure = facts_of(record.cause).cure
    return f"{sentence} Not seen so far: {cure}. If that has not happened, it fails again alike."


def _excluded(decision: Decision, *, is_proven: bool) -> str:
    """The gate's own reason; where it merely waits for a cure, what is lacking is proof."""
    waits = decision.verdict in {Verdict.WAIT, Verdict.BLOCK}
    return UNPROVEN if waits and not is_proven else decision.reason


def _since(record: Record | None) -> str:
    if record is None:
        return "It is no longer known."
    return f"It has changed since it was planned: {_quoted(record.reason)}"


def _quoted(reason: str) -> str:
    """A sentence within a sentence."""
    return reason[:1].lower() + reason[1:] if reason[1:2].islower() else reason
