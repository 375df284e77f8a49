"""What was read of an organization for all its failed records, and what of it bears on each of them.

Which conditions can be told of an object depends on what the hub tells: of invoices, bills, contacts and
products when they were changed; of payments what they pay, and no more. What stays untold is what trials are
for (`domain.pushing.cure`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from service.domain.causes.cause import Cause
from service.domain.document import Document, Ledger, as_uuid, number_key
from service.domain.pushing.cure import Conditions, Dependency, DocumentNeeds, PaidInvoice, furthest
from service.domain.record import Record
from service.store.cures import Passed
from service.store.pushes import Canaries
from service.store.reference_objects import ReferenceKind, ReferenceObject

NAMED: Final = {
    "product": ReferenceKind.PRODUCT,
    "customer": ReferenceKind.COUNTERPART,
    "vendor": ReferenceKind.COUNTERPART,
}
PARTY_TYPES: Final = {Ledger.RECEIVABLE: "customer", Ledger.PAYABLE: "vendor"}
"""As what a counterpart is pushed: one that is both has two records."""


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
    numbered: Mapping[Ledger, Sequence[Document]] = field(default_factory=dict)
    """What the books hold under numbers that they refused; without a ledger whose list is older than the
    last pull."""
    payments: Mapping[UUID, PaidInvoice] = field(default_factory=dict)
    """What payments pay, by their ids, as far as the hub told."""
    open_minor: Mapping[UUID, int] = field(default_factory=dict)
    """What is open in the books of invoices that are paid, by the hub's ids of these."""
    currencies: Mapping[str, datetime] = field(default_factory=dict)
    """When the books last began to hold a document in a currency."""
    passed: Passed = field(default_factory=dict)
    """When trials of other organizations last came through."""
    canaries: Mapping[str, Canaries] = field(default_factory=dict)

    def conditions_of(self, record: Record, *, canary_turn: bool = False) -> Conditions:
        """The conditions of one record."""
        document = self.documents.get(record.object_id) if record.object_id else None
        paid = self.payments.get(record.object_id) if record.object_id else None
        trials = self.canaries.get(record.cause or "")
        return replace(
            self.general,
            needs=self._needs(record, document),
            dependencies=tuple(self._dependencies(document, paid)),
            object_updated_at=self._updated_at(record, document),
            parts_updated_at=self._parts_updated_at(document),
            namesakes=self._namesakes(record, document),
            paid_minor=paid.amount_minor if paid else None,
            open_minor=self.open_minor.get(paid.invoice_id) if paid else None,
            currency_seen_at=self.currencies.get(record.currency or ""),
            others_passed_at=self.passed.get((record.cause or "", record.platform)),
            canary_turn=canary_turn,
            canary_passed_at=trials.passed_at if trials else None,
        )

    def _needs(self, record: Record, document: Document | None) -> DocumentNeeds:
        if record.object_type == "payment_record":
            return DocumentNeeds(settings=frozenset({"payments"}))
        if record.object_type == "product":
            account = self._account(None, str(record.object_id))
            return DocumentNeeds(
                ledger_account_ids=frozenset({account} if account else ()),
                settings=frozenset(() if account else {"products"}),
            )
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

    def _dependencies(self, document: Document | None, paid: PaidInvoice | None) -> Iterator[Dependency]:
        """What it names, by its records in that role: that of a vendor is no matter of an invoice."""
        if paid is not None:
            named, types = [str(paid.invoice_id)], {"receivable"}
        elif document is not None:
            named = [each for each in (document.party_id, *_products(document)) if each]
            types = {PARTY_TYPES[document.ledger], "product"}
        else:
            return
        for object_id in {as_uuid(each) for each in named} - {None}:
            assert object_id is not None
            tries: defaultdict[str, list[Dependency]] = defaultdict(list)
            for record in self.records_by_object.get(object_id, ()):
                if record.object_type in types:
                    tries[record.object_type].append(_dependency(record))
            yield from map(furthest, tries.values())

    def _updated_at(self, record: Record, document: Document | None) -> datetime | None:
        """When the object itself was last changed; of payments the hub does not tell."""
        kind = NAMED.get(record.object_type)
        found = self.references.get((kind, str(record.object_id))) if kind else None
        if found is not None:
            return found.hub_updated_at
        return document.updated_at if document else None

    def _parts_updated_at(self, document: Document | None) -> datetime | None:
        """When its counterpart or one of its products was last changed."""
        if document is None:
            return None
        keys = [(ReferenceKind.COUNTERPART, document.party_id or "")]
        keys += [(ReferenceKind.PRODUCT, each) for each in _products(document)]
        times = (self.references[key].hub_updated_at for key in keys if key in self.references)
        return max((each for each in times if each is not None), default=None)

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


def _dependency(record: Record) -> Dependency:
    return Dependency(
        object_type=record.object_type,
        sync_status=record.sync_status,
        platform_object_id=record.platform_object_id,
        updated_at=record.updated_at,
    )


def _products(document: Document) -> Iterator[str]:
    return (line.product_id for line in document.lines if line.product_id)
