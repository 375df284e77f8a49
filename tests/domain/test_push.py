"""Whether a record is pushed: by cause, once, with evidence; and what it waits for when it is not."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.causes.facts import Cure, Owner, facts_of
from service.domain.pushing.attempt import Attempt, Evidence, EvidenceKind, Outcome, Trigger
from service.domain.pushing.cure import Conditions, Dependency, DocumentNeeds, cure_holds
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.policy import backoff
from service.domain.pushing.push import IN_FLIGHT_SECONDS, decide, settle
from service.domain.pushing.record_push import push_unknown, pushed
from service.domain.record import Record
from service.domain.record_observed import observe
from service.domain.record_state import State
from tests.domain.record_builders import (
    POLICY,
    START,
    at,
    attempt,
    connected,
    failed,
    follow,
    read_back,
    seen,
    word,
)

NEEDS_RATE = DocumentNeeds(tax_rates=frozenset({2_000}))


def ask(
    record: Record,
    seconds: float,
    *attempts: Attempt,
    evidence: tuple[Evidence, ...] = (),
    random: float = 0.5,
    **conditions: Any,
) -> Decision:
    """Decide at a time, in an organization whose connection is up."""
    now = at(seconds)
    return decide(record, attempts, evidence, connected(**conditions), now=now, policy=POLICY, random=random)


def failed_again(cause: Cause, seconds: float, **changes: Any) -> Record:
    """A record that failed, was pushed by us at sixty seconds, and failed again."""
    record = pushed(failed(cause, **changes), at(60), POLICY)
    return follow(
        seen("pending", 61, **changes),
        seen("error", seconds, cause, **changes),
        previous=record,
        seconds=seconds,
    )


def test_time_cures_it() -> None:
    """A throttled record waits a share of its backoff, keeps that date, and is pushed once it is over."""
    record = failed(Cause.RATE_LIMITED)
    first = ask(record, 10)
    assert (first.verdict, first.next_attempt_at) == (Verdict.WAIT, at(10 + POLICY.retry_base_seconds / 2))
    record = settle(record, first)
    assert (record.state, record.next_attempt_at) == (State.RETRYING, first.next_attempt_at)
    assert settle(record, ask(record, 20, random=0.9)) is record
    push = ask(record, 40)
    assert (push.verdict, push.trigger, push.attempt_number) == (Verdict.PUSH, Trigger.SCHEDULE, 2)
    assert push.evidence is EvidenceKind.REFUSED_BEFORE_CREATION
    assert settle(record, push) is record


def test_backoff_doubles_to_its_cap_with_full_jitter() -> None:
    """The wait is a share of a ceiling that doubles with each try and stops at the cap."""
    ceilings = [backoff(POLICY, tries, 0.999_999) for tries in (1, 2, 3, 9, 10, 1_000)]
    wanted = [60, 120, 240, 15_360, 21_600, 21_600]
    assert all(abs(one.total_seconds() - two) < 0.1 for one, two in zip(ceilings, wanted, strict=True))
    assert backoff(POLICY, 9, 0.0) == timedelta(0)


def test_the_budget_of_tries_ends() -> None:
    """After its budget a throttled record is given up, and says how often it was tried."""
    record = failed_again(Cause.RATE_LIMITED, 90_000)
    tries = [attempt(number, 60 * number) for number in range(2, POLICY.retry_attempts + 2)]
    decision = ask(replace(record, next_attempt_at=at(90_001)), 90_002, *tries)
    assert (decision.verdict, decision.owner) == (Verdict.GIVE_UP, Owner.PARTNER_ENGINEER)
    assert decision.reason.startswith("It was tried 12 times without success.")
    assert decision.deadline_at == at(90_002 + POLICY.person_seconds)


@pytest.mark.parametrize("outcome", [None, Outcome.UNCERTAIN])
@pytest.mark.parametrize("cause", [Cause.RATE_LIMITED, Cause.MISSING_TAX_RATE, Cause.UNKNOWN])
def test_an_unknown_outcome_is_never_repeated(outcome: Outcome | None, cause: Cause) -> None:
    """After a time-out or a crash nothing is sent, however harmless the cause and however long ago."""
    record = replace(failed(cause), next_attempt_at=at(61), state=State.RETRYING)
    decision = ask(record, 500_000, attempt(outcome=outcome), canary_turn=True, object_updated_at=at(70_000))
    assert decision.verdict is Verdict.QUARANTINE
    assert settle(record, decision).state is State.QUARANTINED


def test_an_error_told_after_an_uncertain_attempt_proves_nothing() -> None:
    """A newer error of the hub may be that of its own try: quarantine stays until the books were read."""
    record = push_unknown(failed(Cause.RATE_LIMITED), at(60), POLICY)
    record = observe(record, seen("error", 90, Cause.RATE_LIMITED), at(91), POLICY)
    uncertain = attempt(outcome=Outcome.UNCERTAIN)
    assert ask(record, 9_000, uncertain).verdict is Verdict.QUARANTINE
    stale = ask(record, 9_000, uncertain, evidence=(read_back(80),))
    assert stale.verdict is Verdict.QUARANTINE
    proven = ask(record, 9_000, uncertain, evidence=(read_back(8_000),))
    assert proven.verdict is Verdict.WAIT
    record = settle(record, proven)
    push = ask(record, 20_000, uncertain, evidence=(read_back(8_000),))
    assert (push.verdict, push.evidence) == (Verdict.PUSH, EvidenceKind.READ_BACK)


def test_an_accepted_push_is_awaited() -> None:
    """Taken by the hub and not told of since: nothing is sent, whatever state a crash left the record in."""
    record = failed(Cause.RATE_LIMITED)
    assert ask(replace(record, next_attempt_at=at(61)), 500, attempt()).verdict is Verdict.QUARANTINE


def test_a_push_that_failed_before_creation_may_be_repeated() -> None:
    """Once the hub tells that our push failed for a reviewed cause, the next one waits and goes."""
    record = settled = failed_again(Cause.RATE_LIMITED, 90)
    settled = settle(record, ask(record, 100, attempt()))
    assert settled.next_attempt_at == at(100 + POLICY.retry_base_seconds)
    push = ask(settled, 200, attempt())
    assert (push.verdict, push.attempt_number, push.evidence) == (
        Verdict.PUSH,
        3,
        EvidenceKind.REFUSED_BEFORE_CREATION,
    )


@pytest.mark.parametrize("field", ["platform_object_id", "provider_object_id"])
def test_an_id_of_the_books_forbids_a_blind_push(field: str) -> None:
    """A record that bears an id of the other side may stand there: quarantine instead of a push."""
    ids: dict[str, Any] = {field: "145"}
    record = replace(failed(Cause.RATE_LIMITED), next_attempt_at=at(1), **ids)
    assert ask(record, 100).verdict is Verdict.QUARANTINE


@pytest.mark.parametrize(
    ("outcome", "evidence"),
    [(Outcome.NOT_SENT, EvidenceKind.NOT_SENT), (Outcome.REFUSED, EvidenceKind.REFUSED)],
)
def test_what_did_nothing_may_be_repeated(outcome: Outcome, evidence: EvidenceKind) -> None:
    """An attempt that never left, or that the hub itself refused, is evidence for the next one."""
    record = replace(failed(Cause.RATE_LIMITED), next_attempt_at=at(90))
    push = ask(record, 100, attempt(outcome=outcome))
    assert (push.verdict, push.evidence, push.attempt_number) == (Verdict.PUSH, evidence, 3)


def test_what_was_not_sent_uses_up_no_budget() -> None:
    """Any number of tries that never left the house leaves the budget whole."""
    tries = [attempt(number, number, Outcome.NOT_SENT) for number in range(2, 60)]
    record = replace(failed(Cause.RATE_LIMITED), next_attempt_at=at(90))
    assert ask(record, 100, *tries).verdict is Verdict.PUSH


@pytest.mark.parametrize(
    ("cause", "conditions"),
    [
        (
            Cause.MISSING_TAX_RATE,
            {"needs": NEEDS_RATE, "external_tax_rates": frozenset({2_000}), "last_pull": at(50)},
        ),
        (Cause.MISSING_TAX_RATE, {"object_updated_at": at(50)}),
        (
            Cause.MISSING_LEDGER_ACCOUNT,
            {
                "needs": DocumentNeeds(ledger_account_ids=frozenset({"a"})),
                "active_ledger_accounts": frozenset({"a", "b"}),
                "last_pull": at(50),
            },
        ),
        (
            Cause.MISSING_LEDGER_ACCOUNT,
            {
                "needs": DocumentNeeds(settings=frozenset({"products"})),
                "settings": {"products": "a"},
                "settings_at": at(50),
            },
        ),
        (Cause.CONNECTION_REVOKED, {"last_pull": at(50)}),
        (Cause.CONNECTION_REVOKED, {"connected_at": at(50)}),
        (Cause.PERMISSION_DENIED, {"connected_at": at(50)}),
        (
            Cause.REFERENCE_NOT_FOUND,
            {
                "dependencies": [
                    Dependency(
                        object_type="customer", sync_status="done", platform_object_id="9", updated_at=at(50)
                    )
                ]
            },
        ),
        (Cause.PERIOD_LOCKED, {"canary_passed_at": at(50)}),
        (Cause.PERIOD_LOCKED, {"object_updated_at": at(50)}),
        (Cause.INVALID_FIELD, {"object_updated_at": at(50)}),
    ],
)
def test_a_seen_cure_releases(cause: Cause, conditions: dict[str, Any]) -> None:
    """Blocked until its cure is seen, pushed as soon as it is, on the hub's word that nothing was created."""
    record = failed(cause)
    before = ask(record, 100)
    assert (before.verdict, before.deadline_at) == (Verdict.BLOCK, at(100 + POLICY.cure_seconds))
    assert settle(record, before).state is State.BLOCKED
    push = ask(settle(record, before), 100, **conditions)
    assert (push.verdict, push.trigger) == (Verdict.PUSH, Trigger.CURE)
    assert push.evidence is EvidenceKind.REFUSED_BEFORE_CREATION


