"""Reading single documents: those that an event named, a record knows better, or a list no longer holds.

A document is gone when the hub itself says that there is none, or tells it as deleted. One that is minutes
old is not doubted: a part of the hub may not have heard of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from service.domain.cadence.stream import part_of
from service.domain.document import Ledger, Side, as_uuid
from service.domain.fleet import WorkKind
from service.errors import HubError
from service.hub.payloads import RawDocument
from service.store.documents import list_hashes_of_documents, mark_document_removed
from service.store.scans import renew_unreadable
from service.store.streams import Target, delete_targets
from service.workers.reading import ENDS_RUN, Reading, Readout, log, nudge
from service.workers.reading_documents import ask_singly, documents, is_settled, pages, write
from service.workers.reading_lines import Lines

TARGETS_MAX: Final = 50
"""Single documents in one run: as many as fit into one address."""

SINGLY_MAX: Final = 3
"""Up to so many are asked for one by one; whatever a list leaves out has to be asked for singly anyway."""


async def read_targets(reading: Reading, targets: Sequence[Target]) -> Readout:
    """Read single documents; one that the hub says does not exist, or has deleted, is gone."""
    readout = Readout()
    ledger = Ledger(part_of(reading.stream.stream))
    wanted = [found for target in targets if (found := as_uuid(target.object_id)) is not None]
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        known = await list_hashes_of_documents(
            connection, reading.organization_id, ledger, Side.LOCAL, [str(each) for each in wanted]
        )
    rows, missing = await _ask(reading, readout, ledger, wanted)
    told = documents(readout, ledger, rows)
    seen = told.documents
    if ledger is Ledger.PAYABLE:
        seen = await Lines(reading, readout).added_to(seen, known)
    await write(reading, readout, seen, known)
    async with reading.work.writing() as connection:
        for document_id in [*missing, *told.ended_ids]:
            before = known.get(document_id)
            if before is None or (document_id in missing and not is_settled(reading, before)):
                continue
            if await mark_document_removed(
                connection, reading.organization_id, ledger, Side.LOCAL, document_id
            ):
                readout.counts["documents_removed"] += 1
        answered = {*told.document_ids, *told.ended_ids, *missing}
        is_torn = await renew_unreadable(
            connection,
            reading.organization_id,
            ledger,
            Side.LOCAL,
            document_ids=answered,
            reasons=told.unread,
        )
        await delete_targets(connection, reading.organization_id, reading.stream.stream, targets)
        if readout.counts["documents_removed"] or is_torn:
            await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
    return readout


async def _ask(
    reading: Reading, readout: Readout, ledger: Ledger, wanted: Sequence[UUID]
) -> tuple[list[RawDocument], list[str]]:
    """Ask for documents by their ids; the second is what the hub itself says it does not have."""
    found: dict[str, RawDocument] = {}
    if len(wanted) > SINGLY_MAX:
        async for page in pages(reading, ledger, wanted):
            found |= {row.id.lower(): row for row in page.items}
    missing = []
    for each in wanted:
        if str(each) in found:
            continue
        try:
            found[str(each)] = await ask_singly(reading, ledger, each)
        except HubError as error:
            if error.is_missing:
                missing.append(str(each))
            elif error.failure in ENDS_RUN:
                raise
            else:
                readout.counts["unreadable"] += 1
                log.warning("document_refused", ledger=ledger, document_id=str(each), reason=str(error))
    ours = {str(each) for each in wanted}
    return [row for document_id, row in found.items() if document_id in ours], missing
