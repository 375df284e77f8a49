"""Local documents: issue, draft, edit, cancel, pay; failures of pushes to come."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TypedDict, Unpack

from service.simulator import issuing, pushing
from service.simulator.controls.hold import Lines, day, noon
from service.simulator.controls.parties import PartyControls
from service.simulator.documents import Kind, PayableCreditNote
from service.simulator.failures import Cause
from service.simulator.founding import account_named
from service.simulator.issuing import Draft
from service.simulator.organization import Organization, Planted
from service.simulator.records import ObjectType

DUE_DAYS = 30


class Details(TypedDict, total=False):
    """What may be said of a document to be issued; the rest is made up.

    `lines` are mappings of `name`, `quantity`, `unit_price`, `tax_rate`, `discount` and references; without
    them there is one line of `net_minor` at `tax_rate`. `fails` is the cause that the first push meets,
    `landed` whether the document entered the books all the same; without `is_attempted` no push happens and
    no record is made.
    """

    net_minor: int
    tax_rate: int
    lines: Lines
    number: str | None
    currency: str | None
    counterpart_id: str | None
    due_on: date | str | None
    issued_on: date | str | None
    ledger_account_id: str | None
    accounting_tax_rate_id: str | None
    product_id: str | None
    memo: str | None
    fails: str | None
    landed: bool
    is_attempted: bool


class DocumentControls(PartyControls):
    """Changes on the hub's side."""

    def issue_invoice(self, organization_id: str, **details: Unpack[Details]) -> str:
        """Issue an invoice and return its id."""
        return self._issue(Kind.INVOICE, organization_id, details)

    def issue_bill(self, organization_id: str, **details: Unpack[Details]) -> str:
        """Enter and approve a bill, and return its id."""
        return self._issue(Kind.BILL, organization_id, details)

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
        lines = self._lines((), net_minor, tax_rate)
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
            self.world.chance.uuid(), number, "approved", organization.currency, party, now.date(),
            total_minor, now, now, based_on,
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
        """Let the next pushes (of an object, of a type, or any) fail, in words of one's own if given."""
        kind = ObjectType(object_type) if object_type else None
        planted = Planted(Cause(cause), object_id, kind, landed, text)
        pushing.plant(self.organization(organization_id), planted, times)

    def push(self, organization_id: str, record_id: str, *, seconds: float | None = None) -> None:
        """Push a record as if somebody pressed the button in the hub's own user interface.

        It is carried out so many seconds later; else as soon as any other.
        """
        organization, now = self.organization(organization_id), self._now()
        record = organization.records_by_id[record_id]
        due_at = None if seconds is None else now + timedelta(seconds=seconds)
        pushing.repeat(self.world, organization, record, now, trigger="user", due_at=due_at)

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
        lines = self._lines((), net_minor, tax_rate, ledger_account_id=account)
        party = self._party(organization, is_vendor=kind is Kind.BILL)
        return issuing.draft(
            self.world, organization, Draft(kind, organization.currency, party, lines), now
        ).id

    def _issue(self, kind: Kind, organization_id: str, details: Details) -> str:
        unknown = sorted(set(details) - set(Details.__annotations__))
        if unknown:
            raise TypeError(
                f"unknown arguments {', '.join(unknown)}; known: {', '.join(Details.__annotations__)}"
            )
        organization, now = self.organization(organization_id), self._now()
        issued_at = noon(details.get("issued_on"))
        made = self._draft(kind, organization, details, now)
        document = issuing.draft(self.world, organization, made, now)
        cause = details.get("fails")
        if cause is not None:
            landed = details.get("landed", False)
            self.fail_next_push(organization_id, cause, object_id=document.id, landed=landed)
        if details.get("is_attempted", True):
            issuing.issue(self.world, organization, document, now, issued_at=issued_at)
        else:
            issuing.issue_unattended(self.world, organization, document, now, issued_at=issued_at)
        return document.id

    def _draft(self, kind: Kind, organization: Organization, details: Details, now: datetime) -> Draft:
        account = details.get("ledger_account_id")
        if kind is Kind.BILL and account is None:
            account = account_named(organization, "Office expenses").id
        lines = self._lines(
            details.get("lines", ()),
            details.get("net_minor", 10_000),
            details.get("tax_rate", 2000),
            ledger_account_id=account,
            accounting_tax_rate_id=details.get("accounting_tax_rate_id"),
            product_id=details.get("product_id"),
        )
        return Draft(
            kind,
            details.get("currency") or organization.currency,
            details.get("counterpart_id") or self._party(organization, is_vendor=kind is Kind.BILL),
            lines,
            number=details.get("number"),
            due_on=day(details.get("due_on")) or (now + timedelta(days=DUE_DAYS)).date(),
            issued_at=noon(details.get("issued_on")),
            memo=details.get("memo"),
        )
