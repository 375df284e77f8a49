"""When streams are read: bounds that hold for everybody, and reasons to be earlier."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.domain.cadence.bound import (
    ACTIVE_SECONDS,
    EVENTS_SECONDS,
    OrganizationFacts,
    Policy,
    StreamFacts,
    bound_seconds,
)
from service.domain.cadence.delays import Delays, Outlook
from service.domain.cadence.due import (
    FOLLOW_SECONDS,
    RETRY_SECONDS,
    RETRY_SECONDS_MAX,
    SLACK,
    awaited_since,
    due_at,
    is_due,
    is_full,
    is_worth_reading,
    next_due,
    rate_after,
    retry_at,
)
from service.domain.cadence.pace import AT_REST, Pace
from service.domain.cadence.stream import (
    BOOKS_STREAMS,
    LOCAL_STREAMS,
    RECORD_STREAMS,
    Stream,
)

NOW = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
POLICY = Policy(
    poll_seconds=300, connection_seconds=240, sweep_seconds=86_400, diff_seconds=3_600, cure_seconds=120
)
REFERENCES = (
    Stream.SETTINGS,
    Stream.TAX_RATES,
    Stream.LEDGER_ACCOUNTS,
    Stream.PRODUCTS,
    Stream.COUNTERPARTS,
)
CONNECTED = OrganizationFacts(has_connection=True, is_connected=True, last_pull=NOW, changed_at=NOW)


def facts(stream: Stream, **changes: object) -> StreamFacts:
    """A stream that was read in full just now."""
    told = {"due_at": NOW, "cursor_at": NOW, "read_at": NOW, "full_at": NOW}
    return StreamFacts(stream=stream, **{**told, **changes})  # type: ignore[arg-type]


def wait(
    stream: StreamFacts, organization: OrganizationFacts, *, random: float = 0.0, pace: Pace = AT_REST
) -> float:
    """The seconds from now until a stream is read next."""
    return (next_due(stream, organization, POLICY, NOW, random, pace=pace) - NOW).total_seconds()


def within(bound: float) -> object:
    """The wait that leaves some of a bound for the queue."""
    return pytest.approx(bound * (1 - SLACK))


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
    assert wait(facts(stream), CONNECTED) == within(seconds)


def test_what_was_never_read_is_due() -> None:
    """A stream that was never read is read now."""
    for stream in Stream:
        assert wait(facts(stream, read_at=None, full_at=None, cursor_at=None), CONNECTED) == 0


def test_without_any_connection_only_that_and_events_are_read() -> None:
    """Where there never was a connection everything but it and the events waits for the sweep."""
    alone = OrganizationFacts()
    for stream in Stream:
        expected = {Stream.CONNECTION: 240, Stream.EVENTS: EVENTS_SECONDS}.get(stream, 86_400)
        assert wait(facts(stream), alone) == within(expected)


def test_a_lost_connection_slows_down_and_stops_nothing() -> None:
    """Where the connection was lost, records and documents are still read as often as they are compared."""
    lost = replace(CONNECTED, is_connected=False)
    for stream in (*RECORD_STREAMS.values(), *LOCAL_STREAMS):
        assert wait(facts(stream), lost) == within(3_600)


def test_quiet_organizations_are_read_less() -> None:
    """An organization whose records have not changed for a day is read once per comparison."""
    quiet = replace(CONNECTED, changed_at=NOW - timedelta(seconds=ACTIVE_SECONDS + 1))
    assert wait(facts(Stream.BILL_RECORDS), quiet) == within(3_600)
    assert wait(facts(Stream.BILL_RECORDS), replace(quiet, changed_at=None)) == within(3_600)


def test_moved_pull_makes_the_books_due() -> None:
    """The books are read when a pull has ended that was not scanned, and rest until then."""
    pulled = replace(CONNECTED, last_pull=NOW + timedelta(seconds=1))
    for stream in BOOKS_STREAMS:
        assert wait(facts(stream), pulled) == 0
        assert wait(facts(stream, cursor_at=None), CONNECTED) == 0
        assert wait(facts(stream), replace(pulled, is_connected=False)) > 0


USUAL = Pace(outlook=Outlook(Delays.unknown().learned([5.0 + each / 4 for each in range(220)] * 4, late=90)))
"""Nine of ten results take five seconds to a minute."""


def awaiting(seconds: float, *, pace: Pace = USUAL, **changes: object) -> float:
    """The wait of a stream that was read just now, in vain, for a result awaited for so many seconds."""
    since = NOW - timedelta(seconds=seconds)
    return wait(facts(Stream.BILL_RECORDS, awaited=[since]), replace(CONNECTED, **changes), pace=pace)  # type: ignore[arg-type]


def test_an_event_leads_to_a_look_when_its_push_has_probably_ended() -> None:
    """Nobody looks before a push can have ended; the more a call costs, the surer the look."""
    cheap, dear = awaiting(0), awaiting(0, pace=replace(USUAL, price=10.0))
    assert 5 < cheap < 15
    assert 30 < dear < 60
    assert wait(facts(Stream.VENDOR_RECORDS), CONNECTED, pace=USUAL) == within(300), (
        "the others keep their pace"
    )


def test_what_takes_longer_is_looked_for_with_doubling_waits() -> None:
    """Past the usual time the next look comes after as much time again, up to the bound."""
    pulled = NOW - timedelta(seconds=1_500)
    assert awaiting(150, last_pull=pulled) == pytest.approx(150)
    assert awaiting(200, last_pull=pulled) == pytest.approx(200)
    assert awaiting(2_000, last_pull=pulled) == within(300)


def test_a_pending_record_is_awaited_like_an_event() -> None:
    """A record that is pending is looked after as if an event had announced it then."""
    since = NOW - timedelta(seconds=100)
    pending = replace(CONNECTED, pending_since={Stream.BILL_RECORDS: since})
    assert wait(facts(Stream.BILL_RECORDS), pending, pace=USUAL) == pytest.approx(awaiting(100))


def test_what_is_late_is_looked_for_after_the_next_pull() -> None:
    """What may come with the next pull is looked for when that is expected to have ended, and soon again."""
    soon = NOW - timedelta(seconds=USUAL.pull_seconds - 20)
    assert awaiting(1_000, last_pull=soon) == pytest.approx(20 + FOLLOW_SECONDS)
    overdue = NOW - timedelta(seconds=USUAL.pull_seconds + 30)
    assert awaiting(1_000, last_pull=overdue) == pytest.approx(30)


def test_the_connection_is_read_when_a_pull_is_expected_to_have_ended() -> None:
    """Where the bound is far, the next pull's end is the moment to look."""
    stretched = Pace(stretch=20.0)
    pulled = replace(CONNECTED, last_pull=NOW - timedelta(seconds=600))
    assert wait(facts(Stream.CONNECTION), pulled, pace=stretched) == pytest.approx(3_000 + FOLLOW_SECONDS)


