"""Documents of the books: decimals of major units, stated for bills, rebuilt from lines for invoices."""

from __future__ import annotations

import re
from typing import Final

from service.domain.document import Basis, Document, DocumentKind, Ledger, Side, Status
from service.domain.money import Minor, to_minor
from service.hub.documents_fields import (
    Payload,
    Unreadable,
    currency_of,
    day,
    identity,
    items,
    number,
    record,
    reference,
    status_of,
    text,
)
from service.hub.documents_lines import ReadLine, Rebuilt, TaxRates, books_line, rebuilt

BOOKS_STATUSES: Final = {
    "draft": Status.DRAFT,
    "open": Status.OPEN,
    "partially_paid": Status.PARTIALLY_PAID,
    "paid": Status.PAID,
    "void": Status.VOID,
}
VOIDED: Final = frozenset({"void", "voided"})
"""What the platforms call a voided invoice. The hub passes no status of receivables on: Xero's own may be
among the extras of `pass_through`, and QuickBooks zeroes the amounts and begins the memo with this word."""


def bill_in_books(payload: Payload, base_currency: str | None) -> Document:
    """Read a bill: its total is stated. A total finer than the minor unit counts as one rounded line."""
    currency = _currency(payload, base_currency)
    total = _amount(payload, "total_amount", currency)
    if total is None:
        raise Unreadable("it has no total_amount")
    return _document(
        payload, Ledger.PAYABLE, currency, _stated(payload, total, currency), _lines(payload, currency, {})
    )


def invoice_in_books(payload: Payload, tax_rates: TaxRates, base_currency: str | None) -> Document:
    """Read an invoice: its total is rebuilt from lines, or stated should the hub come to tell it."""
    currency = _currency(payload, base_currency)
    lines = _lines(payload, currency, tax_rates)
    total = _amount(payload, "total_amount", currency)
    if total is not None:
        return _document(payload, Ledger.RECEIVABLE, currency, _stated(payload, total, currency), lines)
    if payload.get("lines") is None:
        raise Unreadable("it has neither a total nor lines to rebuild it from")
    return _document(payload, Ledger.RECEIVABLE, currency, rebuilt(lines), lines)


def _currency(payload: Payload, base_currency: str | None) -> str:
    currency = currency_of(payload, base_currency, is_draft=False)
    assert currency is not None, "only drafts may lack a currency"
    return currency


def _amount(payload: Payload, name: str, currency: str) -> Minor | None:
    value = number(payload, name)
    return None if value is None else to_minor(value, currency)


def _stated(payload: Payload, total: Minor, currency: str) -> Rebuilt:
    net, tax = _amount(payload, "subtotal", currency), _amount(payload, "tax_amount", currency)
    net_minor = net.amount if net else total.amount - tax.amount if tax else None
    tax_minor = tax.amount if tax else total.amount - net.amount if net else None
    return Rebuilt(total, net_minor, tax_minor, Basis.STATED, rounded_lines=0 if total.is_exact else 1)


def _lines(payload: Payload, currency: str, tax_rates: TaxRates) -> list[ReadLine]:
    payloads = items(payload, "lines") or ()
    return [
        books_line(line, position, currency, tax_rates) for position, line in enumerate(payloads, start=1)
    ]


def _document(
    payload: Payload, ledger: Ledger, currency: str, amounts: Rebuilt, lines: list[ReadLine]
) -> Document:
    is_payable = ledger is Ledger.PAYABLE
    party = record(payload, "vendor_ref" if is_payable else "customer_ref")
    due = _amount(payload, "amount_due", currency)
    stated = text(payload, "status")
    status = status_of(stated, BOOKS_STATUSES) if stated else _voided(payload, amounts)
    return Document(
        side=Side.BOOKS,
        ledger=ledger,
        kind=DocumentKind.BILL if is_payable else DocumentKind.INVOICE,
        document_id=identity(payload),
        number=text(payload, "invoice_number"),
        party_id=reference(party, "id"),
        party_name=text(party, "name") or text(party, "company_name"),
        currency=currency,
        total_minor=amounts.total.amount,
        remainder=amounts.total.remainder,
        net_minor=amounts.net_minor,
        tax_minor=amounts.tax_minor,
        basis=amounts.basis,
        due_minor=due.amount if due else None,
        status=status,
        stated_status=stated,
        issued_on=day(payload, "posted_date"),
        due_on=day(payload, "due_date"),
        lines=tuple(each.line for each in lines),
        rounded_lines=amounts.rounded_lines,
    )


def _voided(payload: Payload, amounts: Rebuilt) -> Status | None:
    """Tell a voided receivable by what little the platforms leave of it."""
    extras = record(payload, "pass_through")
    status = text(extras, "status") or text(extras, "Status") or ""
    memo = re.split(r"\W", text(payload, "memo") or "", maxsplit=1)[0]
    is_void = status.lower() in VOIDED or (memo.lower() in VOIDED and amounts.total.amount == 0)
    return Status.VOID if is_void else None
