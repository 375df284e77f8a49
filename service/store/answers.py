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


async def list_organizations_as_of(
    connection: Connection, as_of: datetime, *, organization_id: UUID | None, after: UUID | None, limit: int
) -> Rows:
    """Organizations as we knew them at an instant, by id."""
    return await connection.fetch(QUERY["list_organizations_as_of"], as_of, organization_id, after, limit)


async def list_organizations_in_need(connection: Connection, limit: int) -> Rows:
    """Organizations that somebody should look at, the heaviest first."""
    return await connection.fetch(QUERY["list_organizations_in_need"], limit)


async def list_records_as_of(
    connection: Connection,
    as_of: datetime,
    *,
    organization_id: UUID | None = None,
    object_type: str | None = None,
    sync_status: str | None = None,
    state: str | None = None,
    cause: str | None = None,
    after: tuple[UUID, str] | None = None,
    limit: int,
) -> Rows:
    """Records as we knew them at an instant, by organization and id."""
    after_organization, after_record = after or (None, None)
    return await connection.fetch(
        QUERY["list_records_as_of"],
        as_of,
        organization_id,
        object_type,
        sync_status,
        state,
        cause,
        after_organization,
        after_record,
        limit,
    )


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
    """Local documents of an organization by ledger and id, after a key; as they are, or were known once."""
    name = "list_local_documents" if as_of is None else "list_local_documents_as_of"
    instant = () if as_of is None else (as_of,)
    after_ledger, after_id = after or (None, None)
    return await connection.fetch(
        QUERY[name], organization_id, ledger, origin, after_ledger, after_id, limit, *instant
    )


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
    limit: int,
) -> Rows:
    """Differences by organization and id, after a key; a filter that is None does not filter."""
    after_organization, after_difference = after or (None, None)
    return await connection.fetch(
        QUERY["list_differences"],
        organization_id,
        ledger,
        kind,
        expected,
        is_open,
        after_organization,
        after_difference,
        limit,
    )


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