@pytest.mark.parametrize(
    ("cause", "conditions"),
    [
        (
            Cause.MISSING_TAX_RATE,
            {"needs": NEEDS_RATE, "external_tax_rates": frozenset({2_000}), "last_pull": at(-5)},
        ),
        (
            Cause.MISSING_TAX_RATE,
            {"needs": NEEDS_RATE, "external_tax_rates": frozenset({700}), "last_pull": at(50)},
        ),
        (Cause.MISSING_TAX_RATE, {"external_tax_rates": frozenset({2_000}), "last_pull": at(50)}),
        (Cause.MISSING_TAX_RATE, {"object_updated_at": START}),
        (Cause.CONNECTION_REVOKED, {"connection_status": "deauthorized", "last_pull": at(50)}),
        (Cause.CONNECTION_REVOKED, {}),
        (
            Cause.REFERENCE_NOT_FOUND,
            {
                "dependencies": [
                    Dependency(
                        object_type="customer", sync_status="done", platform_object_id="9", updated_at=at(-9)
                    ),
                    Dependency(
                        object_type="product",
                        sync_status="pending",
                        platform_object_id=None,
                        updated_at=at(9),
                    ),
                ]
            },
        ),
        (
            Cause.REFERENCE_NOT_FOUND,
            {
                "dependencies": [
                    Dependency(
                        object_type="customer", sync_status="done", platform_object_id="9", updated_at=at(-9)
                    ),
                ]
            },
        ),
        (Cause.PERIOD_LOCKED, {"canary_passed_at": at(-5)}),
    ],
)
def test_what_was_so_before_the_failure_is_no_cure(cause: Cause, conditions: dict[str, Any]) -> None:
    """Old lists, other rates, unfinished or long finished dependencies release nothing."""
    assert ask(failed(cause), 100, **conditions).verdict is Verdict.BLOCK


