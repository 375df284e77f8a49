"""The books: what the accountant does in QuickBooks or Xero while the hub is not looking."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from service.simulator.books import BooksDocument, BooksItem, BooksLine, BooksParty, Ledger
from service.simulator.controls.hold import Hold, day
from service.simulator.currencies import major
from service.simulator.founding import add_tax_rate

if TYPE_CHECKING:
    from datetime import date

    from service.simulator.organization import Organization
    from service.simulator.parties import LedgerAccount


class BooksControls(Hold):
    """Changes on the accounting side; visible through the hub after the next pull."""

    def books_ids(self, organization_id: str, document_id: str) -> list[str]:
        """Return the live documents in the books that came from a local one."""
        books = self.organization(organization_id).books
        return [entry.id for entry in books.documents.values() if entry.local_id == document_id]

    def edit_in_books(
        self,
        organization_id: str,
        document_id: str,
        *,
        net_minor: int | None = None,
        tax_rate: int | None = None,
        number: str | None = None,
        due_on: date | str | None = None,
        posted_on: date | str | None = None,
        currency: str | None = None,
        party: str | None = None,
        status: str | None = None,
        memo: str | None = None,
    ) -> None:
        """Change what is given of a document, named by its own id or by the local document it came from."""
        organization, now = self.organization(organization_id), self._now()
        document = self._in_books(organization, document_id)
        changes: dict[str, object] = {
            name: value
            for name, value in (
                ("number", number),
                ("due_on", day(due_on)),
                ("posted_on", day(posted_on)),
                ("currency", currency),
                ("party_name", party),
                ("status", status),
                ("memo", memo),
            )
            if value is not None
        }
        if net_minor is not None or tax_rate is not None:
            net = document.net_minor if net_minor is None else net_minor
            changes["lines"] = (self._books_line(organization, document, net, tax_rate),)
        organization.books.edit(document.id, now, **changes)

    def void_in_books(self, organization_id: str, document_id: str) -> None:
        """Void a document."""
        organization, now = self.organization(organization_id), self._now()
        organization.books.void(self._in_books(organization, document_id).id, now)

    def delete_in_books(self, organization_id: str, document_id: str) -> None:
        """Delete a document."""
        self._now()
        organization = self.organization(organization_id)
        organization.books.delete(self._in_books(organization, document_id).id)

    def duplicate_in_books(self, organization_id: str, document_id: str) -> str:
        """Enter the same document a second time by hand."""
        organization, now = self.organization(organization_id), self._now()
        books = organization.books
        original = self._in_books(organization, document_id)
        copy = replace(
            original,
            id=books.new_id(),
            provider_id=self.world.chance.uuid(),
            local_id=None,
            created_at=now,
            updated_at=now,
        )
        return books.create(copy, "accountant").id

    def pay_in_books(self, organization_id: str, document_id: str, amount_minor: int | None = None) -> None:
        """Pay a document in the books, in full unless told otherwise."""
        organization, now = self.organization(organization_id), self._now()
        document = self._in_books(organization, document_id)
        amount = document.total_minor - document.paid_minor if amount_minor is None else amount_minor
        organization.books.pay(document.id, major(amount, document.currency), now)

    def add_to_books(
        self,
        organization_id: str,
        *,
        ledger: str = "receivable",
        net_minor: int = 10_000,
        tax_rate: int = 2000,
        number: str | None = None,
        party: str = "Walk-in customer",
        currency: str | None = None,
        posted_on: date | str | None = None,
        due_on: date | str | None = None,
    ) -> str:
        """Enter a document by hand that the hub knows nothing of; return its id in the books."""
        organization, now = self.organization(organization_id), self._now()
        books, kept_in = organization.books, Ledger(ledger)
        known = books.parties_named(party)
        party_id = known[0].id if known else self.add_party_to_books(organization_id, party)
        document = BooksDocument(
            books.new_id(), self.world.chance.uuid(), kept_in, number, party_id, party,
            currency or organization.currency, day(posted_on) or now.date(), day(due_on), (), now, now,
        )  # fmt: skip
        line = self._books_line(organization, document, net_minor, tax_rate)
        return books.create(replace(document, lines=(line,)), "accountant").id

    def add_party_to_books(self, organization_id: str, name: str) -> str:
        """Enter a customer or vendor by hand, with an address that matches nobody's in the hub."""
        books = self.organization(organization_id).books
        party = BooksParty(books.new_id(), name, ("", "", "entered by hand", "", "", ""))
        books.parties[party.id] = party
        return party.id

    def remove_parties_from_books(self, organization_id: str, name: str) -> None:
        """Remove every party of a name: how a duplicate name is cured there."""
        books = self.organization(organization_id).books
        for party in books.parties_named(name):
            del books.parties[party.id]

    def add_item_to_books(self, organization_id: str, name: str, price_minor: int | None = 5_000) -> str:
        """Enter a product by hand."""
        organization = self.organization(organization_id)
        price = None if price_minor is None else major(price_minor, organization.currency)
        item = BooksItem(organization.books.new_id(), name, price, organization.currency)
        organization.books.items[item.id] = item
        organization.books.changes += 1
        return item.id

    def remove_item_from_books(self, organization_id: str, item_id: str) -> None:
        """Remove a product."""
        del self.organization(organization_id).books.items[item_id]

    def add_tax_rate(self, organization_id: str, rate: int, name: str | None = None) -> str:
        """Create a tax rate (percent times 100) in the books; return the hub's id for it."""
        return add_tax_rate(self.organization(organization_id), rate, self._now(), name).id

    def remove_tax_rate(self, organization_id: str, rate: int) -> None:
        """Remove every tax rate of a value from the books."""
        self._now()
        books = self.organization(organization_id).books
        for entry in [entry for entry in books.tax_rates.values() if entry.rate == rate]:
            del books.tax_rates[entry.id]
        books.changes += 1

    def archive_ledger_account(self, organization_id: str, account: str) -> None:
        """Archive an account, named by id or name."""
        self._set_account(organization_id, account, "Archived")

    def restore_ledger_account(self, organization_id: str, account: str) -> None:
        """Make an account active again."""
        self._set_account(organization_id, account, "Active")

    def lock_period(self, organization_id: str, until: date | str) -> None:
        """Close the books up to and including a day."""
        self.organization(organization_id).books.locked_until = day(until)

    def unlock_period(self, organization_id: str) -> None:
        """Open the books again."""
        self.organization(organization_id).books.locked_until = None

    def refuse_duplicate_numbers(self, organization_id: str, *, refuses: bool = True) -> None:
        """Set whether a second invoice of a number is refused; Xero does by default, QuickBooks not."""
        self.organization(organization_id).books.refuses_duplicate_numbers = refuses

    def _set_account(self, organization_id: str, account: str, status: str) -> None:
        found, now = self._account(organization_id, account), self._now()
        books = self.organization(organization_id).books
        books.ledger_accounts[found.id] = replace(found, status=status, updated_at=now)
        books.changes += 1

    def _account(self, organization_id: str, account: str) -> LedgerAccount:
        for entry in self.organization(organization_id).books.ledger_accounts.values():
            if account in {entry.id, entry.name}:
                return entry
        raise KeyError(f"organization {organization_id} has no ledger account {account}")

    def _books_line(
        self, organization: Organization, document: BooksDocument, net_minor: int, tax_rate: int | None
    ) -> BooksLine:
        """Make a single line of an amount, with the rate given or that of the first line."""
        first = document.lines[0] if document.lines else None
        rate = tax_rate if tax_rate is not None else first.tax_rate if first else 0
        entry = organization.books.tax_rate_of(rate)
        account = first.ledger_account_id if first else next(iter(organization.books.ledger_accounts))
        amount = major(net_minor, document.currency)
        name = first.description if first else "Services"
        return BooksLine(name, Decimal(1), amount, rate, entry.reference if entry else None, account)

    def _in_books(self, organization: Organization, document_id: str) -> BooksDocument:
        found = organization.books.documents.get(document_id)
        if found is not None:
            return found
        ids = self.books_ids(organization.id, document_id)
        if not ids:
            raise KeyError(
                f"the books of {organization.id} hold no document {document_id}, nor one made from it"
            )
        return organization.books.documents[ids[0]]
