"""Reading local documents: lists that cannot be asked for changes, and single documents that an event named.

- What is unchanged is told by its digest and is not written. An older version never overwrites a newer one.
- Invoices do not say whose they are: one that is new lands if the hub does not deny it when asked for it
  (`reading.strangers_among`).
- Bills come without their lines, which cost a call each. They are read of a bill that changed, and only if it
  is still on its way into the books, or had its lines read before.
- A document that its list no longer holds is not gone yet: it is asked for singly, and is gone when the hub
  says so. One that is minutes old is not doubted at all: a part of the hub may not have heard of it.
- The money of a document is copied onto its record in the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from service.domain.cadence import OVERLAP
from service.domain.document import Document, Ledger, Side, Status
from service.domain.fleet import WorkKind
from service.domain.stream import part_of
from service.errors import Fate, HubError, HubFailure
from service.hub.documents import Refused, local_payable, local_receivable
from service.hub.paging import Page, gather
from service.hub.payloads import RawDocument
from service.store.database import Connection
from service.store.documents import (
    KnownDocument,
    SeenDocument,
    is_news,
    is_older,
    list_document_hashes,
    list_hashes_of_documents,
    list_local_amounts,
    mark_document_removed,
    replace_unreadable,
    write_documents,
)
from service.store.records import (
    Change,
    list_record_currencies_to_fill,
    list_unsettled_objects,
    lock_records,
    write_records,
)
from service.store.streams import Target, delete_targets, delete_targets_before, insert_targets
from service.workers.reading import (
    ENDS_RUN,
    Reading,
    Readout,
    count_refused,
    count_strangers,
    log,
    nudge,
    strangers_among,
)
from service.workers.reading_records import with_money

LINES_MAX: Final = 200
"""Calls for lines in one reading; the bills beyond are wished for singly, and read with the next runs."""

VANISHED_MAX: Final = 100
"""Documents asked for singly because a list no longer holds them; the others have their turn with the next
list."""

TARGETS_MAX: Final = 50
"""Single documents in one run: as many as fit into one address."""

SINGLY_MAX: Final = 3
"""Up to so many are asked for one by one, since whatever a list leaves out has to be asked for singly
anyway."""


async def read_local(reading: Reading) -> Readout:
    """Read the whole list of a ledger."""
    readout = Readout(is_full=True)
    ledger = Ledger(part_of(reading.stream.stream))
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        known = await list_document_hashes(connection, reading.organization_id, ledger, Side.LOCAL)
    listed: set[str] = set()
    unreadable: dict[str, str] = {}
    lines = _Lines(reading, readout)
    async for page in _pages(reading, ledger, ()):
        count_refused(readout, reading, page.refused)
        listed.update(str(row.payload.get("id")) for row in page.refused if isinstance(row.payload, dict))
        told = _documents(readout, ledger, page.items)
        fresh = [each for each in told.documents if each.document.document_id not in listed]
        listed.update(told.document_ids)
        unreadable |= told.unread
        relevant = [
            each for each in fresh if _is_relevant(each.document, known.get(each.document.document_id))
        ]
        if ledger is Ledger.RECEIVABLE:
            relevant = await _without_strangers(reading, readout, relevant, known)
        else:
            relevant = await lines.added_to(relevant, known)
        await _write(reading, readout, relevant, known)
    async with reading.work.writing() as connection:
        await replace_unreadable(connection, reading.organization_id, ledger, Side.LOCAL, unreadable)
    vanished = [
        each
        for each, found in known.items()
        if found.removed_at is None and each not in listed and _is_settled(reading, found)
    ]
    await _settle_targets(reading, [*vanished[:VANISHED_MAX], *lines.left_out])
    return readout


async def read_targets(reading: Reading, targets: Sequence[Target]) -> Readout:
    """Read single documents; one that the hub says does not exist, or has deleted, is gone."""
    readout = Readout()
    ledger = Ledger(part_of(reading.stream.stream))
    wanted = [found for target in targets if (found := _uuid(target.object_id)) is not None]
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        known = await list_hashes_of_documents(
            connection, reading.organization_id, ledger, Side.LOCAL, [str(each) for each in wanted]
        )
    rows, missing = await _ask(reading, readout, ledger, wanted)
    told = _documents(readout, ledger, rows)
    seen = told.documents
    if ledger is Ledger.PAYABLE:
        seen = await _Lines(reading, readout).added_to(seen, known)
    await _write(reading, readout, seen, known)
    async with reading.work.writing() as connection:
        for document_id in [*missing, *told.ended_ids]:
            before = known.get(document_id)
            if before is None or (document_id in missing and not _is_settled(reading, before)):
                continue
            if await mark_document_removed(
                connection, reading.organization_id, ledger, Side.LOCAL, document_id
            ):
                readout.counts["documents_removed"] += 1
        await delete_targets(connection, reading.organization_id, reading.stream.stream, targets)
        if readout.counts["documents_removed"]:
            await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
    return readout


def _is_settled(reading: Reading, known: KnownDocument) -> bool:
    """Whether a document is so old that no part of the hub can be unaware of it still."""
    return known.hub_updated_at is None or known.hub_updated_at < reading.began_at - OVERLAP


@dataclass(slots=True)
class _Told:
    """What rows of the hub were: documents, some that cannot be read, some that are no documents any more."""

    documents: list[SeenDocument] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    """Why each of them cannot be read, by id."""
    ended_ids: set[str] = field(default_factory=set)

    @property
    def document_ids(self) -> set[str]:
        return self.unread.keys() | {each.document.document_id for each in self.documents}


def _documents(readout: Readout, ledger: Ledger, rows: Iterable[RawDocument]) -> _Told:
    """Bring rows to their normal form."""
    told = _Told()
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


def _is_relevant(document: Document, known: KnownDocument | None) -> bool:
    """Whether the list tells anything of a document that is to be written."""
    if known is None or is_news(document, known):
        return True
    return not is_older(document, known) and document.updated_at != known.hub_updated_at


async def _without_strangers(
    reading: Reading, readout: Readout, seen: list[SeenDocument], known: Mapping[str, KnownDocument]
) -> list[SeenDocument]:
    """Leave out new documents that are another organization's, as far as that can be seen."""
    new = [each for each in seen if each.document.document_id not in known]
    ids = {each.document.document_id: _uuid(each.document.document_id) for each in new}
    found = await strangers_among(
        [each for each in new if ids[each.document.document_id] is not None],
        lambda each: each.document.created_at,
        lambda each: _ask_singly(reading, Ledger.RECEIVABLE, ids[each.document.document_id]),
    )
    strangers = {each.document.document_id for each in found}
    strangers |= {document_id for document_id, usable in ids.items() if usable is None}
    count_strangers(readout, reading, len(strangers))
    return [each for each in seen if each.document.document_id not in strangers]