def test_a_moved_pull_opens_a_sweep() -> None:
    """What a pull may have brought unannounced is read soon where calls are plenty, else later."""
    busy = facts(Stream.BILL_RECORDS, changes_per_second=100 / 86_400, read_at=NOW - timedelta(seconds=60))
    pulled = replace(CONNECTED, last_pull=NOW - timedelta(seconds=30), changes_per_second=100 / 86_400)
    waits = [wait(busy, pulled, pace=replace(AT_REST, price=price)) for price in (0.3, 0.6, 60.0)]
    assert waits == sorted(waits)
    assert waits[0] < 60 < waits[-1]
    assert waits[-1] == pytest.approx(300 * (1 - SLACK) - 60)


def test_the_log_is_read_where_more_is_lost() -> None:
    """The more an organization changes and the more events get lost, the sooner the log is read."""
    busy = replace(CONNECTED, changes_per_second=1_000 / 86_400)
    often, seldom = (wait(facts(Stream.EVENTS), each) for each in (busy, CONNECTED))
    assert often < seldom
    assert wait(facts(Stream.EVENTS), busy, pace=replace(AT_REST, missed=10.0)) < often


def test_without_a_log_the_records_themselves_are_looked_through() -> None:
    """Where the hub serves no log, streams that change much are read without any event."""
    busy = facts(Stream.BILL_RECORDS, changes_per_second=1_000 / 86_400)
    assert wait(busy, CONNECTED) == within(300)
    assert wait(busy, replace(CONNECTED, is_logged=False)) < 100


def test_scarce_calls_stretch_every_bound_alike() -> None:
    """Bounds are multiplied by one number for all, and never exceed the sweep."""
    stretched = Pace(stretch=3.0)
    assert wait(facts(Stream.BILL_RECORDS), CONNECTED, pace=stretched) == within(900)
    assert wait(facts(Stream.CONNECTION), replace(CONNECTED, last_pull=None), pace=stretched) == within(720)
    assert wait(facts(Stream.TAX_RATES), CONNECTED, pace=Pace(stretch=1_000)) == within(86_400)
    assert wait(facts(Stream.LOCAL_PAYABLES), CONNECTED, pace=stretched) == within(3_600)
    assert wait(facts(Stream.LOCAL_PAYABLES), CONNECTED, pace=Pace(comparing_stretch=2.0)) == within(7_200)


def test_a_bound_that_was_stated_is_kept() -> None:
    """A stream is read by when it was said, however the bounds are stretched meanwhile."""
    stated = facts(Stream.BILL_RECORDS, bound_at=NOW + timedelta(seconds=300))
    assert wait(stated, CONNECTED, pace=Pace(stretch=10.0)) == within(300)


def test_books_rest_where_calls_for_comparing_are_scarce() -> None:
    """A pull that ended makes the books due at once, or when their stretched turn has come."""
    pulled = replace(CONNECTED, last_pull=NOW + timedelta(seconds=1))
    assert wait(facts(Stream.BOOKS_PAYABLES), pulled, pace=Pace(comparing_stretch=1.5)) == 1_800


