"""One organization of the partner: its documents and reference data in the hub, its connection, its books."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from service.simulator.connections import Connection, Status
from service.simulator.listings import Versioned
from service.simulator.records import ObjectType, SyncedRecord

if TYPE_CHECKING:
    from datetime import date, datetime

    from service.simulator.books import Books, BooksDocument
    from service.simulator.documents import Document, PayableCreditNote, Payment
    from service.simulator.failures import Cause
    from service.simulator.parties import Address, Counterpart, LedgerAccount, Product, TaxRate


@dataclass(frozen=True, slots=True)
class Planted:
    """A failure that the next push which it applies to will meet; several of the same fail several times."""

    cause: Cause
    object_id: str | None = None
    object_type: ObjectType | None = None
    has_landed: bool = False
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """The accounting side fails every push, and pulls if told so, until it is mended."""

    cause: Cause
    until: datetime | None = None
    stops_pulls: bool = True


@dataclass(slots=True)
class Settings:
    """The part of the organization's settings that matters to accounting; the rest keeps its defaults."""

    payments_account_id: str | None = None
    products_account_id: str | None = None
    deductions_tax_id: str | None = None
    other: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Snapshot:
    """What the last pull brought: all that `/accounting/*` knows."""

    receivables: tuple[BooksDocument, ...] = ()
    payables: tuple[BooksDocument, ...] = ()
    tax_rates: dict[str, TaxRate] = field(default_factory=dict)
    ledger_accounts: dict[str, LedgerAccount] = field(default_factory=dict)
    changes: int = -1


@dataclass
class Organization(Versioned):
    """A tenant, with everything that hangs on it."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    address: Address
    currency: str
    books: Books
    status: str = "active"
    email: str | None = None
    phone: str | None = None
    tax_id: str | None = None
    website: str | None = None
    settings: Settings = field(default_factory=Settings)
    connections: list[Connection] = field(default_factory=list)
    records: dict[ObjectType, dict[str, SyncedRecord]] = field(default_factory=dict)
    records_by_id: dict[str, SyncedRecord] = field(default_factory=dict)
    receivables: dict[str, Document] = field(default_factory=dict)
    payables: dict[str, Document] = field(default_factory=dict)
    payable_credit_notes: dict[str, PayableCreditNote] = field(default_factory=dict)
    credits_by_document: dict[str, list[str]] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    counterparts: dict[str, Counterpart] = field(default_factory=dict)
    internal_tax_rates: dict[str, TaxRate] = field(default_factory=dict)
    internal_ledger_accounts: dict[str, LedgerAccount] = field(default_factory=dict)
    transactions: dict[str, dict[str, object]] = field(default_factory=dict)
    transaction_requirements: list[dict[str, object]] = field(default_factory=list)
    pulled: Snapshot = field(default_factory=Snapshot)
    planted: list[Planted] = field(default_factory=list)
    outage: Outage | None = None
    labels: dict[str, str] = field(default_factory=dict)
    label: str = "connected"
    numbers: dict[str, int] = field(default_factory=dict)
    next_pull_at: datetime | None = None

    def __post_init__(self) -> None:
        Versioned.__init__(self)
        self.records = {object_type: {} for object_type in ObjectType}

    @property
    def connection(self) -> Connection | None:
        """The newest connection, whatever its status."""
        return self.connections[-1] if self.connections else None

    @property
    def is_connected(self) -> bool:
        """Whether pushes and pulls can work now."""
        return self.connection is not None and self.connection.status is Status.CONNECTED

    def record_of(self, object_type: ObjectType, object_id: str) -> SyncedRecord | None:
        """Return the record of an object, the newest of several, if it ever was to be pushed."""
        return self.records[object_type].get(object_id)

    def add_record(self, record: SyncedRecord) -> None:
        """Keep a new record where it is looked up: by its id, and by its object."""
        self.records[record.object_type][record.object_id] = record
        self.records_by_id[record.id] = record
        self.touch()

    def document(self, document_id: str) -> Document:
        """Return a local document of either ledger."""
        found = self.receivables.get(document_id) or self.payables.get(document_id)
        if found is None:
            raise KeyError(f"organization {self.id} has no document {document_id}")
        return found

    def next_document_number(self, prefix: str) -> str:
        """Number documents of a kind upward, as compliant mode does."""
        self.numbers[prefix] = self.numbers.get(prefix, 0) + 1
        return f"{prefix}-{self.numbers[prefix]:05d}"

    def posting_date(self, document: Document, at: datetime) -> date:
        """Return the date under which a document enters the books."""
        return (document.issued_at or at).date()
