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
    passed_over: int
    """Of those that remain: what was being read when it was made due, and has to be made due once more."""
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


async def begin_backfill(
    connection: Connection, organization_ids: Sequence[UUID], began_at: datetime, *, is_anew: bool
) -> bool:
    """Write down that these are to be read anew; false where an earlier one goes on instead.

    Those that the earlier one was not about are added to it.
    """
    goes_on = not is_anew and await connection.fetchval(QUERY["is_backfill_open"], organization_ids)
    await connection.execute(QUERY["insert_backfills"], organization_ids, began_at, not goes_on)
    return not goes_on


async def delete_backfills(connection: Connection, organization_ids: Sequence[UUID]) -> None:
    """Forget those that have ended."""
    await connection.execute(QUERY["delete_backfills"], organization_ids)


async def get_backfill_progress(connection: Connection, organization_ids: Sequence[UUID]) -> Progress:
    """How far the reading has come."""
    row = await connection.fetchrow(QUERY["get_backfill_progress"], organization_ids)
    assert row is not None
    return Progress(**row)
