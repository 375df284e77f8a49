"""What /status tells, counted as far as possible while rows are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from service.store.database import Connection
from service.store.fleet_counts import Counts, sum_fleet_counts, sum_fleet_money
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Events that wait to be worked off."""

    backlog: int
    oldest_backlog_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """How deliveries ended; those turned away belong to no organization."""

    received: int
    duplicates: int
    rejected: int


_STORED = ("stored", "quarantined")


async def load_counts(connection: Connection, organization_id: UUID | None) -> Counts:
    """What is counted of the fleet, or of one organization."""
    if organization_id is None:
        return await sum_fleet_counts(connection)
    records = await connection.fetch(QUERY["sum_status_records"], organization_id)
    differences = await connection.fetch(QUERY["count_open_differences"], organization_id)
    return Counts(
        records={(row["sync_status"], row["state"]): row["records"] for row in records},
        differences={(row["kind"], row["expected"]): row["differences"] for row in differences},
        missed_events=await connection.fetchval(QUERY["count_missed_events"], organization_id),
    )


async def sum_money_at_risk(connection: Connection, organization_id: UUID | None) -> Mapping[str, int]:
    """The money of all records that fail, of the fleet or of one organization, by currency."""
    if organization_id is None:
        return await sum_fleet_money(connection)
    rows = await connection.fetch(QUERY["sum_organization_money"], organization_id)
    return {row["currency"]: int(row["minor"]) for row in rows}


async def get_event_backlog(connection: Connection) -> Backlog:
    """What waits to be worked off."""
    row = await connection.fetchrow(QUERY["get_event_backlog"])
    assert row is not None
    return Backlog(**row)


async def sum_webhook_counts(connection: Connection) -> Webhooks:
    """How all deliveries ended."""
    rows = await connection.fetch(QUERY["sum_webhook_counts"])
    counts: Mapping[str, int] = {row["outcome"]: row["deliveries"] for row in rows}
    return Webhooks(
        received=sum(counts.get(outcome, 0) for outcome in _STORED),
        duplicates=counts.get("duplicate", 0),
        rejected=sum(count for outcome, count in counts.items() if outcome not in {*_STORED, "duplicate"}),
    )


async def count_organization_webhooks(connection: Connection, organization_id: UUID) -> Webhooks:
    """How the deliveries for one organization ended, of those that were stored."""
    row = await connection.fetchrow(QUERY["count_organization_webhooks"], organization_id)
    assert row is not None
    return Webhooks(**row, rejected=0)


async def sum_unclassified(connection: Connection) -> Mapping[str, int]:
    """Money that no rule explains, by currency: the sum over all balances, whatever the sign of each."""
    return {row["currency"]: row["minor"] for row in await connection.fetch(QUERY["sum_unclassified"])}


async def get_database_state(connection: Connection) -> asyncpg.Record:
    """The database's time and version."""
    row = await connection.fetchrow(QUERY["get_database_state"])
    assert row is not None
    return row
