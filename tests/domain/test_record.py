"""What the hub says becomes our state: the later version wins, and an old one re-opens nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from service.domain.causes.cause import Cause, rules_version
from service.domain.pushing.record_push import confirmed, overdue, push_refused, push_unknown, pushed
from service.domain.record import Record, SeenRecord
from service.domain.record_observed import observe, reclassify
from service.domain.record_state import FAILED, IllegalTransition, State
from tests.domain.record_builders import POLICY, START, WORDS, at, failed, follow, seen


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (Cause.RATE_LIMITED, State.RETRYING),
        (Cause.TIMEOUT_AMBIGUOUS, State.QUARANTINED),
        (Cause.CONNECTION_REVOKED, State.BLOCKED),
        (Cause.MISSING_TAX_RATE, State.BLOCKED),
        (Cause.DOCUMENT_NOT_MODIFIABLE, State.NEEDS_PERSON),
        (Cause.UNKNOWN, State.QUARANTINED),
    ],
)
def test_an_error_gets_the_state_that_its_cause_asks_for(cause: Cause, state: State) -> None:
    """A failed push is classified, and says what it waits for, who acts and by when it is looked at again."""
    record = failed(cause)
    assert (record.cause, record.state, record.attempts_count) == (cause, state, 1)
    assert record.first_failed_at == START
    assert record.deadline_at is not None
    assert record.deadline_at > START
    assert record.owner
    assert record.reason.endswith(".")
    assert record.cause_text
    assert record.rules_version == rules_version()


def test_pending_waits_with_a_deadline_that_reading_does_not_move() -> None:
    """A pending record is waiting, and reading it again later leaves the time at which it counts as stuck."""
    record = observe(None, seen("pending"), at(0), POLICY)
    again = observe(record, seen("pending", 30), at(5_000), POLICY)
    assert (record.state, again.state) == (State.WAITING, State.WAITING)
    assert again.deadline_at == record.deadline_at == at(POLICY.stuck_seconds)


@pytest.mark.parametrize("status", [None, "", "conflict", "DONE"])
def test_an_unknown_status_is_kept_and_waits(status: str | None) -> None:
    """A missing or unknown status is stored, told in the reason, and not fatal."""
    record = observe(None, seen(status), at(0), POLICY)
    assert (record.state, record.sync_status) == (State.WAITING, status)
    assert "which we do not know" in record.reason
    assert record.deadline_at is not None


def test_done_heals() -> None:
    """Done after a failure clears its cause, dates the healing by the hub, and looks for it in the books."""
    record = follow(
        seen("error", 0, Cause.MISSING_TAX_RATE), seen("pending", 50), seen("done", 60), seconds=70
    )
    assert (record.state, record.cause, record.owner) == (State.ACKNOWLEDGED, None, None)
    assert (record.first_failed_at, record.healed_at) == (at(0), at(60))
    assert record.deadline_at == at(70 + POLICY.confirm_seconds)


def test_what_cannot_be_read_back_is_looked_for_nowhere() -> None:
    """A payment or contact is acknowledged for good: no list of the books would show it."""
    record = follow(seen("done", object_type="payment_record"))
    assert (record.state, record.deadline_at, record.healed_at) == (State.ACKNOWLEDGED, None, None)


def test_confirmed_stays_confirmed_while_the_hub_repeats_itself() -> None:
    """Done again is no news to a confirmed record, unless the hub points at another document."""
    record = confirmed(follow(seen("done")), "Read back and equal.", at(5))
    again = observe(record, seen("done", 90), at(90), POLICY)
    other = observe(record, seen("done", 90, platform_object_id="146"), at(90), POLICY)
    assert (again.state, again.reason, again.updated_at) == (State.CONFIRMED, "Read back and equal.", at(90))
    assert other.state is State.ACKNOWLEDGED


def test_an_older_version_changes_nothing() -> None:
    """A late error, older than what we know, neither re-opens a settled record nor changes a failed one."""
    late = seen("error", 10, Cause.MISSING_TAX_RATE)
    for newer in (seen("done", 20), seen("pending", 20), seen("error", 20, Cause.PERIOD_LOCKED)):
        record = follow(newer)
        assert observe(record, late, at(99), POLICY) is record
    settled = confirmed(follow(seen("done", 20)), "Read back and equal.", at(25))
    assert observe(settled, late, at(99), POLICY) is settled
    assert observe(follow(seen("done", 10)), late, at(99), POLICY).state is State.ACKNOWLEDGED


def test_an_error_after_done_is_a_new_episode() -> None:
    """A settled record that fails anew counts its tries and its time from there."""
    healed = follow(seen("error", 0, Cause.RATE_LIMITED), seen("done", 60))
    record = observe(healed, seen("error", 500, Cause.PERIOD_LOCKED), at(510), POLICY)
    assert (record.episode, record.attempts_count, record.state) == (2, 1, State.BLOCKED)
    assert (record.first_failed_at, record.healed_at) == (at(500), None)
    again = follow(
        seen("pending", 400), seen("error", 500, Cause.PERIOD_LOCKED), previous=healed, seconds=510
    )
    assert (again.episode, again.attempts_count, again.healed_at) == (2, 1, None)


def test_a_touched_failure_is_no_new_try() -> None:
    """The same failure with a later time keeps its decision; another failure counts, and is decided anew."""
    record = replace(failed(Cause.RATE_LIMITED), next_attempt_at=at(40))
    touched = observe(record, seen("error", 30, Cause.RATE_LIMITED), at(31), POLICY)
    other = observe(record, seen("error", 30, Cause.PERIOD_LOCKED), at(31), POLICY)
    assert (touched.attempts_count, touched.next_attempt_at, touched.updated_at) == (1, at(40), at(30))
    assert (other.attempts_count, other.state, other.next_attempt_at) == (2, State.BLOCKED, None)


def test_the_outcome_of_our_push_is_counted_once() -> None:
    """An accepted push counts when it is made; the error that answers it does not count again."""
    record = pushed(failed(Cause.RATE_LIMITED), at(60), POLICY)
    assert (record.state, record.attempts_count, record.cause) == (State.WAITING, 2, Cause.RATE_LIMITED)
    answered = follow(seen("pending", 61), seen("error", 70, Cause.RATE_LIMITED), previous=record, seconds=71)
    assert (answered.state, answered.attempts_count) == (State.RETRYING, 2)


def test_a_touched_row_is_no_answer_to_our_push() -> None:
    """The old error with a new time, before the hub called our push pending, proves nothing: quarantine."""
    record = pushed(failed(Cause.RATE_LIMITED), at(60), POLICY)
    touched = observe(record, seen("error", 61, Cause.RATE_LIMITED), at(62), POLICY)
    assert touched.state is State.QUARANTINED
    assert observe(record, seen("error", 0, Cause.RATE_LIMITED), at(62), POLICY) is record
    blurred = observe(record, seen(None, 61, errors=None), at(62), POLICY)
    assert observe(blurred, seen("error", 61, Cause.RATE_LIMITED), at(63), POLICY).state is State.QUARANTINED


def test_an_id_of_the_books_is_not_forgotten() -> None:
    """An answer that is silent about the ids leaves those that were told."""
    record = follow(
        seen("done", 0, provider_object_id="x1"), seen("error", 9, platform_object_id=None), seconds=9
    )
    assert (record.platform_object_id, record.provider_object_id) == ("145", "x1")
    touched = observe(record, seen("error", 20), at(20), POLICY)
    assert (touched.attempts_count, touched.platform_object_id) == (1, "145")


def test_quarantine_remembers_through_another_failure() -> None:
    """A harmless failure after an uncertain attempt leaves the record in quarantine."""
    record = push_unknown(failed(Cause.RATE_LIMITED), at(60), POLICY)
    after = observe(record, seen("error", 90, Cause.MISSING_TAX_RATE), at(91), POLICY)
    assert (after.state, after.cause) == (State.QUARANTINED, Cause.MISSING_TAX_RATE)
    assert observe(after, seen("done", 99), at(99), POLICY).state is State.ACKNOWLEDGED


def test_a_push_that_was_refused_changes_no_state() -> None:
    """The hub's refusal of the call counts as a try and lets the decision be taken again."""
    record = push_refused(replace(failed(Cause.RATE_LIMITED), next_attempt_at=at(5)), at(60), POLICY)
    assert (record.state, record.attempts_count, record.next_attempt_at) == (State.RETRYING, 2, None)


