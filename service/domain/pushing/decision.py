"""A decision about an errored record, and the case that it is taken from.

The case gathers what the questions of `push.decide` ask; its methods make the decisions that they end in,
each with a sentence, an owner and a date by which the record is looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.causes.cause import Cause
from service.domain.causes.facts import Cure, Facts, Owner, facts_of, platform_name, reason_of
from service.domain.pushing.attempt import (
    Attempt,
    Evidence,
    EvidenceKind,
    Outcome,
    Trigger,
    last_sent,
    next_number,
)
from service.domain.pushing.cure import Conditions
from service.domain.pushing.policy import Policy, backoff
from service.domain.record import LISTED_TYPES, UNPROVEN, Record
from service.domain.record_state import State


class Verdict(StrEnum):
    """What is done with an errored record."""

    PUSH = "push"
    WAIT = "wait"
    BLOCK = "block"
    QUARANTINE = "quarantine"
    NEEDS_PERSON = "needs_person"
    GIVE_UP = "give_up"
    SUPERSEDE = "supersede"
    """A later record of the same object is done: nothing more is done about this one."""


STATE_BY_VERDICT = {
    Verdict.WAIT: State.RETRYING,
    Verdict.BLOCK: State.BLOCKED,
    Verdict.QUARANTINE: State.QUARANTINED,
    Verdict.NEEDS_PERSON: State.NEEDS_PERSON,
    Verdict.GIVE_UP: State.GIVEN_UP,
    Verdict.SUPERSEDE: State.ACKNOWLEDGED,
}
"""The state each verdict leads to; a push leads to none before its outcome is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, why, and by when it is looked at again whatever happens."""

    verdict: Verdict
    reason: str
    owner: Owner
    deadline_at: datetime
    next_attempt_at: datetime | None = None
    trigger: Trigger | None = None
    evidence: EvidenceKind | None = None
    attempt_number: int | None = None
    cures: tuple[Cure, ...] = ()


def failed_at(record: Record, attempts: Sequence[Attempt]) -> datetime:
    """What a cure must be newer than: the failure, or our last try since; `attempts` are of its episode."""
    began_at = record.first_failed_at or record.updated_at
    last = last_sent(attempts)
    return max(began_at, last.started_at) if last else began_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that a decision is taken from; `attempts` are ours of the present episode, in order."""

    record: Record
    facts: Facts
    attempts: tuple[Attempt, ...]
    evidence: Sequence[Evidence]
    conditions: Conditions
    now: datetime
    policy: Policy
    random: float

    @property
    def last_sent(self) -> Attempt | None:
        """Our last attempt that left the house, or may have: what was not sent is no attempt at all."""
        return last_sent(self.attempts)

    @property
    def tries(self) -> int:
        """Tries that use up the budget: trials have their own slow clock; what was not sent is no try."""
        return sum(
            attempt.outcome is not Outcome.NOT_SENT and attempt.trigger is not Trigger.CANARY
            for attempt in self.attempts
        )

    @property
    def failed_at(self) -> datetime:
        """What a cure must be newer than: the failure, or our last try since."""
        return failed_at(self.record, self.attempts)

    @property
    def reason(self) -> str:
        """The sentence of its cause."""
        record = self.record
        detail = record.cause_text or ""
        return reason_of(self.facts, object_type=record.object_type, platform=record.platform, detail=detail)

    def not_before(self) -> datetime | None:
        """When the next try on a seen cure may begin: what did not help is repeated at growing distances.

        The share of the wait is drawn from the record's id, not by chance, so that asking again does not
        move it.
        """
        if self.last_sent is None or not self.tries:
            return None
        share = self.record.record_id.int % 1_000 / 1_000
        return self.last_sent.started_at + backoff(self.policy, self.tries, share)

    def push(self, trigger: Trigger, permit: EvidenceKind, reason: str) -> Decision:
        """Send it once, on this evidence."""
        return self.decision(
            Verdict.PUSH,
            reason,
            seconds=self.policy.stuck_seconds,
            trigger=trigger,
            evidence=permit,
            attempt_number=next_number(self.record, self.attempts),
        )

    def wait(self, due_at: datetime) -> Decision:
        """Time cures it."""
        return self.decision(Verdict.WAIT, self.reason, deadline_at=due_at, next_attempt_at=due_at)

    def block(self, next_attempt_at: datetime | None = None) -> Decision:
        """Wait for its cure, which is watched."""
        is_ahead = next_attempt_at is not None and next_attempt_at > self.now
        return self.decision(
            Verdict.BLOCK,
            self.reason,
            seconds=self.policy.cure_seconds,
            next_attempt_at=next_attempt_at if is_ahead else None,
        )

    def quarantine(self, reason: str | None = None, seconds: float | None = None) -> Decision:
        """Hold it until the books prove what happened; where they cannot be read, a person decides."""
        owner = self.facts.owner if self.facts.may_exist else Owner.NOBODY
        reason = reason or (self.reason if self.facts.may_exist else UNPROVEN)
        if self.record.object_type not in LISTED_TYPES:
            owner = Owner.BOOKKEEPER if owner is Owner.NOBODY else owner
            place = platform_name(self.record.platform)
            reason = f"{reason} This kind cannot be read back, so a person must look in {place}."
        wait_seconds = self.policy.evidence_seconds if seconds is None else seconds
        return self.decision(Verdict.QUARANTINE, reason, seconds=wait_seconds, owner=owner)

    def lost(self) -> Decision:
        """Hold it with everything else of its organization until the connection is back."""
        facts = facts_of(Cause.CONNECTION_REVOKED)
        reason = reason_of(facts, object_type=self.record.object_type, platform=self.record.platform)
        return self.decision(
            Verdict.BLOCK,
            reason,
            seconds=self.policy.cure_seconds,
            owner=facts.owner,
            cures=facts.cures,
        )

    def decision(
        self,
        verdict: Verdict,
        reason: str,
        *,
        seconds: float = 0,
        deadline_at: datetime | None = None,
        owner: Owner | None = None,
        next_attempt_at: datetime | None = None,
        trigger: Trigger | None = None,
        evidence: EvidenceKind | None = None,
        attempt_number: int | None = None,
        cures: tuple[Cure, ...] | None = None,
    ) -> Decision:
        """A decision with what its cause says; looked at again at `deadline_at`, or after `seconds`."""
        return Decision(
            verdict=verdict,
            reason=reason,
            owner=self.facts.owner if owner is None else owner,
            deadline_at=deadline_at or self.now + timedelta(seconds=seconds),
            next_attempt_at=next_attempt_at,
            trigger=trigger,
            evidence=evidence,
            attempt_number=attempt_number,
            cures=self.facts.cures if cures is None else cures,
        )
