"""Entering one object into the books: what the platform accepts, refuses, and makes of it.

Refusals come before anything is created, in the order in which the platforms find them. The checks read the
*live* books, not the hub's cache: a tax rate created a second ago is found.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from service.simulator.books import BooksDocument, BooksItem, BooksLine, BooksParty, Ledger
from service.simulator.connections import Platform
from service.simulator.currencies import major
from service.simulator.documents import Document, Kind, Line
from service.simulator.failures import Cause
from service.simulator.records import ObjectType, SyncedRecord, SyncStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from service.simulator.chance import Chance
    from service.simulator.organization import Organization
    from service.simulator.parties import Counterpart

NUMBER_MAX = {Platform.QUICKBOOKS: 21, Platform.XERO: 255}
"""Longest document number: QuickBooks' DocNumber, Xero's InvoiceNumber."""

VENDOR_SUFFIX = "_VENDOR"
"""Appended to the vendor copy of a counterpart that is a customer too: both platforms keep one name space."""

EDITED = "edited"
"""Trigger of the pushes that follow an edit, where switched on: they change what they find."""

LEDGER_BY_KIND = {
    Kind.INVOICE: Ledger.RECEIVABLE,
    Kind.CREDIT_NOTE: Ledger.CREDIT_NOTE,
    Kind.BILL: Ledger.PAYABLE,
}


class CannotEnter(Exception):  # noqa: N818 - a refusal by the platform, not an error of ours
    """The platform refuses the object."""

    def __init__(self, cause: Cause, details: Mapping[str, object] | None = None) -> None:
        self.cause = cause
        self.details = dict(details or {})
        super().__init__(cause.value)


def updated_at(organization: Organization, record: SyncedRecord) -> datetime | None:
    """Return the version of the object that a push sees, if the object is there."""
    subject: object | None = None
    match record.object_type:
        case ObjectType.RECEIVABLE:
            subject = organization.receivables.get(record.object_id)
        case ObjectType.BILL:
            subject = organization.payables.get(record.object_id)
        case ObjectType.PAYMENT_RECORD:
            subject = organization.payments.get(record.object_id)
        case ObjectType.PRODUCT:
            subject = organization.products.get(record.object_id)
        case ObjectType.CUSTOMER | ObjectType.VENDOR:
            subject = organization.counterparts.get(record.object_id)
    return getattr(subject, "updated_at", None)


def enter(organization: Organization, record: SyncedRecord, at: datetime, *, by: str, chance: Chance) -> str:
    """Bring the record's object into the books and return its id there; raise `CannotEnter` when refused."""
    match record.object_type:
        case ObjectType.CUSTOMER | ObjectType.VENDOR:
            counterpart = organization.counterparts[record.object_id]
            return _party(organization, counterpart, record.object_type).id
        case ObjectType.PRODUCT:
            return _item(organization, record.object_id)
        case ObjectType.PAYMENT_RECORD:
            return _payment(organization, record.object_id, at, by, chance)
        case ObjectType.RECEIVABLE | ObjectType.BILL:
            return _document(organization, record, at, by, chance)


def _party(organization: Organization, counterpart: Counterpart, object_type: ObjectType) -> BooksParty:
    """Match a counterpart by name and every part of the address, else create it."""
    books = organization.books
    is_vendor_copy = object_type is ObjectType.VENDOR and counterpart.is_customer
    name = counterpart.name + VENDOR_SUFFIX if is_vendor_copy else counterpart.name
    namesakes = books.parties_named(name)
    for party in namesakes:
        if party.address == counterpart.address.parts:
            return party
    if namesakes:
        raise CannotEnter(Cause.DUPLICATE_NAME, {"name": name})
    party = BooksParty(books.new_id(), name, counterpart.address.parts)
    books.parties[party.id] = party
    return party


def _item(organization: Organization, product_id: str) -> str:
    """Match a product by name alone, else create it; several namesakes on either side match nothing."""
    books, product = organization.books, organization.products[product_id]
    namesakes = books.items_named(product.name)
    twins = [other for other in organization.products.values() if other.name == product.name]
    if len(namesakes) > 1 or len(twins) > 1:
        raise CannotEnter(Cause.MULTIPLE_MATCHES, {"name": product.name})
    if namesakes:
        return namesakes[0].id
    item = BooksItem(books.new_id(), product.name, major(product.price, product.currency), product.currency)
    books.items[item.id] = item
    return item.id