def test_found_in_the_books_although_the_hub_calls_it_failed() -> None:
    """It is confirmed, stays so while the hub repeats the error, and another error is not harmless."""
    record = confirmed(failed(Cause.TIMEOUT_AMBIGUOUS), "Found in the books.", at(50))
    assert (record.state, record.cause, record.healed_at) == (State.CONFIRMED, None, at(50))
    assert (
        observe(record, seen("error", 60, Cause.TIMEOUT_AMBIGUOUS), at(61), POLICY).state is State.CONFIRMED
    )
    other = observe(record, seen("error", 60, Cause.RATE_LIMITED), at(61), POLICY)
    assert (other.state, other.episode) == (State.QUARANTINED, 2)


def test_only_what_was_acknowledged_is_confirmed() -> None:
    """A record on its way cannot be confirmed: whoever tries has read the wrong document."""
    with pytest.raises(IllegalTransition):
        confirmed(follow(seen("pending")), "Read back and equal.", at(1))


def test_a_push_that_the_hub_forgets_ends_in_quarantine() -> None:
    """Taken by the hub and never told of again: quarantined at its deadline; pending is looked at again."""
    taken = pushed(failed(Cause.RATE_LIMITED), at(0), POLICY)
    assert overdue(taken, at(POLICY.stuck_seconds - 1), POLICY) is taken
    assert overdue(taken, at(POLICY.stuck_seconds), POLICY).state is State.QUARANTINED
    pending = overdue(follow(seen("pending")), at(POLICY.stuck_seconds), POLICY)
    assert (pending.state, pending.deadline_at) == (State.WAITING, at(2 * POLICY.stuck_seconds))


