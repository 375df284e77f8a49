"""The words of a statement, for people who keep books and have never seen this service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from service.domain.comparing.difference_kind import Kind
from service.domain.document import Ledger, Origin
from service.domain.money import format_minor
from service.domain.statements.figures import documents_told
from service.domain.statements.period import Period
from service.domain.statements.sign_off import Signature, SignStatus
from service.domain.statements.statement import Item, LedgerStatement, Statement, Term


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of difference is called, and what it means for whoever reads of it."""

    title: str
    meaning: str


LEGEND: Final = (
    "“Here” are the documents as the hub has them, the service that enters them in the accounting system, or "
    "as your own system has put them. “The books” are the same documents in QuickBooks or Xero. Between the "
    "two totals stands every difference, books less here: a minus means that the books hold less."
)

NOT_SHOWN: Final = "Names that this paper cannot show, with boxes in their place, are in the spreadsheet."

KINDS: Final[Mapping[Kind, Words]] = {
    Kind.PUSH_FAILED: Words(
        "Could not be brought to the books",
        "The hub tried to enter these documents and the accounting system did not take them.",
    ),
    Kind.PUSH_PENDING: Words(
        "On the way to the books", "Handed over, and not seen in the books when they were last read."
    ),
    Kind.NEVER_ATTEMPTED: Words(
        "Never brought to the books",
        "These documents should be in the books, and the hub has not even tried to enter them.",
    ),
    Kind.DELETED_IN_BOOKS: Words(
        "Deleted in the books", "These documents had been entered, and are no longer in the books."
    ),
    Kind.ONLY_IN_BOOKS: Words("Only in the books", "No document here belongs to these entries."),
    Kind.DUPLICATE_IN_BOOKS: Words("Twice in the books", "These documents were entered more than once."),
    Kind.AMOUNT: Words("Another amount in the books", "Both sides have the document, with other totals."),
    Kind.TAX: Words("Another tax in the books", "The net amounts agree and the tax does not."),
    Kind.CURRENCY: Words(
        "Another currency in the books",
        "The document leaves the one currency here and enters the other there.",
    ),
    Kind.NUMBER: Words("Another number in the books", "The same document under another number."),
    Kind.COUNTERPARTY: Words("Another name in the books", "The same document under another party."),
    Kind.ISSUE_DATE: Words(
        "Cut-off: dated in another month",
        "Both sides have the document, dated in different months. It evens out when the second month ends.",
    ),
    Kind.DUE_DATE: Words("Another due date in the books", "The same document, due on another day."),
    Kind.STATUS: Words(
        "Another status in the books", "The document was voided, or counts as paid, on one side only."
    ),
    Kind.LINES: Words("Other lines in the books", "The same total is made up of other lines."),
    Kind.ROUNDING: Words("Rounding", "Amounts finer than the smallest coin, rounded on each line."),
    Kind.NOT_PUSHED: Words(
        "Not meant for the books", "By its rules the hub does not enter these documents, or not yet."
    ),
    Kind.UNCLASSIFIED: Words("Not explained", "No rule and no record explains these. Somebody must look."),
}

UNEXPECTED: Final[Mapping[Kind, Words]] = {
    Kind.NOT_PUSHED: Words(
        "Missing in the books", "Nothing will enter these documents by itself; each line says why."
    ),
}
"""Kinds that read otherwise where no rule explains them."""

LEDGERS: Final[Mapping[Ledger, str]] = {
    Ledger.RECEIVABLE: "Receivables",
    Ledger.PAYABLE: "Payables",
}
DOCUMENTS: Final[Mapping[Ledger, str]] = {
    Ledger.RECEIVABLE: "Invoices and credit notes here",
    Ledger.PAYABLE: "Bills here",
}
BOOKS: Final = "In the books"
EXPECTED: Final = "expected"
REMARKS: Final = "Differences that move no money"
TITLE: Final = "Month-end tie-out"

