"""The books behind a connection: a ledger like QuickBooks Online or Xero, as far as the hub can tell.

Nothing here knows of the hub. Documents are immutable values, so that a pull is a snapshot for the price of a
list. Every document that was ever created is counted in `creations`, whatever became of it: that is how a
test sees a duplicate. Xero gives GUIDs and refuses a second invoice of the same number; QuickBooks gives
small integers and refuses only where the company's preference says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from service.simulator.connections import Platform
from service.simulator.currencies import exponent as exponent_of
from service.simulator.currencies import minor, tax_on, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from service.simulator.chance import Chance
    from service.simulator.parties import LedgerAccount, TaxRate


class Ledger(StrEnum):
    """Where a document stands in the books; only the first two can be read back through the hub."""

    RECEIVABLE = "receivable"
    PAYABLE = "payable"
    CREDIT_NOTE = "credit_note"
    PAYMENT = "payment"


@dataclass(frozen=True, slots=True)
class BooksLine:
    """A line in decimals of major units; `tax_reference` is the platform's own id of the rate."""

    description: str
    quantity: Decimal
    unit_amount: Decimal
    tax_rate: int = 0
    tax_reference: str | None = None
    ledger_account_id: str | None = None
    discount_amount: Decimal | None = None

    def net_minor(self, currency: str) -> int:
        """Amount before tax in minor units, rounded per line."""
        discount = self.discount_amount or Decimal(0)
        return whole((self.quantity * self.unit_amount - discount).scaleb(exponent_of(currency)))


@dataclass(frozen=True, slots=True)
class BooksDocument:
    """An invoice, bill, credit note or payment; `local_id` is the truth of where it came from."""

    id: str
    provider_id: str
    ledger: Ledger
    number: str | None
    party_id: str
    party_name: str
    currency: str
    posted_on: date
    due_on: date | None
    lines: Sequence[BooksLine]
    created_at: datetime
    updated_at: datetime
    status: str = "open"
    memo: str | None = None
    paid_minor: int = 0
    local_id: str | None = None

    @property
    def net_minor(self) -> int:
        """Sum of the lines before tax."""
        return sum(line.net_minor(self.currency) for line in self.lines)

    @property
    def tax_minor(self) -> int:
        """Tax, computed and rounded per line."""
        return sum(tax_on(line.net_minor(self.currency), line.tax_rate) for line in self.lines)

    @property
    def total_minor(self) -> int:
        """Amount with tax."""
        return self.net_minor + self.tax_minor


@dataclass(frozen=True, slots=True)
class BooksParty:
    """A customer or vendor in the books."""

    id: str
    name: str
    address: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BooksItem:
    """A product or service in the books; without a price it is not pulled."""

    id: str
    name: str
    price: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class Creation:
    """One document created in the books, ever: the line of the book of pushes that shows duplicates."""

    at: datetime
    books_id: str
    ledger: Ledger
    local_id: str | None
    number: str | None
    by: str


@dataclass(slots=True)
class Books:
    """One company's books."""

    platform: Platform
    chance: Chance
    documents: dict[str, BooksDocument] = field(default_factory=dict)
    parties: dict[str, BooksParty] = field(default_factory=dict)
    items: dict[str, BooksItem] = field(default_factory=dict)
    tax_rates: dict[str, TaxRate] = field(default_factory=dict)
    ledger_accounts: dict[str, LedgerAccount] = field(default_factory=dict)
    creations: list[Creation] = field(default_factory=list)
    locked_until: date | None = None
    refuses_duplicate_numbers: bool = False
    next_number: int = 100
    changes: int = 0
    ids_by_number: dict[tuple[Ledger, str], list[str]] = field(default_factory=dict)

    def new_id(self) -> str:
        """Make an id as the platform would."""
        if self.platform is Platform.XERO:
            return self.chance.uuid()
        self.next_number += 1
        return str(self.next_number)

    def create(self, document: BooksDocument, by: str) -> BooksDocument:
        """Enter a document and count it."""
        self._enter(document)
        self.creations.append(
            Creation(
                document.created_at, document.id, document.ledger, document.local_id, document.number, by
            )
        )
        return document

    def _enter(self, document: BooksDocument) -> None:
        self.documents[document.id] = document
        if document.number is not None:
            self.ids_by_number.setdefault((document.ledger, document.number), []).append(document.id)
        self.changes += 1

    def edit(self, books_id: str, at: datetime, **changes: object) -> BooksDocument:
        """Replace some fields of a document."""
        edited = replace(self.documents[books_id], updated_at=at, **changes)  # type: ignore[arg-type]
        self._enter(edited)
        return edited

    def void(self, books_id: str, at: datetime) -> BooksDocument:
        """Void a document: QuickBooks zeroes the amounts, with a memo; Xero keeps them, with a status."""
        document = self.documents[books_id]
        if self.platform is Platform.XERO:
            return self.edit(books_id, at, status="void")
        zeroed = [replace(line, unit_amount=Decimal(0), discount_amount=None) for line in document.lines]
        return self.edit(books_id, at, status="void", lines=tuple(zeroed), memo="Voided")

    def delete(self, books_id: str) -> None:
        """Remove a document for good; its creation stays counted."""
        del self.documents[books_id]
        self.changes += 1

    def bears_number(self, ledger: Ledger, number: str | None) -> bool:
        """Say whether a live document of the ledger has the number."""
        if number is None:
            return False
        candidates = (
            self.documents.get(books_id) for books_id in self.ids_by_number.get((ledger, number), ())
        )
        return any(
            document is not None and document.number == number and document.status != "void"
            for document in candidates
        )

    def parties_named(self, name: str) -> list[BooksParty]:
        """Return the customers and vendors of that name: both platforms keep one name space for both."""
        return [party for party in self.parties.values() if party.name == name]

    def items_named(self, name: str) -> list[BooksItem]:
        """Return the items of that name."""
        return [item for item in self.items.values() if item.name == name]

    def tax_rate_of(self, rate: int) -> TaxRate | None:
        """Find a rate by its value, which is how the hub maps lines that name none."""
        return next((entry for entry in self.tax_rates.values() if entry.rate == rate), None)

    def documents_per_local(self) -> dict[str, int]:
        """Count, for each local document, how many documents were ever created for it."""
        counts: dict[str, int] = {}
        for creation in self.creations:
            if creation.local_id is not None:
                counts[creation.local_id] = counts.get(creation.local_id, 0) + 1
        return counts

    def pay(self, books_id: str, amount: Decimal, at: datetime) -> BooksDocument:
        """Apply a payment to a document."""
        document = self.documents[books_id]
        paid = document.paid_minor + minor(amount, document.currency)
        status = "paid" if paid >= document.total_minor else "partially_paid"
        return self.edit(books_id, at, paid_minor=paid, status=status)
