"""Reading the lists of local documents, which cannot be asked for changes.

- Invoices do not say whose they are: one that is new lands if the hub does not deny it when asked for it
  (`reading.strangers_among`).
- Bills come without their lines (`reading_lines`); those whose lines are lacking still are asked for singly.
- A document that its list no longer holds is not gone yet: it is asked for singly, and is gone when the hub
  says so (`reading_targets`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from service.domain.cadence.stream import part_of
from service.domain.document import Document, Ledger, Side, as_uuid
from service.store.documents import KnownDocument, SeenDocument, is_news, is_older, list_document_hashes
from service.store.scans import replace_unreadable
from service.store.streams import delete_targets_before, insert_targets
from service.workers.reading import Reading, Readout, count_refused, count_strangers, strangers_among
from service.workers.reading_documents import ask_singly, documents, is_settled, pages, write
from service.workers.reading_lines import Lines

VANISHED_MAX: Final = 100
"""Documents asked for singly because a list no longer holds them; the rest comes with the next list."""


async def read_local(reading: Reading) -> Readout:
    """Read the whole list of a ledger."""
    readout = Readout(is_full=True)
    ledger = Ledger(part_of(reading.stream.stream))
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        known = await list_document_hashes(connection, reading.organization_id, ledger, Side.LOCAL)
    listed: set[str] = set()
    unreadable: dict[str, str] = {}
    lines = Lines(reading, readout)
    async for page in pages(reading, ledger, ()):
        count_refused(readout, reading, page.refused)
        listed.update(str(row.payload.get("id")) for row in page.refused if isinstance(row.payload, dict))
        told = documents(readout, ledger, page.items)
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
        await write(reading, readout, relevant, known)
    async with reading.work.writing() as connection:
        await replace_unreadable(connection, reading.organization_id, ledger, Side.LOCAL, unreadable)
    vanished = [
        each
        for each, found in known.items()
        if found.removed_at is None and each not in listed and is_settled(reading, found)
    ]
    await _settle_targets(reading, [*vanished[:VANISHED_MAX], *lines.left_out, *lines.failed])
    return readout


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
    ids = {each.document.document_id: as_uuid(each.document.document_id) for each in new}
    found = await strangers_among(
        [each for each in new if ids[each.document.document_id] is not None],
        lambda each: each.document.created_at,
        lambda each: ask_singly(reading, Ledger.RECEIVABLE, ids[each.document.document_id]),
    )
    strangers = {each.document.document_id for each in found}
    strangers |= {document_id for document_id, usable in ids.items() if usable is None}
    count_strangers(readout, reading, len(strangers))
    return [each for each in seen if each.document.document_id not in strangers]


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
