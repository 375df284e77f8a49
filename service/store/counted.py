"""How each document counted in the last comparison of its ledger, what changed since, who its neighbours are.

The tables are made from documents and records alone and are not logged: a crash empties them, and a ledger of
which they say nothing is compared whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import asyncpg

from service.domain.comparing.pairing_links import DOCUMENT_TYPES, PARTY_TYPE
from service.domain.document import Ledger, Side
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import Row, in_turns, rows_json


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedUntil:
    """Until when the changes of a ledger are counted, and under which circumstances it was compared."""

    read_at: datetime
    whole_at: datetime
    compared_at: datetime
    last_pull: datetime | None
    records_read_at: datetime | None
    circumstances: bytes
    revisit_local: Sequence[str] = ()
    revisit_books: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRecord:
    """A record that was written since."""

    record_id: UUID
    object_type: str
    object_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Ids on both sides."""

    local_ids: Sequence[str] = field(default_factory=list)
    books_ids: Sequence[str] = field(default_factory=list)


async def get_counted_until(
    connection: Connection, organization_id: UUID, ledger: Ledger
) -> CountedUntil | None:
    """Until when a ledger is counted; None when it has to be compared whole."""
    row = await connection.fetchrow(QUERY["get_counted_until"], organization_id, ledger)
    return None if row is None else CountedUntil(**row)


async def upsert_counted_until(
    connection: Connection, organization_id: UUID, ledger: Ledger, until: CountedUntil
) -> None:
    """Say until when a ledger is counted."""
    await connection.execute(
        QUERY["upsert_counted_until"],
        organization_id,
        ledger,
        until.read_at,
        until.whole_at,
        until.compared_at,
        until.last_pull,
        until.records_read_at,
        until.circumstances,
        until.revisit_local,
        until.revisit_books,
    )


async def is_anything_counted(connection: Connection, organization_id: UUID, ledger: Ledger) -> bool:
    """Whether any document of a ledger is counted, be it for nothing."""
    return bool(await connection.fetchval(QUERY["is_anything_counted"], organization_id, ledger))


async def list_changed_documents(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    *,
    since: datetime,
    looked_at: datetime,
    limit: int,
) -> Named:
    """Documents that are not as they were counted."""
    rows = await connection.fetch(
        QUERY["list_changed_documents"], organization_id, ledger, since, looked_at, limit
    )
    return Named(
        local_ids=[row["document_id"] for row in rows if row["side"] == Side.LOCAL],
        books_ids=[row["document_id"] for row in rows if row["side"] == Side.BOOKS],
    )


async def list_changed_records(
    connection: Connection, organization_id: UUID, ledger: Ledger, *, since: datetime, limit: int
) -> Sequence[ChangedRecord]:
    """Records of documents and parties that are not as they were counted."""
    types = list(DOCUMENT_TYPES[ledger])
    rows = await connection.fetch(
        QUERY["list_changed_records"], organization_id, ledger, since, types, PARTY_TYPE[ledger], limit
    )
    return [ChangedRecord(**row) for row in rows]


async def list_documents_of_parties(
    connection: Connection, organization_id: UUID, ledger: Ledger, party_ids: Sequence[str], limit: int
) -> Sequence[str]:
    """Local documents of these parties."""
    rows = await connection.fetch(
        QUERY["list_documents_of_parties"], organization_id, ledger, party_ids, limit
    )
    return [row["document_id"] for row in rows]


async def list_turning_differences(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    *,
    now: datetime,
    is_read_anew: bool,
    limit: int,
) -> Named:
    """What open differences are about whose verdict time, or a newer reading, may have changed."""
    rows = await connection.fetch(
        QUERY["list_turning_differences"], organization_id, ledger, now, is_read_anew, limit
    )
    return named(rows)


async def get_next_turn(
    connection: Connection, organization_id: UUID, ledger: Ledger, now: datetime
) -> datetime | None:
    """When the next expected difference stops being expected."""
    at: datetime | None = await connection.fetchval(QUERY["get_next_turn"], organization_id, ledger, now)
    return at


async def list_differences_of_records(
    connection: Connection, organization_id: UUID, ledger: Ledger, record_ids: Sequence[UUID]
) -> Named:
    """What open differences are about that were told with these records."""
    rows = await connection.fetch(QUERY["list_differences_of_records"], organization_id, ledger, record_ids)
    return named(rows)


async def delete_counted(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    local_ids: Iterable[str],
    books_ids: Iterable[str],
) -> None:
    """Forget how documents counted."""
    await connection.execute(
        QUERY["delete_counted"], organization_id, ledger, list(local_ids), list(books_ids)
    )


async def insert_counted(connection: Connection, rows: Iterable[Row]) -> None:
    """Say how documents counted; none is no round trip."""
    for turn in in_turns(rows):
        await connection.execute(QUERY["insert_counted"], rows_json(turn))


async def list_confirmable_records(
    connection: Connection, organization_id: UUID, ledger: Ledger, limit: int
) -> Sequence[asyncpg.Record]:
    """Acknowledged records whose document stood in the books, equal: their ids, versions, and its number."""
    types = list(DOCUMENT_TYPES[ledger])
    return await connection.fetch(QUERY["list_confirmable_records"], organization_id, ledger, types, limit)


async def mark_counted_confirmed(
    connection: Connection, organization_id: UUID, ledger: Ledger, local_ids: Sequence[str]
) -> None:
    """Note that records of these documents were confirmed, one for each time that an id is in it."""
    await connection.execute(QUERY["mark_counted_confirmed"], organization_id, ledger, local_ids)


def named(rows: Sequence[asyncpg.Record]) -> Named:
    """Gather the ids of rows that may name a document on either side."""
    return Named(
        local_ids=[row["local_id"] for row in rows if row["local_id"] is not None],
        books_ids=[row["books_id"] for row in rows if row["books_id"] is not None],
    )
