"""Local documents: invoices, credit notes and bills in integers of minor units.

The net amount is the total less its tax, so that discounts and deductions cannot come between. A credit note
takes away: it is negative however the hub writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.domain.document import Document, DocumentKind, Ledger, Side, Status
from service.hub.documents_fields import (
    Payload,
    Unreadable,
    currency_of,
    day,
    identity,
    instant,
    items,
    record,
    reference,
    status_of,
    text,
    whole,
)
from service.hub.documents_lines import bill_line, invoice_line

INVOICE_STATUSES: Final = {
    "draft": Status.DRAFT,
    "issuing": Status.DRAFT,
    "failed": Status.DRAFT,
    "recurring": Status.DRAFT,
    "issued": Status.OPEN,
    "overdue": Status.OPEN,
    "uncollectible": Status.OPEN,
    "partially_paid": Status.PARTIALLY_PAID,
    "paid": Status.PAID,
    "canceled": Status.VOID,
}
BILL_STATUSES: Final = {
    "draft": Status.DRAFT,
    "new": Status.DRAFT,
    "approve_in_progress": Status.DRAFT,
    "rejected": Status.DRAFT,
    "waiting_to_be_paid": Status.OPEN,
    "partially_paid": Status.PARTIALLY_PAID,
    "paid": Status.PAID,
    "canceled": Status.VOID,
}
DELETED: Final = "deleted"
_KINDS: Final = {"invoice": DocumentKind.INVOICE, "credit_note": DocumentKind.CREDIT_NOTE}


def local_invoice(payload: Payload) -> Document | None:
    """Read an invoice or a credit note; None for quotes, the deleted and drafts without currency."""
    stated = text(payload, "status")
    if payload.get("type") == "quote" or stated == DELETED:
        return None
    kind = _KINDS.get(str(payload.get("type")))
    if kind is None:
        raise Unreadable(f"its type {payload.get('type')!r} is not documented")
    status = status_of(stated, INVOICE_STATUSES)
    currency = currency_of(payload, None, is_draft=status is Status.DRAFT)
    if currency is None:
        return None
    sign = -1 if kind is DocumentKind.CREDIT_NOTE else 1
    total = _signed(whole(payload, "total_amount") or 0, sign)
    tax = whole(payload, "total_vat_amount")
    tax = None if tax is None else _signed(tax, sign)
    lines = [invoice_line(line, currency, sign) for line in items(payload, "line_items") or ()]
    return Document(
        side=Side.LOCAL,
        ledger=Ledger.RECEIVABLE,
        kind=kind,
        document_id=identity(payload).lower(),
        number=text(payload, "document_id"),
        party_id=reference(payload, "counterpart_id"),
        party_name=text(payload, "counterpart_name"),
        currency=currency,
        total_minor=total,
        tax_minor=tax,
        net_minor=None if tax is None else total - tax,
        due_minor=whole(payload, "amount_due"),
        deduction_minor=whole(payload, "deduction_amount") or 0,
        status=status,
        stated_status=stated,
        issued_on=day(payload, "issue_date"),
        issued_at=instant(payload, "issue_date"),
        due_on=day(payload, "due_date"),
        lines=tuple(each.line for each in lines),
        # A discount on the whole document is spread over the lines, and each share is rounded.
        rounded_lines=len(lines) if record(payload, "discount") else sum(each.is_rounded for each in lines),
        based_on=text(payload, "based_on"),
        created_at=instant(payload, "created_at"),
        updated_at=instant(payload, "updated_at"),
    )


def local_bill(payload: Payload, line_payloads: Sequence[Payload]) -> Document | None:
    """Read a payable; None for a draft that has no currency yet. Only a draft may lack its total."""
    stated = text(payload, "status")
    if stated == DELETED:
        return None
    status = status_of(stated, BILL_STATUSES)
    currency = currency_of(payload, None, is_draft=status is Status.DRAFT)
    if currency is None:
        return None
    total = whole(payload, "total_amount")
    if total is None and status is not Status.DRAFT:
        raise Unreadable("it has no total_amount")
    total = total or 0
    tax = whole(payload, "tax_amount")
    lines = [bill_line(line, currency) for line in line_payloads]
    party = record(payload, "counterpart") or record(payload, "counterpart_raw_data")
    return Document(
        side=Side.LOCAL,
        ledger=Ledger.PAYABLE,
        kind=DocumentKind.BILL,
        document_id=identity(payload).lower(),
        number=text(payload, "document_id"),
        party_id=reference(payload, "counterpart_id"),
        party_name=text(party, "name"),
        currency=currency,
        total_minor=total,
        tax_minor=tax,
        net_minor=whole(payload, "subtotal") if tax is None else total - tax,
        due_minor=whole(payload, "amount_due"),
        status=status,
        stated_status=stated,
        issued_on=day(payload, "issued_at"),
        due_on=day(payload, "due_date"),
        lines=tuple(each.line for each in lines),
        rounded_lines=sum(each.is_rounded for each in lines),
        created_at=instant(payload, "created_at"),
        updated_at=instant(payload, "updated_at"),
    )


def _signed(amount: int, sign: int) -> int:
    return -abs(amount) if sign < 0 else amount
