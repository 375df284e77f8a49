"""Documents of both sides in one normal form.

Writing compares digests first: what is unchanged is not written, and an older version of the hub never
overwrites a newer one. `list_hash` is the digest of what the hub's list tells of a document; of bills that is
less than the whole, since their lines come from a call of their own.

Here is the hub's word. Where the partner's own system has put a document under the same id, its word stands
in the table and the hub's beside it (`partner_documents`): all that is written here goes there then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from service.domain.document import Document, Ledger, Side
from service.domain.pushing.preflight import Owed
from service.store.database import Connection
from service.store.document_rows import document_row, document_version
from service.store.history import HistoryKind, insert_history
from service.store.partner_documents import rejoin
from service.store.queries import QUERY
from service.store.rows import rows_json


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDocument:
    """A document as it has just been read, in its normal form, and what it was made of."""

    document: Document
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDocument:
    """What tells whether a document has changed."""

    content_hash: bytes
    list_hash: bytes
    hub_updated_at: datetime | None
    version: int
    removed_at: datetime | None

    @property
    def has_lines(self) -> bool:
        """Whether more is known of it than its list tells."""
        return self.content_hash != self.list_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """A document as it is kept; one that was removed has been seen once and vanished."""

    document: Document
    version: int
    first_seen_at: datetime
    removed_at: datetime | None


class LocalAmount(Struct, frozen=True, gc=False):
    """The money of a local document."""

    amount_minor: int | None
    currency: str | None


def list_hash(document: Document) -> bytes:
    """Digest of what a list tells of a document: of a local bill, all but its lines."""
    if document.side is Side.LOCAL and document.ledger is Ledger.PAYABLE:
        return replace(document, lines=(), rounded_lines=0).content_hash
    return document.content_hash


def is_news(document: Document, known: KnownDocument | None) -> bool:
    """Whether the list of the hub tells something of a document that we do not know."""
    if known is None:
        return True
    if is_older(document, known):
        return False
    return known.removed_at is not None or known.list_hash != list_hash(document)


def is_older(document: Document, known: KnownDocument) -> bool:
    """Whether this version came before the one that we know."""
    seen_at = document.updated_at
    return seen_at is not None and known.hub_updated_at is not None and seen_at < known.hub_updated_at


async def sum_unpaid_invoices(connection: Connection, organization_id: UUID) -> Sequence[Owed]:
    """What is yet to be paid of an organization's invoices, by currency."""
    return [Owed(**row) for row in await connection.fetch(QUERY["sum_unpaid_invoices"], organization_id)]


async def write_documents(
    connection: Connection,
    organization_id: UUID,
    seen: Sequence[SeenDocument],
    known: Mapping[str, KnownDocument],
) -> Sequence[str]:
    """Write what is new, changed or back again of one ledger and side; returns the ids of those documents.

    `known` is what was listed for them under this claim. A version that moved without a change is noted, no
    more.
    """
    changed: list[dict[str, Any]] = []
    touched: list[Document] = []
    for each in _newest(seen):
        document, before = each.document, known.get(each.document.document_id)
        if before is not None and is_older(document, before):
            continue
        if before is None or before.removed_at or before.content_hash != document.content_hash:
            changed.append(_row(organization_id, each, before))
        elif document.updated_at is not None and document.updated_at != before.hub_updated_at:
            touched.append(document)
    if changed:
        await upsert_documents(connection, organization_id, changed)
    if touched:
        await mark_documents_seen(connection, organization_id, touched)
    return [row["document_id"] for row in changed]


