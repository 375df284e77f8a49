"""Lists as we knew them at an instant, from the versions that history holds; rows as Postgres gives them.

Organizations, records, balances, alerts and causes are here; documents, differences and events take the
instant beside their other filters (`answers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from service.store.answers import Rows
from service.store.database import Connection
from service.store.queries import QUERY


async def list_organizations_as_of(
    connection: Connection, as_of: datetime, *, organization_id: UUID | None, after: UUID | None, limit: int
) -> Rows:
    """Organizations, by id."""
    return await connection.fetch(QUERY["list_organizations_as_of"], as_of, organization_id, after, limit)


async def list_records_as_of(
    connection: Connection,
    as_of: datetime,
    *,
    organization_id: UUID | None = None,
    object_type: str | None = None,
    sync_status: str | None = None,
    state: str | None = None,
    cause: str | None = None,
    after: tuple[UUID, UUID] | None = None,
    limit: int,
) -> Rows:
    """Records, by organization and id."""
    return await connection.fetch(
        QUERY["list_records_as_of"],
        as_of,
        organization_id,
        object_type,
        sync_status,
        state,
        cause,
        *(after or (None, None)),
        limit,
    )


async def list_balances_as_of(
    connection: Connection,
    as_of: datetime,
    organization_id: UUID | None,
    after: tuple[UUID, str, str] | None,
    limit: int,
) -> Rows:
    """Balances by organization, ledger and currency, after a key."""
    key = after or (None, None, None)
    return await connection.fetch(QUERY["list_balances_as_of"], organization_id, *key, limit, as_of)


async def list_alerts_as_of(
    connection: Connection,
    as_of: datetime,
    *,
    organization_id: UUID | None,
    status: str | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Rows:
    """Alerts, newest first, before a key."""
    key = before or (None, None)
    return await connection.fetch(QUERY["list_alerts_as_of"], organization_id, status, *key, limit, as_of)


async def count_records(connection: Connection, organization_id: UUID | None) -> int:
    """How many records there are, without counting them."""
    return int(await connection.fetchval(QUERY["count_records"], organization_id))


async def list_causes_as_of(
    connection: Connection, as_of: datetime, organization_id: UUID | None, limit: int
) -> Rows:
    """Causes, the heaviest first; looks at every record."""
    return await connection.fetch(QUERY["list_causes_as_of"], organization_id, limit, as_of)


async def sum_records_as_of(
    connection: Connection, as_of: datetime, organization_id: UUID | None
) -> Mapping[tuple[str, str], int]:
    """Records by sync status and state; looks at every record."""
    rows = await connection.fetch(QUERY["sum_records_as_of"], organization_id, as_of)
    return {(row["sync_status"], row["state"]): row["records"] for row in rows}


async def count_connections_as_of(
    connection: Connection, as_of: datetime, organization_id: UUID | None
) -> Mapping[str, int]:
    """Organizations by the status of their connection."""
    rows = await connection.fetch(QUERY["count_connections_as_of"], organization_id, as_of)
    return {row["status"]: row["organizations"] for row in rows}


async def count_differences_as_of(
    connection: Connection, as_of: datetime, organization_id: UUID | None
) -> Mapping[tuple[str, bool], int]:
    """Open differences by kind, and whether they were expected; looks at every difference."""
    rows = await connection.fetch(QUERY["count_differences_as_of"], organization_id, as_of)
    return {(row["kind"], row["expected"]): row["differences"] for row in rows}


async def sum_unclassified_as_of(
    connection: Connection, as_of: datetime, organization_id: UUID | None
) -> Mapping[str, int]:
    """Money that no rule explained, by currency, whatever the sign of each balance."""
    rows = await connection.fetch(QUERY["sum_unclassified_as_of"], organization_id, as_of)
    return {row["currency"]: row["minor"] for row in rows}


async def count_firing_alerts_as_of(
    connection: Connection, as_of: datetime, organization_id: UUID | None
) -> Mapping[str, int]:
    """Alerts that fired, by severity."""
    rows = await connection.fetch(QUERY["count_firing_alerts_as_of"], organization_id, as_of)
    return {row["severity"]: row["alerts"] for row in rows}
