"""What is known of an organization when its failed records are decided on.

A list of the accounting system that we read before the hub pulled it last is older than it looks, and may
still show what is gone: it counts as unknown until it has been read again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from service.domain.cadence.bound import StreamFacts
from service.domain.cadence.stream import Stream
from service.domain.causes.cause import Cause
from service.domain.causes.facts import Cure, facts_of
from service.domain.document import Document, Ledger, as_uuid, number_key
from service.domain.pushing.cure import Conditions, PaidInvoice
from service.domain.pushing.preflight import ACTIVE
from service.domain.record import Record
from service.store.connections import KnownConnection, get_current_connection
from service.store.cures import (
    list_currencies_seen,
    list_open_amounts,
    list_passed_trials,
)
from service.store.database import Connection
from service.store.documents import list_document_needs
from service.store.known import NAMED, Known
from service.store.pushes import list_canaries
from service.store.records import list_records_of_objects
from service.store.reference_objects import (
    ReferenceKind,
    ReferenceObject,
    count_references_by_name,
    list_reference_objects,
    list_references_by_ids,
)
from service.store.standing import list_numbered
from service.store.streams import list_streams

IN_GENERAL: Final = (ReferenceKind.SETTINGS, ReferenceKind.TAX_RATE, ReferenceKind.LEDGER_ACCOUNT)
"""Read whole; of the others there may be as many as there are customers."""

BOOKS_OF: Final = {Ledger.RECEIVABLE: Stream.BOOKS_RECEIVABLES, Ledger.PAYABLE: Stream.BOOKS_PAYABLES}
"""Where the books of a ledger are read."""


async def read_known(
    connection: Connection,
    organization_id: UUID,
    records: Sequence[Record],
    payments: Mapping[UUID, PaidInvoice] = MappingProxyType({}),
) -> Known:
    """Read what deciding on these records needs; `payments` are known from elsewhere."""
    link = await get_current_connection(connection, organization_id)
    references = await list_reference_objects(connection, organization_id, IN_GENERAL)
    streams = await list_streams(connection, organization_id)
    read_at = {name: facts.read_at for name, facts in streams.items()}
    object_ids = [str(record.object_id) for record in records if record.object_id]
    documents = {
        UUID(name): document
        for name, document in (await list_document_needs(connection, organization_id, object_ids)).items()
        if as_uuid(name)
    }
    refused = [
        documents[record.object_id]
        for record in records
        if record.cause is Cause.DUPLICATE_DOCUMENT_NUMBER and record.object_id in documents
    ]
    named = {each.invoice_id for each in payments.values()}
    for document in documents.values():
        ids = [document.party_id, *(line.product_id for line in document.lines)]
        named |= {found for each in ids if each and (found := as_uuid(each))}
    dependencies = await list_records_of_objects(connection, organization_id, named)
    by_object: defaultdict[UUID, list[Record]] = defaultdict(list)
    for record in dependencies:
        if record.object_id is not None:
            by_object[record.object_id].append(record)
    named_ones, names = await _named(connection, organization_id, records, list(documents.values()))
    return Known(
        general=_general(link, references, read_at),
        documents=documents,
        records_by_object=by_object,
        products={each.reference_id: each for each in named_ones if each.kind is ReferenceKind.PRODUCT},
        names=names,
        references={(each.kind, each.reference_id): each for each in (*references, *named_ones)},
        numbered=await _numbered(connection, organization_id, refused, streams, link),
        payments=payments,
        open_minor=await _open(connection, organization_id, payments, by_object),
        currencies=await list_currencies_seen(
            connection,
            organization_id,
            {each.currency for each in records if each.currency and each.cause is Cause.CURRENCY_NOT_ENABLED},
        ),
        passed=await list_passed_trials(
            connection,
            {each.cause for each in records if each.cause and Cure.OTHERS_PASS in facts_of(each.cause).cures},
        ),
        canaries=await list_canaries(connection, organization_id),
    )


async def _open(
    connection: Connection,
    organization_id: UUID,
    payments: Mapping[UUID, PaidInvoice],
    records_by_object: Mapping[UUID, Sequence[Record]],
) -> Mapping[UUID, int]:
    """What is open in the books of invoices that are paid, where the books tell."""
    ids = {
        books_id: paid.invoice_id
        for paid in payments.values()
        for record in records_by_object.get(paid.invoice_id, ())
        for books_id in (record.platform_object_id, record.provider_object_id)
        if books_id
    }
    found = await list_open_amounts(connection, organization_id, Ledger.RECEIVABLE, ids)
    return {ids[books_id]: amount for books_id, amount in found.items()}


async def _named(
    connection: Connection, organization_id: UUID, records: Sequence[Record], documents: Sequence[Document]
) -> tuple[Sequence[ReferenceObject], Mapping[ReferenceKind, Counter[str]]]:
    """The products and counterparts that these are, or name, and how many bear their names."""
    lines = [line for document in documents for line in document.lines]
    ids = {str(record.object_id) for record in records if record.object_type in NAMED}
    ids |= {line.product_id for line in lines if line.product_id}
    ids |= {document.party_id for document in documents if document.party_id}
    kinds = (ReferenceKind.PRODUCT, ReferenceKind.COUNTERPART)
    found = await list_references_by_ids(connection, organization_id, kinds, ids)
    names = {line.product_name for line in lines if line.product_name}
    names |= {each.name for each in found if each.name}
    return found, await count_references_by_name(connection, organization_id, kinds, names)


async def _numbered(
    connection: Connection,
    organization_id: UUID,
    refused: Sequence[Document],
    streams: Mapping[Stream, StreamFacts],
    link: KnownConnection | None,
) -> Mapping[Ledger, Sequence[Document]]:
    """What stands in the books under the numbers of documents that were refused for them."""
    found = {}
    for ledger, stream in BOOKS_OF.items():
        local = [each for each in refused if each.ledger is ledger and number_key(each.number)]
        read_as_of = streams[stream].cursor_at if stream in streams else None
        if local and read_as_of and (link is None or link.last_pull is None or read_as_of >= link.last_pull):
            found[ledger] = await list_numbered(connection, organization_id, ledger, local)
    return found


def _general(
    link: KnownConnection | None,
    references: Sequence[ReferenceObject],
    read_at: Mapping[Stream, datetime | None],
) -> Conditions:
    settings = next((each for each in references if each.kind is ReferenceKind.SETTINGS), None)
    last_pull = link.last_pull if link else None
    return Conditions(
        connection_status=link.status if link else None,
        connected_at=link.works_since if link else None,
        last_pull=last_pull,
        external_tax_rates=frozenset(
            each.rate
            for each in references
            if each.kind is ReferenceKind.TAX_RATE and each.is_external is not False and each.rate is not None
        )
        if _is_fresh(read_at.get(Stream.TAX_RATES), last_pull)
        else None,
        active_ledger_accounts=frozenset(
            each.reference_id
            for each in references
            if each.kind is ReferenceKind.LEDGER_ACCOUNT
            and each.is_external is not False
            and each.status in (ACTIVE, None)
        )
        if _is_fresh(read_at.get(Stream.LEDGER_ACCOUNTS), last_pull)
        else None,
        settings=_defaults(settings) if settings else None,
        settings_at=read_at.get(Stream.SETTINGS),
    )


def _is_fresh(read_at: datetime | None, last_pull: datetime | None) -> bool:
    return read_at is not None and (last_pull is None or read_at >= last_pull)


def _defaults(settings: ReferenceObject) -> Mapping[str, str | None]:
    """What the organization's settings fall back on, by the names that needs use."""
    accounting = settings.payload.get("accounting") or {}
    accounts = accounting.get("ledger_account_ids") or {}
    return {
        "payments": accounts.get("payments"),
        "products": accounts.get("products"),
        "deductions": (accounting.get("tax_ids") or {}).get("deductions"),
    }
