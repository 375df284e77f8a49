"""What comparing reads around the documents of one ledger: connection, reads, references, what is unreadable.

All of it together are the *circumstances* that any verdict may rest on. Two of them move on with every
reading of the books and concern few verdicts, which are named in `list_turning_differences`; when any other
moves, everything is compared anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from service.domain.cadence.stream import RECORD_STREAMS, Stream
from service.domain.comparing.difference import Context
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, Link
from service.domain.document import Ledger, Side, digest
from service.domain.pushing.preflight import Setup
from service.store.balances import Reads
from service.store.connections import KnownConnection, list_connections
from service.store.database import Connection
from service.store.reference_objects import (
    ReferenceKind,
    ReferenceObject,
    list_product_namesakes,
    list_reference_objects,
)
from service.store.scans import list_latest_scans, list_unreadable_documents
from service.store.streams import list_streams

LOCAL_STREAM_BY_LEDGER: Final[Mapping[Ledger, Stream]] = {
    Ledger.RECEIVABLE: Stream.LOCAL_RECEIVABLES,
    Ledger.PAYABLE: Stream.LOCAL_PAYABLES,
}

REFERENCES: Final = (ReferenceKind.TAX_RATE, ReferenceKind.LEDGER_ACCOUNT, ReferenceKind.SETTINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known around the documents; the context is yet without what it says of single documents."""

    context: Context
    setup: Setup
    reads: Reads

    @property
    def digest(self) -> bytes:
        """Digest of all that moves seldom, and moves any verdict."""
        context, setup = self.context, self.setup
        parts: list[object] = [context.connected_at, context.disconnected_at, context.scan_reason]
        parts += [str(context.scan_certified), str(context.last_pull is None)]
        parts += [
            str(context.records_read_at is None),
            str(context.stuck_seconds),
            str(context.stale_seconds),
        ]
        for texts in (context.unreadable_local, context.unreadable_books):
            parts += [len(texts), *(part for item in sorted(texts.items()) for part in item)]
        parts += [len(context.ledger_account_ids), *sorted(context.ledger_account_ids)]
        for known in (setup.tax_rates, setup.ledger_accounts):
            parts.append(None if known is None else len(known))
            parts += [part for item in sorted((known or {}).items()) for part in item]
        parts += [*setup.product_names, str(setup.settings_known), setup.products_account_id]
        parts += [setup.payments_account_id, setup.deductions_tax_id]
        return digest(parts)


async def read_circumstances(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    *,
    as_of: datetime,
    stuck_seconds: float,
    stale_seconds: float,
) -> Circumstances | None:
    """Read what is around a ledger; None when a side of it has not been read to the end yet."""
    streams = await list_streams(connection, organization_id)
    local = streams.get(LOCAL_STREAM_BY_LEDGER[ledger])
    if local is None or local.full_at is None:
        return None
    books_scan = (await list_latest_scans(connection, organization_id)).get((ledger, Side.BOOKS))
    links = await list_connections(connection, organization_id)
    if books_scan is None and any(link.is_connected for link in links):
        return None
    references = await list_reference_objects(connection, organization_id, REFERENCES)
    namesakes = await list_product_namesakes(connection, organization_id)
    unreadable = await list_unreadable_documents(connection, organization_id, ledger)
    records = [
        streams[RECORD_STREAMS[name]] for name in DOCUMENT_TYPES[ledger] if RECORD_STREAMS[name] in streams
    ]
    reads = Reads(
        local_at=local.read_at,
        books_at=books_scan.finished_at if books_scan else None,
        last_pull=books_scan.last_pull if books_scan else None,
        certified=books_scan is not None and books_scan.certified,
    )
    context = Context(
        as_of=as_of,
        connected_at=_began_at(links),
        disconnected_at=_ended_at(links),
        last_pull=reads.last_pull,
        scan_certified=reads.certified,
        scan_reason=books_scan.reason if books_scan else None,
        records_read_at=min((each.read_at for each in records if each.read_at), default=None),
        unreadable_local=unreadable[Side.LOCAL],
        unreadable_books=unreadable[Side.BOOKS],
        ledger_account_ids=frozenset(
            each.reference_id for each in references if each.kind is ReferenceKind.LEDGER_ACCOUNT
        ),
        stuck_seconds=stuck_seconds,
        stale_seconds=stale_seconds,
    )
    return Circumstances(context=context, setup=_setup(references, namesakes), reads=reads)


def with_documents(
    context: Context, *, there: frozenset[str], gone: frozenset[str], once_paired: Mapping[str, str]
) -> Context:
    """Add what is known of single documents: those seen in the books, gone since, and paired before."""
    return replace(context, ever_seen_books_ids=there | gone, absent_books_ids=gone, once_paired=once_paired)


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


def _began_at(links: Sequence[KnownConnection]) -> datetime | None:
    """When the first of an organization's connections began, whatever followed it; None if none ever did."""
    return min((link.connected_at for link in links if link.connected_at), default=None)


def _ended_at(links: Sequence[KnownConnection]) -> datetime | None:
    """When the last of the connections that ever worked ended; None while one is up."""
    if any(link.is_connected for link in links):
        return None
    return max((_ended(link) for link in links if link.connected_at), default=None)


def _ended(link: KnownConnection) -> datetime:
    """When one connection ended: what the hub no longer lists was up until then, or had ended before."""
    if link.removed_at is not None and link.status == "connected":
        return link.removed_at
    return link.hub_updated_at or link.changed_at


def _setup(references: Sequence[ReferenceObject], namesakes: Sequence[str]) -> Setup:
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
        product_names=[name for name in namesakes for _ in range(2)],
        settings_known=settings is not None,
        products_account_id=accounts.get("products"),
        payments_account_id=accounts.get("payments"),
        deductions_tax_id=(accounting.get("tax_ids") or {}).get("deductions"),
    )
