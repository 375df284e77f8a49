"""Reading everything anew: whom it is about, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.store.database import Connection
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Streams in all and those still to be read; organizations of which some cannot be read just now."""

    streams: int
    remaining: int
    failing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One asking for the list of organizations; with an error it tells nothing of what the hub lists."""

    finished_at: datetime
    error: str | None


async def list_backfill_organizations(
    connection: Connection, organization_ids: Sequence[UUID] | None
) -> Sequence[UUID]:
    """Those that are asked for, or all that the hub lists."""
    rows = await connection.fetch(QUERY["list_backfill_organizations"], organization_ids)
    return [row["organization_id"] for row in rows]


async def get_fleet_listing(connection: Connection) -> Listing | None:
    """When the list of organizations was last asked for, and why it was not read, where it was not."""
    row = await connection.fetchrow(QUERY["get_fleet_listing"])
    return None if row is None else Listing(**row)


async def get_backfill_progress(connection: Connection, organization_ids: Sequence[UUID]) -> Progress:
    """How far the reading has come."""
    row = await connection.fetchrow(QUERY["get_backfill_progress"], organization_ids)
    assert row is not None
    return Progress(**row)