def test_a_cure_that_did_not_help_is_repeated_ever_more_rarely() -> None:
    """The next try on the same cure waits half of its ceiling, and asking again does not move that."""
    record = failed_again(Cause.CONNECTION_REVOKED, 90)
    first = attempt(2, 60, trigger=Trigger.CURE)
    waiting = ask(record, 80, first, last_pull=at(79))
    assert (waiting.verdict, waiting.next_attempt_at) == (Verdict.BLOCK, at(60 + 30))
    assert ask(record, 89, first, last_pull=at(79)).next_attempt_at == waiting.next_attempt_at
    assert ask(record, 95, first, last_pull=at(79)).verdict is Verdict.PUSH
    second = dataclasses.replace(attempt(3, 95, trigger=Trigger.CURE), record_updated_at=at(90))
    again = observe(
        record, seen("error", 99, Cause.CONNECTION_REVOKED, object_updated_at=at(1)), at(99), POLICY
    )
    assert ask(again, 100, first, second, last_pull=at(99)).next_attempt_at == at(95 + 60)


def test_a_trial_is_one_of_its_group() -> None:
    """Behind a locked period only the record whose turn it is goes; where a cure is watched, none does."""
    assert ask(failed(Cause.PERIOD_LOCKED), 100).verdict is Verdict.BLOCK
    push = ask(failed(Cause.PERIOD_LOCKED), 100, canary_turn=True)
    assert (push.verdict, push.trigger) == (Verdict.PUSH, Trigger.CANARY)
    watched = ask(failed(Cause.MISSING_TAX_RATE), 100, canary_turn=True, object_updated_at=START)
    assert watched.verdict is Verdict.BLOCK


