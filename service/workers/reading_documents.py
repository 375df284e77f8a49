"""Local documents on their way from the hub's words into the store, whoever asked for them.

What is unchanged is told by its digest and is not written; an older version never overwrites a newer one. The
money of a document is copied onto its records in the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from msgspec.structs import replace

from service.domain.cadence.due import OVERLAP
from service.domain.document import Document, Ledger, as_uuid
from service.domain.fleet import WorkKind
from service.hub.documents import Refused, local_payable, local_receivable
from service.hub.paging import Page
from service.hub.payloads import RawDocument
from service.store.database import Connection
from service.store.documents import KnownDocument, SeenDocument, list_local_amounts, write_documents
from service.store.records import Change, list_record_currencies_to_fill, lock_records, write_records
from service.workers.reading import Reading, Readout, log, nudge
from service.workers.reading_records import with_money


@dataclass(slots=True)
class Told:
    """What rows of the hub were: documents, some that cannot be read, some that are no documents any more."""

    documents: list[SeenDocument] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    """Why each of them cannot be read, by id."""
    ended_ids: set[str] = field(default_factory=set)

    @property
    def document_ids(self) -> set[str]:
        """Every document that is there, readable or not."""
        return self.unread.keys() | {each.document.document_id for each in self.documents}


def documents(readout: Readout, ledger: Ledger, rows: Iterable[RawDocument]) -> Told:
    """Bring rows to their normal form."""
    told = Told()
    for row in rows:
        readout.counts["documents_read"] += 1
        found = local_receivable(row.payload) if ledger is Ledger.RECEIVABLE else local_payable(row.payload)
        if isinstance(found, Document):
            told.documents.append(SeenDocument(document=found, payload=row.payload))
        elif isinstance(found, Refused):
            readout.counts["unreadable"] += 1
            told.unread[row.id.lower()] = found.reason
            log.warning("document_refused", ledger=ledger, document_id=row.id, reason=found.reason)
        else:
            told.ended_ids.add(row.id.lower())
    return told


async def write(
    reading: Reading,
    readout: Readout,
    seen: Sequence[SeenDocument],
    known: Mapping[str, KnownDocument],
) -> None:
    """Write what is news, and bring the money of its records along."""
    if not seen:
        return
    async with reading.work.writing() as connection:
        changed = await write_documents(connection, reading.organization_id, seen, known)
        await _copy_money(connection, reading, changed)
        if changed:
            await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
    readout.counts["documents_changed"] += len(changed)


async def _copy_money(connection: Connection, reading: Reading, document_ids: Sequence[str]) -> None:
    """Copy amounts onto the records of these documents."""
    object_ids = [found for each in document_ids if (found := as_uuid(each)) is not None]
    if not object_ids:
        return
    record_ids = await list_record_currencies_to_fill(connection, reading.organization_id, object_ids)
    records = await lock_records(connection, reading.organization_id, record_ids)
    amounts = await list_local_amounts(
        connection, reading.organization_id, [str(record.object_id) for record in records.values()]
    )
    changes = [
        Change(
            before=record,
            after=replace(with_money(record, amounts.get(str(record.object_id))), version=record.version + 1),
        )
        for record in records.values()
    ]
    await write_records(connection, changes)


def is_settled(reading: Reading, known: KnownDocument) -> bool:
    """Whether a document is so old that no part of the hub can be unaware of it still."""
    return known.hub_updated_at is None or known.hub_updated_at < reading.began_at - OVERLAP


def pages(reading: Reading, ledger: Ledger, ids: Sequence[UUID]) -> AsyncIterator[Page[RawDocument]]:
    """The list of a ledger, or the documents that are named."""
    if ledger is Ledger.RECEIVABLE:
        return reading.hub.receivables(reading.organization_id, ids=ids)
    return reading.hub.payables(reading.organization_id, ids=ids)


async def ask_singly(reading: Reading, ledger: Ledger, document_id: UUID | None) -> RawDocument:
    """One document of a ledger."""
    assert document_id is not None, "only ids of the hub's own form are asked for"
    if ledger is Ledger.RECEIVABLE:
        return await reading.hub.receivable(reading.organization_id, document_id)
    return await reading.hub.payable(reading.organization_id, document_id)
