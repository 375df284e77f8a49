"""What comparing reads of one ledger: documents, links, scans, and all that must be known around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from service.domain.difference import Context
from service.domain.document import Document, Ledger, Side
from service.domain.pairing_links import DOCUMENT_TYPES, PARTY_TYPE, Link
from service.domain.preflight import Setup
from service.domain.stream import RECORD_STREAMS, Stream
from service.store.comparing import Reads, list_pairs
from service.store.connections import KnownConnection, get_current_connection
from service.store.database import Connection
from service.store.documents import (
    StoredDocument,
    list_documents,
    list_latest_scans,
    list_unreadable_documents,
)
from service.store.records import list_record_links
from service.store.reference_objects import ReferenceKind, ReferenceObject, list_reference_objects
from service.store.streams import list_streams

LOCAL_STREAM_BY_LEDGER: Final[Mapping[Ledger, Stream]] = {
    Ledger.RECEIVABLE: Stream.LOCAL_RECEIVABLES,
    Ledger.PAYABLE: Stream.LOCAL_PAYABLES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Everything that comparing a ledger needs."""

    local: Sequence[Document]
    books: Sequence[Document]
    links: Sequence[Link]
    context: Context
    setup: Setup
    reads: Reads


async def read_compared(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    *,
    as_of: datetime,
    stuck_seconds: float,
    stale_seconds: float,
) -> Compared | None:
    """Read a ledger; None when a side of it has not been read to the end yet."""
    streams = await list_streams(connection, organization_id)
    local = streams.get(LOCAL_STREAM_BY_LEDGER[ledger])
    books_scan = (await list_latest_scans(connection, organization_id)).get((ledger, Side.BOOKS))
    link = await get_current_connection(connection, organization_id)
    if local is None or local.full_at is None:
        return None
    if books_scan is None and link is not None and link.is_connected:
        return None
    documents = await list_documents(connection, organization_id, ledger)
    references = await list_reference_objects(
        connection,
        organization_id,
        [ReferenceKind.TAX_RATE, ReferenceKind.LEDGER_ACCOUNT, ReferenceKind.PRODUCT, ReferenceKind.SETTINGS],
    )
    rows = await list_record_links(connection, organization_id, [*DOCUMENT_TYPES[ledger], PARTY_TYPE[ledger]])
    unreadable = await list_unreadable_documents(connection, organization_id, ledger)
    pairs = await list_pairs(connection, organization_id, ledger)
    records = [
        streams[RECORD_STREAMS[name]] for name in DOCUMENT_TYPES[ledger] if RECORD_STREAMS[name] in streams
    ]
    reads = Reads(
        local_at=local.read_at,
        books_at=books_scan.finished_at if books_scan else None,
        last_pull=books_scan.last_pull if books_scan else None,
        certified=books_scan is not None and books_scan.certified,
    )
    there = [each for each in documents if each.document.side is Side.BOOKS]
    return Compared(
        local=[
            each.document
            for each in documents
            if each.document.side is Side.LOCAL and each.removed_at is None
        ],
        books=[each.document for each in there if each.removed_at is None],
        links=[link_of(row) for row in rows],
        context=Context(
            as_of=as_of,
            connected_at=link.connected_at if link else None,
            disconnected_at=_ended_at(link),
            last_pull=reads.last_pull,
            scan_certified=reads.certified,
            scan_reason=books_scan.reason if books_scan else None,
            records_read_at=min((each.read_at for each in records if each.read_at), default=None),
            ever_seen_books_ids=_ids(there),
            absent_books_ids=_ids([each for each in there if each.removed_at is not None]),
            once_paired={pair.local_id: pair.books_id for pair in pairs.values()},
            unreadable_local=unreadable[Side.LOCAL],
            unreadable_books=unreadable[Side.BOOKS],
            ledger_account_ids=frozenset(
                each.reference_id for each in references if each.kind is ReferenceKind.LEDGER_ACCOUNT
            ),
            stuck_seconds=stuck_seconds,
            stale_seconds=stale_seconds,
        ),
        setup=_setup(references),
        reads=reads,
    )


def _ids(documents: Sequence[StoredDocument]) -> frozenset[str]:
    return frozenset(each.document.document_id for each in documents)


def link_of(row: asyncpg.Record) -> Link:
    """A record, reduced to what pairing needs."""
    return Link(
        record_id=str(row["record_id"]),
        object_type=row["object_type"],
        object_id=None if row["object_id"] is None else str(row["object_id"]),
        platform_object_id=row["platform_object_id"],
        provider_object_id=row["provider_object_id"],
        sync_status=row["sync_status"],
        state=row["state"],
        cause=row["cause"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _ended_at(link: KnownConnection | None) -> datetime | None:
    """When the connection ended; None while it is up, and for one that never began."""
    if link is None or link.is_connected or link.status == "pending_auth":
        return None
    return link.hub_updated_at or link.changed_at


def _setup(references: Sequence[ReferenceObject]) -> Setup:
    """What the books and the settings offer to a push; what was never read is not known."""
    settings = next((each for each in references if each.kind is ReferenceKind.SETTINGS), None)
    accounting = (settings.payload.get("accounting") or {}) if settings else {}
    accounts = accounting.get("ledger_account_ids") or {}
    rates = {
        each.reference_id: each.rate
        for each in references
        if each.kind is ReferenceKind.TAX_RATE and each.is_external is not False and each.rate is not None
    }
    ledger_accounts = {
        each.reference_id: each.status
        for each in references
        if each.kind is ReferenceKind.LEDGER_ACCOUNT and each.is_external is not False
    }
    return Setup(
        tax_rates=rates or None,
        ledger_accounts=ledger_accounts or None,
        product_names=[each.name for each in references if each.kind is ReferenceKind.PRODUCT and each.name],
        settings_known=settings is not None,
        products_account_id=accounts.get("products"),
        payments_account_id=accounts.get("payments"),
        deductions_tax_id=(accounting.get("tax_ids") or {}).get("deductions"),
    )