def test_a_changed_rule_reads_the_stored_error_again() -> None:
    """What an older rule book did not know gets its cause and state; doubt stays in quarantine."""
    old = replace(
        failed(Cause.MISSING_TAX_RATE),
        cause=Cause.UNKNOWN,
        state=State.QUARANTINED,
        rules_version=0,
        cause_rule=None,
    )
    assert reclassify(old, at(9), POLICY).state is State.BLOCKED
    assert reclassify(replace(old, attempts_count=2), at(9), POLICY).state is State.QUARANTINED
    same = replace(failed(Cause.MISSING_TAX_RATE), rules_version=0, deadline_at=at(1))
    assert reclassify(same, at(9), POLICY) == replace(same, rules_version=rules_version(), version=2)
    known = failed(Cause.MISSING_TAX_RATE)
    assert reclassify(known, at(9), POLICY) is known


def test_the_money_of_the_document_is_kept() -> None:
    """Amount and currency, copied in from the document, outlive what the hub says."""
    record = replace(failed(Cause.RATE_LIMITED), amount_minor=12_050, currency="EUR")
    after = observe(record, seen("done", 5), at(6), POLICY)
    assert (after.amount_minor, after.currency) == (12_050, "EUR")


@st.composite
def histories(draw: st.DrawFn) -> list[SeenRecord]:
    """What the hub may tell of one object, in any order."""
    version = st.builds(
        seen,
        st.sampled_from(["error", "error", "pending", "done", None, "odd"]),
        st.integers(0, 6).map(float),
        st.sampled_from(sorted(WORDS)),
        platform_object_id=st.sampled_from([None, "145"]),
        object_type=st.just(draw(st.sampled_from(["receivable", "bill", "customer", "credit_note"]))),
    )
    return draw(st.lists(version, min_size=1, max_size=8))


SEEN_FIELDS = SeenRecord.__struct_fields__


def facts(record: SeenRecord) -> dict[str, object]:
    """What the hub said of it."""
    return {name: getattr(record, name) for name in SEEN_FIELDS}


@given(histories())
def test_observing_is_idempotent(told: list[SeenRecord]) -> None:
    """Each version read a second time, at once or after later ones, changes nothing at all."""
    once = follow(*told)
    assert observe(once, once, at(99), POLICY) is once
    assert all(observe(once, version, at(99), POLICY) is once for version in told)
    assert follow(*[copy for version in told for copy in (version, version)]) == once


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_matter(told: list[SeenRecord], chance: random.Random) -> None:
    """Any order ends in the same facts, cause and state, unless only one order saw a reason for doubt."""
    shuffled = list(told)
    chance.shuffle(shuffled)
    one, two = follow(*told), follow(*shuffled)
    assert all(facts(one)[name] == facts(two)[name] for name in SEEN_FIELDS if name != "platform_object_id")
    assert one.cause == two.cause or State.WAITING in {one.state, two.state}
    assert one.state == two.state or State.QUARANTINED in {one.state, two.state}
    assert one.has_failed == two.has_failed


@given(histories())
def test_every_errored_record_is_in_one_failed_state_with_reason_and_deadline(told: list[SeenRecord]) -> None:
    """Whatever was told before: an error has one of five states, a cause, an owner, a reason, a deadline."""
    record: Record | None = None
    for version in told:
        record = observe(record, version, at(10), POLICY)
        assert record.reason
        assert (record.sync_status == "error") == (record.state in FAILED)
        if record.has_failed:
            assert record.cause is not None
            assert record.owner
            assert record.first_failed_at is not None
            assert record.attempts_count >= 1
        if record.state not in {State.ACKNOWLEDGED, State.CONFIRMED}:
            assert record.deadline_at is not None
            assert record.deadline_at >= at(10)
