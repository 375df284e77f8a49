"""What happens to local documents: drafted, issued, edited, canceled, paid; and which of that brings a push.

* Invoices and credit notes are pushed on issuing, bills when they reach the status that `Behaviour` names,
  and again when canceled after having been pushed. Payments of invoices are pushed, payments of bills never.
* Nothing issued while no connection works gets a record, ever: connecting later does not catch up.
* A counterpart without record is pushed along with the first document that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.simulator import entering, pushing
from service.simulator.connections import Status
from service.simulator.documents import Document, HistoryEntry, Kind, Line, Payment
from service.simulator.failures import Cause
from service.simulator.parties import Address, Counterpart, Product
from service.simulator.records import ObjectType, SyncedRecord, SyncStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from service.simulator.organization import Organization
    from service.simulator.world import World

PREFIX_BY_KIND = {Kind.INVOICE: "INV", Kind.CREDIT_NOTE: "CN", Kind.QUOTE: "Q", Kind.BILL: "BILL"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A document about to be made."""

    kind: Kind
    currency: str
    counterpart_id: str
    lines: Sequence[Line]
    number: str | None = None
    due_on: date | None = None
    issued_at: datetime | None = None
    memo: str | None = None
    based_on: str | None = None


def subject_of(document: Document) -> str:
    """Return the object type under which events speak of a document."""
    return "payable" if document.is_payable else "receivable"


def draft(world: World, organization: Organization, made: Draft, at: datetime) -> Document:
    """Make a document that is not issued yet."""
    name = organization.counterparts[made.counterpart_id].name
    document = Document(
        world.chance.uuid(), made.kind, "draft", made.currency, made.counterpart_id, name, at, at,
        tuple(made.lines), number=made.number, due_on=made.due_on,
        issued_at=made.issued_at if made.kind is Kind.BILL else None,
        memo=made.memo, based_on=made.based_on,
    )  # fmt: skip
    shelf = organization.payables if document.is_payable else organization.receivables
    shelf[document.id] = document
    if made.based_on is not None:
        organization.credits_by_document.setdefault(made.based_on, []).append(document.id)
    created: dict[str, object] = {"payable_source": "upload"} if document.is_payable else {}
    _remember(world, document, f"{subject_of(document)}_created", created, at)
    world.tell(organization, subject_of(document), "created", document.id, at)
    return document


def issue(
    world: World,
    organization: Organization,
    document: Document,
    at: datetime,
    *,
    issued_at: datetime | None = None,
) -> SyncedRecord | None:
    """Issue (a bill: approve) a document; return the record of the push that follows, if one does."""
    status = issue_unattended(world, organization, document, at, issued_at=issued_at)
    pushed_at = world.behaviour.bill_pushed_at if document.is_payable else "issued"
    return _push(world, organization, document, at) if status == pushed_at else None


def issue_unattended(
    world: World,
    organization: Organization,
    document: Document,
    at: datetime,
    *,
    issued_at: datetime | None = None,
) -> str:
    """Issue without a push, as before a connection or where the hub missed it; return the status."""
    if document.number is None:
        document.number = organization.next_document_number(PREFIX_BY_KIND[document.kind])
    document.issued_at = issued_at or document.issued_at or at
    status = "waiting_to_be_paid" if document.is_payable else "issued"
    move(world, organization, document, status, at, action="approved" if document.is_payable else "issued")
    return status


def move(
    world: World, organization: Organization, document: Document, status: str, at: datetime, *, action: str
) -> None:
    """Change a document's status, remember it and tell of it."""
    change: dict[str, object] = {"old_status": document.status, "new_status": status}
    document.status = status
    document.updated_at = at
    _remember(world, document, "status_changed", change, at)
    world.tell(organization, subject_of(document), action, document.id, at)


def edit(
    world: World, organization: Organization, document: Document, at: datetime, **changes: object
) -> None:
    """Change fields of a document; whether that is pushed again is a switch."""
    for name, value in changes.items():
        setattr(document, name, value)
    document.updated_at = at
    _remember(world, document, f"{subject_of(document)}_updated", {}, at)
    world.tell(organization, subject_of(document), "updated", document.id, at)
    record = organization.record_of(_type_of(document), document.id)
    if world.behaviour.repush_edits and record is not None:
        pushing.request(world, organization, record, at, trigger=entering.EDITED)


def cancel(world: World, organization: Organization, document: Document, at: datetime) -> Document | None:
    """Cancel a document; a bill is voided in the books, an invoice gets the credit note returned."""
    move(world, organization, document, "canceled", at, action="canceled")
    if document.is_payable:
        record = organization.record_of(ObjectType.BILL, document.id)
        if record is not None and record.sync_status is SyncStatus.DONE:
            pushing.request(world, organization, record, at, trigger="canceled")
        return None
    if (
        document.kind is not Kind.INVOICE
        or organization.settings.other.get("receivable_edit_flow") == "non_compliant"
    ):
        return None
    note = draft(
        world,
        organization,
        Draft(
            Kind.CREDIT_NOTE, document.currency, document.counterpart_id, document.lines, based_on=document.id
        ),
        at,
    )
    issue(world, organization, note, at)
    return note


