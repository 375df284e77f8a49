"""The links of organizations to QuickBooks Online or Xero.

Every change of a connection is a version in its history, pulls included: when which state was known is what
its owner asks first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.store.database import Connection
from service.store.history import HistoryKind, Version, insert_history
from service.store.queries import QUERY
from service.store.rows import content_hash, rows_json
from service.store.work import get_now


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenConnection:
    """A connection as the hub has just told it."""

    connection_id: UUID
    status: str | None
    platform: str | None
    last_pull: datetime | None
    connection_url: str | None
    errors: Any
    hub_created_at: datetime | None
    hub_updated_at: datetime | None
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownConnection:
    """A connection as it is kept.

    `connected_at` is when it began; `renewed_at` when it last worked again, of one that had been seen not to.
    """

    connection_id: UUID
    status: str | None
    platform: str | None
    last_pull: datetime | None
    connection_url: str | None
    errors: Any
    hub_created_at: datetime | None
    hub_updated_at: datetime | None
    connected_at: datetime | None
    renewed_at: datetime | None
    first_seen_at: datetime
    changed_at: datetime
    removed_at: datetime | None
    version: int
    content_hash: bytes
    payload: Mapping[str, Any]

    @property
    def is_connected(self) -> bool:
        """Whether data flows."""
        return self.status == "connected" and self.removed_at is None

    @property
    def works_since(self) -> datetime | None:
        """When consent was last given, as far as we saw; None if it never was."""
        return self.renewed_at or self.connected_at


async def write_connections(
    connection: Connection, organization_id: UUID, seen: Sequence[SeenConnection]
) -> int:
    """Write what changed in the complete list of an organization's connections; returns how many did."""
    known = {each.connection_id: each for each in await list_connections(connection, organization_id)}
    rows = [
        _row(organization_id, each, known.get(each.connection_id))
        for each in seen
        if _is_news(each, known.get(each.connection_id))
    ]
    listed = {each.connection_id for each in seen}
    now = await get_now(connection)
    rows += [
        _removed(organization_id, each, now)
        for each in known.values()
        if each.connection_id not in listed and each.removed_at is None
    ]
    if rows:
        await upsert_connections(connection, organization_id, rows)
    return len(rows)


async def upsert_connections(
    connection: Connection, organization_id: UUID, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows, their versions, and where the organization stands by them."""
    await connection.execute(QUERY["upsert_connections"], rows_json(rows))
    await connection.execute(QUERY["upsert_connection_standing"], organization_id)
    hidden = {"organization_id", "payload", "content_hash", "version"}
    versions = [
        Version(
            object_id=str(row["connection_id"]),
            version=row["version"],
            valid_from=row["removed_at"] or row["hub_updated_at"],
            body={name: value for name, value in row.items() if name not in hidden},
        )
        for row in rows
    ]
    await insert_history(connection, organization_id, HistoryKind.CONNECTION, versions)


async def list_connections(connection: Connection, organization_id: UUID) -> Sequence[KnownConnection]:
    """Every connection of an organization, the current one first."""
    rows = await connection.fetch(QUERY["list_connections"], organization_id)
    return [KnownConnection(**{name: row[name] for name in _COLUMNS}) for row in rows]


async def get_current_connection(connection: Connection, organization_id: UUID) -> KnownConnection | None:
    """The connection that counts: connected before others, newer before older; None without any."""
    found = await list_connections(connection, organization_id)
    return found[0] if found and found[0].removed_at is None else None


def _is_news(seen: SeenConnection, known: KnownConnection | None) -> bool:
    if known is None:
        return True
    if _is_older(seen, known):
        return False
    return known.removed_at is not None or known.content_hash != content_hash(seen.payload)


def _is_older(seen: SeenConnection, known: KnownConnection) -> bool:
    """Whether the hub told a version that it had told before the one we know."""
    return (
        seen.hub_updated_at is not None
        and known.hub_updated_at is not None
        and seen.hub_updated_at < known.hub_updated_at
    )


def _row(organization_id: UUID, seen: SeenConnection, known: KnownConnection | None) -> dict[str, Any]:
    return {
        "organization_id": organization_id,
        "connection_id": seen.connection_id,
        "status": seen.status,
        "platform": seen.platform,
        "last_pull": seen.last_pull,
        "connection_url": seen.connection_url,
        "errors": seen.errors,
        "hub_created_at": seen.hub_created_at,
        "hub_updated_at": seen.hub_updated_at,
        "payload": seen.payload,
        "content_hash": content_hash(seen.payload),
        "version": 1 if known is None else known.version + 1,
        "removed_at": None,
    }


def _removed(organization_id: UUID, known: KnownConnection, now: datetime) -> dict[str, Any]:
    row = {name: getattr(known, name) for name in _WRITTEN}
    return row | {
        "organization_id": organization_id,
        "version": known.version + 1,
        "removed_at": now,
    }


_COLUMNS = tuple(KnownConnection.__dataclass_fields__)
_WRITTEN = tuple(
    name for name in _COLUMNS if name not in {"connected_at", "renewed_at", "first_seen_at", "changed_at"}
)
