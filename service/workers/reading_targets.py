"""Reading single documents: those that an event named, a record knows better, or a list no longer holds.

What the hub could not give just then stays wanted, for a little later, until the whole list is read. What was
left out because of it comes first then.

A document is gone when the hub itself says that there is none, or tells it as deleted. One that is minutes
old is not doubted: a part of the hub may not have heard of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from service.domain.cadence.stream import part_of
from service.domain.document import Ledger, Side, as_uuid
from service.domain.fleet import WorkKind
from service.errors import HubError
from service.hub.payloads import RawDocument
from service.store.database import Connection
from service.store.documents import list_hashes_of_documents, mark_document_removed
from service.store.scans import renew_unreadable
from service.store.streams import Target, delete_targets, mark_targets_wanted
from service.workers.reading import ENDS_RUN, MAY_PASS, MAY_PASS_MAX, Reading, Readout, log, nudge
from service.workers.reading_documents import ask_singly, documents, is_settled, pages, write
from service.workers.reading_lines import Lines

TARGETS_MAX: Final = 50
"""Single documents in one run: as many as fit into one address."""

SINGLY_MAX: Final = 3
"""Up to so many are asked for one by one; whatever a list leaves out has to be asked for singly anyway."""

AGAIN: Final = timedelta(minutes=5)
LEFT_OUT: Final = timedelta(minutes=1)
"""When what could not be read is asked for again, and what was left out since others could not be read."""


async def read_targets(reading: Reading, targets: Sequence[Target]) -> Readout:
    """Read single documents; one that the hub says does not exist, or has deleted, is gone."""
    readout = Readout()
    ledger = Ledger(part_of(reading.stream.stream))
    wanted = [found for target in targets if (found := as_uuid(target.object_id)) is not None]
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        known = await list_hashes_of_documents(
            connection, reading.organization_id, ledger, Side.LOCAL, [str(each) for each in wanted]
        )
    rows, missing, put_off = await _ask(reading, readout, ledger, wanted)
    told = documents(readout, ledger, rows)
    seen = told.documents
    if ledger is Ledger.PAYABLE:
        lines = Lines(reading, readout)
        seen = await lines.added_to(seen, known)
        put_off |= dict.fromkeys(lines.left_out, LEFT_OUT) | dict.fromkeys(lines.failed, AGAIN)
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
        await _settle(connection, reading, targets, put_off)
        if readout.counts["documents_removed"] or is_torn:
            await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
    return readout


async def _settle(
    connection: Connection, reading: Reading, targets: Sequence[Target], put_off: Mapping[str, timedelta]
) -> None:
    """Forget the wishes that were met, and put off the others."""
    organization_id, stream = reading.organization_id, reading.stream.stream
    waits = {target.object_id: put_off.get(str(as_uuid(target.object_id))) for target in targets}
    met = [target for target in targets if waits[target.object_id] is None]
    await delete_targets(connection, organization_id, stream, met)
    for wait in set(put_off.values()):
        waiting = [target for target in targets if waits[target.object_id] == wait]
        await mark_targets_wanted(connection, organization_id, stream, waiting, reading.work.now + wait)


async def _ask(
    reading: Reading, readout: Readout, ledger: Ledger, wanted: Sequence[UUID]
) -> tuple[list[RawDocument], list[str], dict[str, timedelta]]:
    """Ask for documents by their ids.

    The second is what the hub itself says it does not have; the third, when to ask again for the others.
    """
    found: dict[str, RawDocument] = {}
    if len(wanted) > SINGLY_MAX:
        async for page in pages(reading, ledger, wanted):
            found |= {row.id.lower(): row for row in page.items}
    missing: list[str] = []
    put_off: dict[str, timedelta] = {}
    for each in wanted:
        if str(each) in found:
            continue
        if len(put_off) >= MAY_PASS_MAX:
            put_off[str(each)] = LEFT_OUT
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
                if error.failure in MAY_PASS:
                    put_off[str(each)] = AGAIN
    ours = {str(each) for each in wanted}
    return [row for document_id, row in found.items() if document_id in ours], missing, put_off
