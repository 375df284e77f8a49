"""Who the neighbours of documents are: what `domain.comparing.neighbourhood` asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from service.domain.comparing.entry import Entry
from service.domain.comparing.neighbourhood import Seat
from service.domain.comparing.pairing import PairedBy
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, PARTY_TYPE
from service.domain.comparing.posting import Posting
from service.domain.document import Document, Ledger, Side, as_uuid
from service.store.counted import named
from service.store.database import Connection
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A document that was looked up by its id; one that is gone has been seen once and vanished."""

    document: Document
    version: int
    is_gone: bool
    number_mark: int | None


@dataclass(frozen=True, slots=True)
class RememberedPair:
    """What a document was paired with by the last comparison that paired it."""

    books_id: str
    by: PairedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A row: what is compared next needs of what was compared last."""

    entry: Entry
    seat: Seat


async def list_neighbours(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    local_ids: Iterable[str],
    books_ids: Iterable[str],
) -> Sequence[Neighbour]:
    """Documents by their ids."""
    rows = await connection.fetch(
        QUERY["list_neighbours"], organization_id, ledger, list(local_ids), list(books_ids)
    )
    return [
        Neighbour(
            document=msgspec.convert(row["body"], Document),
            version=row["version"],
            is_gone=row["is_gone"],
            number_mark=row["number_mark"],
        )
        for row in rows
    ]


async def list_number_mates(
    connection: Connection, organization_id: UUID, ledger: Ledger, marks: Iterable[int], limit: int | None
) -> Sequence[tuple[Side, str]]:
    """Who bore a number of one of these marks when it was counted, with its pair."""
    rows = await connection.fetch(QUERY["list_number_mates"], organization_id, ledger, list(marks), limit)
    found = named(rows)
    return [
        *((Side.LOCAL, each) for each in found.local_ids),
        *((Side.BOOKS, each) for each in found.books_ids),
    ]


async def list_key_members(
    connection: Connection, organization_id: UUID, ledger: Ledger, keys: Iterable[int], limit: int | None
) -> Sequence[tuple[Side, str]]:
    """Documents that have one of these keys of similarity."""
    rows = await connection.fetch(QUERY["list_key_members"], organization_id, ledger, list(keys), limit)
    return [(Side(row["side"]), row["document_id"]) for row in rows]


async def list_links(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    object_ids: Iterable[str],
    books_ids: Iterable[str],
) -> Sequence[asyncpg.Record]:
    """Records of these objects, and those of documents that name one of these in the books."""
    types = [*DOCUMENT_TYPES[ledger], PARTY_TYPE[ledger]]
    uuids = [each for name in object_ids if (each := as_uuid(name)) is not None]
    return await connection.fetch(QUERY["list_links"], organization_id, uuids, list(books_ids), types)


async def list_remembered_pairs(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    local_ids: Iterable[str],
    books_ids: Iterable[str],
) -> Mapping[str, RememberedPair]:
    """The pairs that are remembered of these documents, by local id."""
    rows = await connection.fetch(
        QUERY["list_remembered_pairs"], organization_id, ledger, list(local_ids), list(books_ids)
    )
    return {row["local_id"]: RememberedPair(row["books_id"], PairedBy(row["paired_by"])) for row in rows}


async def list_seats(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    local_ids: Iterable[str],
    books_ids: Iterable[str],
    *,
    limit: int | None,
) -> Sequence[Counted]:
    """How these documents counted."""
    rows = await connection.fetch(
        QUERY["list_seats"], organization_id, ledger, list(local_ids), list(books_ids), limit
    )
    return [_counted(row) for row in rows]


async def count_seats(
    connection: Connection, organization_id: UUID, ledger: Ledger, keys: Iterable[int]
) -> Mapping[int, int]:
    """How many documents of the books have each of these keys; every one that was asked for is in it."""
    wanted = list(keys)
    rows = await connection.fetch(QUERY["count_seats"], organization_id, ledger, wanted)
    return dict.fromkeys(wanted, 0) | {row["key"]: row["seats"] for row in rows}


def _counted(row: asyncpg.Record) -> Counted:
    return Counted(
        entry=Entry(
            local_id=row["local_id"],
            books_id=row["books_id"],
            paired_by=None if row["paired_by"] is None else PairedBy(row["paired_by"]),
            local=_posting(row, "local"),
            books=_posting(row, "books"),
        ),
        seat=Seat(
            local_id=row["local_id"],
            books_id=row["books_id"],
            numbers=frozenset(each for each in (row["local_mark"], row["books_mark"]) if each is not None),
            claims=frozenset(row["claims"] or ()),
            local_keys=frozenset(row["local_keys"] or ()),
            books_keys=frozenset(row["books_keys"] or ()),
        ),
    )


def _posting(row: asyncpg.Record, side: str) -> Posting | None:
    currency = row[f"{side}_currency"]
    return None if currency is None else Posting(currency, row[f"{side}_month"], row[f"{side}_minor"])
