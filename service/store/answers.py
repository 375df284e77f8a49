"""Lists as the web side answers them, beyond what workers ask for themselves; rows as Postgres gives them.

What a caller may see is decided by the transaction's scope; filters only narrow it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from service.store.database import Connection
from service.store.queries import QUERY

Rows = Sequence[asyncpg.Record]


async def list_connection_changes(
    connection: Connection, organization_ids: Sequence[UUID], *, changes_max: int, versions_max: int
) -> Mapping[UUID, Rows]:
    """When their connections changed status, newest first, by organization."""
    rows = await connection.fetch(
        QUERY["list_connection_changes"], organization_ids, changes_max, versions_max
    )
    return _by_organization(rows)


async def list_findings_of(
    connection: Connection, organization_ids: Sequence[UUID], findings_max: int
) -> Mapping[UUID, Rows]:
    """What will fail when it is pushed, by organization."""
    return _by_organization(await connection.fetch(QUERY["list_findings_of"], organization_ids, findings_max))


async def list_organizations_in_need(connection: Connection, limit: int) -> Rows:
    """Organizations that somebody should look at, the heaviest first."""
    return await connection.fetch(QUERY["list_organizations_in_need"], limit)


async def sum_findings_of(connection: Connection, organization_ids: Sequence[UUID]) -> Mapping[UUID, Rows]:
    """The same in figures, by organization."""
    return _by_organization(await connection.fetch(QUERY["sum_findings_of"], organization_ids))


async def list_local_documents(
    connection: Connection,
    organization_id: UUID,
    *,
    ledger: str | None = None,
    origin: str | None = None,
    after: tuple[str, str] | None = None,
    as_of: datetime | None = None,
    limit: int,
) -> Rows:
    """Local documents of an organization by ledger and id, after a key."""
    asked = (organization_id, ledger, origin, *(after or (None, None)), limit)
    if as_of is None:
        return await connection.fetch(QUERY["list_local_documents"], *asked)
    return await connection.fetch(QUERY["list_local_documents_as_of"], *asked, as_of)


async def get_local_document(
    connection: Connection, organization_id: UUID, document_id: str, as_of: datetime | None = None
) -> asyncpg.Record | None:
    """One local document, as it is or was known once."""
    if as_of is None:
        return await connection.fetchrow(QUERY["get_local_document"], organization_id, document_id)
    return await connection.fetchrow(QUERY["get_local_document_as_of"], organization_id, document_id, as_of)


async def list_events(
    connection: Connection,
    *,
    organization_id: UUID | None = None,
    source: str | None = None,
    quarantined: bool | None = None,
    before: tuple[datetime, UUID, UUID] | None = None,
    as_of: datetime | None = None,
    limit: int,
) -> Rows:
    """The ledger of webhooks, newest first, before a key."""
    received_at, event_id, subscription_id = before or (None, None, None)
    return await connection.fetch(
        QUERY["list_events"],
        organization_id,
        source,
        quarantined,
        received_at,
        event_id,
        subscription_id,
        limit,
        as_of,
    )


async def list_differences(
    connection: Connection,
    *,
    organization_id: UUID | None = None,
    ledger: str | None = None,
    kind: str | None = None,
    expected: bool | None = None,
    is_open: bool | None = None,
    after: tuple[UUID, UUID] | None = None,
    as_of: datetime | None = None,
    limit: int,
) -> Rows:
    """Differences by organization and id, after a key; a filter that is None does not filter."""
    asked = (organization_id, ledger, kind, expected, is_open, *(after or (None, None)), limit)
    if as_of is None:
        return await connection.fetch(QUERY["list_differences"], *asked)
    return await connection.fetch(QUERY["list_differences_as_of"], *asked, as_of)


async def count_organization_differences(
    connection: Connection, organization_ids: Sequence[UUID]
) -> Mapping[UUID, asyncpg.Record]:
    """How many differences are open, and how many of these expected, by organization."""
    rows = await connection.fetch(QUERY["count_organization_differences"], organization_ids)
    return {row["organization_id"]: row for row in rows}


def _by_organization(rows: Rows) -> Mapping[UUID, Rows]:
    found: defaultdict[UUID, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["organization_id"]].append(row)
    return found
