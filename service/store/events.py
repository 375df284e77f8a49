"""The webhook ledger as the workers see it: what waits to be worked off, and what only the hub's log has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import clean_text


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvent:
    """An event that nobody has looked at yet."""

    event_id: UUID
    subscription_id: UUID
    object_type: str | None
    action: str | None
    object_id: str | None
    created_at: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """An event of the hub's log; `raw` is what the log told of it."""

    event_id: UUID
    object_type: str
    action: str
    object_id: str | None
    created_at: datetime | None
    raw: bytes


async def insert_logged_events(
    connection: Connection, organization_id: UUID, events: Sequence[LoggedEvent]
) -> int:
    """Keep those that we lack; returns how many that were."""
    rows = await connection.fetch(
        QUERY["insert_logged_events"],
        organization_id,
        [event.event_id for event in events],
        [clean_text(event.object_type) for event in events],
        [clean_text(event.action) for event in events],
        [event.object_id and clean_text(event.object_id) for event in events],
        [event.created_at for event in events],
        [event.raw for event in events],
    )
    return len(rows)


async def delete_doubled_events(connection: Connection, organization_id: UUID) -> None:
    """Forget what we took from the log while its delivery was just being stored."""
    await connection.execute(QUERY["delete_doubled_events"], organization_id)


async def list_unworked_events(
    connection: Connection, organization_id: UUID, limit: int
) -> Sequence[WaitingEvent]:
    """What waits, oldest first."""
    rows = await connection.fetch(QUERY["list_unworked_events"], organization_id, limit)
    return [WaitingEvent(**row) for row in rows]


async def mark_events_worked(
    connection: Connection, organization_id: UUID, event_ids: Collection[UUID]
) -> None:
    """Note that they have been worked off."""
    await connection.execute(QUERY["mark_events_worked"], organization_id, list(event_ids))


async def prune_events(connection: Connection, kept: timedelta, limit: int) -> int:
    """Forget worked events that are older than they are kept; returns how many."""
    return int(await connection.fetchval(QUERY["prune_events"], kept, limit))
