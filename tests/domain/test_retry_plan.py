"""A plan of retries: the gate's own answer, in words, and never more than what was shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from service.domain.causes.cause import Cause
from service.domain.pushing.attempt import Outcome
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.retry_plan import (
    CALLS_PER_PUSH,
    PLAN_LASTS,
    READS_PER_STREAM,
    Candidate,
    Item,
    Wish,
    calls_of,
    ground_of,
    hash_of,
    left_out,
    moved_on,
    weigh,
)
from service.domain.record import Record
from service.domain.record_state import State
from tests.domain.record_builders import POLICY, at, attempt, failed, follow, read_back, seen, word
from tests.domain.test_standing import PUSH, THERE

BLOCKED = failed(Cause.MISSING_TAX_RATE)
NOW = at(600)


def item(record: Record = BLOCKED, **known: Any) -> Item:
    """The answer about one record."""
    given = {"connection_status": "connected", **known}
    return weigh(Candidate(record=record, **given), now=NOW, policy=POLICY)


def wish(record: Record = BLOCKED) -> Wish:
    """An applied plan's wish for a record."""
    return Wish(
        retry_id=UUID(int=9),
        record_id=record.record_id,
        ground=ground_of(record),
        wished_by="Ada",
        wished_at=at(0),
    )


def test_what_may_be_sent_says_what_permits_it() -> None:
    """An eligible record tells its proof, and what has not been seen of its cure."""
    assert item().reason == (
        "QuickBooks refused it before anything was made. Not seen so far: the tax rate appears in the "
        "accounting system, or the line gets another one. If that has not happened, it fails again alike."
    )
    proven = item(failed(Cause.TIMEOUT_AMBIGUOUS), evidence=[read_back(500)])
    assert (proven.is_eligible, "do not hold it" in proven.reason) == (True, True)
    never_left = item(failed(Cause.RATE_LIMITED), attempts=[attempt(outcome=Outcome.NOT_SENT)])
    assert never_left.reason == "Our last push never left, so nothing was made."
    said = item(failed(Cause.TIMEOUT_AMBIGUOUS), evidence=[word(500)])
    assert (said.is_eligible, "A person decided" in said.reason) == (True, True)


@pytest.mark.parametrize(
    ("record", "known", "words", "is_unsafe"),
    [
        (failed(Cause.TIMEOUT_AMBIGUOUS), {}, "may already be in the books", True),
        (BLOCKED, {"attempts": [attempt(outcome=None, seconds=550)]}, "on its way", True),
        (BLOCKED, {"attempts": [attempt(outcome=Outcome.UNCERTAIN)]}, "may have landed", True),
        (failed(Cause.MISSING_TAX_RATE, platform_object_id="145"), {}, "may have landed", True),
        (failed(Cause.DOCUMENT_NOT_MODIFIABLE), {}, "already in QuickBooks in an older version", True),
        (BLOCKED, {"standing": [THERE]}, "stands in QuickBooks already (id 981)", True),
        (BLOCKED, {"connection_status": "deauthorized"}, "no longer valid", False),
        (follow(seen("pending")), {}, "on its way to the books already", True),
        (follow(seen("done")), {}, "not failed", False),
    ],
)
def test_what_is_left_out_says_why(
    record: Record,
    known: dict[str, Any],
    words: str,
    is_unsafe: bool,  # noqa: FBT001
) -> None:
    """Each excluded record has its reason, and whether sending it might double it."""
    excluded = item(record, **known)
    assert (excluded.is_eligible, excluded.is_unsafe) == (False, is_unsafe)
    assert words in excluded.reason
    assert excluded.reason.endswith(".")


def test_a_hash_is_of_what_was_shown() -> None:
    """Another record, another ground or another answer is another plan; the order is not."""
    one, other = item(), item(structs.replace(BLOCKED, record_id=UUID(int=8)))
    assert hash_of([one, other]) == hash_of([other, one])
    assert hash_of([one]) != hash_of([one, other])
    assert hash_of([one]) != hash_of([replace(one, is_eligible=False)])
    assert hash_of([one]) != hash_of([item(structs.replace(BLOCKED, attempts_count=2))])


def test_a_ground_is_the_hubs_version_the_tries_the_cause_and_the_doubt() -> None:
    """What changes one of them makes it another record to plan on; another sentence or date does not."""
    changed: list[dict[str, Any]] = [
        {"updated_at": at(1)},
        {"attempts_count": 2},
        {"cause": Cause.UNKNOWN},
        {"episode": 2},
        {"state": State.QUARANTINED},
        {"state": State.ACKNOWLEDGED},
    ]
    same: list[dict[str, Any]] = [{"reason": "Else."}, {"version": 7}, {"state": State.RETRYING}]
    for each in changed:
        moved = structs.replace(BLOCKED, **each)
        assert ground_of(moved) != ground_of(BLOCKED)
        assert list(moved_on({BLOCKED.record_id: ground_of(BLOCKED)}, {BLOCKED.record_id: moved}))
    for each in same:
        assert ground_of(structs.replace(BLOCKED, **each)) == ground_of(BLOCKED)
    assert moved_on({BLOCKED.record_id: ground_of(BLOCKED)}, {}) == {
        BLOCKED.record_id: "It is no longer known."
    }


def test_a_wish_ends_with_its_ground_its_day_or_the_gates_no() -> None:
    """When its turn comes a record is left out if it changed, if a day has passed, or if the gate says no."""
    held = replace(PUSH, verdict=Verdict.QUARANTINE, reason="It may be there.")

    def told(record: Record | None, decision: Decision | None, now: float = 600) -> str:
        return left_out(wish(), record, decision, at(now)) or ""

    assert told(BLOCKED, PUSH) == ""
    assert told(BLOCKED, None) == ""
    assert "has changed since it was planned" in told(None, None)
    assert "has changed since it was planned" in told(structs.replace(BLOCKED, attempts_count=2), PUSH)
    assert "within a day" in told(BLOCKED, PUSH, PLAN_LASTS / timedelta(seconds=1))
    assert told(BLOCKED, held) == "It may not be sent as things are now: it may be there."


def test_calls_are_of_what_is_sent() -> None:
    """Each push is a call, and each list of records that tells their outcomes is read a few times."""
    bill = structs.replace(BLOCKED, record_id=UUID(int=8), object_type="bill")
    items = [item(), item(bill), replace(item(), is_eligible=False)]
    assert calls_of(items) == 2 * CALLS_PER_PUSH + 2 * READS_PER_STREAM
    assert calls_of(items[2:]) == 0
