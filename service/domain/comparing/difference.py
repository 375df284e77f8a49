"""Comparing the two sides of a ledger: every document once, every disagreement named, the balance proven.

`local` and `books` are what is known of both sides now: an uncertified scan adds to the books but takes
nothing away. The result depends on nothing else, least of all on the order of its inputs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from service.domain.comparing.balance import Balance, tie_out
from service.domain.comparing.difference_kind import Difference, Kind, Verdict
from service.domain.comparing.difference_pair import books_amount, field_verdicts, money_verdict, softened
from service.domain.comparing.difference_unpaired import Finding, unpaired_books, unpaired_local
from service.domain.comparing.entry import Entry, months_of
from service.domain.comparing.expectation import vanished_id
from service.domain.comparing.expectation_context import Context
from service.domain.comparing.pairing import Pair, Pairing, pair
from service.domain.comparing.pairing_links import Link, LinkIndex
from service.domain.comparing.posting import MonthSum, Posting, day_of, days_of_pair
from service.domain.comparing.unreadable import explain_unreadable, explain_unreadable_pair
from service.domain.document import Document, Ledger, Origin, Side, newest

__all__ = ["Comparison", "Context", "Difference", "Kind", "compare"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing found; the pairing is kept for whoever confirms pushes or remembers pairs."""

    differences: Sequence[Difference]
    balances: Sequence[Balance]
    pairing: Pairing
    months: Sequence[MonthSum]
    """The same totals by the month in which each document counts."""
    entries: Sequence[Entry]
    """How each pair and each lone document counts in both."""


def compare(
    *,
    ledger: Ledger,
    local: Sequence[Document],
    books: Sequence[Document],
    links: Sequence[Link],
    context: Context,
    crowded: Collection[int] = frozenset(),
) -> Comparison:
    """Compare one ledger of one organization; all documents must be of that ledger and of their side.

    A part of a ledger is compared alike if it is a whole neighbourhood (`neighbourhood`); `crowded` is what
    that says of the rest.
    """
    assert all(each.ledger is ledger and each.side is Side.LOCAL for each in local), (
        "a foreign local document"
    )
    assert all(each.ledger is ledger and each.side is Side.BOOKS for each in books), (
        "a foreign books document"
    )
    ours, theirs = newest(local), newest(books)
    index = LinkIndex.build(ledger, links)
    vanished = {
        local_id: books_id
        for local_id in ours
        if (books_id := vanished_id(local_id, index.best(local_id), context, theirs)) is not None
    }
    pairing = pair(
        tuple(ours.values()), tuple(theirs.values()), index, vanished=frozenset(vanished), crowded=crowded
    )
    findings = [finding for found in pairing.pairs for finding in _of_pair(found, index, context)]
    findings += unpaired_local(pairing, index, context, vanished)
    findings += [_if_read(each, context) for each in unpaired_books(pairing, index, context)]
    differences = [_difference(ledger, finding, index) for finding in findings]
    balances = tie_out(ledger, ours.values(), _books_amounts(pairing, findings), differences)
    entries = _entries(pairing, findings)
    return Comparison(differences, balances, pairing, months_of(entries), entries)


def _of_pair(found: Pair, index: LinkIndex, context: Context) -> Iterator[Finding]:
    """Tell what a pair disagrees on: one finding moves money, the others show it only where it agrees."""
    local, books = found.local, found.books
    finding = partial(
        Finding, local=local, books=books, confidence=found.confidence, days=days_of_pair(local, books)
    )
    ours, theirs = local.total_minor, books_amount(local, books)
    unread = explain_unreadable_pair(local, books, context)
    money: Verdict | None = None
    if local.currency != books.currency:
        reason = f"It is in {local.currency} here and in {books.currency} in the books."
        money = unread or softened(Verdict(Kind.CURRENCY, reason), local, context)
        yield finding(money, local_minor=ours, currency=local.currency, count=-1)
        yield finding(money, books_minor=theirs, currency=books.currency, count=1)
    elif unread is not None:
        yield finding(unread, local_minor=ours, books_minor=theirs)
    elif unequal := money_verdict(local, books):
        money = softened(unequal, local, context)
        yield finding(money, local_minor=ours, books_minor=theirs)
    if unread is not None:
        return
    for verdict in field_verdicts(local, books, index.best(local.document_id), index, context):
        in_time = softened(verdict, local, context)
        if money is None:
            yield finding(in_time, local_minor=ours, books_minor=theirs)
        elif verdict.kind is not money.kind:
            yield finding(in_time)


def _if_read(finding: Finding, context: Context) -> Finding:
    """Claim nothing of a document of the books that cannot be read."""
    assert finding.books is not None
    unread = explain_unreadable(finding.books, context)
    return finding if unread is None else replace(finding, verdict=unread)


def _books_amounts(pairing: Pairing, findings: Sequence[Finding]) -> Iterator[tuple[str, int]]:
    """Yield each document of the books as the balance counts it: with its pair, else as its finding says."""
    for found in pairing.pairs:
        yield found.books.currency, books_amount(found.local, found.books)
    amounts = _surplus_amounts(findings)
    for document in pairing.books_only:
        yield document.currency, amounts[document.document_id]


def _surplus_amounts(findings: Sequence[Finding]) -> Mapping[str, int]:
    return {
        finding.books.document_id: finding.books_minor
        for finding in findings
        if finding.books is not None and finding.books_minor is not None
    }


def _entries(pairing: Pairing, findings: Sequence[Finding]) -> Sequence[Entry]:
    """Tell how each document counts: on which day, and with which amount."""
    amounts = _surplus_amounts(findings)
    entries = [
        Entry(local_id=each.document_id, local=Posting(each.currency, day_of(each), each.total_minor))
        for each in pairing.local_only
    ]
    entries += [
        Entry(
            books_id=each.document_id, books=Posting(each.currency, day_of(each), amounts[each.document_id])
        )
        for each in pairing.books_only
    ]
    for found in pairing.pairs:
        local, books = found.local, found.books
        local_on, books_on = days_of_pair(local, books)
        entries.append(
            Entry(
                local_id=local.document_id,
                books_id=books.document_id,
                paired_by=found.by,
                local=Posting(local.currency, local_on, local.total_minor),
                books=Posting(books.currency, books_on, books_amount(local, books)),
            )
        )
    return entries


def _difference(ledger: Ledger, finding: Finding, index: LinkIndex) -> Difference:
    local, books, verdict = finding.local, finding.books, finding.verdict
    either = books or local
    assert either is not None
    alone = (day_of(local) if local else None, day_of(books) if books else None)
    local_on, books_on = finding.days or alone
    link = index.best(local.document_id) if local else finding.link
    return Difference(
        ledger=ledger,
        currency=finding.currency or either.currency,
        kind=verdict.kind,
        local_id=local.document_id if local else None,
        books_id=books.document_id if books else None,
        local_minor=finding.local_minor,
        books_minor=finding.books_minor,
        delta_minor=(finding.books_minor or 0) - (finding.local_minor or 0),
        count_delta=finding.count,
        basis=either.basis,
        expected=verdict.expected,
        rule=verdict.rule,
        expected_until=verdict.expected_until,
        record_id=link.record_id if link else None,
        cause=link.cause if link else None,
        reason=verdict.reason,
        confidence=finding.confidence,
        local_on=local_on,
        books_on=books_on,
        origin=local.origin if local and local.origin is not Origin.HUB else None,
    )
