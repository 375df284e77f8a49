"""Pre-flight: what will fail is told before it does, with whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.domain.document import DocumentKind, Ledger, Line, Side, Status
from service.domain.pushing.preflight import (
    Finding,
    FindingKind,
    Owed,
    Owner,
    Setup,
    inspect,
    inspect_organization,
)
from tests.domain.worlds import document

SETUP = Setup(
    tax_rates={"t20": 2000, "t5": 500},
    ledger_accounts={"sales": "Active", "old": "Archived", "bare": None},
    product_names=("Nails", "Hammer", "Saw", "Saw"),
    products_account_id="sales",
    payments_account_id="bank",
    deductions_tax_id="t5",
)
LINE = Line(product_name="Nails", tax_rate=2000, ledger_account_id="sales")
INVOICE = document(Side.LOCAL, Ledger.RECEIVABLE, "l1", lines=(LINE,), total_minor=500)
BILL_LINE = replace(LINE, tax_rate_reference="t20")
BILL = document(Side.LOCAL, Ledger.PAYABLE, "l2", lines=(BILL_LINE,))


def kinds(findings: Sequence[Finding]) -> list[FindingKind]:
    """Return the kinds that were found."""
    return [each.kind for each in findings]


def test_what_the_books_can_take_is_not_found() -> None:
    """Documents whose rates, accounts and products the books have are no finding, nor are untaxed lines."""
    untaxed = replace(INVOICE, lines=(replace(LINE, tax_rate=0), replace(LINE, ledger_account_id="bare")))
    default = replace(INVOICE, lines=(replace(LINE, ledger_account_id=None),))
    assert inspect([INVOICE, BILL, untaxed, default], SETUP) == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (replace(LINE, tax_rate=700), FindingKind.MISSING_TAX_RATE),
        (replace(LINE, tax_rate_reference="internal"), FindingKind.MISSING_TAX_RATE),
        (replace(LINE, ledger_account_id="gone"), FindingKind.MISSING_LEDGER_ACCOUNT),
        (replace(LINE, ledger_account_id="old"), FindingKind.MISSING_LEDGER_ACCOUNT),
        (replace(LINE, product_name="Saw"), FindingKind.NAMESAKE_PRODUCTS),
    ],
)
def test_a_line_of_an_invoice_needs_rate_account_and_an_unmistakable_product(
    line: Line, kind: FindingKind
) -> None:
    """A line that the books cannot take is found once, with the document's money and whose turn it is."""
    [finding] = inspect([replace(INVOICE, lines=(line, line))], SETUP)
    assert (finding.kind, finding.document_id, finding.owner) == (kind, "l1", Owner.BOOKKEEPER)
    assert (finding.amount_minor, finding.currency) == (500, "USD")


def test_the_reason_names_line_and_rate() -> None:
    """A bookkeeper reads which line wants which rate."""
    [finding] = inspect([replace(INVOICE, lines=(replace(LINE, tax_rate=1250),))], SETUP)
    assert finding.reason == "The line Nails has a tax rate of 12.50 %, which the books do not have."


def test_without_a_default_account_products_need_their_own() -> None:
    """A line without ledger account is found where the organization sets no default for products."""
    bare = replace(INVOICE, lines=(replace(LINE, ledger_account_id=None),))
    assert kinds(inspect([bare], replace(SETUP, products_account_id=None))) == [
        FindingKind.MISSING_LEDGER_ACCOUNT
    ]


def test_a_line_of_a_bill_needs_both_references() -> None:
    """A bill's line without ledger account or tax reference is found, whatever the defaults are."""
    bare = replace(BILL, lines=(replace(BILL_LINE, ledger_account_id=None, tax_rate_reference=None),))
    assert kinds(inspect([bare], SETUP)) == [FindingKind.MISSING_TAX_RATE, FindingKind.MISSING_LEDGER_ACCOUNT]


def test_a_deduction_needs_its_tax_setting() -> None:
    """A document with a deduction is found while the setting for deductions is unset."""
    deducted = replace(INVOICE, deduction_minor=100)
    assert inspect([deducted], SETUP) == []
    [finding] = inspect([deducted], replace(SETUP, deductions_tax_id=None))
    assert (finding.kind, finding.owner) == (FindingKind.MISSING_DEDUCTIONS_TAX, Owner.PARTNER_ENGINEER)


def test_an_unset_payments_account_is_one_finding_of_the_organization() -> None:
    """Without an account for payments one finding tells what is owed on invoices; bills' are never pushed."""
    unset = replace(SETUP, payments_account_id=None)
    dollars, euros = (
        Owed(currency="USD", invoices=2, due_minor=700),
        Owed(currency="EUR", invoices=1, due_minor=100),
    )
    [finding] = inspect_organization(Ledger.RECEIVABLE, unset, [dollars])
    assert (finding.kind, finding.document_id) == (FindingKind.MISSING_PAYMENTS_ACCOUNT, None)
    assert "2 invoices over USD 7.00 are yet to be paid" in finding.reason
    assert (finding.amount_minor, finding.currency) == (700, "USD")
    [finding] = inspect_organization(Ledger.RECEIVABLE, unset, [euros, dollars])
    assert "3 invoices over EUR 1.00, USD 7.00 are" in finding.reason
    assert (finding.amount_minor, finding.currency) == (None, None)
    [finding] = inspect_organization(Ledger.RECEIVABLE, unset, [euros])
    assert "1 invoice over EUR 1.00 is" in finding.reason
    assert inspect_organization(Ledger.PAYABLE, unset, [dollars]) == []
    assert inspect_organization(Ledger.RECEIVABLE, unset, []) == []
    assert inspect_organization(Ledger.RECEIVABLE, SETUP, [dollars]) == []
    assert inspect_organization(Ledger.RECEIVABLE, replace(unset, settings_known=False), [dollars]) == []


def test_what_was_never_read_proves_nothing() -> None:
    """Unknown rates, accounts and settings, and the unread lines of a bill, are no finding."""
    unknown = Setup(tax_rates=None, ledger_accounts=None, settings_known=False)
    wanting = replace(
        INVOICE, lines=(replace(LINE, tax_rate=700, ledger_account_id=None),), deduction_minor=1
    )
    assert inspect([wanting, replace(BILL, lines=())], unknown) == []


def test_the_canceled_are_not_inspected() -> None:
    """A canceled document will not be pushed, so nothing about it will fail."""
    wrong = replace(INVOICE, lines=(replace(LINE, tax_rate=700),))
    assert inspect([replace(wrong, status=Status.VOID)], SETUP) == []
    assert kinds(inspect([replace(wrong, kind=DocumentKind.CREDIT_NOTE)], SETUP)) == [
        FindingKind.MISSING_TAX_RATE
    ]