def _payment(organization: Organization, payment_id: str, at: datetime, by: str, chance: Chance) -> str:
    """Enter a payment of an invoice on the account that the settings name."""
    books, payment = organization.books, organization.payments[payment_id]
    account = organization.settings.payments_account_id
    if account is None or not _account_usable(organization, account):
        raise CannotEnter(Cause.MISSING_LEDGER_ACCOUNT, {"account": account or "payments"})
    invoice = organization.receivables[payment.document_id]
    record = organization.record_of(ObjectType.RECEIVABLE, invoice.id)
    target = books.documents.get(record.platform_object_id or "") if record else None
    if record is None or record.sync_status is not SyncStatus.DONE or target is None:
        raise CannotEnter(Cause.REFERENCE_NOT_FOUND, {"number": invoice.number})
    amount = major(payment.amount, payment.currency)
    _check_period(organization, payment.paid_at)
    books.pay(target.id, amount, at)
    line = BooksLine(f"Payment of {invoice.number}", _ONE, amount, ledger_account_id=account)
    document = BooksDocument(
        books.new_id(), chance.uuid(), Ledger.PAYMENT, None, target.party_id, target.party_name,
        payment.currency, payment.paid_at.date(), None, (line,), at, at, status="paid", local_id=payment.id,
    )  # fmt: skip
    return books.create(document, by).id


def _document(organization: Organization, record: SyncedRecord, at: datetime, by: str, chance: Chance) -> str:
    """Enter an invoice, credit note or bill; a canceled bill that is in the books is voided there instead."""
    books = organization.books
    document = organization.document(record.object_id)
    if document.status == "canceled" and record.platform_object_id in books.documents:
        return books.void(record.platform_object_id, at).id
    ledger = LEDGER_BY_KIND[document.kind]
    number = None if document.kind is Kind.CREDIT_NOTE else document.number
    if number is not None and len(number) > NUMBER_MAX[books.platform]:
        raise CannotEnter(Cause.INVALID_FIELD, {"length": len(number)})
    _check_period(organization, document.issued_at or at)
    lines = tuple(_line(organization, document, line) for line in document.lines)
    if by == EDITED and record.platform_object_id in books.documents:
        changes = {"number": number, "due_on": document.due_on, "lines": lines, "memo": document.memo}
        return books.edit(record.platform_object_id, at, **changes).id
    refuses = books.refuses_duplicate_numbers and ledger is Ledger.RECEIVABLE
    if refuses and books.bears_number(ledger, number):
        raise CannotEnter(Cause.DUPLICATE_DOCUMENT_NUMBER, {"number": number})
    role = ObjectType.VENDOR if document.is_payable else ObjectType.CUSTOMER
    party = _party(organization, organization.counterparts[document.counterpart_id], role)
    entered = BooksDocument(
        books.new_id(), chance.uuid(), ledger, number, party.id, party.name, document.currency,
        organization.posting_date(document, at), document.due_on, lines, at, at,
        memo=document.memo, local_id=document.id,
    )  # fmt: skip
    return books.create(entered, by).id


def _check_period(organization: Organization, posted_at: datetime) -> None:
    locked_until = organization.books.locked_until
    if locked_until is not None and posted_at.date() <= locked_until:
        raise CannotEnter(Cause.PERIOD_LOCKED, {"locked_until": locked_until.isoformat()})


def _line(organization: Organization, document: Document, line: Line) -> BooksLine:
    """Translate a line: the rate by override, else by value; the account by line, product or default."""
    books = organization.books
    rate = books.tax_rates.get(line.accounting_tax_rate_id) if line.accounting_tax_rate_id else None
    if line.accounting_tax_rate_id is None:
        rate = books.tax_rate_of(line.tax_rate)
    if rate is None:
        raise CannotEnter(Cause.MISSING_TAX_RATE, {"rate": line.tax_rate})
    account = line.ledger_account_id
    if account is None and line.product_id in organization.products:
        account = organization.products[line.product_id].ledger_account_id
    if account is None and not document.is_payable:
        account = organization.settings.products_account_id
    if account is None or not _account_usable(organization, account):
        raise CannotEnter(Cause.MISSING_LEDGER_ACCOUNT, {"account": account or "products"})
    discount = major(line.discount, document.currency) if line.discount else None
    return BooksLine(
        line.name,
        line.quantity,
        major(line.unit_price, document.currency),
        rate.rate,
        rate.reference,
        account,
        discount,
    )


def _account_usable(organization: Organization, account_id: str) -> bool:
    account = organization.books.ledger_accounts.get(account_id)
    return account is not None and account.status == "Active"


_ONE = Decimal(1)