def test_what_nobody_can_see_is_tried() -> None:
    """Where nothing tells of a cure the record is tried in its turn."""
    payment = failed(Cause.INVALID_FIELD, object_type="payment_record")
    assert ask(payment, 100).verdict is Verdict.BLOCK
    push = ask(payment, 100, canary_turn=True)
    assert (push.verdict, push.trigger) == (Verdict.PUSH, Trigger.CANARY)
    unread = ask(failed(Cause.STALE_OBJECT), 9_000, canary_turn=True, evidence=(read_back(8_000),))
    assert (unread.verdict, unread.trigger) == (Verdict.PUSH, Trigger.CANARY)


@pytest.mark.parametrize("cause", sorted(Cause))
def test_a_trial_that_passed_frees_others_of_causes_that_end_for_all(cause: Cause) -> None:
    """An opened period frees all that it kept out; that one payment was corrected says nothing of others."""
    record = replace(failed(Cause.RATE_LIMITED, object_type="payment_record"), cause=cause)
    freed = cure_holds(record, connected(canary_passed_at=at(50)), since=START)
    assert bool(freed) is (Cure.TRIAL in facts_of(cause).cures)


def test_a_refund_is_no_payment_that_needs_an_open_invoice() -> None:
    """Of a negative amount an open invoice tells nothing: it is tried in its turn, and not freed as cured."""
    paid = failed(Cause.INVALID_FIELD, object_type="payment_record")
    paid = replace(paid, cause=Cause.PAYMENT_NOT_APPLICABLE)
    conditions: dict[str, Any] = {"open_minor": 5_000, "last_pull": at(50)}
    assert ask(paid, 100, paid_minor=5_000, **conditions).verdict is Verdict.PUSH
    assert ask(paid, 100, paid_minor=6_000, **conditions).verdict is Verdict.BLOCK
    for open_minor in (0, 5_000):
        refund = {**conditions, "open_minor": open_minor, "paid_minor": -5_000}
        assert ask(paid, 100, **refund).verdict is Verdict.BLOCK
        assert ask(paid, 100, canary_turn=True, **refund).trigger is Trigger.CANARY


@pytest.mark.parametrize(
    ("cause", "is_freed"),
    [(Cause.INVALID_FIELD, True), (Cause.MISSING_TAX_RATE, False), (Cause.PERIOD_LOCKED, False)],
)
def test_a_part_counts_where_the_cause_may_lie_there(cause: Cause, is_freed: bool) -> None:  # noqa: FBT001
    """A corrected customer frees an invoice that it may hold up, and none that waits for a tax rate."""
    decision = ask(failed(cause), 100, object_updated_at=START, parts_updated_at=at(50))
    assert (decision.verdict is Verdict.PUSH) is is_freed


