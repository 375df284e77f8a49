"""Pre-flight: documents that are not in the books yet and will fail when they are pushed, told in advance.

Each finding names what is missing and who can supply it. Only what the hub documents as a cause of failure is
looked for, and only where the facts are known: tax rates or accounts that were never read prove nothing, and
neither do the lines of a bill, which come from a call of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from service.domain.document import Document, DocumentKind, Ledger, Line, Status
from service.domain.money import format_minor

ACTIVE: Final = "Active"
"""The status of a usable ledger account; internal ones come without any."""


class FindingKind(StrEnum):
    """What will go wrong."""

    MISSING_TAX_RATE = "missing_tax_rate"
    MISSING_LEDGER_ACCOUNT = "missing_ledger_account"
    MISSING_DEDUCTIONS_TAX = "missing_deductions_tax"
    MISSING_PAYMENTS_ACCOUNT = "missing_payments_account"
    NAMESAKE_PRODUCTS = "namesake_products"


class Owner(StrEnum):
    """Whose turn it is."""

    BOOKKEEPER = "bookkeeper"
    PARTNER_ENGINEER = "partner_engineer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the books and the organization's settings offer to a push; None means that it is not known."""

    tax_rates: Mapping[str, int] | None
    """External tax rates, in percent times 100, by the hub's id."""
    ledger_accounts: Mapping[str, str | None] | None
    """External ledger accounts: their status by the hub's id."""
    product_names: Sequence[str] = ()
    """Names of all products of the organization, each as often as it is borne."""
    settings_known: bool = True
    products_account_id: str | None = None
    payments_account_id: str | None = None
    deductions_tax_id: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A push that will fail; without a document id it is the organization's as a whole."""

    kind: FindingKind
    document_id: str | None
    reason: str
    owner: Owner
    amount_minor: int | None
    currency: str | None


def inspect(documents: Collection[Document], setup: Setup) -> Sequence[Finding]:
    """Return what will fail of local documents that are not in the books yet, one finding a kind of each."""
    namesakes = frozenset(name for name, bearers in Counter(setup.product_names).items() if bearers > 1)
    return [finding for document in documents for finding in _of_document(document, setup, namesakes)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Open invoices in one currency: how many, and what is yet to be paid of them."""

    currency: str
    invoices: int
    due_minor: int


def lacks_payments_account(ledger: Ledger, setup: Setup) -> bool:
    """Whether payments of the ledger's documents have no ledger account to go to; bills' are never pushed."""
    return ledger is Ledger.RECEIVABLE and setup.settings_known and setup.payments_account_id is None


def inspect_organization(ledger: Ledger, setup: Setup, owed: Sequence[Owed]) -> Sequence[Finding]:
    """Return what will fail of the organization as a whole; `owed` is told by currency.

    Invoices that are in the books long since are yet to be paid like those on their way.
    """
    if not owed or not lacks_payments_account(ledger, setup):
        return []
    invoices = sum(each.invoices for each in owed)
    count = "1 invoice" if invoices == 1 else f"{invoices:,} invoices"
    money = ", ".join(format_minor(each.due_minor, each.currency) for each in owed)
    reason = (
        "No ledger account is set for payments, so they will not reach the books: "
        f"{count} over {money} {'is' if invoices == 1 else 'are'} yet to be paid."
    )
    # Of several currencies there is no one amount; the sentence tells them all.
    amount = (owed[0].due_minor, owed[0].currency) if len(owed) == 1 else (None, None)
    return [Finding(FindingKind.MISSING_PAYMENTS_ACCOUNT, None, reason, Owner.PARTNER_ENGINEER, *amount)]


def _of_document(document: Document, setup: Setup, namesakes: Collection[str]) -> Iterator[Finding]:
    if document.status is Status.VOID:
        return
    problems: dict[FindingKind, tuple[str, Owner]] = {}
    for kind, reason, owner in _problems(document, setup, namesakes):
        problems.setdefault(kind, (reason, owner))
    for kind, (reason, owner) in problems.items():
        yield Finding(kind, document.document_id, reason, owner, document.total_minor, document.currency)


_Problem = tuple[FindingKind, str, Owner]


def _problems(document: Document, setup: Setup, namesakes: Collection[str]) -> Iterator[_Problem]:
    is_bill = document.kind is DocumentKind.BILL
    for line in document.lines:
        yield from _rate_problems(line, setup, is_bill=is_bill)
        yield from _account_problems(line, setup, is_bill=is_bill)
        if line.product_name in namesakes and not is_bill:
            reason = (
                f"Several products are named {line.product_name}: none of them can be matched in the books."
            )
            yield FindingKind.NAMESAKE_PRODUCTS, reason, Owner.BOOKKEEPER
    if document.deduction_minor and setup.settings_known and setup.deductions_tax_id is None:
        reason = "It has a deduction, and no tax rate is set for deductions."
        yield FindingKind.MISSING_DEDUCTIONS_TAX, reason, Owner.PARTNER_ENGINEER


def _rate_problems(line: Line, setup: Setup, *, is_bill: bool) -> Iterator[_Problem]:
    kind, owner = FindingKind.MISSING_TAX_RATE, Owner.BOOKKEEPER
    if is_bill and line.tax_rate_reference is None:
        yield kind, f"{_name(line)} names no tax rate of the books, which bills need.", owner
    elif setup.tax_rates is None:
        return
    elif line.tax_rate_reference is not None:
        if line.tax_rate_reference not in setup.tax_rates:
            yield kind, f"{_name(line)} names a tax rate that the books do not have.", owner
    elif line.tax_rate and line.tax_rate not in setup.tax_rates.values():  # untaxed lines need no rate
        yield (
            kind,
            f"{_name(line)} has a tax rate of {percent(line.tax_rate)}, which the books do not have.",
            owner,
        )


def _account_problems(line: Line, setup: Setup, *, is_bill: bool) -> Iterator[_Problem]:
    kind, owner = FindingKind.MISSING_LEDGER_ACCOUNT, Owner.BOOKKEEPER
    account_id = line.ledger_account_id
    if account_id is None and is_bill:
        yield kind, f"{_name(line)} names no ledger account, which bills need.", owner
        return
    if account_id is None:
        if not setup.settings_known:
            return
        account_id = setup.products_account_id
    if account_id is None:
        yield kind, f"{_name(line)} has no ledger account, and no default is set for products.", owner
    elif setup.ledger_accounts is None:
        return
    elif account_id not in setup.ledger_accounts:
        yield kind, f"{_name(line)} is booked on a ledger account that the books do not have.", owner
    elif (status := setup.ledger_accounts[account_id]) not in (ACTIVE, None):
        yield kind, f"{_name(line)} is booked on a ledger account that is {str(status).lower()}.", owner


def _name(line: Line) -> str:
    return f"The line {name}" if (name := line.product_name or line.description) else "A line"


def percent(rate: int) -> str:
    """Write a rate, given in percent times 100, for people."""
    whole, hundredths = divmod(rate, 100)
    return f"{whole}.{hundredths:02} %" if hundredths else f"{whole} %"
