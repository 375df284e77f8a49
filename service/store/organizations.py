"""Organizations as the hub lists them.

Only what changed is written, with its version; an older version of the hub never overwrites a newer one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import content_hash, rows_json


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenOrganization:
    """An organization as the hub has just told it."""

    organization_id: UUID
    name: str
    status: str | None
    hub_created_at: datetime | None
    hub_updated_at: datetime | None
    payload: Mapping[str, Any]


async def write_organizations(connection: Connection, seen: Sequence[SeenOrganization]) -> Sequence[UUID]:
    """Write those that are new, changed or back again; returns their ids."""
    known = await list_organization_hashes(connection, [each.organization_id for each in seen])
    rows = []
    for organization in seen:
        row = _row(organization)
        before = known.get(organization.organization_id)
        if before is not None:
            if _is_older(organization.hub_updated_at, before["hub_updated_at"]):
                continue
            if before["content_hash"] == row["content_hash"] and before["removed_at"] is None:
                continue
            row["version"] = before["version"] + 1
        rows.append(row)
    if rows:
        await upsert_organizations(connection, rows)
    return [row["organization_id"] for row in rows]


async def upsert_organizations(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows and their versions."""
    await connection.execute(QUERY["upsert_organizations"], rows_json(rows))
    await _insert_history(connection, rows, removed=False)


async def list_organization_hashes(
    connection: Connection, organization_ids: Sequence[UUID]
) -> Mapping[UUID, asyncpg.Record]:
    """What tells whether one has changed, by id."""
    rows = await connection.fetch(QUERY["list_organization_hashes"], organization_ids)
    return {row["organization_id"]: row for row in rows}


async def list_unlisted_organizations(
    connection: Connection, listed: Collection[UUID], limit: int
) -> Sequence[UUID]:
    """Organizations that a list of the hub, given by its ids, does not hold."""
    rows = await connection.fetch(QUERY["list_unlisted_organizations"], list(listed), limit)
    return [row["organization_id"] for row in rows]


async def mark_organizations_removed(connection: Connection, organization_ids: Collection[UUID]) -> None:
    """Mark those that the hub says do not exist."""
    rows = await connection.fetch(QUERY["mark_organizations_removed"], list(organization_ids))
    await _insert_history(connection, rows, removed=True)


async def list_organization_names(
    connection: Connection, organization_ids: Collection[UUID]
) -> Mapping[UUID, str]:
    """What they are called, by id."""
    rows = await connection.fetch(QUERY["list_organization_names"], list(organization_ids))
    return {row["organization_id"]: row["name"] for row in rows}


async def list_organizations(
    connection: Connection,
    *,
    after: tuple[str, UUID] | None = None,
    limit: int,
    organization_id: UUID | None = None,
    name: str | None = None,
    connection_status: str | None = None,
) -> Sequence[asyncpg.Record]:
    """Organizations by name, each with its current connection; only those whose name begins with `name`.

    The connection status `none` is that of organizations without a connection.
    """
    after_name, after_id = after or (None, None)
    return await connection.fetch(
        QUERY["list_organizations"], after_name, after_id, limit, organization_id, name, connection_status
    )


def _row(organization: SeenOrganization) -> dict[str, Any]:
    return {
        "organization_id": organization.organization_id,
        "name": organization.name,
        "status": organization.status,
        "hub_created_at": organization.hub_created_at,
        "hub_updated_at": organization.hub_updated_at,
        "payload": organization.payload,
        "content_hash": content_hash(organization.payload),
        "version": 1,
    }


async def _insert_history(
    connection: Connection, rows: Sequence[Mapping[str, Any] | asyncpg.Record], *, removed: bool
) -> None:
    versions = [
        {
            "organization_id": row["organization_id"],
            "version": row["version"],
            "valid_from": None if removed else row["hub_updated_at"],
            "body": {
                "name": row["name"],
                "status": row["status"],
                "hub_created_at": row["hub_created_at"],
                "hub_updated_at": row["hub_updated_at"],
                "removed": removed,
            },
        }
        for row in rows
    ]
    if versions:
        await connection.execute(QUERY["insert_organization_history"], rows_json(versions))


def _is_older(seen: datetime | None, known: datetime | None) -> bool:
    return seen is not None and known is not None and seen < known