def test_a_payment_waits_for_its_invoice() -> None:
    """It goes once its invoice is in the books, or enough of that is open there again."""
    missing = failed(Cause.REFERENCE_NOT_FOUND, object_type="payment_record")
    pending = dataclasses.replace(done("receivable", 50), sync_status="pending")
    assert ask(missing, 100, canary_turn=True, dependencies=[pending]).verdict is Verdict.BLOCK
    assert ask(missing, 100, dependencies=[done("receivable", 50)]).trigger is Trigger.CURE
    too_much = replace(missing, cause=Cause.PAYMENT_NOT_APPLICABLE)
    for open_minor, verdict in ((99, Verdict.BLOCK), (100, Verdict.PUSH)):
        decision = ask(too_much, 100, paid_minor=100, open_minor=open_minor, last_pull=at(50))
        assert decision.verdict is verdict


def test_trials_use_up_no_budget() -> None:
    """A canary may fail for months: its slow clock is the bound, and it still goes when the period opens."""
    tries = [attempt(number, 60, trigger=Trigger.CANARY) for number in range(2, 40)]
    record = failed_again(Cause.PERIOD_LOCKED, 90)
    assert ask(record, 100, *tries, canary_turn=True).verdict is Verdict.PUSH


@pytest.mark.parametrize(
    "cause", [Cause.TIMEOUT_AMBIGUOUS, Cause.UNKNOWN, Cause.DUPLICATE_DOCUMENT_NUMBER, Cause.STALE_OBJECT]
)
def test_a_failure_that_may_have_landed_is_looked_at_first(cause: Cause) -> None:
    """Quarantined whatever the time and the conditions, until the books were read later than the failure."""
    record = failed(cause)
    assert (
        ask(record, 900_000, canary_turn=True, object_updated_at=at(50), namesakes=0).verdict
        is Verdict.QUARANTINE
    )
    if cause in {Cause.TIMEOUT_AMBIGUOUS, Cause.UNKNOWN}:
        push = ask(record, 9_000, evidence=(read_back(8_000),))
        assert (push.verdict, push.evidence) == (Verdict.PUSH, EvidenceKind.READ_BACK)
    else:
        assert ask(record, 9_000, evidence=(read_back(8_000),)).verdict is Verdict.BLOCK


def test_an_unknown_error_is_tried_once() -> None:
    """After one try of ours, with the books read again, an unknown error needs a person."""
    record = failed_again(Cause.UNKNOWN, 90)
    decision = ask(record, 900, attempt(), evidence=(read_back(800),))
    assert (decision.verdict, decision.owner) == (Verdict.NEEDS_PERSON, Owner.PARTNER_ENGINEER)
    assert ask(record, 900, attempt()).verdict is Verdict.QUARANTINE


def test_what_cannot_be_read_back_is_for_a_person_to_look_at() -> None:
    """A payment in doubt stays in quarantine, and says that a bookkeeper must look."""
    decision = ask(failed(Cause.TIMEOUT_AMBIGUOUS, object_type="payment_record"), 100)
    assert (decision.verdict, decision.owner) == (Verdict.QUARANTINE, Owner.BOOKKEEPER)
    assert "a person must look in QuickBooks" in decision.reason


def test_a_named_person_decides_for_one_record() -> None:
    """A person's word pushes what nothing else would; a word older than the last attempt does not."""
    uncertain = attempt(outcome=Outcome.UNCERTAIN)
    for cause in (Cause.TIMEOUT_AMBIGUOUS, Cause.DOCUMENT_NOT_MODIFIABLE, Cause.MISSING_TAX_RATE):
        push = ask(failed(cause), 9_000, uncertain, evidence=(word(8_000),))
        assert (push.verdict, push.trigger, push.evidence) == (
            Verdict.PUSH,
            Trigger.OPERATOR,
            EvidenceKind.NAMED_PERSON,
        )
    assert (
        ask(failed(Cause.TIMEOUT_AMBIGUOUS), 9_000, uncertain, evidence=(word(30),)).verdict
        is Verdict.QUARANTINE
    )


