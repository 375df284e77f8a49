"""Reading of a ledger what a look into its books rests on, so many rows at a time.

However large the ledger is, only what is kept of it is held (`domain.pushing.readback_part`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from service.domain.comparing.pairing_links import DOCUMENT_TYPES
from service.domain.document import Document, Ledger, Side
from service.domain.pushing.readback_books import Landed
from service.domain.pushing.readback_part import Part
from service.store.database import Connection
from service.store.queries import QUERY

ROWS_AT_ONCE: Final = 1_000
"""Some two megabytes."""

READ_SECONDS: Final = 120.0
"""For the first rows of a ledger, which come when its pairs are known: a million of them take twenty."""


async def read_part(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    part: Part,
) -> bool:
    """Read a part of a ledger; false when that is too much, and then not all of it was read."""
    await connection.execute(QUERY["aim_readback"], f"{READ_SECONDS * 1000:.0f}")
    where = (organization_id, ledger)
    unsettled = (*where, list(DOCUMENT_TYPES[ledger]), list(part.looked_for))
    steps: Sequence[tuple[str, Sequence[object], Callable[[asyncpg.Record], None]]] = (
        (
            "list_unsettled_documents",
            unsettled,
            lambda row: part.take(
                _document(row), is_named=row["is_named"], first_seen_at=row["first_seen_at"]
            ),
        ),
        ("list_removed_from_books", where, lambda row: part.take_removed(_document(row))),
        ("list_numbers_in_use", where, lambda row: part.take_number(Side(row["side"]), row["number"])),
    )
    for name, arguments, take in steps:
        async for rows in _rows(connection, name, *arguments):
            await asyncio.to_thread(_take, rows, take)
            if part.is_too_large:
                return False
    await connection.execute(QUERY["end_readback"])
    return True


async def get_is_emptied(connection: Connection, organization_id: UUID, ledger: Ledger) -> bool:
    """Whether the books are empty, and held documents once."""
    is_emptied = await connection.fetchval(QUERY["get_is_emptied"], organization_id, ledger)
    assert isinstance(is_emptied, bool)
    return is_emptied


async def list_landed(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    *,
    after: datetime,
    before: datetime,
    scanned_at: datetime,
) -> Landed:
    """What landed in a time, as the records tell; the list that may show it was begun at `scanned_at`."""
    at: list[datetime] = []
    shown_at: datetime | None = None
    types = list(DOCUMENT_TYPES[ledger])
    async for rows in _rows(
        connection, "list_landed", organization_id, ledger, types, after, before, scanned_at
    ):
        at += [row["updated_at"] for row in rows]
        shown = [row["updated_at"] for row in rows if row["is_shown"]]
        shown_at = max(filter(None, (shown_at, *shown)), default=None)
    return Landed(at=sorted(at), shown_at=shown_at)


async def _rows(
    connection: Connection, name: str, *arguments: object
) -> AsyncIterator[Sequence[asyncpg.Record]]:
    cursor = await connection.cursor(QUERY[name], *arguments, timeout=READ_SECONDS)
    while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=READ_SECONDS):
        yield rows


def _take(rows: Sequence[asyncpg.Record], take: Callable[[asyncpg.Record], None]) -> None:
    for row in rows:
        take(row)


def _document(row: asyncpg.Record) -> Document:
    return msgspec.convert(row["body"], Document)
