"""When each stream of an organization is read next: a pure function of what can be observed.

Calls to the hub are scarce, so a stream is read when there is a reason to, and otherwise so often that
nobody's bound is exceeded:

- **The connection** tells what is worth reading at all. Where there never was one, nothing reaches the books:
  events apart, everything else is read at the pace of the sweep. Where one was lost, pushes still fail and
  documents still come about; they are read as often as documents are compared.
- **Records** have a filter by time of change. While some are pending, a push is under way whose outcome no
  webhook will tell: the next look comes after as much time again as has passed since the youngest began to
  wait, so looks double from a few seconds up to the usual bound. An organization whose records have not
  changed for a day is read as often as its documents are compared.
- **Lists of the books** are a cache as of `last_pull`: there is nothing new in them until it moves.
- **Local documents** have no filter by time of change. Events name the ones that changed; the whole list is
  read once per comparison.
- **Reference data** is read with the sweep, and often while blocked records wait for it to change.
- Whoever fails is asked again with growing waits, never later than its own bound.

Wishes (an event's hint, a push just made) bring a stream forward; they never put it off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from service.domain.cause_facts import Cure
from service.domain.stream import BOOKS_STREAMS, LOCAL_STREAMS, RECORD_STREAMS, Stream

FOLLOW_SECONDS: Final = 2.0
"""The first look after a push: the hub carries most of them out within seconds."""

EVENTS_SECONDS: Final = 600.0
"""What the hub's log has and we lack is fetched within 15 minutes; this leaves five for waiting in the
queue."""

EVENTS_PER_POLL: Final = 2.0
"""Where records are read more often than usual, the log is too: every second time."""

ACTIVE_SECONDS: Final = 86_400.0
"""An organization is active when a record of it changed within a day."""

OVERLAP: Final = timedelta(minutes=10)
"""Read again before each cursor: rows that share an instant, that were committed late, or that a replica of
the hub had not seen yet. No transaction of the hub takes longer, or it would be a different kind of
trouble."""

RETRY_SECONDS: Final = 5.0
RETRY_SECONDS_MAX: Final = 900.0
"""The first and the longest wait after a failed reading."""

SPREAD: Final = 0.1
"""Up to this share of an interval is left out at random, so that organizations that were met together
part."""


CURES: Final[Mapping[Cure, Stream]] = {
    Cure.TAX_RATE_APPEARS: Stream.TAX_RATES,
    Cure.LEDGER_ACCOUNT_APPEARS: Stream.LEDGER_ACCOUNTS,
    Cure.SETTING_APPEARS: Stream.SETTINGS,
    Cure.DUPLICATE_GONE: Stream.PRODUCTS,
}
"""In which stream a cure would show; the others show in streams that are read often anyway, or nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The bounds, in seconds."""

    poll_seconds: float
    connection_seconds: float
    sweep_seconds: float
    diff_seconds: float
    cure_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """Where the reading of one stream stands.

    `cursor_at` is the latest change read completely (records, events), or the `last_pull` that was scanned
    (books).
    """

    stream: Stream
    due_at: datetime
    cursor_at: datetime | None = None
    read_at: datetime | None = None
    full_at: datetime | None = None
    failures: int = 0
    wanted_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationFacts:
    """What is known of an organization that bears on how often it is read.

    `has_connection` tells of any connection, a lost one too; `is_connected` of one through which data flows.
    `pending_since` says of a record stream when the youngest of its pending records began to wait; `cures`
    are the streams in which a change would release blocked records; `changed_at` is the latest change of any
    record.
    """

    has_connection: bool = False
    is_connected: bool = False
    last_pull: datetime | None = None
    changed_at: datetime | None = None
    pending_since: Mapping[Stream, datetime] = field(default_factory=dict)
    cures: frozenset[Stream] = frozenset()


def is_due(stream: StreamFacts, now: datetime) -> bool:
    """Whether it is time to read the stream; one that fails waits for its turn whatever anybody wishes."""
    return due_at(stream) <= now


def due_at(stream: StreamFacts) -> datetime:
    """When a stream is due, wishes included."""
    if stream.wanted_at is None or stream.failures:
        return stream.due_at
    return min(stream.due_at, stream.wanted_at)


def is_full(stream: StreamFacts, policy: Policy, now: datetime) -> bool:
    """Whether the next reading begins at the beginning, whatever the cursor says."""
    if stream.cursor_at is None or stream.full_at is None:
        return True
    return now >= stream.full_at + _seconds(policy.sweep_seconds)


def next_due(
    stream: StreamFacts, organization: OrganizationFacts, policy: Policy, now: datetime, random: float
) -> datetime:
    """When a stream is to be read next; `random` lies between 0 and 1.

    Never later than one interval after the last reading, so that calling it again with newer facts about the
    organization brings streams forward.
    """
    if stream.failures:
        return stream.due_at
    if stream.read_at is None:
        return now
    if _has_news(stream, organization):
        return now
    interval = _interval(stream, organization, policy) * (1 - SPREAD * random)
    due = stream.read_at + _seconds(interval)
    if stream.full_at is not None:
        due = min(due, stream.full_at + _seconds(policy.sweep_seconds))
    return due


def retry_at(
    stream: StreamFacts, organization: OrganizationFacts, policy: Policy, now: datetime, random: float
) -> datetime:
    """When a stream whose reading has just failed, for the `failures`-th time, is tried again."""
    assert stream.failures > 0, "a stream that did not fail keeps its pace"
    bound = _interval(stream, organization, policy)
    # Without a connection a list may fail for no other reason; nobody waits for it.
    longest = min(bound, RETRY_SECONDS_MAX) if organization.is_connected else bound
    wait = min(RETRY_SECONDS * 2.0 ** min(stream.failures - 1, 20), max(longest, RETRY_SECONDS))
    return now + _seconds(wait * (0.5 + random / 2))


def _has_news(stream: StreamFacts, organization: OrganizationFacts) -> bool:
    """Whether a pull has ended that the stream was not read after."""
    if not organization.is_connected or organization.last_pull is None:
        return False
    if stream.stream in BOOKS_STREAMS:
        return stream.cursor_at is None or stream.cursor_at < organization.last_pull
    return False


def _interval(stream: StreamFacts, organization: OrganizationFacts, policy: Policy) -> float:
    name = stream.stream
    if name is Stream.CONNECTION:
        return policy.connection_seconds
    if name is Stream.EVENTS:
        return min(EVENTS_SECONDS, EVENTS_PER_POLL * policy.poll_seconds)
    if not organization.has_connection:
        return policy.sweep_seconds
    interval = policy.sweep_seconds
    if name in organization.cures:
        interval = policy.cure_seconds
    elif name in _RECORDS:
        interval = _records_interval(stream, organization, policy)
    elif name in LOCAL_STREAMS:
        interval = policy.diff_seconds
    return min(interval, policy.sweep_seconds)


def _records_interval(stream: StreamFacts, organization: OrganizationFacts, policy: Policy) -> float:
    if stream.read_at is None:
        return policy.poll_seconds
    pending_since = organization.pending_since.get(stream.stream)
    if pending_since is not None:
        waited = (stream.read_at - pending_since).total_seconds()
        return min(max(waited, FOLLOW_SECONDS), policy.poll_seconds)
    changed_at = organization.changed_at
    if (
        organization.is_connected
        and changed_at is not None
        and stream.read_at - changed_at <= _seconds(ACTIVE_SECONDS)
    ):
        return policy.poll_seconds
    return max(policy.poll_seconds, policy.diff_seconds)


def _seconds(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


_RECORDS: Final = frozenset(RECORD_STREAMS.values())
