"""What no combination of attempts, evidence, conditions and times may ever do."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.causes.facts import facts_of
from service.domain.pushing.attempt import (
    Attempt,
    Evidence,
    EvidenceKind,
    Outcome,
    Trigger,
    in_episode,
    is_under_way,
    is_unknown,
)
from service.domain.pushing.cure import Conditions, DocumentNeeds
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.policy import Policy
from service.domain.pushing.push import decide, settle
from service.domain.pushing.record_push import push_refused, push_unknown, pushed
from service.domain.record import Record
from service.domain.record_observed import observe
from service.domain.record_state import FAILED
from tests.domain.record_builders import POLICY, START, WORDS, at, attempt, failed, seen

PROOF = {EvidenceKind.READ_BACK, EvidenceKind.NAMED_PERSON}
seconds = st.integers(-100, 100_000).map(float)
instants = seconds.map(at)


records = st.builds(
    lambda cause, **changes: replace(failed(cause), **changes),
    st.sampled_from(sorted(WORDS)),
    state=st.sampled_from(sorted(FAILED)),
    updated_at=instants,
    object_type=st.sampled_from(["receivable", "bill", "payment_record", "customer"]),
    platform_object_id=st.sampled_from([None, None, "145"]),
    provider_object_id=st.sampled_from([None, None, "x1"]),
    next_attempt_at=st.none() | instants,
    first_failed_at=st.none() | instants,
    doubted_at=st.none() | instants,
    attempts_count=st.integers(1, 20),
    episode=st.integers(1, 2),
)
attempts = st.lists(
    st.builds(
        attempt,
        st.integers(1, 20),
        seconds,
        st.sampled_from([None, *Outcome]),
        record_updated_at=instants,
        trigger=st.sampled_from(sorted(Trigger)),
        evidence=st.sampled_from(sorted(EvidenceKind)),
        episode=st.integers(1, 2),
    ),
    max_size=6,
    unique_by=lambda one: (one.episode, one.number),
)
evidence = st.lists(
    st.builds(Evidence, kind=st.sampled_from(sorted(EvidenceKind)), observed_at=instants), max_size=3
)
conditions = st.builds(
    Conditions,
    connection_status=st.sampled_from([None, "connected", "connected", "deauthorized", "odd"]),
    connected_at=st.none() | instants,
    last_pull=st.none() | instants,
    external_tax_rates=st.none() | st.just(frozenset({2_000})),
    active_ledger_accounts=st.none() | st.just(frozenset({"a"})),
    settings=st.none() | st.just({"products": "a"}),
    settings_at=st.none() | instants,
    needs=st.just(
        DocumentNeeds(
            tax_rates=frozenset({2_000}),
            ledger_account_ids=frozenset({"a"}),
            settings=frozenset({"products"}),
        )
    ),
    object_updated_at=st.none() | instants,
    namesakes=st.none() | st.integers(0, 2),
    parts_updated_at=st.none() | instants,
    paid_minor=st.none() | st.integers(0, 10_000),
    open_minor=st.none() | st.integers(0, 10_000),
    currency_seen_at=st.none() | instants,
    others_passed_at=st.none() | instants,
    canary_turn=st.booleans(),
    canary_passed_at=st.none() | instants,
    is_wished=st.booleans(),
)


@dataclass(frozen=True)
class Asked:
    """One question and its answer."""

    record: Record
    attempts: tuple[Attempt, ...]
    conditions: Conditions
    seconds: float
    decision: Decision

    @property
    def last(self) -> Attempt | None:
        """Our last attempt of the episode."""
        return next(iter(reversed(self.attempts)), None)


def answer(
    record: Record,
    tries: list[Attempt],
    found: list[Evidence],
    known: Conditions,
    *,
    when: float,
    chance: float,
) -> Asked:
    """Ask for a decision."""
    decision = decide(record, tries, found, known, now=at(when), policy=POLICY, random=chance)
    return Asked(record, in_episode(record, tries), known, when, decision)


asked = st.builds(
    answer, records, attempts, evidence, conditions, when=seconds, chance=st.floats(0, 1, exclude_max=True)
)
pushes = asked.filter(lambda one: one.decision.verdict is Verdict.PUSH)


@settings(max_examples=400, deadline=None)
@given(pushes)
def test_a_push_is_proven_named_and_numbered_anew(one: Asked) -> None:
    """No push without proof where something may have landed, or over a dead connection."""
    decision, record, last = one.decision, one.record, one.last
    assert record.cause is not None
    in_doubt = last is not None and (is_unknown(last) or is_under_way(record, last))
    if in_doubt or facts_of(record.cause).may_exist or record.is_doubted:
        assert decision.evidence in PROOF
    if decision.evidence is EvidenceKind.REFUSED_BEFORE_CREATION:
        assert not record.platform_object_id
        assert not record.provider_object_id
        assert record.sync_status == "error"
    if decision.evidence in {EvidenceKind.NOT_SENT, EvidenceKind.REFUSED}:
        assert last is not None
        assert last.outcome == decision.evidence.value
    assert decision.evidence is not None
    assert decision.trigger is not None
    by_person = decision.evidence is EvidenceKind.NAMED_PERSON
    assert decision.trigger is Trigger.OPERATOR or not by_person
    assert decision.trigger is not Trigger.OPERATOR or by_person or one.conditions.is_wished
    assert decision.attempt_number is not None
    assert all(decision.attempt_number > tried.number for tried in one.attempts)
    if one.conditions.connection_status not in {None, "connected"}:
        assert by_person


@settings(max_examples=600, deadline=None)
@given(asked)
def test_every_decision_leaves_the_record_in_one_failed_state_with_reason_and_deadline(one: Asked) -> None:
    """Whatever is decided: one of the five states, a sentence, an owner, a date; settling twice is once."""
    settled = settle(one.record, one.decision)
    assert settled.state in FAILED
    assert settled.deadline_at is not None
    assert one.decision.reason.endswith(".")
    assert one.decision.deadline_at >= at(one.seconds)
    assert settle(settled, one.decision) is settled
    if one.decision.verdict is Verdict.WAIT:
        assert settled.next_attempt_at == settled.deadline_at


@pytest.mark.parametrize("cause", sorted(WORDS))
@settings(max_examples=15, deadline=None)
@given(chance=st.randoms(use_true_random=False))
def test_a_failure_that_never_ends_is_pushed_no_more_than_its_budget(
    cause: Cause, chance: random.Random
) -> None:
    """A platform that refuses for ever, every cure in sight, every look clean, costs few pushes.

    The record is followed through its life: decided, pushed, failed again, with attempts that are accepted,
    refused, not sent or uncertain by chance.
    """
    policy = Policy(retry_attempts=5)
    record, tries, now = failed(cause), list[Attempt](), 0.0
    sent = 0
    for _ in range(300):
        now += chance.choice([1, 60, 7_200, 30_000])
        known = Conditions(
            connection_status="connected",
            connected_at=at(now),
            last_pull=at(now),
            object_updated_at=at(now),
            namesakes=0,
        )
        found = [Evidence(kind=EvidenceKind.READ_BACK, observed_at=at(now))]
        decision = decide(record, tries, found, known, now=at(now), policy=policy, random=chance.random())
        record = settle(record, decision)
        if decision.verdict is not Verdict.PUSH:
            continue
        outcome = chance.choice(list(Outcome))
        assert decision.attempt_number is not None
        assert decision.trigger is not None
        assert decision.evidence is not None
        tries.append(
            Attempt(
                number=decision.attempt_number,
                episode=record.episode,
                started_at=at(now),
                record_updated_at=record.updated_at,
                trigger=decision.trigger,
                evidence=decision.evidence,
                finished_at=at(now + 1),
                outcome=outcome,
            )
        )
        sent += outcome is not Outcome.NOT_SENT
        record = after(record, outcome, now, cause)
        now += 5
    assert sent <= policy.retry_attempts
    assert record.state in FAILED
    assert record.first_failed_at == START


def after(record: Record, outcome: Outcome, now: float, cause: Cause) -> Record:
    """The record once the attempt is over and the hub has told that it failed again."""
    match outcome:
        case Outcome.NOT_SENT:
            return record
        case Outcome.REFUSED:
            return push_refused(record, at(now + 1), POLICY)
        case Outcome.UNCERTAIN:
            record = push_unknown(record, at(now + 1), POLICY)
        case Outcome.ACCEPTED:
            record = observe(
                pushed(record, at(now + 1), POLICY), seen("pending", now + 2), at(now + 2), POLICY
            )
    return observe(record, seen("error", now + 4, cause), at(now + 4), POLICY)
