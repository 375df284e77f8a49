"""Whether an errored record is pushed now, and if not, what it waits for. Pure: clock and chance come in.

The order of the questions is the safety of the product:

1. Is an attempt's outcome unknown, or awaited? Then nothing is sent, whatever the cause.
2. Is the connection down? Then it waits for that, and no budget is used up.
3. Is its budget used up? Then a person, or nobody, and it says so.
4. Is it ready: its wait over, its cure seen, its turn as the trial of its group?
5. Does evidence permit it? Ready without evidence is quarantine, never a push.

Whether the hub is to be left alone for a while is no question here: what is to be pushed stays so, and leaves
when it may.

A person's word, given for one record with a reason, skips the questions 2 to 4 and is evidence for 5. It
cannot skip an attempt that is still on the wire. A person may as well set a record aside: then nothing is
sent until another word. What an operator planned (`Conditions.is_wished`) skips 3 and 4 alone: its wait, its
cure, its budget; never the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.causes.facts import Cure, Owner, Retry, facts_of
from service.domain.pushing.attempt import (
    Attempt,
    Evidence,
    EvidenceKind,
    Outcome,
    Trigger,
    in_episode,
    is_under_way,
    is_unknown,
    permitted_by,
    speaking,
)
from service.domain.pushing.cure import CONNECTED, Conditions, cure_holds, needs_trial
from service.domain.pushing.decision import STATE_BY_VERDICT, Case, Decision, Verdict
from service.domain.pushing.policy import Policy, backoff
from service.domain.pushing.record_push import superseded
from service.domain.record import Record
from service.domain.record_state import State, move

IN_FLIGHT_SECONDS = 120
"""How long an attempt without an outcome may still be on the wire: four times the hub's time-out."""


def decide(
    record: Record,
    attempts: Sequence[Attempt],
    evidence: Sequence[Evidence],
    conditions: Conditions,
    *,
    now: datetime,
    policy: Policy,
    random: float,
) -> Decision:
    """What to do with an errored record; `random` in [0, 1) spreads the waits.

    `evidence` holds findings that no attempt has used yet. A `PUSH` names its trigger, the kind of evidence
    to write down for it, and the number of the attempt.
    """
    assert record.has_failed, f"record {record.record_id} is {record.state}: nothing is to be decided"
    assert record.cause is not None, f"record {record.record_id} failed without a cause"
    mine = in_episode(record, attempts)
    record = _as_revoked(record, mine, now, policy)
    case = Case(
        record=record,
        facts=facts_of(record.cause or Cause.UNKNOWN),
        attempts=mine,
        evidence=evidence,
        conditions=conditions,
        now=now,
        policy=policy,
        random=random,
    )
    permit = permitted_by(record, mine, evidence)
    return (
        _set_aside(case)
        or _unknown(case, permit)
        or _by_person(case, permit)
        or _held(case)
        or _wished(case, permit)
        or _spent(case, permit)
        or _ready(case, permit)
    )


def settle(record: Record, decision: Decision) -> Record:
    """The record after a decision; the very same object when nothing of it changes.

    A push changes nothing before its outcome is known: see `record_push`.
    """
    if decision.verdict is Verdict.PUSH:
        return record
    if decision.verdict is Verdict.SUPERSEDE:
        return superseded(record, decision.reason)
    settled = replace(
        record,
        state=move(record.state, STATE_BY_VERDICT[decision.verdict]),
        reason=decision.reason,
        owner=decision.owner.value,
        next_attempt_at=decision.next_attempt_at,
        deadline_at=decision.deadline_at,
    )
    return record if settled == record else replace(settled, version=record.version + 1)


def _as_revoked(record: Record, attempts: Sequence[Attempt], now: datetime, policy: Policy) -> Record:
    """An access token that stays expired, for hours or through several tries, is a lost connection."""
    if record.cause is not Cause.ACCESS_TOKEN_EXPIRED:
        return record
    is_old = now - (record.first_failed_at or record.updated_at) > policy.token_grace
    tries_max = facts_of(record.cause).attempts_max or policy.retry_attempts
    tries = sum(attempt.outcome is not Outcome.NOT_SENT for attempt in attempts)
    if is_old or tries >= tries_max:
        return replace(record, cause=Cause.CONNECTION_REVOKED)
    return record


def _set_aside(case: Case) -> Decision | None:
    """Before any question: a named person said that it is not to be sent."""
    no, yes = (
        speaking(case.record, case.attempts, case.evidence, kind)
        for kind in (EvidenceKind.SET_ASIDE, EvidenceKind.NAMED_PERSON)
    )
    if no is None or (yes is not None and yes.observed_at > no.observed_at):
        return None
    return case.decision(
        Verdict.NEEDS_PERSON,
        aside_reason(no.detail),
        seconds=case.policy.person_seconds,
        owner=Owner.BOOKKEEPER,
        cures=(),
    )


def aside_reason(word: str) -> str:
    """What a record says that a person has set aside."""
    return f"It is not sent again: {word}."


