"""What the reading of a stream is given, and what it gives back.

A reading fetches page by page and writes each page in a transaction of its own that holds the claim; rows
that are unchanged are not written. What it made due elsewhere is wished for in the same transaction, so that
nothing is forgotten by a crash in between. Where the stream stands is written last, by the poller.

Rows that cannot be read, or that are another organization's, are counted and logged; they stop nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from service.domain.cadence.bound import OrganizationFacts, StreamFacts
from service.domain.cadence.stream import Stream
from service.domain.fleet import WorkKind
from service.domain.pushing import policy as push_policy
from service.errors import HubError, HubFailure
from service.hub import payloads
from service.hub.client import Hub
from service.hub.rows import Refused
from service.logs import get_logger
from service.store.database import Connection, Database
from service.store.work import nudge_work
from service.workers.work import Work

SINGLY_MAX: Final = 2
"""Up to so many new rows are each asked for: what a change usually brings."""

NUDGE_AFTER: Final = timedelta(seconds=30)
"""Pushing and comparing wait for the end of the run, which nudges them at once: a first reading writes page
after page, and to look at each would cost more than the reading. Should the run not end, or take long, they
look by then."""

ENDS_RUN: Final = frozenset(
    {HubFailure.UNREACHABLE, HubFailure.UNAUTHORIZED, HubFailure.THROTTLED, HubFailure.TIMEOUT}
)
"""Failures that the next call would meet too: the run ends, instead of waiting through all of them."""

MAY_PASS: Final = frozenset({HubFailure.SERVER_ERROR, HubFailure.UNREADABLE})
"""Failures of one call that say nothing of the next, nor of what was asked for: later it may be given."""

MAY_PASS_MAX: Final = 3
"""After so many of them in one reading the rest is put off too: where all fail, few calls are spent on it."""

RowT = TypeVar("RowT")

log = get_logger(__name__)


@dataclass(slots=True)
class Visit:
    """What the readings of one run share.

    `connection` is the hub's own view of it, as it was last read; `nudged` is whose turn comes when the run
    ends.
    """

    connection: payloads.Connection | None = None
    nudged: set[WorkKind] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One stream to be read, of one organization, now."""

    hub: Hub
    database: Database
    work: Work
    stream: StreamFacts
    streams: Mapping[Stream, StreamFacts]
    organization: OrganizationFacts
    is_full: bool
    began_at: datetime
    policy: push_policy.Policy
    visit: Visit

    @property
    def is_awaited(self) -> bool:
        """Whether results are awaited in it."""
        return bool(self.stream.awaited)

    @property
    def organization_id(self) -> UUID:
        """Whose stream it is."""
        return self.work.organization_id


@dataclass(slots=True, kw_only=True)
class Readout:
    """What came of a reading.

    `doubt` says why it does not count as read, although it went to its end; it is tried again like one that
    failed. `rest_seconds` is for a stream that the hub does not serve. `shown` are the seconds that awaited
    results took; `changes` happened since the last reading, and `missed` of them were not announced.
    """

    cursor_at: datetime | None = None
    is_full: bool = False
    doubt: str | None = None
    rest_seconds: float | None = None
    shown: list[float] = field(default_factory=list)
    changes: int = 0
    missed: int = 0
    counts: Counter[str] = field(default_factory=Counter)


async def nudge(connection: Connection, reading: Reading, *kinds: WorkKind) -> None:
    """Let others look at what has just been written, once the run ends."""
    for kind in kinds:
        await nudge_work(connection, [reading.organization_id], kind, reading.work.now + NUDGE_AFTER)
    reading.visit.nudged.update(kinds)


def count_refused(readout: Readout, reading: Reading, refused: Sequence[Refused]) -> None:
    """Count and log rows that could not be used, without telling what they hold."""
    for row in refused:
        readout.counts["foreign" if row.is_foreign else "unreadable"] += 1
    if refused:
        log.warning("rows_refused", stream=reading.stream.stream, rows=len(refused), reason=refused[0].reason)


def count_strangers(readout: Readout, reading: Reading, strangers: int) -> None:
    """Count and log rows that the hub did not tell again when asked for them."""
    if strangers:
        readout.counts["foreign"] += strangers
        log.warning(
            "rows_refused",
            stream=reading.stream.stream,
            rows=strangers,
            reason="the hub tells them of this organization in a list, but not when asked for them",
        )


async def strangers_among(
    rows: Sequence[RowT], told_at: Callable[[RowT], datetime | None], ask: Callable[[RowT], Awaitable[object]]
) -> Sequence[RowT]:
    """Those of new rows, in a list's own order, that the hub does not tell when asked for them.

    Most lists do not say whose their rows are, and asking for each would double the calls. So the first and
    the last are asked for, and whatever stands out of the order that the list was asked to have; if one of
    them is a stranger, every row is asked for.
    """
    sample = _sample(rows, told_at)
    strangers = [row for row in sample if not await _is_told(row, ask)]
    if not strangers or len(sample) == len(rows):
        return strangers
    return strangers + [row for row in rows if row not in sample and not await _is_told(row, ask)]


def _sample(rows: Sequence[RowT], told_at: Callable[[RowT], datetime | None]) -> Sequence[RowT]:
    if len(rows) <= SINGLY_MAX:
        return rows
    sample = {0: rows[0], len(rows) - 1: rows[-1]}
    latest: datetime | None = None
    for number, row in enumerate(rows):
        at = told_at(row)
        if at is not None and latest is not None and at < latest:
            sample[number] = row
        latest = at if latest is None or at is None else max(latest, at)
    return list(sample.values())


async def _is_told(row: RowT, ask: Callable[[RowT], Awaitable[object]]) -> bool:
    try:
        await ask(row)
    except HubError as error:
        if error.failure in {HubFailure.NOT_FOUND, HubFailure.REFUSED, HubFailure.UNREADABLE}:
            return False
        raise
    return True