def test_an_attempt_on_the_wire_is_left_alone() -> None:
    """Not even a person's word sends a second one while the first may still be travelling."""
    flying = attempt(2, 60, None)
    decision = ask(failed(Cause.RATE_LIMITED), 70, flying, evidence=(word(65),))
    assert decision.verdict is Verdict.QUARANTINE
    late = ask(failed(Cause.RATE_LIMITED), 60 + IN_FLIGHT_SECONDS, flying, evidence=(word(65),))
    assert late.verdict is Verdict.PUSH


def test_a_dead_connection_holds_everything() -> None:
    """Whatever it waits for otherwise is held until the connection is back, and no try is used up."""
    for cause in (Cause.RATE_LIMITED, Cause.MISSING_TAX_RATE, Cause.PERIOD_LOCKED):
        record = replace(failed(cause), next_attempt_at=at(1))
        decision = ask(
            record, 100, connection_status="deauthorized", canary_turn=True, object_updated_at=at(50)
        )
        assert (decision.verdict, decision.owner) == (Verdict.BLOCK, Owner.ACCOUNTING_ADMIN)
        assert decision.cures == (Cure.CONNECTION_CONNECTED,)
    held = ask(failed(Cause.TIMEOUT_AMBIGUOUS), 100, connection_status="deauthorized")
    assert held.verdict is Verdict.QUARANTINE
    assert ask(failed(Cause.DOCUMENT_NOT_MODIFIABLE), 100).verdict is Verdict.NEEDS_PERSON


def test_an_expired_token_that_stays_so_is_a_lost_connection() -> None:
    """After some hours it waits for a new connection, not for time, and goes when that is there."""
    record = replace(failed(Cause.ACCESS_TOKEN_EXPIRED), next_attempt_at=at(1))
    assert ask(record, 100).verdict is Verdict.PUSH
    later = POLICY.retry_cap_seconds + 1
    decision = ask(record, later)
    assert (decision.verdict, decision.owner) == (Verdict.BLOCK, Owner.ACCOUNTING_ADMIN)
    assert ask(record, later, connected_at=at(later - 5)).verdict is Verdict.PUSH


def test_only_failed_records_are_decided_about() -> None:
    """Asking about a record that has not failed is our own mistake."""
    with pytest.raises(AssertionError, match="nothing is to be decided"):
        decide(follow(seen("done")), (), (), Conditions(), now=at(1), policy=POLICY, random=0.5)


def test_a_cure_releases_once() -> None:
    """A cure that came before our last try does not release again; a later one does."""
    cured: dict[str, Any] = {"needs": NEEDS_RATE, "external_tax_rates": frozenset({2_000})}
    assert ask(failed(Cause.MISSING_TAX_RATE), 60, last_pull=at(30), **cured).verdict is Verdict.PUSH
    again, tried = failed_again(Cause.MISSING_TAX_RATE, 90), attempt()
    assert ask(again, 90_000, tried, last_pull=at(30), **cured).verdict is Verdict.BLOCK
    assert ask(again, 90_000, tried, last_pull=at(89_000), **cured).verdict is Verdict.PUSH


def done(object_type: str, seconds: float) -> Dependency:
    """The record of something that a document names, in the books since so many seconds after the start."""
    return Dependency(
        object_type=object_type, sync_status="done", platform_object_id="9", updated_at=at(seconds)
    )


@pytest.mark.parametrize(
    ("cause", "cured"),
    [
        (Cause.INVALID_FIELD, {"object_updated_at": at(50)}),
        (Cause.REFERENCE_NOT_FOUND, {"dependencies": [done("customer", 50)]}),
        (
            Cause.MISSING_TAX_RATE,
            {"needs": NEEDS_RATE, "external_tax_rates": frozenset({2_000}), "last_pull": at(50)},
        ),
        (Cause.CONNECTION_REVOKED, {"connected_at": at(50)}),
        (Cause.PERIOD_LOCKED, {"canary_passed_at": at(50)}),
    ],
)
@pytest.mark.parametrize("times", [1, 40])
def test_what_was_not_sent_uses_up_no_cure(cause: Cause, cured: dict[str, Any], times: int) -> None:
    """A cure that released a record releases it again, however often its push never left the house."""
    tries = [attempt(number, 58 + number, Outcome.NOT_SENT) for number in range(2, times + 2)]
    push = ask(failed(cause), 365 * 86_400, *tries, **cured)
    assert (push.verdict, push.trigger, push.evidence) == (
        Verdict.PUSH,
        Trigger.CURE,
        EvidenceKind.NOT_SENT,
    )


