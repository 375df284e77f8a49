"""Founding an organization: books with a chart of accounts and tax rates, settings, no connection yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.simulator.books import Books
from service.simulator.connections import Platform
from service.simulator.organization import Organization
from service.simulator.parties import Address, LedgerAccount, TaxRate

if TYPE_CHECKING:
    from datetime import datetime

    from service.simulator.world import World

CURRENCY_BY_COUNTRY = {"US": "USD", "DE": "EUR", "GB": "GBP", "JP": "JPY", "KW": "KWD"}
RATES = (0, 500, 1000, 1900, 2000)
"""Tax rates that every chart has, in percent times 100; 13.75 % is the one that planted failures miss."""

ACCOUNTS = (
    ("Sales", "Income", "200", False),
    ("Consulting", "Income", "210", False),
    ("Office expenses", "Expense", "400", False),
    ("Travel", "Expense", "410", False),
    ("Bank", "Asset", "090", True),
    ("Old sales", "Income", "290", False),
)
"""The chart of accounts; the last one is archived and waits for planted failures."""

ARCHIVED = "Old sales"


def found_organization(
    world: World, name: str, address: Address, at: datetime, platform: Platform = Platform.QUICKBOOKS
) -> Organization:
    """Make an organization, and the books that it will connect to."""
    books = Books(platform, world.chance, refuses_duplicate_numbers=platform is Platform.XERO)
    currency = CURRENCY_BY_COUNTRY.get(address.country, "USD")
    organization = Organization(world.chance.uuid(), name, at, at, address, currency, books)
    for rate in RATES:
        add_tax_rate(organization, rate, at)
    for account_name, account_type, code, is_bank in ACCOUNTS:
        account = LedgerAccount(
            world.chance.uuid(), account_name, at, at, account_type,
            "Archived" if account_name == ARCHIVED else "Active", is_bank, code,
            currency=currency, current_balance=0,
        )  # fmt: skip
        books.ledger_accounts[account.id] = account
    organization.settings.payments_account_id = account_named(organization, "Bank").id
    organization.settings.products_account_id = account_named(organization, "Sales").id
    world.organizations[organization.id] = organization
    world.touch()
    world.tell(organization, "entity", "created", organization.id, at)
    return organization


def add_tax_rate(organization: Organization, rate: int, at: datetime, name: str | None = None) -> TaxRate:
    """Create a tax rate in the books."""
    books = organization.books
    label = name or f"Tax {rate / 100:g}%"
    reference = (
        f"TAX{books.new_id()}"
        if books.platform is Platform.QUICKBOOKS
        else f"TAX{len(books.tax_rates) + 1:03d}"
    )
    while any(entry.reference == reference for entry in books.tax_rates.values()):
        reference += "X"
    made = TaxRate(books.chance.uuid(), reference, label, rate, at, at, reference=reference)
    books.tax_rates[made.id] = made
    books.changes += 1
    return made


def account_named(organization: Organization, name: str) -> LedgerAccount:
    """Find an account of the books by name."""
    for account in organization.books.ledger_accounts.values():
        if account.name == name:
            return account
    raise KeyError(f"organization {organization.id} has no account named {name}")
