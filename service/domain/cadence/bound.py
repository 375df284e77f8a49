"""By when each stream is read at the latest: bounds that settings name, stretched when calls are scarce.

What a setting names holds while the calls suffice. Beyond that everybody's bound is multiplied by the same
number (`Pace.stretch`), never beyond the sweep, which is not stretched; the bound that held at a reading is
stated and kept with the stream.

- Where there never was a connection, nothing reaches the books: the connection and events apart, everything
  is read at the pace of the sweep. Where one was lost, pushes still fail and documents still come about; they
  are read as often as documents are compared.
- An organization whose records have not changed for a day is read as often as its documents are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from service.domain.cadence.pace import Pace
from service.domain.cadence.stream import BOOKS_STREAMS, LOCAL_STREAMS, RECORD_STREAMS, Stream
from service.domain.causes.facts import Cure, facts_of
from service.domain.causes.names import Cause

EVENTS_SECONDS: Final = 600.0
"""What the hub's log has and we lack is fetched within 15 minutes; this leaves five for waiting in the
queue."""

EVENTS_PER_POLL: Final = 2.0
"""Where records are read more often than usual, the log is too: every second time."""

LATE_SECONDS: Final = 5.0
LATE_SHARE: Final = 0.1
"""What is late by less than a few seconds, or a tenth of the shortest bound, is being read just now."""

UNSERVED: Final = "the hub does not serve this"
"""The error of a stream that the hub knows nothing of; it is asked again after a rest."""

AWAITED_MAX: Final = 16
"""Results that bear on the next look, one by one; the more there are, the less each matters."""

ACTIVE_SECONDS: Final = 86_400.0
"""An organization is active when a record of it changed within a day."""

CURES: Final[Mapping[Cure, Stream]] = {
    Cure.TAX_RATE_APPEARS: Stream.TAX_RATES,
    Cure.LEDGER_ACCOUNT_APPEARS: Stream.LEDGER_ACCOUNTS,
    Cure.SETTING_APPEARS: Stream.SETTINGS,
}
"""In which stream a cure would show; the others show in streams that are read often anyway, or nowhere."""

NAMED: Final[Mapping[str, Stream]] = {
    "product": Stream.PRODUCTS,
    "customer": Stream.COUNTERPARTS,
    "vendor": Stream.COUNTERPARTS,
}
"""In which stream a change of an object of this type would show, and whether a namesake of it is gone."""


def cure_streams(cause: Cause, object_type: str) -> Iterator[Stream]:
    """Where it would show that a record of this type, blocked by this cause, is cured."""
    for cure in facts_of(cause).cures:
        if cure in CURES:
            yield CURES[cure]
        elif cure is Cure.OBJECT_CHANGED and object_type in NAMED:
            yield NAMED[object_type]
        elif cure is Cure.DUPLICATE_GONE and cause is not Cause.DUPLICATE_DOCUMENT_NUMBER:
            yield NAMED.get(object_type, Stream.PRODUCTS)


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
    (books). `bound_at` is by when it was said, at the last reading, that the next would be. `awaited` tells
    since when results are awaited that events have announced, of the `AWAITED_MAX` youngest; a reading takes
    so many `calls`.
    """

    stream: Stream
    due_at: datetime
    cursor_at: datetime | None = None
    read_at: datetime | None = None
    full_at: datetime | None = None
    bound_at: datetime | None = None
    failures: int = 0
    wanted_at: datetime | None = None
    error: str | None = None
    awaited: Sequence[datetime] = ()
    changes_per_second: float = 0.0
    calls: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationFacts:
    """What is known of an organization that bears on how often it is read.

    `has_connection` tells of any connection, a lost one too; `is_connected` of one through which data flows.
    `pending_since` says of a record stream when the youngest of its pending records began to wait; `cures`
    are the streams in which a change would release blocked records; `changed_at` is the latest change of any
    record. `is_logged` tells whether the hub serves its log of events.
    """

    has_connection: bool = False
    is_connected: bool = False
    last_pull: datetime | None = None
    changed_at: datetime | None = None
    changes_per_second: float = 0.0
    is_logged: bool = True
    pending_since: Mapping[Stream, datetime] = field(default_factory=dict)
    cures: frozenset[Stream] = frozenset()


def bound_seconds(stream: StreamFacts, organization: OrganizationFacts, policy: Policy, pace: Pace) -> float:
    """How long after its last reading a stream is read at the latest, as things are now."""
    base = base_seconds(stream, organization, policy)
    stretch = pace.comparing_stretch if is_for_comparing(stream.stream) else pace.stretch
    return max(base, min(base * stretch, policy.sweep_seconds))


def demand_seconds(stream: StreamFacts, organization: OrganizationFacts, policy: Policy) -> float:
    """How often a stream asks to be read while calls suffice: the books as often as the hub pulls them."""
    if stream.stream in BOOKS_STREAMS and organization.is_connected:
        return min(policy.diff_seconds, policy.sweep_seconds)
    return base_seconds(stream, organization, policy)


def base_seconds(stream: StreamFacts, organization: OrganizationFacts, policy: Policy) -> float:
    """The same while calls suffice."""
    name = stream.stream
    if name is Stream.CONNECTION:
        return policy.connection_seconds
    if name is Stream.EVENTS:
        return min(EVENTS_SECONDS, EVENTS_PER_POLL * policy.poll_seconds)
    seconds = policy.sweep_seconds
    if not organization.has_connection:
        return seconds
    if name in organization.cures:
        seconds = policy.cure_seconds
    elif is_for_records(name):
        seconds = _records_seconds(stream, organization, policy)
    elif name in LOCAL_STREAMS:
        seconds = policy.diff_seconds
    return min(seconds, policy.sweep_seconds)


def tolerated_seconds(poll_seconds: float) -> float:
    """How much later than its bound a stream may be read before that is told."""
    return max(LATE_SECONDS, LATE_SHARE * poll_seconds)


def is_for_records(stream: Stream) -> bool:
    """Whether it is a stream of synced records."""
    return stream in _RECORDS


def is_for_comparing(stream: Stream) -> bool:
    """Whether it is a stream of documents, which have a share of the calls of their own."""
    return stream in LOCAL_STREAMS or stream in BOOKS_STREAMS


def _records_seconds(stream: StreamFacts, organization: OrganizationFacts, policy: Policy) -> float:
    if stream.read_at is None:
        return policy.poll_seconds
    changed_at = organization.changed_at
    if (
        organization.is_connected
        and changed_at is not None
        and stream.read_at - changed_at <= timedelta(seconds=ACTIVE_SECONDS)
    ):
        return policy.poll_seconds
    return max(policy.poll_seconds, policy.diff_seconds)


_RECORDS: Final = frozenset(RECORD_STREAMS.values())
