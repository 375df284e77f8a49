"""Local documents: issue, draft, edit, cancel, pay; counterparts and products; failures of the pushes to come."""

from __future__ import annotations

from datetime import date, timedelta

from service.simulator import issuing, pushing
from service.simulator.controls.hold import Hold, Lines, day, noon
from service.simulator.documents import Document, Kind, PayableCreditNote
from service.simulator.failures import Cause
from service.simulator.founding import account_named
from service.simulator.issuing import Draft
from service.simulator.organization import Organization, Planted
from service.simulator.parties import Address
from service.simulator.records import ObjectType

DUE_DAYS = 30


class DocumentControls(Hold):
    """Changes on the hub's side."""

    def issue_invoice(
        self,
        organization_id: str,
        *,
        net_minor: int = 10_000,
        tax_rate: int = 2000,
        lines: Lines = (),
        number: str | None = None,
        currency: str | None = None,
        counterpart_id: str | None = None,
        due_on: date | str | None = None,
        issued_on: date | str | None = None,
        ledger_account_id: str | None = None,
        product_id: str | None = None,
        fails: str | None = None,
        landed: bool = False,
        is_attempted: bool = True,
        memo: str | None = None,
    ) -> str:
        """Issue an invoice; `fails` names the cause its first push will meet, `landed` whether it entered the books."""
        return self._issue(
            Kind.INVOICE, organization_id, net_minor, tax_rate, lines, number, currency, counterpart_id, due_on,
            issued_on, ledger_account_id, product_id, fails, landed, is_attempted, memo,
        )  # fmt: skip

    def issue_bill(
        self,
        organization_id: str,
        *,
        net_minor: int = 10_000,
        tax_rate: int = 2000,
        lines: Lines = (),
        number: str | None = None,
        currency: str | None = None,
        counterpart_id: str | None = None,
        due_on: date | str | None = None,
        issued_on: date | str | None = None,
        ledger_account_id: str | None = None,
        fails: str | None = None,
        landed: bool = False,
        is_attempted: bool = True,
        memo: str | None = None,
    ) -> str:
        """Enter and approve a bill."""
        return self._issue(
            Kind.BILL, organization_id, net_minor, tax_rate, lines, number, currency, counterpart_id, due_on,
            issued_on, ledger_account_id, None, fails, landed, is_attempted, memo,
        )  # fmt: skip

    def issue_credit_note(
        self,
        organization_id: str,
        *,
        net_minor: int = 10_000,
        tax_rate: int = 2000,
        based_on: str | None = None,
        counterpart_id: str | None = None,
    ) -> str:
        """Issue a credit note to a customer."""
        organization, now = self.organization(organization_id), self._now()
        invoice = organization.receivables[based_on] if based_on else None
        party = (
            invoice.counterpart_id
            if invoice
            else counterpart_id or self._party(organization, is_vendor=False)
        )
        lines = self._lines(organization, (), net_minor, tax_rate)
        currency = invoice.currency if invoice else organization.currency
        note = issuing.draft(
            self.world, organization, Draft(Kind.CREDIT_NOTE, currency, party, lines, based_on=based_on), now
        )
        issuing.issue(self.world, organization, note, now)
        return note.id

    def draft_invoice(self, organization_id: str, *, net_minor: int = 10_000, tax_rate: int = 2000) -> str:
        """Make an invoice that is not issued."""
        return self._drafted(Kind.INVOICE, organization_id, net_minor, tax_rate)

    def draft_bill(self, organization_id: str, *, net_minor: int = 10_000, tax_rate: int = 2000) -> str:
        """Make a bill that is not approved."""
        return self._drafted(Kind.BILL, organization_id, net_minor, tax_rate)

    def issue(self, organization_id: str, document_id: str) -> None:
        """Issue (a bill: approve) a draft."""
        organization, now = self.organization(organization_id), self._now()
        issuing.issue(self.world, organization, organization.document(document_id), now)

    def edit_local(
        self,
        organization_id: str,
        document_id: str,
        *,
        net_minor: int | None = None,
        tax_rate: int | None = None,
        number: str | None = None,
        due_on: date | str | None = None,
        issued_on: date | str | None = None,
        memo: str | None = None,
        ledger_account_id: str | None = None,
        counterpart_id: str | None = None,
    ) -> None:
        """Change what is given; the document's `updated_at` moves."""
        organization, now = self.organization(organization_id), self._now()
        document = organization.document(document_id)
        changes: dict[str, object] = {
            name: value
            for name, value in (
                ("number", number),
                ("due_on", day(due_on)),
                ("issued_at", noon(issued_on)),
                ("memo", memo),
                ("counterpart_id", counterpart_id),
            )
            if value is not None
        }
        if counterpart_id is not None:
            changes["counterpart_name"] = organization.counterparts[counterpart_id].name
        if net_minor is not None or tax_rate is not None or ledger_account_id is not None:
            first = document.lines[0]
            changes["lines"] = self._lines(
                organization,
                (),
                document.net if net_minor is None else net_minor,
                first.tax_rate if tax_rate is None else tax_rate,
                ledger_account_id=ledger_account_id or first.ledger_account_id,
                product_id=first.product_id,
            )
        issuing.edit(self.world, organization, document, now, **changes)

    def cancel(self, organization_id: str, document_id: str) -> str | None:
        """Cancel a document; return the id of the credit note that an invoice gets."""
        organization, now = self.organization(organization_id), self._now()
        note = issuing.cancel(self.world, organization, organization.document(document_id), now)
        return note.id if note else None

    def pay(self, organization_id: str, document_id: str, amount_minor: int | None = None) -> str:
        """Record a payment, of the whole amount unless told otherwise; return the payment record's id."""
        organization, now = self.organization(organization_id), self._now()
        document = organization.document(document_id)
        amount = document.total - document.amount_paid if amount_minor is None else amount_minor
        return issuing.pay(self.world, organization, document, amount, now).id

    def add_counterpart(
        self,
        organization_id: str,
        name: str,
        *,
        is_customer: bool = True,
        is_vendor: bool = False,
        city: str = "Springfield",
    ) -> str:
        """Create a counterpart, which is pushed for each side it is on."""
        organization, now = self.organization(organization_id), self._now()
        country = organization.address.country
        address = Address(self.world.chance.uuid(), country, city, "1 Main Street", "10001")
        return issuing.add_counterpart(
            self.world, organization, name, now, is_customer=is_customer, is_vendor=is_vendor, address=address
        ).id

    def rename_counterpart(self, organization_id: str, counterpart_id: str, name: str) -> None:
        """Rename a counterpart in the hub."""
        organization, now = self.organization(organization_id), self._now()
        counterpart = organization.counterparts[counterpart_id]
        counterpart.name, counterpart.updated_at = name, now
        self.world.tell(organization, "counterpart", "updated", counterpart.id, now)

    def add_product(
        self,
        organization_id: str,
        name: str,
        *,
        price_minor: int = 5_000,
        ledger_account_id: str | None = None,
    ) -> str:
        """Create a product, which is pushed."""
        organization, now = self.organization(organization_id), self._now()
        return issuing.add_product(
            self.world, organization, name, now, price=price_minor, ledger_account_id=ledger_account_id
        ).id

    def rename_product(self, organization_id: str, product_id: str, name: str) -> None:
        """Rename a product in the hub."""
        organization, now = self.organization(organization_id), self._now()
        product = organization.products[product_id]
        product.name, product.updated_at = name, now
        self.world.tell(organization, "product", "updated", product.id, now)

    def add_payable_credit_note(
        self, organization_id: str, *, total_minor: int = 1_000, based_on: str | None = None
    ) -> str:
        """Enter a supplier's credit note."""
        organization, now = self.organization(organization_id), self._now()
        party = (
            organization.payables[based_on].counterpart_id
            if based_on
            else self._party(organization, is_vendor=True)
        )
        number = organization.next_document_number("SCN")
        note = PayableCreditNote(
            self.world.chance.uuid(), number, "approved", organization.currency, party, now.date(), total_minor, now, now,
            based_on,
        )  # fmt: skip
        organization.payable_credit_notes[note.id] = note
        if based_on is not None:
            organization.credits_by_document.setdefault(based_on, []).append(note.id)
        self.world.tell(organization, "payables_credit_note", "created", note.id, now)
        return note.id

    def fail_next_push(
        self,
        organization_id: str,
        cause: str,
        *,
        times: int = 1,
        object_id: str | None = None,
        object_type: str | None = None,
        landed: bool = False,
        text: str | None = None,
    ) -> None:
        """Let the next pushes (of an object, of a type, or any) fail with a cause, in words of one's own if given."""
        kind = ObjectType(object_type) if object_type else None
        planted = Planted(Cause(cause), object_id, kind, landed, text)
        pushing.plant(self.organization(organization_id), planted, times)

    def push(self, organization_id: str, record_id: str) -> None:
        """Push a record as if somebody pressed the button in the hub's own user interface."""
        organization, now = self.organization(organization_id), self._now()
        record = organization.records_by_id[record_id]
        pushing.request(self.world, organization, record, now, trigger="user")

    def forget_record(self, organization_id: str, object_id: str) -> None:
        """Remove an object's records, as if the hub had never tried: what `never_attempted` looks like."""
        organization = self.organization(organization_id)
        for object_type in ObjectType:
            record = organization.record_of(object_type, object_id)
            if record is not None:
                pushing.forget(organization, record)

    def _drafted(self, kind: Kind, organization_id: str, net_minor: int, tax_rate: int) -> str:
        organization, now = self.organization(organization_id), self._now()
        account = account_named(organization, "Office expenses").id if kind is Kind.BILL else None
        lines = self._lines(organization, (), net_minor, tax_rate, ledger_account_id=account)
        party = self._party(organization, is_vendor=kind is Kind.BILL)
        return issuing.draft(
            self.world, organization, Draft(kind, organization.currency, party, lines), now
        ).id

    def _issue(
        self, kind: Kind, organization_id: str, net_minor: int, tax_rate: int, lines: Lines, number: str | None,
        currency: str | None, counterpart_id: str | None, due_on: date | str | None, issued_on: date | str | None,
        ledger_account_id: str | None, product_id: str | None, fails: str | None, landed: bool, is_attempted: bool,  # noqa: FBT001 - handed on by name above
        memo: str | None,
    ) -> str:  # fmt: skip
        organization, now = self.organization(organization_id), self._now()
        is_bill = kind is Kind.BILL
        if is_bill and ledger_account_id is None:
            ledger_account_id = account_named(organization, "Office expenses").id
        made = Draft(
            kind,
            currency or organization.currency,
            counterpart_id or self._party(organization, is_vendor=is_bill),
            self._lines(
                organization,
                lines,
                net_minor,
                tax_rate,
                ledger_account_id=ledger_account_id,
                product_id=product_id,
            ),
            number=number,
            due_on=day(due_on) or (now + timedelta(days=DUE_DAYS)).date(),
            issued_at=noon(issued_on),
            memo=memo,
        )
        document = issuing.draft(self.world, organization, made, now)
        if fails is not None:
            self.fail_next_push(organization_id, fails, object_id=document.id, landed=landed)
        self._issue_draft(organization, document, noon(issued_on), is_attempted=is_attempted)
        return document.id

    def _issue_draft(
        self, organization: Organization, document: Document, issued_at: object, *, is_attempted: bool
    ) -> None:
        now = self._now()
        record = issuing.issue(self.world, organization, document, now, issued_at=issued_at)  # type: ignore[arg-type]
        if record is not None and not is_attempted:
            pushing.abandon(organization, record)

    def _party(self, organization: Organization, *, is_vendor: bool) -> str:
        """Return some customer or vendor, making one where there is none."""
        for counterpart in organization.counterparts.values():
            if counterpart.is_vendor if is_vendor else counterpart.is_customer:
                return counterpart.id
        name = "Supplies & Sons" if is_vendor else "Harbour Trading"
        return self.add_counterpart(organization.id, name, is_customer=not is_vendor, is_vendor=is_vendor)
