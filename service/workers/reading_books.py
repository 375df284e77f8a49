"""Reading the books: certified scans of the accounting lists, once per pull.

- Without a connection, or before its first pull, there is nothing to read, and nothing is concluded.
- What a scan found is there. What it did not find is gone only if the scan was certified, was of no older
  pull than the last one, and every row has an id. A list that shifted under our hands is read again soon and
  changes nothing meanwhile; one that merely holds rows which cannot be read, or is of a connection that tells
  of errors, may add and change.
- A pull that is yet to come is not believed: whatever came after it would count as older than what is known.
- That half of the books vanished at once is believed when the next pull says so too (`vanished`).
- Every scan is kept, certified or not, with its reason: the balance shows it. One that changed nothing here
  bears the pull of the last that did, since the books are still known as of then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from service.domain.cadence.due import OVERLAP
from service.domain.cadence.stream import part_of
from service.domain.comparing import vanished
from service.domain.document import Document, Ledger, Side
from service.domain.fleet import WorkKind
from service.hub.documents import Refused, books_payable, books_receivable, tax_rates_by_reference
from service.hub.payloads import Connection as HubConnection
from service.hub.payloads import RawDocument
from service.hub.scan import PULL_MAY_HAVE_FAILED, Scan, scan
from service.store.documents import (
    KnownDocument,
    SeenDocument,
    list_document_hashes,
    mark_documents_removed,
    write_documents,
)
from service.store.reference_objects import ReferenceKind, list_reference_objects
from service.store.scans import ScanRow, insert_scan, list_latest_scans, replace_unreadable
from service.workers.reading import Reading, Readout, count_refused, log, nudge

LISTS: Final[Mapping[Ledger, Literal["receivables", "payables"]]] = {
    Ledger.RECEIVABLE: "receivables",
    Ledger.PAYABLE: "payables",
}

WRITTEN_AT_ONCE: Final = 500
"""Documents in one transaction."""

NAMELESS: Final = "a row has no id that tells it from others"
"""It might be any document: while it is there, none can be said to be gone."""

Read = SeenDocument | Refused


async def read_books(reading: Reading) -> Readout:
    """Scan one list of the books and write what it proves."""
    readout = Readout(cursor_at=reading.stream.cursor_at)
    if not reading.organization.is_connected or reading.organization.last_pull is None:
        readout.is_full = True  # there is nothing more to be read
        return readout
    ledger = Ledger(part_of(reading.stream.stream))
    reads = await _reader(reading, ledger)
    found = await scan(
        reading.hub,
        reading.organization_id,
        LISTS[ledger],
        keep=reads,
        before=reading.visit.connection,
        now=lambda: reading.work.now,
    )
    reading.visit.connection = found.connection
    count_refused(readout, reading, found.refused)
    readout.counts["documents_read"] += len(found.documents)
    seen = [each for each in found.documents if isinstance(each, SeenDocument)]
    unread = [each for each in found.documents if isinstance(each, Refused)]
    _count_unread(readout, ledger, unread)
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        known = await list_document_hashes(connection, reading.organization_id, ledger, Side.BOOKS)
        before = (await list_latest_scans(connection, reading.organization_id)).get((ledger, Side.BOOKS))
    listed = [each.document.document_id for each in seen]
    listed += [each.document_id for each in unread if each.document_id is not None]
    readout.doubt = _doubt(reading, found, known, listed)
    last_pull = before.last_pull if before is not None else None
    unreadable = None
    if readout.doubt in {None, NAMELESS, PULL_MAY_HAVE_FAILED} or found.refused:
        await _write(reading, readout, seen, known)
        last_pull = found.last_pull or last_pull
        unreadable = {each.document_id: each.reason for each in unread if each.document_id is not None}
    found = replace(found, last_pull=last_pull)
    await _conclude(reading, readout, ledger, found, listed, unreadable=unreadable)
    return readout


def _doubt(
    reading: Reading, found: Scan[Read], known: Mapping[str, KnownDocument], listed: Sequence[str]
) -> str | None:
    """Why this scan proves no absence; None when it does."""
    if not found.certified or found.last_pull is None:
        return found.reason or "the scan was not certified"
    if found.last_pull > reading.began_at + OVERLAP:
        return "the hub names a pull that is yet to come"
    before = reading.stream.cursor_at
    if before is not None and found.last_pull < before:
        return "the hub answered with an older pull than before"
    if any(isinstance(each, Refused) and each.document_id is None for each in found.documents):
        return NAMELESS
    there = {each for each, document in known.items() if document.removed_at is None}
    return vanished.doubt_of(len(there - set(listed)), len(there), found.last_pull, reading.stream.error)


async def _write(
    reading: Reading, readout: Readout, seen: Sequence[SeenDocument], known: Mapping[str, KnownDocument]
) -> None:
    for start in range(0, len(seen), WRITTEN_AT_ONCE):
        async with reading.work.writing() as connection:
            changed = await write_documents(
                connection, reading.organization_id, seen[start : start + WRITTEN_AT_ONCE], known
            )
        readout.counts["documents_changed"] += len(changed)


async def _conclude(
    reading: Reading,
    readout: Readout,
    ledger: Ledger,
    found: Scan[Read],
    listed: Sequence[str],
    *,
    unreadable: Mapping[str, str] | None,
) -> None:
    """Keep the scan, what could not be read, and, if it may, conclude what is gone."""
    row = ScanRow(
        ledger=ledger,
        side=Side.BOOKS,
        started_at=found.started_at,
        finished_at=found.finished_at,
        last_pull=found.last_pull,
        certified=readout.doubt is None,
        reason=readout.doubt or "the list was complete and stable, and no pull ended meanwhile",
        documents_count=len(found.documents),
        calls=found.calls,
    )
    async with reading.work.writing() as connection:
        if readout.doubt is None:
            gone = await mark_documents_removed(
                connection, reading.organization_id, ledger, Side.BOOKS, listed
            )
            readout.counts["documents_removed"] += len(gone)
        if unreadable is not None:
            await replace_unreadable(connection, reading.organization_id, ledger, Side.BOOKS, unreadable)
        await insert_scan(connection, reading.organization_id, row)
        await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
    readout.counts["scans"] += 1
    if readout.doubt is None:
        readout.is_full, readout.cursor_at = True, found.last_pull


async def _reader(reading: Reading, ledger: Ledger) -> Callable[[RawDocument], Read]:
    """What brings a row of the books to its normal form."""
    currency = _base_currency(reading.visit.connection)
    if ledger is Ledger.PAYABLE:
        return lambda row: _seen(row, books_payable(row.payload, base_currency=currency))
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        rates = await list_reference_objects(connection, reading.organization_id, [ReferenceKind.TAX_RATE])
    by_reference = tax_rates_by_reference(rate.payload for rate in rates)
    return lambda row: _seen(row, books_receivable(row.payload, by_reference, base_currency=currency))


def _seen(row: RawDocument, found: Document | Refused | None) -> Read:
    if isinstance(found, Document):
        return SeenDocument(document=found, payload=row.payload)
    return found or Refused("it is no document of the books", row.id)


def _base_currency(connection: HubConnection | None) -> str | None:
    match connection.payload if connection else None:
        case {"business_info": {"base_currency": str(currency)}}:
            return currency
    return None


def _count_unread(readout: Readout, ledger: Ledger, unread: Sequence[Refused]) -> None:
    readout.counts["unreadable"] += len(unread)
    for each in unread:
        log.warning("document_refused", ledger=ledger, document_id=each.document_id, reason=each.reason)
