"""The state of the service: ok is claimed only by who sees, and every other state has its reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.status import (
    DOWN,
    WORKER_SILENT_SECONDS,
    Bounds,
    Code,
    Facts,
    HubFacts,
    ReplicaFacts,
    State,
    judge,
    span,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOUNDS = Bounds(stale_seconds=7200, sweep_seconds=86400)

WELL = Facts(
    now=NOW,
    replicas=[ReplicaFacts(id="a", roles=["web", "worker"], heartbeat_at=NOW)],
    hub=HubFacts(last_ok_at=NOW, rate_per_second=30),
    organizations_by_connection={"connected": 3, "none": 1},
    organizations_stale=0,
    organizations_unswept=0,
    last_full_sweep_at=NOW - timedelta(hours=3),
    overdue=0,
    oldest_overdue_seconds=0,
    stretch=1,
    comparing_stretch=1,
    bound_seconds=300,
    backlog=2,
    oldest_backlog_seconds=1.5,
    alerts_by_severity={"warning": 5},
)

CASES: dict[Code, dict[str, Any]] = {
    Code.WORKER_SILENT: {"replicas": [ReplicaFacts(id="a", roles=["web"], heartbeat_at=NOW)]},
    Code.HUB_UNKNOWN: {"hub": HubFacts(rate_per_second=30)},
    Code.HUB_UNREACHABLE: {
        "hub": HubFacts(
            last_ok_at=NOW, failing_since=NOW - timedelta(minutes=1), failure="timeout", rate_per_second=30
        )
    },
    Code.HUB_UNAUTHORIZED: {
        "hub": HubFacts(failing_since=NOW, failure="unauthorized", rate_per_second=30),
    },
    Code.NOTHING_WATCHED: {"organizations_by_connection": {}},
    Code.SWEEP_INCOMPLETE: {"organizations_unswept": 1},
    Code.SWEEP_OVERDUE: {"last_full_sweep_at": NOW - timedelta(hours=49)},
    Code.POLLING_BEHIND: {"overdue": 2, "oldest_overdue_seconds": 90.0},
    Code.WEBHOOK_BACKLOG: {"backlog": 2, "oldest_backlog_seconds": 61.0},
    Code.BOOKS_STALE: {"organizations_stale": 1},
    Code.CHANNELS_FAILING: {"unheard_since": NOW - timedelta(hours=1)},
    Code.ALERTS_CRITICAL: {"alerts_by_severity": {"critical": 1}},
}


def test_a_service_that_sees_everything_is_ok() -> None:
    """With everything read, answered and worked off the state is ok, whatever alerts warn of."""
    assert judge(WELL, BOUNDS) == (State.OK, [])


@pytest.mark.parametrize("code", CASES)
def test_each_trouble_has_its_code(code: Code) -> None:
    """One trouble gives one reason with a sentence, and the state that it deserves."""
    state, reasons = judge(replace(WELL, **CASES[code]), BOUNDS)
    assert [reason.code for reason in reasons] == [code]
    assert reasons[0].message.endswith(".")
    assert state is (State.DOWN if code in DOWN else State.DEGRADED)


def test_every_code_has_a_case() -> None:
    """No code is there that nothing gives; the database's own is given by whoever cannot reach it."""
    assert set(CASES) == set(Code) - {Code.DATABASE_UNREACHABLE}


def test_a_single_failed_call_is_no_outage() -> None:
    """A hub that failed seconds ago, and answered before, is not yet called unreachable."""
    hub = HubFacts(last_ok_at=NOW, failing_since=NOW - timedelta(seconds=5), rate_per_second=30)
    assert judge(replace(WELL, hub=hub), BOUNDS)[0] is State.OK


def test_a_worker_that_stopped_reporting_is_silent() -> None:
    """The last report of any worker counts, and after its bound the service is down."""
    for seconds, state in ((WORKER_SILENT_SECONDS, State.OK), (WORKER_SILENT_SECONDS + 1, State.DOWN)):
        at = NOW - timedelta(seconds=seconds)
        old = ReplicaFacts(id="b", roles=["worker"], heartbeat_at=NOW - timedelta(days=1))
        replicas = [ReplicaFacts(id="a", roles=["worker"], heartbeat_at=at), old]
        assert judge(replace(WELL, replicas=replicas), BOUNDS)[0] is state


@given(st.sets(st.sampled_from(sorted(CASES))))
def test_troubles_add_up(codes: set[Code]) -> None:
    """Troubles at once give the reasons of each, and the worst of their states; without any it is ok."""
    changes: dict[str, Any] = {}
    for code in sorted(codes):
        changes |= CASES[code]
    state, reasons = judge(replace(WELL, **changes), BOUNDS)
    found = {reason.code for reason in reasons}
    # Of two that are told by the same fact the later one stands.
    assert found <= codes
    assert bool(found) == bool(codes)
    expected = State.DOWN if found & DOWN else State.DEGRADED if found else State.OK
    assert state is expected


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (600, "10 min"),
        (3600, "1 h"),
        (7380, "2 h 3 min"),
        (86_400 * 3 + 3600, "3 d 1 h"),
        (86_400 * 12 + 3600, "12 d"),
        (-5, "0 s"),
    ],
)
def test_a_span_is_told_in_the_units_that_matter(seconds: int, words: str) -> None:
    """A span has one unit or two, the second only where it still says something."""
    assert span(timedelta(seconds=seconds)) == words