def test_a_cure_is_newer_than_what_was_sent_last() -> None:
    """What was not sent neither uses up a cure nor revives one that a push has used up before it."""
    record = failed_again(Cause.INVALID_FIELD, 90)
    tries = [attempt(2, 60), attempt(3, 120, Outcome.NOT_SENT, record_updated_at=at(90))]
    assert ask(record, 90_000, *tries, object_updated_at=at(50)).verdict is Verdict.BLOCK
    assert ask(record, 90_000, *tries, object_updated_at=at(100)).verdict is Verdict.PUSH


def test_what_an_operator_wants_waits_for_nothing_but_proof() -> None:
    """A planned retry skips its wait, its cure and its budget, and says that an operator wanted it."""
    wanted = [
        ask(failed(Cause.RATE_LIMITED), 10, is_wished=True),
        ask(failed(Cause.MISSING_TAX_RATE), 10, is_wished=True),
        ask(failed(Cause.INVALID_FIELD), 10, is_wished=True),
        ask(replace(failed(Cause.RATE_LIMITED), attempts_count=20), 10, *refusals(20), is_wished=True),
        ask(failed(Cause.TIMEOUT_AMBIGUOUS), 100, evidence=(read_back(90),), is_wished=True),
    ]
    assert [each.verdict for each in wanted] == [Verdict.PUSH] * len(wanted)
    assert {each.trigger for each in wanted} == {Trigger.OPERATOR}


def refusals(count: int) -> list[Attempt]:
    """So many pushes that the hub refused, which is the whole budget and more."""
    return [attempt(number, seconds=number, outcome=Outcome.REFUSED) for number in range(1, count + 1)]


def test_what_an_operator_wants_is_never_sent_blindly() -> None:
    """No plan sends what may have landed, is on the wire, no retry can help, or over a dead connection."""
    asked = [
        ask(failed(Cause.TIMEOUT_AMBIGUOUS), 10, is_wished=True),
        ask(failed(Cause.UNKNOWN), 10, is_wished=True),
        ask(failed(Cause.RATE_LIMITED), 100, attempt(outcome=None), is_wished=True),
        ask(failed(Cause.RATE_LIMITED), 100, attempt(outcome=Outcome.UNCERTAIN), is_wished=True),
        ask(failed(Cause.MISSING_TAX_RATE, platform_object_id="145"), 10, is_wished=True),
        ask(failed(Cause.DOCUMENT_NOT_MODIFIABLE), 100, evidence=(read_back(90),), is_wished=True),
        ask(failed(Cause.MISSING_TAX_RATE), 10, is_wished=True, connection_status="deauthorized"),
        ask(failed(Cause.CONNECTION_REVOKED), 10, is_wished=True, connection_status="deauthorized"),
    ]
    assert Verdict.PUSH not in [each.verdict for each in asked]


def test_what_a_person_set_aside_is_not_sent_for_any_reason() -> None:
    """Over, cured, proven absent or planned: what a person set aside stays, until a later word."""
    aside = Evidence(kind=EvidenceKind.SET_ASIDE, observed_at=at(50), detail="Ada found it in the books: 77")
    for cause in (Cause.RATE_LIMITED, Cause.TIMEOUT_AMBIGUOUS, Cause.MISSING_TAX_RATE):
        decision = ask(failed(cause), 900_000, evidence=(aside, read_back(60)), is_wished=True)
        assert decision.verdict is Verdict.NEEDS_PERSON
        assert decision.reason == "It is not sent again: Ada found it in the books: 77."
    assert ask(failed(Cause.RATE_LIMITED), 100, evidence=(aside, word(60))).verdict is Verdict.PUSH
    assert ask(failed(Cause.RATE_LIMITED), 100, evidence=(word(40), aside)).verdict is Verdict.NEEDS_PERSON