def _unknown(case: Case, permit: EvidenceKind | None) -> Decision | None:
    """Question 1: nothing is sent while an attempt may have landed."""
    last = case.last_sent
    if last is None:
        return None
    if last.outcome is None and case.now < last.started_at + timedelta(seconds=IN_FLIGHT_SECONDS):
        return case.quarantine("An attempt is on its way; what becomes of it is awaited.", IN_FLIGHT_SECONDS)
    is_proven = permit in {EvidenceKind.READ_BACK, EvidenceKind.NAMED_PERSON}
    if is_proven or not (is_unknown(last) or is_under_way(case.record, last)):
        return None
    return case.quarantine()


def _by_person(case: Case, permit: EvidenceKind | None) -> Decision | None:
    """A named person decided for this record."""
    if permit is not EvidenceKind.NAMED_PERSON:
        return None
    return case.push(Trigger.OPERATOR, permit, "A person decided to send it again.")


def _held(case: Case) -> Decision | None:
    """Question 2: a dead connection is left alone, and what waits for anything else is held by it."""
    status = case.conditions.connection_status
    waits_for_it = case.record.cause is Cause.CONNECTION_REVOKED
    if status in {None, CONNECTED} or waits_for_it or case.facts.retry is Retry.NEVER:
        return None
    return case.quarantine() if case.record.state is State.QUARANTINED else case.lost()


def _wished(case: Case, permit: EvidenceKind | None) -> Decision | None:
    """An operator planned it: it waits for nothing but evidence, and the connection."""
    is_down = case.conditions.connection_status not in {None, CONNECTED}
    if not case.conditions.is_wished or permit is None or is_down or case.facts.retry is Retry.NEVER:
        return None
    return case.push(Trigger.OPERATOR, permit, "An operator planned to send it again now.")


def _spent(case: Case, permit: EvidenceKind | None) -> Decision | None:
    """Question 3: no more tries than the budget."""
    facts, policy = case.facts, case.policy
    if case.tries < min(facts.attempts_max or policy.retry_attempts, policy.retry_attempts):
        return None
    reason = f"It was tried {case.tries} times without success. {case.reason}"
    if permit is None and (facts.may_exist or case.record.is_doubted):
        return case.quarantine(reason)
    owner = Owner.PARTNER_ENGINEER if facts.owner is Owner.NOBODY else facts.owner
    verdict = Verdict.GIVE_UP if facts.retry is Retry.BACKOFF else Verdict.NEEDS_PERSON
    return case.decision(verdict, reason, seconds=policy.person_seconds, owner=owner)


def _ready(case: Case, permit: EvidenceKind | None) -> Decision:
    """Questions 4 and 5."""
    match case.facts.retry:
        case Retry.BACKOFF:
            return _after_wait(case, permit)
        case Retry.AFTER_LOOK:
            return _after_look(case, permit)
        case Retry.AFTER_CURE:
            return _after_cure(case, permit)
        case Retry.NEVER:
            return case.decision(Verdict.NEEDS_PERSON, case.reason, seconds=case.policy.person_seconds)


def _after_wait(case: Case, permit: EvidenceKind | None) -> Decision:
    """Time cures it: one wait is drawn per failure and kept until it is over."""
    if permit is None:
        return case.quarantine()
    due_at = case.record.next_attempt_at
    if due_at is None:
        return case.wait(case.now + backoff(case.policy, case.tries + 1, case.random))
    if case.now < due_at:
        return case.wait(due_at)
    return case.push(Trigger.SCHEDULE, permit, "Its wait is over.")


def _after_look(case: Case, permit: EvidenceKind | None) -> Decision:
    """The books must have proved that nothing landed; then what cures it, where that can be watched."""
    if permit is None:
        return case.quarantine()
    not_before = case.not_before()
    watched = tuple(cure for cure in case.facts.cures if cure is not Cure.TIME)
    holds = cure_holds(case.record, case.conditions, since=case.failed_at) if watched else True
    if not holds and _is_trial(case):
        return case.push(Trigger.CANARY, permit, "It is tried, since what cures it cannot be seen.")
    if not holds or (not_before and case.now < not_before):
        return case.block(not_before)
    trigger = Trigger.CURE if watched else Trigger.SCHEDULE
    return case.push(trigger, permit, "The books prove that it is not there.")


def _after_cure(case: Case, permit: EvidenceKind | None) -> Decision:
    """A seen cure releases it, or a trial for its group; what did not help is repeated ever more rarely."""
    not_before = case.not_before()
    holds = cure_holds(case.record, case.conditions, since=case.failed_at)
    is_trial = not holds and _is_trial(case)
    is_over = not_before is None or case.now >= not_before
    if not is_trial and not (holds and is_over):
        return (
            case.quarantine()
            if case.record.state is State.QUARANTINED and not permit
            else case.block(not_before)
        )
    if permit is None:
        return case.quarantine()
    if is_trial:
        return case.push(Trigger.CANARY, permit, "It is tried, since what cures it cannot be seen.")
    return case.push(Trigger.CURE, permit, "What kept it from the books is cured.")


def _is_trial(case: Case) -> bool:
    """Whether it is tried now, its turn having come among those that fail like it."""
    return case.conditions.canary_turn and needs_trial(case.record, case.conditions, since=case.failed_at)