class _Lines:
    """Reads the lines of bills, up to a number of calls."""

    def __init__(self, reading: Reading, readout: Readout) -> None:
        self._reading = reading
        self._readout = readout
        self._calls_left = LINES_MAX
        self.left_out: list[str] = []

    async def added_to(
        self, bills: Sequence[SeenDocument], known: Mapping[str, KnownDocument]
    ) -> list[SeenDocument]:
        """The bills, with their lines where those matter; without, where they cannot be read."""
        unsettled = await self._unsettled(bills)
        completed = []
        for bill in bills:
            before = known.get(bill.document.document_id)
            has_lines = before is not None and before.has_lines
            if has_lines or bill.document.document_id in unsettled:
                completed.append(await self._complete(bill))
            else:
                completed.append(bill)
        return completed

    async def _unsettled(self, bills: Sequence[SeenDocument]) -> frozenset[str]:
        """Bills that are to go into the books and are not there."""
        if not self._reading.organization.is_connected:
            return frozenset()
        on_their_way = [
            found
            for bill in bills
            if bill.document.status not in {Status.DRAFT, Status.VOID}
            and (found := _uuid(bill.document.document_id)) is not None
        ]
        if not on_their_way:
            return frozenset()
        async with self._reading.database.organization(self._reading.organization_id) as connection:
            unsettled = await list_unsettled_objects(connection, self._reading.organization_id, on_their_way)
        return frozenset(str(each) for each in unsettled)

    async def _complete(self, bill: SeenDocument) -> SeenDocument:
        document_id = bill.document.document_id
        payable_id = _uuid(document_id)
        if payable_id is None or self._calls_left == 0:
            self.left_out.append(document_id)
            return bill
        self._calls_left -= 1
        try:
            page = await gather(self._reading.hub.payable_lines(self._reading.organization_id, payable_id))
        except HubError as error:
            if error.failure in ENDS_RUN:
                raise
            self._readout.counts["unreadable"] += 1
            log.warning("lines_refused", document_id=document_id, error=str(error))
            return bill
        count_refused(self._readout, self._reading, page.refused)
        found = local_payable(bill.payload, [row.payload for row in page.items])
        return SeenDocument(document=found, payload=bill.payload) if isinstance(found, Document) else bill


async def _write(
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
    object_ids = [found for each in document_ids if (found := _uuid(each)) is not None]
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


async def _settle_targets(reading: Reading, wanted: Sequence[str]) -> None:
    """Forget the wishes that the list has answered, and wish for what it left open."""
    async with reading.work.writing() as connection:
        await delete_targets_before(
            connection, reading.organization_id, reading.stream.stream, reading.began_at
        )
        if wanted:
            now = reading.work.now
            targets = [(reading.stream.stream, each, now) for each in wanted]
            await insert_targets(connection, reading.organization_id, targets)


def _pages(reading: Reading, ledger: Ledger, ids: Sequence[UUID]) -> AsyncIterator[Page[RawDocument]]:
    if ledger is Ledger.RECEIVABLE:
        return reading.hub.receivables(reading.organization_id, ids=ids)
    return reading.hub.payables(reading.organization_id, ids=ids)


async def _ask(
    reading: Reading, readout: Readout, ledger: Ledger, wanted: Sequence[UUID]
) -> tuple[list[RawDocument], list[str]]:
    """Ask for documents by their ids; the second is what the hub itself says it does not have."""
    found: dict[str, RawDocument] = {}
    if len(wanted) > SINGLY_MAX:
        async for page in _pages(reading, ledger, wanted):
            found |= {row.id.lower(): row for row in page.items}
    missing = []
    for each in wanted:
        if str(each) in found:
            continue
        try:
            found[str(each)] = await _ask_singly(reading, ledger, each)
        except HubError as error:
            if error.failure is HubFailure.NOT_FOUND and error.fate is Fate.REFUSED:
                missing.append(str(each))
            elif error.failure in ENDS_RUN:
                raise
            else:
                readout.counts["unreadable"] += 1
                log.warning("document_refused", ledger=ledger, document_id=str(each), reason=str(error))
    ours = {str(each) for each in wanted}
    return [row for document_id, row in found.items() if document_id in ours], missing


async def _ask_singly(reading: Reading, ledger: Ledger, document_id: UUID | None) -> RawDocument:
    assert document_id is not None, "only ids of the hub's own form are asked for"
    if ledger is Ledger.RECEIVABLE:
        return await reading.hub.receivable(reading.organization_id, document_id)
    return await reading.hub.payable(reading.organization_id, document_id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