def test_what_became_too_dear_is_put_off() -> None:
    """A stream that is due for a reason is not read when calls have become scarce, but is at its bound."""
    read_at = NOW - timedelta(seconds=30)
    due = facts(Stream.BILL_RECORDS, read_at=read_at, awaited=[read_at])
    scarce = replace(USUAL, price=100.0)
    assert is_worth_reading(due, CONNECTED, POLICY, NOW, USUAL)
    assert not is_worth_reading(due, CONNECTED, POLICY, NOW, scarce)
    assert is_worth_reading(
        replace(due, read_at=NOW - timedelta(seconds=280)), CONNECTED, POLICY, NOW, scarce
    )
    assert is_worth_reading(replace(due, wanted_at=NOW), CONNECTED, POLICY, NOW, scarce)
    assert is_worth_reading(replace(due, full_at=None), CONNECTED, POLICY, NOW, scarce)


def test_what_never_comes_is_not_awaited_for_ever() -> None:
    """Two pulls after its event a result is awaited no more."""
    assert awaited_since(NOW, USUAL) == NOW - timedelta(seconds=2 * USUAL.pull_seconds)


def test_the_rate_of_changes_follows_what_is_seen() -> None:
    """A steady rate is found whatever the intervals, and one that ended is forgotten."""
    rate = 0.0
    for _ in range(2_000):
        rate = rate_after(rate, 600, 6)
    assert rate == pytest.approx(0.01, rel=0.02)
    for _ in range(2_000):
        rate = rate_after(rate, 600, 0)
    assert rate < 0.0002


def test_cures_are_looked_for() -> None:
    """While blocked records wait for a stream to change, it is read as often as cures are looked for."""
    blocked = replace(CONNECTED, cures=frozenset({Stream.TAX_RATES}))
    assert wait(facts(Stream.TAX_RATES), blocked) == within(120)
    assert wait(facts(Stream.LEDGER_ACCOUNTS), blocked) == within(86_400)


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


def test_a_sweep_that_failed_takes_turns_with_the_cursor() -> None:
    """What is new is read although the old cannot be; what was never read has no cursor to go on from."""
    for full_at in (None, NOW - timedelta(days=1)):
        tries = [facts(Stream.BILL_RECORDS, full_at=full_at, failures=failures) for failures in range(4)]
        assert [is_full(each, POLICY, NOW) for each in tries] == [True, False, True, False]
    assert is_full(facts(Stream.BILL_RECORDS, cursor_at=None, failures=1), POLICY, NOW)


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
paces = st.builds(
    Pace,
    price=st.floats(0.3, 600),
    stretch=st.floats(1, 100),
    comparing_stretch=st.floats(1, 100),
    missed=st.floats(0, 20),
)
organizations = st.builds(
    OrganizationFacts,
    has_connection=st.booleans(),
    is_connected=st.booleans(),
    last_pull=st.none() | instants,
    changed_at=st.none() | instants,
    pending_since=st.dictionaries(st.sampled_from(sorted(RECORD_STREAMS.values())), instants),
    cures=st.frozensets(st.sampled_from(REFERENCES)),
    changes_per_second=st.floats(0, 100),
    is_logged=st.booleans(),
)


@given(
    stream=st.sampled_from(Stream),
    organization=organizations,
    pace=paces,
    read_at=instants,
    full_at=instants,
    awaited=st.lists(instants, max_size=4),
    random=st.floats(0, 1),
)
@example(
    stream=Stream.BOOKS_RECEIVABLES,
    organization=OrganizationFacts(has_connection=True, is_connected=True, last_pull=NOW),
    pace=Pace(comparing_stretch=25.0),
    read_at=NOW - timedelta(seconds=1),
    full_at=NOW - timedelta(seconds=2),
    awaited=[],
    random=0.0,
)
def test_nobody_is_read_later_than_its_bound(
    *,
    stream: Stream,
    organization: OrganizationFacts,
    pace: Pace,
    read_at: datetime,
    full_at: datetime,
    awaited: list[datetime],
    random: float,
) -> None:
    """Whatever is known and however scarce calls are: never later than its bound, nor than a sweep."""
    stood = facts(stream, read_at=read_at, full_at=full_at, cursor_at=read_at, awaited=awaited)
    due = next_due(stood, organization, POLICY, NOW, random, pace=pace)
    if stream not in BOOKS_STREAMS:
        bound = timedelta(seconds=bound_seconds(stood, organization, POLICY, pace))
        assert due <= max(read_at + bound * (1 - SLACK) + timedelta(seconds=FOLLOW_SECONDS), NOW)
    assert due <= max(read_at + timedelta(seconds=POLICY.sweep_seconds), NOW)
    assert due <= max(full_at + timedelta(seconds=POLICY.sweep_seconds), NOW)


@given(organization=organizations, stream=st.sampled_from(Stream), random=st.floats(0, 1), pace=paces)
def test_a_reading_is_followed_by_rest(
    organization: OrganizationFacts, stream: Stream, random: float, pace: Pace
) -> None:
    """What was read to its end just now is not due again at once, whatever is known: nothing spins."""
    stood = facts(stream, cursor_at=organization.last_pull or NOW, awaited=[NOW] * 20)
    assert wait(stood, organization, random=random, pace=pace) >= FOLLOW_SECONDS * 0.9
