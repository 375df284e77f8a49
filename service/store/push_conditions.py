"""What is known of an organization when its failed records are decided on.

A list of the accounting system that we read before the hub pulled it last is older than it looks, and may
still show what is gone: it counts as unknown until it has been read again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from service.domain.cadence.bound import StreamFacts
from service.domain.cadence.stream import Stream
from service.domain.causes.cause import Cause
from service.domain.causes.facts import Cure, facts_of
from service.domain.document import Document, Ledger, number_key
from service.domain.pushing.cure import Conditions, Dependency, DocumentNeeds
from service.domain.pushing.policy import Policy
from service.domain.pushing.preflight import ACTIVE
from service.domain.record import Record
from service.domain.record_state import State
from service.store.connections import KnownConnection, get_current_connection
from service.store.database import Connection
from service.store.documents import list_document_needs
from service.store.pushes import Canaries, list_canaries
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

NAMED = {
    "product": ReferenceKind.PRODUCT,
    "customer": ReferenceKind.COUNTERPART,
    "vendor": ReferenceKind.COUNTERPART,
}
IN_GENERAL: Final = (ReferenceKind.SETTINGS, ReferenceKind.TAX_RATE, ReferenceKind.LEDGER_ACCOUNT)
"""Read whole; of the others there may be as many as there are customers."""

BOOKS_OF: Final = {Ledger.RECEIVABLE: Stream.BOOKS_RECEIVABLES, Ledger.PAYABLE: Stream.BOOKS_PAYABLES}
"""Where the books of a ledger are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was read once for all failed records of an organization."""

    general: Conditions
    documents: Mapping[UUID, Document]
    records_by_object: Mapping[UUID, Sequence[Record]]
    products: Mapping[str, ReferenceObject]
    names: Mapping[ReferenceKind, Counter[str]]
    references: Mapping[tuple[ReferenceKind, str], ReferenceObject]
    """Of products and counterparts those that the records are, or name."""
    numbered: Mapping[Ledger, Sequence[Document]]
    """What the books hold under numbers that they refused; without a ledger whose list is older than the
    last pull."""
    canaries: Mapping[str, Canaries]

    def conditions_of(self, record: Record, *, canary_turn: bool) -> Conditions:
        """The conditions of one record."""
        document = self.documents.get(record.object_id) if record.object_id else None
        trials = self.canaries.get(record.cause or "")
        return replace(
            self.general,
            needs=self._needs(record, document),
            dependencies=tuple(self._dependencies(document)),
            object_updated_at=document.updated_at if document else None,
            namesakes=self._namesakes(record, document),
            canary_turn=canary_turn,
            canary_passed_at=trials.passed_at if trials else None,
        )

    def _needs(self, record: Record, document: Document | None) -> DocumentNeeds:
        if record.object_type == "payment_record":
            return DocumentNeeds(settings=frozenset({"payments"}))
        if document is None:
            return DocumentNeeds()
        accounts = {self._account(line.ledger_account_id, line.product_id) for line in document.lines}
        settings = {"products"} if None in accounts else set()
        if document.deduction_minor:
            settings.add("deductions")
        return DocumentNeeds(
            # An untaxed line needs no rate.
            tax_rates=frozenset(line.tax_rate for line in document.lines if line.tax_rate),
            ledger_account_ids=frozenset(account for account in accounts if account),
            settings=frozenset(settings),
        )

    def _account(self, account_id: str | None, product_id: str | None) -> str | None:
        """The ledger account of a line: its own, its product's, or the default; None when nothing is set."""
        product = self.products.get(product_id or "")
        settings = self.general.settings or {}
        return (
            account_id or (product and product.payload.get("ledger_account_id")) or settings.get("products")
        )

    def _dependencies(self, document: Document | None) -> Iterator[Dependency]:
        if document is None:
            return
        named = [document.party_id, *(line.product_id for line in document.lines)]
        for object_id in {_uuid(each) for each in named if each} - {None}:
            assert object_id is not None
            for record in self.records_by_object.get(object_id, ()):
                yield Dependency(
                    object_type=record.object_type,
                    sync_status=record.sync_status,
                    platform_object_id=record.platform_object_id,
                    updated_at=record.updated_at,
                )

    def _namesakes(self, record: Record, document: Document | None) -> int | None:
        """How many other objects bear the record's name, its number, or the names of its products."""
        if record.cause is Cause.DUPLICATE_DOCUMENT_NUMBER:
            return self._number_mates(record, document)
        kind = NAMED.get(record.object_type)
        if kind is not None:
            found = self.references.get((kind, str(record.object_id)))
            return self.names[kind][found.name] - 1 if found and found.name else None
        if document is None or not document.lines:
            return None
        names = {line.product_name for line in document.lines if line.product_name}
        return sum(max(self.names[ReferenceKind.PRODUCT][name] - 1, 0) for name in names)

    def _number_mates(self, record: Record, document: Document | None) -> int | None:
        """How many other documents of its ledger bear its number in the books, void ones too."""
        key = number_key(document.number) if document else ""
        if document is None or not key or document.ledger not in self.numbered:
            return None
        ours = {record.platform_object_id, record.provider_object_id}
        there = self.numbered[document.ledger]
        return sum(number_key(each.number) == key and each.document_id not in ours for each in there)


async def read_known(connection: Connection, organization_id: UUID, records: Sequence[Record]) -> Known:
    """Read what deciding on these records needs."""
    link = await get_current_connection(connection, organization_id)
    references = await list_reference_objects(connection, organization_id, IN_GENERAL)
    streams = await list_streams(connection, organization_id)
    read_at = {name: facts.read_at for name, facts in streams.items()}
    object_ids = [str(record.object_id) for record in records if record.object_id]
    documents = {
        UUID(name): document
        for name, document in (await list_document_needs(connection, organization_id, object_ids)).items()
        if _uuid(name)
    }
    refused = [
        documents[record.object_id]
        for record in records
        if record.cause is Cause.DUPLICATE_DOCUMENT_NUMBER and record.object_id in documents
    ]
    named: set[UUID] = set()
    for document in documents.values():
        ids = [document.party_id, *(line.product_id for line in document.lines)]
        named |= {found for each in ids if each and (found := _uuid(each))}
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
        canaries=await list_canaries(connection, organization_id),
    )


async def _named(
    connection: Connection, organization_id: UUID, records: Sequence[Record], documents: Sequence[Document]
) -> tuple[Sequence[ReferenceObject], Mapping[ReferenceKind, Counter[str]]]:
    """The products and counterparts that these are, or name, and how many bear their names."""
    lines = [line for document in documents for line in document.lines]
    ids = {str(record.object_id) for record in records if record.object_type in NAMED}
    ids |= {line.product_id for line in lines if line.product_id}
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


def canaries_due(
    records: Sequence[Record], trials: Mapping[str, Canaries], policy: Policy, now: datetime
) -> frozenset[UUID]:
    """The records that are their groups' trials now: the longest failed of each cause, on a slow clock.

    The clock of a group starts with its first failure, so a new group is not tried at once: the hub just has.
    """
    groups: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.state is State.BLOCKED and record.cause and Cure.TRIAL in facts_of(record.cause).cures:
            groups[record.cause].append(record)
    due = set()
    for cause, group in groups.items():
        first = min(group, key=lambda each: (each.first_failed_at or each.updated_at, each.record_id))
        tried_at = trials[cause].tried_at if cause in trials else None
        since = max(filter(None, (tried_at, first.first_failed_at or first.updated_at)))
        if now >= since + timedelta(seconds=policy.canary_seconds):
            due.add(first.record_id)
    return frozenset(due)


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


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
