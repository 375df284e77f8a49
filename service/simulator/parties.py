"""Counterparts, products and the reference data that documents point to, as the hub has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; matching in accounting compares every part of it."""

    id: str
    country: str
    city: str
    line1: str
    postal_code: str
    line2: str | None = None
    state: str | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """All that matching compares."""
        return (self.country, self.city, self.line1, self.line2 or "", self.postal_code, self.state or "")


@dataclass(slots=True)
class Counterpart:
    """A customer, a vendor, or both."""

    id: str
    name: str
    is_customer: bool
    is_vendor: bool
    address: Address
    created_at: datetime
    updated_at: datetime
    type: str = "organization"
    email: str | None = None
    tax_id: str | None = None


@dataclass(slots=True)
class Product:
    """Something sold."""

    id: str
    name: str
    price: int
    currency: str
    created_at: datetime
    updated_at: datetime
    type: str = "service"
    ledger_account_id: str | None = None


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A tax rate; `reference` is its id in the accounting system, absent for internal ones."""

    id: str
    code: str
    name: str
    rate: int
    created_at: datetime
    updated_at: datetime
    reference: str | None = None
    status: str = "Active"
    description: str | None = None
    is_external: bool = True


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """An account of the chart of accounts."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    type: str | None = "Income"
    status: str | None = "Active"
    is_bank_account: bool = False
    nominal_code: str | None = None
    subtype: str | None = None
    currency: str | None = None
    current_balance: int | None = None
    description: str | None = None
    is_external: bool = True