async def upsert_documents(
    connection: Connection, organization_id: UUID, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Write rows and their versions; what the partner's own system has put is written beside it."""
    told = await connection.fetch(QUERY["upsert_documents"], rows_json(rows))
    version_by_key = {_key(row): row["version"] for row in told}
    versions = [
        document_version(
            row["ledger"],
            row["side"],
            {**row, "version": version_by_key[_key(row)]},
            valid_from=row["hub_updated_at"],
        )
        for row in rows
        if _key(row) in version_by_key
    ]
    await insert_history(connection, organization_id, HistoryKind.DOCUMENT, versions)
    beside = [row for row in rows if _key(row) not in version_by_key]
    if beside:
        await connection.execute(QUERY["upsert_superseded_documents"], rows_json(beside))
        await rejoin(connection, organization_id, [row["document_id"] for row in beside])


async def mark_documents_seen(
    connection: Connection, organization_id: UUID, documents: Sequence[Document]
) -> None:
    """Note the hub's version of documents of one ledger and side, whose content has not changed."""
    first = documents[0]
    await connection.execute(
        QUERY["mark_documents_seen"],
        organization_id,
        first.ledger,
        first.side,
        [document.document_id for document in documents],
        [document.updated_at for document in documents],
    )


async def mark_documents_removed(
    connection: Connection, organization_id: UUID, ledger: Ledger, side: Side, listed: Sequence[str]
) -> Sequence[str]:
    """Mark those that a list which may prove absence no longer holds; returns their ids."""
    rows = await connection.fetch(QUERY["mark_documents_removed"], organization_id, ledger, side, listed)
    versions = [document_version(ledger, side, row, removed=True) for row in rows]
    await insert_history(connection, organization_id, HistoryKind.DOCUMENT, versions)
    return [row["document_id"] for row in rows]


async def mark_document_removed(
    connection: Connection, organization_id: UUID, ledger: Ledger, side: Side, document_id: str
) -> bool:
    """Mark one that the hub says does not exist; false when it was marked already, or never known."""
    rows = await connection.fetch(QUERY["mark_document_removed"], organization_id, ledger, side, document_id)
    versions = [document_version(ledger, side, row, removed=True) for row in rows]
    await insert_history(connection, organization_id, HistoryKind.DOCUMENT, versions)
    if rows or side is Side.BOOKS:
        return bool(rows)
    beside = await connection.fetch(
        QUERY["delete_superseded_document"], organization_id, ledger, side, document_id
    )
    await rejoin(connection, organization_id, [row["document_id"] for row in beside])
    return bool(beside)


async def list_document_hashes(
    connection: Connection, organization_id: UUID, ledger: Ledger, side: Side
) -> Mapping[str, KnownDocument]:
    """What is known of every document of a ledger and side that the hub told, by id."""
    rows = await connection.fetch(QUERY["list_document_hashes"], organization_id, ledger, side)
    return _known(rows)


async def list_hashes_of_documents(
    connection: Connection, organization_id: UUID, ledger: Ledger, side: Side, document_ids: Sequence[str]
) -> Mapping[str, KnownDocument]:
    """What is known of these documents, by id."""
    rows = await connection.fetch(
        QUERY["list_hashes_of_documents"], organization_id, ledger, side, document_ids
    )
    return _known(rows)


async def list_documents(
    connection: Connection, organization_id: UUID, ledger: Ledger
) -> Sequence[StoredDocument]:
    """Everything of a ledger that comparing needs, removed documents included."""
    return _stored(await connection.fetch(QUERY["list_documents"], organization_id, ledger))


def _stored(rows: Sequence[asyncpg.Record]) -> Sequence[StoredDocument]:
    return [
        StoredDocument(
            document=msgspec.convert(row["body"], Document),
            version=row["version"],
            first_seen_at=row["first_seen_at"],
            removed_at=row["removed_at"],
        )
        for row in rows
    ]


async def list_local_amounts(
    connection: Connection, organization_id: UUID, document_ids: Sequence[str]
) -> Mapping[str, LocalAmount]:
    """The money of local documents, by id."""
    rows = await connection.fetch(QUERY["list_local_amounts"], organization_id, document_ids)
    return {document_id: LocalAmount(*amount) for document_id, *amount in rows}


async def list_known_objects(
    connection: Connection, organization_id: UUID, object_ids: Sequence[str]
) -> frozenset[str]:
    """Which of these ids are objects of this organization, as its own lists have told."""
    rows = await connection.fetch(QUERY["list_known_objects"], organization_id, object_ids)
    return frozenset(row["object_id"] for row in rows)


async def list_document_needs(
    connection: Connection, organization_id: UUID, document_ids: Sequence[str]
) -> Mapping[str, Document]:
    """The normal form of local documents, for what they need of the books, by id; as old as the hub says."""
    rows = await connection.fetch(QUERY["list_document_needs"], organization_id, document_ids)
    return {
        row["document_id"]: replace(msgspec.convert(row["body"], Document), updated_at=row["hub_updated_at"])
        for row in rows
    }


def _key(row: Mapping[str, Any] | asyncpg.Record) -> tuple[str, str, str]:
    return row["ledger"], row["side"], row["document_id"]


def _newest(seen: Sequence[SeenDocument]) -> Sequence[SeenDocument]:
    """One version of each document: a list that shifts while it is read tells some twice."""
    kept: dict[str, SeenDocument] = {}
    for each in seen:
        other = kept.get(each.document.document_id)
        if other is None or _told_at(other) <= _told_at(each):
            kept[each.document.document_id] = each
    return list(kept.values())


def _told_at(seen: SeenDocument) -> float:
    return seen.document.updated_at.timestamp() if seen.document.updated_at else 0.0


def _known(rows: Sequence[asyncpg.Record]) -> Mapping[str, KnownDocument]:
    return {
        row["document_id"]: KnownDocument(
            content_hash=row["content_hash"],
            list_hash=row["list_hash"],
            hub_updated_at=row["hub_updated_at"],
            version=row["version"],
            removed_at=row["removed_at"],
        )
        for row in rows
    }


def _row(organization_id: UUID, seen: SeenDocument, before: KnownDocument | None) -> dict[str, Any]:
    return document_row(
        organization_id,
        seen.document,
        payload=seen.payload,
        list_hash=list_hash(seen.document),
        hub_updated_at=seen.document.updated_at,
        version=1 if before is None else before.version + 1,
    )
