"""Reading the hub's log of events: what our webhooks should have brought, whether they did or not.

The log holds what enabled subscriptions caused, for three months. What it has and we lack is stored like a
delivery and worked off as a hint. A hub that does not serve it is done without: the other streams have bounds
of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

import msgspec

from service.domain.cadence.bound import UNSERVED
from service.domain.cadence.due import OVERLAP
from service.domain.fleet import WorkKind
from service.errors import HubError, HubFailure
from service.hub.payloads import Event
from service.store.events import LoggedEvent, delete_doubled_events, insert_logged_events
from service.workers.reading import Reading, Readout, count_refused, nudge

FIRST_WINDOW: Final = timedelta(days=1)
"""How far back the log is read of an organization that is met for the first time. Everything of it is read in
full just then, so that older events could tell nothing."""

UNSERVED_SECONDS: Final = 86_400.0
"""A hub that does not serve the log is asked again the next day."""

UNSERVED_FAILURES: Final = 4
"""A gateway without a route, or a page of its own, may pass; what is the same so many times in a row is the
hub."""

_JSON = msgspec.json.Encoder(decimal_format="number")


async def read_events(reading: Reading) -> Readout:
    """Read the log from the cursor on, and keep what we lack."""
    cursor = reading.stream.cursor_at
    readout = Readout(cursor_at=cursor, is_full=True)
    since = cursor - OVERLAP if cursor else reading.began_at - FIRST_WINDOW
    try:
        async for page in reading.hub.events(reading.organization_id, created_since=since):
            count_refused(readout, reading, page.refused)
            if page.items:
                missed = await _keep(reading, page.items)
                readout.counts["events_missed"] += missed
                readout.missed += missed if cursor else 0
                readout.cursor_at = _later(readout.cursor_at, page.items, reading.began_at)
    except HubError as error:
        if not _is_unserved(reading, error):
            raise
        readout.rest_seconds = UNSERVED_SECONDS
    readout.cursor_at = readout.cursor_at or since
    return readout


def _is_unserved(reading: Reading, error: HubError) -> bool:
    """Whether the hub has no such log: it says so itself, or whoever answers for it keeps saying so."""
    if error.http_status != HTTPStatus.NOT_FOUND:
        return False
    failures = reading.stream.failures + 1
    was_unserved = reading.stream.error == UNSERVED
    return error.failure is HubFailure.NOT_FOUND or was_unserved or failures >= UNSERVED_FAILURES


async def _keep(reading: Reading, events: Sequence[Event]) -> int:
    logged = [
        LoggedEvent(
            event_id=event.id,
            object_type=event.object_type,
            action=event.action,
            object_id=event.object_id,
            created_at=event.created_at,
            raw=_JSON.encode(event.payload),
        )
        for event in events
    ]
    async with reading.work.writing() as connection:
        await delete_doubled_events(connection, reading.organization_id)
        missed = await insert_logged_events(connection, reading.organization_id, logged)
        if missed:
            await nudge(connection, reading, WorkKind.INGEST)
    return missed


def _later(cursor: datetime | None, events: Sequence[Event], now: datetime) -> datetime | None:
    """The latest time that was told; a time in our future is not believed, or it would hide what comes."""
    told = [event.created_at for event in events if event.created_at is not None]
    return max([min(at, now) for at in told] + ([cursor] if cursor else []), default=None)
