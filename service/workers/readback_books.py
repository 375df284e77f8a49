"""Reading one ledger for a look into its books: what that rests on, and nothing else of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, TypedDict
from uuid import UUID

from service.domain.cadence.stream import RECORD_STREAMS
from service.domain.comparing.pairing import PairedBy
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, Link
from service.domain.comparing.pairing_similarity import Numbers
from service.domain.document import Document, Ledger, Side
from service.domain.pushing.readback_books import NONE_LANDED, Landed, Pull, Scanned
from service.domain.pushing.readback_part import Part
from service.domain.record import Record
from service.logs import get_logger
from service.store.database import Connection
from service.store.neighbours import list_links, list_remembered_pairs
from service.store.readback import get_is_emptied, list_landed, read_part
from service.store.scans import ScanRow, list_latest_scans, list_unreadable_documents
from service.store.streams import list_streams
from service.workers.compared import link_of

Sought: TypeAlias = tuple[Record, datetime]
"""A record whose document is looked for, and since when it may have landed."""

log = get_logger(__name__)


class Told(TypedDict):
    """What `Books` are built of."""

    local: Sequence[Document]
    books: Sequence[Document]
    removed: Sequence[Document]
    links: Sequence[Link]
    is_emptied: bool
    unreadable: int
    scan: Scanned | None
    pulls: Sequence[Pull]
    records_read_at: datetime | None
    landed: Landed
    numbers: Numbers
    paired_once: Mapping[str, str]
    explained: frozenset[str]
    first_seen_at: Mapping[str, datetime]


async def read_books(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    pulls: Sequence[Pull],
    sought: Sequence[Sought],
) -> Told | None:
    """Read what looking for these records rests on; None when that is more than may be held."""
    where = (connection, organization_id, ledger)
    part = Part.of([record for record, _ in sought])
    once = {
        local_id: each.books_id
        for local_id, each in (await list_remembered_pairs(*where, part.looked_for, ())).items()
    }
    if not await read_part(*where, part):
        log.warning("books_too_large", organization_id=str(organization_id), ledger=ledger)
        return None
    parties = {each.party_id for each in part.local if each.party_id is not None}
    links = await list_links(*where, parties, {*part.books_named, *once.values()})
    there = [each.document_id for each in part.books]
    remembered = await list_remembered_pairs(*where, (), there)
    unreadable = await list_unreadable_documents(*where)
    scan = (await list_latest_scans(connection, organization_id)).get((ledger, Side.BOOKS))
    streams = await list_streams(connection, organization_id)
    read_at = [
        streams[RECORD_STREAMS[name]].read_at
        for name in DOCUMENT_TYPES[ledger]
        if RECORD_STREAMS[name] in streams
    ]
    landed = NONE_LANDED
    if scan is not None and scan.last_pull is not None:
        begun_at = min(each for _, each in sought)
        landed = await list_landed(*where, after=begun_at, before=scan.last_pull, scanned_at=scan.started_at)
    return Told(
        local=part.local,
        books=part.books,
        removed=part.removed,
        links=[link_of(row) for row in links],
        is_emptied=await get_is_emptied(*where),
        unreadable=len(unreadable[Side.BOOKS]),
        scan=_scanned(scan) if scan else None,
        pulls=pulls,
        records_read_at=min((each for each in read_at if each is not None), default=None),
        landed=landed,
        numbers=part.numbers,
        paired_once=once,
        explained=frozenset(
            each.books_id for each in remembered.values() if each.by is not PairedBy.SIMILARITY
        ),
        first_seen_at=part.first_seen_at,
    )


def _scanned(row: ScanRow) -> Scanned:
    return Scanned(
        started_at=row.started_at,
        finished_at=row.finished_at,
        last_pull=row.last_pull,
        is_certified=row.certified,
        reason=row.reason,
    )
