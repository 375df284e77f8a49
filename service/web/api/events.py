"""The ledger of webhooks: what came, what came again, what cannot be read, and what never came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from service.domain.fleet import FLEET
from service.store.answers import list_events
from service.web.paging import Keyset, Page
from service.web.route import Asked

SOURCES = ("webhook", "log")

_KEY = Keyset("events", (datetime, UUID, UUID))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. From source `log` it is a gap: no webhook brought it, we found it in the hub's own log."""

    id: UUID
    organization_id: UUID | None
    subscription_id: UUID | None
    source: str
    object_type: str | None
    action: str | None
    object_id: str | None
    created_at: datetime | None
    received_at: datetime
    worked_at: datetime | None
    duplicates: int | None
    """Null with `as_of`: when each of them came is not kept."""
    quarantined: str | None


async def list_them(asked: Asked) -> Page[Event]:
    """Answer a page of events, the newest first."""
    limit = asked.query["limit"]
    key = _KEY.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_events(
            connection,
            organization_id=asked.organization_id(),
            source=asked.query["source"],
            quarantined=asked.query["quarantined"],
            before=key if key[0] is not None else None,
            as_of=asked.query.get("as_of"),
            limit=limit + 1,
        )
    keys = [(row["received_at"], row["event_id"], row["subscription_id"]) for row in rows]
    return _KEY.page([of_row(row, asked.query.get("as_of")) for row in rows], limit, keys)


def of_row(row: asyncpg.Record, as_of: datetime | None = None) -> Event:
    """Show an event, as far as it was known at an instant; the nil ids stand for none."""
    worked_at = row["worked_at"]
    names = (
        "source",
        "object_type",
        "action",
        "object_id",
        "created_at",
        "received_at",
        "quarantined",
    )
    return Event(
        id=row["event_id"],
        organization_id=None if row["organization_id"] == FLEET else row["organization_id"],
        subscription_id=None if row["subscription_id"] == FLEET else row["subscription_id"],
        worked_at=None if as_of is not None and worked_at is not None and worked_at > as_of else worked_at,
        duplicates=row["duplicates"] if as_of is None else None,
        **{name: row[name] for name in names},
    )