def pay(world: World, organization: Organization, document: Document, amount: int, at: datetime) -> Payment:
    """Record a payment; one of an invoice is pushed if the settings name the account for it."""
    old_status = document.status
    document.amount_paid += amount
    is_paid = document.amount_paid >= document.total
    if is_paid:
        document.paid_at = at
    status = "paid" if is_paid else "partially_paid"
    move(world, organization, document, status, at, action=status)
    object_type = "payable" if document.is_payable else "receivable"
    if document.is_payable and status == world.behaviour.bill_pushed_at:
        _push(world, organization, document, at)
    payment = Payment(
        world.chance.uuid(),
        document.id,
        object_type,
        amount,
        document.currency,
        old_status,
        document.status,
        at,
        at,
        at,
    )
    organization.payments[payment.id] = payment
    if not document.is_payable and _pushes(organization):
        _push_payment(world, organization, payment, at)
    return payment


def _push_payment(world: World, organization: Organization, payment: Payment, at: datetime) -> None:
    if organization.settings.payments_account_id is not None:
        record = pushing.new_record(world, organization, ObjectType.PAYMENT_RECORD, payment.id, at)
        pushing.request(world, organization, record, at, trigger="issued")
    elif world.behaviour.payment_without_account == "error":
        record = pushing.new_record(world, organization, ObjectType.PAYMENT_RECORD, payment.id, at)
        pushing.fail(
            world, organization, record, at, Cause.MISSING_LEDGER_ACCOUNT, details={"account": "payments"}
        )


def add_counterpart(
    world: World,
    organization: Organization,
    name: str,
    at: datetime,
    *,
    is_customer: bool,
    is_vendor: bool,
    address: Address,
) -> Counterpart:
    """Create a counterpart, and push it once for each side that it is on."""
    counterpart = Counterpart(world.chance.uuid(), name, is_customer, is_vendor, address, at, at)
    organization.counterparts[counterpart.id] = counterpart
    world.tell(organization, "counterpart", "created", counterpart.id, at)
    if _pushes(organization):
        for object_type in _sides(counterpart):
            _push_new(world, organization, object_type, counterpart.id, at)
    return counterpart


def add_product(
    world: World,
    organization: Organization,
    name: str,
    at: datetime,
    *,
    price: int,
    ledger_account_id: str | None,
) -> Product:
    """Create a product, and push it."""
    product = Product(
        world.chance.uuid(), name, price, organization.currency, at, at, ledger_account_id=ledger_account_id
    )
    organization.products[product.id] = product
    world.tell(organization, "product", "created", product.id, at)
    if _pushes(organization):
        _push_new(world, organization, ObjectType.PRODUCT, product.id, at)
    return product


def _sides(counterpart: Counterpart) -> list[ObjectType]:
    sides = [ObjectType.CUSTOMER] if counterpart.is_customer else []
    return [*sides, ObjectType.VENDOR] if counterpart.is_vendor else sides


def _pushes(organization: Organization) -> bool:
    """Say whether new things get records: while a connection works, or would if its consent were renewed."""
    connection = organization.connection
    return connection is not None and connection.status in {Status.CONNECTED, Status.DEAUTHORIZED}


def _type_of(document: Document) -> ObjectType:
    return ObjectType.BILL if document.is_payable else ObjectType.RECEIVABLE


def _push(world: World, organization: Organization, document: Document, at: datetime) -> SyncedRecord | None:
    if not _pushes(organization) or document.kind is Kind.QUOTE:
        return None
    if document.kind is Kind.CREDIT_NOTE and not world.behaviour.credit_notes_have_records:
        return None
    side = ObjectType.VENDOR if document.is_payable else ObjectType.CUSTOMER
    if organization.record_of(side, document.counterpart_id) is None:
        _push_new(world, organization, side, document.counterpart_id, at)
    if organization.record_of(_type_of(document), document.id) is not None:
        return None
    return _push_new(world, organization, _type_of(document), document.id, at)


def _push_new(
    world: World, organization: Organization, object_type: ObjectType, object_id: str, at: datetime
) -> SyncedRecord:
    record = pushing.new_record(world, organization, object_type, object_id, at)
    pushing.request(world, organization, record, at, trigger="issued")
    return record


def _remember(
    world: World, document: Document, event_type: str, data: dict[str, object], at: datetime
) -> None:
    document.history.append(HistoryEntry(world.chance.uuid(), event_type, data, at))
