"""Errors that are stored as older rules understood them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from service.domain.record import Record
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.records import record_of


async def list_outdated_records(
    connection: Connection, organization_id: UUID, rules_version: int, limit: int
) -> Sequence[Record]:
    """Those of an organization."""
    rows = await connection.fetch(QUERY["list_outdated_records"], organization_id, rules_version, limit)
    return [record_of(row) for row in rows]


async def list_outdated_organizations(
    connection: Connection, rules_version: int, limit: int
) -> Sequence[UUID]:
    """Organizations that have some."""
    rows = await connection.fetch(QUERY["list_outdated_organizations"], rules_version, limit)
    return [row["organization_id"] for row in rows]