_STATUS: Final[Mapping[SignStatus, str]] = {
    SignStatus.OPEN: "Not signed",
    SignStatus.PREPARED: "Prepared, not yet approved",
    SignStatus.APPROVED: "Approved",
    SignStatus.WITHDRAWN: "Signature withdrawn",
}


def day(when: date | None) -> str:
    """Write a day as people do: `2 Nov 2026`."""
    return "no date" if when is None else f"{when.day} {when:%b %Y}"


def span(period: Period) -> str:
    """Write the days of a month: `1 to 31 October 2026`."""
    return f"1 to {period.last.day} {period.name}"


def words(kind: Kind, *, expected: bool) -> Words:
    """Say what a kind is called and means, by whether a rule explains it."""
    return KINDS[kind] if expected else UNEXPECTED.get(kind, KINDS[kind])


def title(term: Term) -> str:
    """Name a term; one that a rule of the hub explains says so."""
    name = words(term.kind, expected=term.expected).title
    return f"{name} ({EXPECTED})" if term.expected else name


def reason(item: Item) -> str:
    """Say why a document stands between the two sides, or did when the month began."""
    told = item.reason
    if item.difference.origin is Origin.PARTNER and "our own system" not in told:
        told = f"{told} Here it stands as your own system has it."
    if item.line.opening and not item.line.closing:
        told = f"{told} It stood between the two sides when the month began, and no longer does."
    return told


def verdict(ledger: LedgerStatement, period: Period, *, where: str = "below") -> str:
    """Say in a sentence how a ledger stands at the end of the month; `where` is where its items are."""
    here, there = ledger.local.closing, ledger.books.closing
    currency = ledger.currency
    told = (
        f"On {period.last.day} {period.name} there {'is' if here.count == 1 else 'are'} "
        f"{documents_told(here.count)} of "
        f"{format_minor(here.minor, currency)} here, and {documents_told(there.count)} of "
        f"{format_minor(there.minor, currency)} in the books."
    )
    # By items, not by the lines that sum them: what differs in both directions cancels out there.
    items = [(term.kind, item.line.closing) for term in ledger.terms for item in term.items]
    open_at_closing = [(kind, figure) for kind, figure in items if figure]
    if not open_at_closing:
        return f"{told} Both sides agree."
    count = len(open_at_closing)
    listed = "one difference" if count == 1 else f"{count:,} differences"
    left = [abs(figure.minor) for kind, figure in open_at_closing if kind is Kind.UNCLASSIFIED]
    explained = "explained to the last cent"
    if left:
        explained = f"of which {format_minor(sum(left), currency)} could not be explained"
    return f"{told} {_gap(there.minor - here.minor, currency)}: {listed}, listed {where}, {explained}."


def _gap(minor: int, currency: str) -> str:
    if not minor:
        return "The totals agree, the documents do not"
    return f"The books hold {format_minor(abs(minor), currency)} {'less' if minor < 0 else 'more'}"


def completeness(statement: Statement) -> str:
    """Say in two words how far the figures can be trusted."""
    if statement.is_provisional:
        return "Provisional"
    return "Complete" if all(mark.certified for mark in statement.marks) else "Complete, with a remark"


def status(signature: Signature) -> str:
    """Say how a statement stands with its signers."""
    return _STATUS[signature.status]


def signers(signature: Signature) -> Iterator[tuple[str, str]]:
    """Say who signed, each line with its title."""
    yield "Prepared by", _signed(signature.preparer, signature.prepared_at)
    yield "Approved by", _signed(signature.approver, signature.approved_at)
    if signature.withdrawn_because is not None:
        yield "Withdrawn because", signature.withdrawn_because
    elif signature.is_standing and not signature.signed_complete:
        yield "Remark", "It was signed while the figures were provisional."


def _signed(name: str | None, at: datetime | None) -> str:
    if name is None:
        return "nobody yet"
    return name if at is None else f"{name}, on {day(at.date())} at {at:%H:%M} UTC"
