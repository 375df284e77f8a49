"""Documents as the hub tells them, brought to the normal form: the hub's words for documents end here.

Local documents are integers of minor units, the books' are decimals of major units; receivables of the books
have no total and are rebuilt from their lines. Rules that matter:

- Bad data is a value: what cannot be read is `Refused` with its reason, and the rest of the page goes on. A
  float is not bad data but our own mistake (numbers are decoded as exact decimals), and raises.
- Unknown statuses are kept in their own words. A date that cannot be read counts as absent: it must not cost
  the money of its document.
- Quotes and deleted documents are None: they have no place in the books. So is a draft that has no currency
  yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from service.domain.document import Document
from service.domain.money import AmountError
from service.hub.documents_books import bill_in_books, invoice_in_books
from service.hub.documents_fields import Payload, Unreadable, reference
from service.hub.documents_lines import TaxRates
from service.hub.documents_local import local_bill, local_invoice

__all__ = [
    "Reading",
    "Refused",
    "TaxRates",
    "books_payable",
    "books_receivable",
    "local_payable",
    "local_receivable",
    "tax_rates_by_reference",
]


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that is there but cannot be read; `document_id` is None where not even that can."""

    reason: str
    document_id: str | None


Reading: TypeAlias = Document | Refused | None
"""A document, a refusal, or None for what has no place in the books."""


def local_receivable(payload: Payload) -> Reading:
    """Read an invoice or credit note of the hub."""
    return _guarded(payload, local_invoice)


def local_payable(payload: Payload, lines: Sequence[Payload] | None = None) -> Reading:
    """Read a bill of the hub; its lines come from a call of their own and may be left out."""
    return _guarded(payload, lambda bill: local_bill(bill, lines or ()))


def books_payable(payload: Payload, *, base_currency: str | None = None) -> Reading:
    """Read a bill of the books; `base_currency` is the organization's, for documents that name none."""
    return _guarded(payload, lambda bill: bill_in_books(bill, base_currency))


def books_receivable(payload: Payload, tax_rates: TaxRates, *, base_currency: str | None = None) -> Reading:
    """Read an invoice of the books, rebuilding its total from its lines unless the hub states one."""
    return _guarded(payload, lambda invoice: invoice_in_books(invoice, tax_rates, base_currency))


def tax_rates_by_reference(payloads: Iterable[Payload]) -> TaxRates:
    """Map whatever may refer to a tax rate (its id, the platform's code) to the rate in percent times 100.

    How a line of the books refers to a rate is not documented. A reference that means two rates means none,
    and internal rates exist in the hub only.
    """
    rates: dict[str, int | None] = {}
    for payload in payloads:
        value = payload.get("effective_tax_rate")
        value = payload.get("total_tax_rate") if value is None else value
        if payload.get("is_external") is False or not isinstance(value, int):
            continue
        for name in (reference(payload, "id"), reference(payload, "code")):
            if name is not None:
                rates[name] = value if rates.get(name, value) == value else None
    return {name: value for name, value in rates.items() if value is not None}


def _guarded(payload: Payload, read: Callable[[Payload], Document | None]) -> Reading:
    try:
        return read(payload)
    except (Unreadable, AmountError) as error:
        return Refused(str(error), reference(payload, "id"))
