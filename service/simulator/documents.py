"""Local documents: invoices, credit notes, quotes and bills as the hub has them, in integers of minor units.

A document is edited in place (the hub keeps one row per document) and tells what happened to it in `history`.
Lines are immutable: an edit replaces them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from service.simulator.currencies import tax_on, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from decimal import Decimal


class Kind(StrEnum):
    """What a local document is; bills live in the payables, all others in the receivables."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    QUOTE = "quote"
    BILL = "bill"


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `tax_rate` is percent times 100, references are the hub's own ids."""

    id: str
    name: str
    quantity: Decimal
    unit_price: int
    tax_rate: int = 0
    ledger_account_id: str | None = None
    accounting_tax_rate_id: str | None = None
    product_id: str | None = None
    discount: int = 0

    @property
    def net(self) -> int:
        """Amount before tax, after the line's discount."""
        return whole(self.quantity * self.unit_price) - self.discount

    @property
    def tax(self) -> int:
        """Tax on the net amount."""
        return tax_on(self.net, self.tax_rate)

    @property
    def total(self) -> int:
        """Amount with tax."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Something that happened to a document."""

    id: str
    event_type: str
    data: Mapping[str, object]
    timestamp: datetime


@dataclass(slots=True)
class Document:
    """An invoice, credit note, quote or bill; the counterpart's name is a copy frozen in the document."""

    id: str
    kind: Kind
    status: str
    currency: str
    counterpart_id: str
    counterpart_name: str
    created_at: datetime
    updated_at: datetime
    lines: Sequence[Line]
    number: str | None = None
    issued_at: datetime | None = None
    due_on: date | None = None
    memo: str | None = None
    based_on: str | None = None
    amount_paid: int = 0
    paid_at: datetime | None = None
    history: list[HistoryEntry] = field(default_factory=list)

    @property
    def is_payable(self) -> bool:
        """Bills are payables."""
        return self.kind is Kind.BILL

    @property
    def net(self) -> int:
        """Sum of the lines before tax."""
        return sum(line.net for line in self.lines)

    @property
    def tax(self) -> int:
        """Sum of the lines' taxes."""
        return sum(line.tax for line in self.lines)

    @property
    def total(self) -> int:
        """Sum of the lines with tax."""
        return sum(line.total for line in self.lines)


@dataclass(slots=True)
class Payment:
    """A payment record: money that was received for an invoice or paid for a bill."""

    id: str
    document_id: str
    object_type: str
    amount: int
    currency: str
    old_status: str
    new_status: str
    paid_at: datetime
    created_at: datetime
    updated_at: datetime
    status: str = "succeeded"
    is_external: bool = True


@dataclass(slots=True)
class PayableCreditNote:
    """A supplier's credit note; never synchronised with accounting."""

    id: str
    number: str
    status: str
    currency: str
    counterpart_id: str
    issued_on: date
    total: int
    created_at: datetime
    updated_at: datetime
    based_on: str | None = None
