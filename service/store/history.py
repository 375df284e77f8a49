"""Append-only versions of everything watched.

Whoever writes a row writes its version too, in the same transaction. `valid_from` is the hub's time,
`known_from` ours: `as_of` answers what we knew then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import rows_json


class HistoryKind(StrEnum):
    """Of what a version is; the comment says what `object_id` is made of."""

    ORGANIZATION = "organization"
    """The organization's id."""
    CONNECTION = "connection"
    """The connection's id."""
    RECORD = "record"
    """The record's id."""
    REFERENCE = "reference"
    """`kind/id`, like `tax_rate/4f1c…`."""
    DOCUMENT = "document"
    """`ledger/side/id`, like `payable/books/120`."""
    DIFFERENCE = "difference"
    """The difference's id."""
    BALANCE = "balance"
    """`ledger/currency`."""
    MONTH = "month"
    """`ledger/currency/month`, like `payable/USD/2026-10-01`."""
    ALERT = "alert"
    """The alert's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version on its way into history; `body` is anything that can be written as JSON."""

    object_id: str
    version: int
    body: Any
    valid_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVersion:
    """One version as it is kept."""

    object_id: str
    version: int
    valid_from: datetime | None
    known_from: datetime
    body: Any


async def insert_history(
    connection: Connection, organization_id: UUID, kind: HistoryKind, versions: Sequence[Version]
) -> None:
    """Keep versions; none is no round trip."""
    if not versions:
        return
    rows = [
        {
            "object_id": each.object_id,
            "version": each.version,
            "valid_from": each.valid_from,
            "body": each.body,
        }
        for each in versions
    ]
    await connection.execute(QUERY["insert_history"], organization_id, kind, rows_json(rows))


async def list_history(
    connection: Connection,
    organization_id: UUID,
    kind: HistoryKind,
    object_id: str,
    limit: int,
    *,
    as_of: datetime | None = None,
) -> Sequence[KnownVersion]:
    """The versions of one object, newest first: all, or those that were known at an instant."""
    rows = await connection.fetch(QUERY["list_history"], organization_id, kind, object_id, limit, as_of)
    return [KnownVersion(object_id=object_id, **row) for row in rows]


async def ensure_history_month(connection: Connection, month: date) -> bool:
    """Make the partition of the month that a day lies in; false when there is one."""
    return bool(await connection.fetchval(QUERY["ensure_history_month"], month))


async def empty_history_before(connection: Connection, day: date, portion: int) -> int:
    """Take versions out of the months that ended before a day; returns how many, none when they are empty.

    The last version of each object is kept: what has not changed since is still known, as of any later time.
    """
    return int(await connection.fetchval(QUERY["empty_history_before"], day, portion))


async def return_history(connection: Connection, portion: int) -> int:
    """Bring kept versions back, once the months that held them are dropped; returns how many."""
    return int(await connection.fetchval(QUERY["return_history"], portion))


async def drop_history_before(connection: Connection, day: date) -> int:
    """Drop the months that ended before a day, emptied or not; returns how many."""
    return int(await connection.fetchval(QUERY["drop_history_before"], day))
