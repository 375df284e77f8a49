"""When streams are read: bounds that hold for everybody, and reasons to be earlier."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.cadence import (
    ACTIVE_SECONDS,
    EVENTS_SECONDS,
    FOLLOW_SECONDS,
    RETRY_SECONDS,
    RETRY_SECONDS_MAX,
    OrganizationFacts,
    Policy,
    StreamFacts,
    due_at,
    is_due,
    is_full,
    next_due,
    retry_at,
)
from service.domain.stream import BOOKS_STREAMS, LOCAL_STREAMS, RECORD_STREAMS, REFERENCE_STREAMS, Stream

NOW = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
POLICY = Policy(
    poll_seconds=300, connection_seconds=240, sweep_seconds=86_400, diff_seconds=3_600, cure_seconds=120
)
CONNECTED = OrganizationFacts(has_connection=True, is_connected=True, last_pull=NOW, changed_at=NOW)


def facts(stream: Stream, **changes: object) -> StreamFacts:
    """A stream that was read in full just now."""
    told = {"due_at": NOW, "cursor_at": NOW, "read_at": NOW, "full_at": NOW}
    return StreamFacts(stream=stream, **{**told, **changes})  # type: ignore[arg-type]


def wait(stream: StreamFacts, organization: OrganizationFacts, *, random: float = 0.0) -> float:
    """The seconds from now until a stream is read next."""
    return (next_due(stream, organization, POLICY, NOW, random) - NOW).total_seconds()


@pytest.mark.parametrize(
    ("stream", "seconds"),
    [
        (Stream.CONNECTION, 240),
        (Stream.EVENTS, EVENTS_SECONDS),
        (Stream.BILL_RECORDS, 300),
        (Stream.LOCAL_RECEIVABLES, 3_600),
        (Stream.BOOKS_PAYABLES, 86_400),
        (Stream.TAX_RATES, 86_400),
    ],
)
def test_bounds_of_a_connected_organization(stream: Stream, seconds: float) -> None:
    """Each stream has a bound of its own, which settings name."""
    assert wait(facts(stream), CONNECTED) == seconds


def test_what_was_never_read_is_due() -> None:
    """A stream that was never read is read now."""
    for stream in Stream:
        assert wait(facts(stream, read_at=None, full_at=None, cursor_at=None), CONNECTED) == 0


def test_without_any_connection_only_that_and_events_are_read() -> None:
    """Where there never was a connection everything but it and the events waits for the sweep."""
    alone = OrganizationFacts()
    for stream in Stream:
        expected = {Stream.CONNECTION: 240, Stream.EVENTS: EVENTS_SECONDS}.get(stream, 86_400)
        assert wait(facts(stream), alone) == expected


def test_a_lost_connection_slows_down_and_stops_nothing() -> None:
    """Where the connection was lost, records and documents are still read as often as they are compared."""
    lost = replace(CONNECTED, is_connected=False)
    for stream in (*RECORD_STREAMS.values(), *LOCAL_STREAMS):
        assert wait(facts(stream), lost) == 3_600


def test_quiet_organizations_are_read_less() -> None:
    """An organization whose records have not changed for a day is read once per comparison."""
    quiet = replace(CONNECTED, changed_at=NOW - timedelta(seconds=ACTIVE_SECONDS + 1))
    assert wait(facts(Stream.BILL_RECORDS), quiet) == 3_600
    assert wait(facts(Stream.BILL_RECORDS), replace(quiet, changed_at=None)) == 3_600


def test_moved_pull_makes_the_books_due() -> None:
    """The books are read when a pull has ended that was not scanned, and rest until then."""
    pulled = replace(CONNECTED, last_pull=NOW + timedelta(seconds=1))
    for stream in BOOKS_STREAMS:
        assert wait(facts(stream), pulled) == 0
        assert wait(facts(stream, cursor_at=None), CONNECTED) == 0
        assert wait(facts(stream), replace(pulled, is_connected=False)) > 0


@pytest.mark.parametrize(("waited", "seconds"), [(0, FOLLOW_SECONDS), (10, 10), (100, 100), (9_000, 300)])
def test_pending_records_are_followed(waited: float, seconds: float) -> None:
    """The next look comes after as much time again as the youngest pending record has waited."""
    since = NOW - timedelta(seconds=waited)
    followed = replace(CONNECTED, pending_since={Stream.BILL_RECORDS: since})
    assert wait(facts(Stream.BILL_RECORDS), followed) == seconds
    assert wait(facts(Stream.VENDOR_RECORDS), followed) == 300, "the other types keep their pace"


def test_cures_are_looked_for() -> None:
    """While blocked records wait for a stream to change, it is read as often as cures are looked for."""
    blocked = replace(CONNECTED, cures=frozenset({Stream.TAX_RATES}))
    assert wait(facts(Stream.TAX_RATES), blocked) == 120
    assert wait(facts(Stream.LEDGER_ACCOUNTS), blocked) == 86_400


def test_wishes_bring_forward_but_do_not_wake_what_fails() -> None:
    """A wish makes a stream due earlier and never later; one that fails waits for its own turn."""
    later = facts(Stream.CONNECTION, due_at=NOW + timedelta(seconds=100))
    wished = replace(later, wanted_at=NOW + timedelta(seconds=5))
    assert due_at(wished) == NOW + timedelta(seconds=5)
    assert due_at(replace(later, wanted_at=NOW + timedelta(seconds=500))) == later.due_at
    assert due_at(replace(wished, failures=1)) == later.due_at
    assert not is_due(wished, NOW)
    assert is_due(wished, NOW + timedelta(seconds=5))


def test_sweeps_are_full() -> None:
    """A reading begins at the beginning when there is no cursor, or when the last full one is a sweep ago."""
    assert is_full(facts(Stream.BILL_RECORDS, cursor_at=None), POLICY, NOW)
    assert is_full(facts(Stream.BILL_RECORDS, full_at=None), POLICY, NOW)
    assert not is_full(facts(Stream.BILL_RECORDS), POLICY, NOW)
    assert is_full(facts(Stream.BILL_RECORDS, full_at=NOW - timedelta(days=1)), POLICY, NOW)


def test_failures_wait_longer_each_time() -> None:
    """The wait after a failure doubles up to a bound; nobody is asked more often for having failed."""
    waits = [
        (retry_at(facts(Stream.EVENTS, failures=n), CONNECTED, POLICY, NOW, 1.0) - NOW).total_seconds()
        for n in range(1, 12)
    ]
    assert waits[0] == RETRY_SECONDS
    assert waits == sorted(waits)
    assert waits[-1] == min(EVENTS_SECONDS, RETRY_SECONDS_MAX)
    failing = facts(Stream.EVENTS, failures=3, due_at=NOW + timedelta(seconds=77))
    assert wait(failing, CONNECTED) == 77


seconds = st.floats(min_value=0, max_value=10**6, allow_nan=False)
instants = seconds.map(lambda ago: NOW - timedelta(seconds=ago))
organizations = st.builds(
    OrganizationFacts,
    has_connection=st.booleans(),
    is_connected=st.booleans(),
    last_pull=st.none() | instants,
    changed_at=st.none() | instants,
    pending_since=st.dictionaries(st.sampled_from(sorted(RECORD_STREAMS.values())), instants),
    cures=st.frozensets(st.sampled_from(REFERENCE_STREAMS)),
)


@given(
    stream=st.sampled_from(Stream),
    organization=organizations,
    read_at=instants,
    full_at=instants,
    random=st.floats(0, 1),
)
def test_nobody_is_read_later_than_its_bound(
    stream: Stream, organization: OrganizationFacts, read_at: datetime, full_at: datetime, random: float
) -> None:
    """Whatever is known: never later than a sweep after the last reading, and the slower never overtakes."""
    stood = facts(stream, read_at=read_at, full_at=full_at, cursor_at=read_at)
    due = next_due(stood, organization, POLICY, NOW, random)
    assert due <= max(read_at + timedelta(seconds=POLICY.sweep_seconds), NOW)
    assert due <= max(full_at + timedelta(seconds=POLICY.sweep_seconds), NOW)
    if stream is Stream.CONNECTION:
        assert due <= read_at + timedelta(seconds=POLICY.connection_seconds)
    active = organization.is_connected and organization.has_connection
    if stream in LOCAL_STREAMS and active:
        assert due <= read_at + timedelta(seconds=POLICY.diff_seconds)


@given(organization=organizations, stream=st.sampled_from(Stream), random=st.floats(0, 1))
def test_a_reading_is_followed_by_rest(
    organization: OrganizationFacts, stream: Stream, random: float
) -> None:
    """What was read to its end just now is not due again at once, whatever is known: nothing spins."""
    stood = facts(stream, cursor_at=organization.last_pull or NOW)
    assert wait(stood, organization, random=random) >= FOLLOW_SECONDS * 0.9
