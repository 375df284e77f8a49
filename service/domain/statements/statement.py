"""The month-end tie-out of an organization.

It tells what both sides held when the month began, what came in, what they held when it ended, and every
document that stands between them.

Rules that matter:

- Per ledger and currency, local documents plus all terms are the books: at the opening, at the closing and so
  for the movements, in money and in counts. It is checked here, always; nothing is ever plugged.
- A document counts on its date (`domain.comparing.posting`). What is known of it is what is known now, or at
  `as_of`: a document that was entered late, or changed since, is in its own month.
- The same knowledge makes the same statement: no time of asking is in it. Where a read is complete for the
  month its time says nothing more, and is left out.
- It is *provisional* as long as the month runs or a side was read last before its end. An uncertified read
  of the books is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from service.domain.comparing.difference_kind import Difference, Kind
from service.domain.comparing.posting import UNDATED, MonthSum
from service.domain.document import Ledger, Side
from service.domain.statements.marks import Mark, Reads, marks_of
from service.domain.statements.period import Period
from service.domain.statements.terms import ZERO, Entry, Figure, standing

SCOPE: Final = (
    "This statement ties documents: the invoices, credit notes and bills of the hub, or of your own system "
    "where that has put them, against the same documents in the accounting system. It is not a "
    "reconciliation of the general ledger: journals, payments, bank lines and documents that neither list "
    "holds are outside of it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """How people know a document."""

    number: str | None = None
    party: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that a statement is made from."""

    organization_id: UUID
    organization_name: str
    months: Mapping[Ledger, Sequence[MonthSum]]
    differences: Sequence[Difference]
    names: Mapping[tuple[Ledger, Side, str], Named]
    reads: Mapping[Ledger, Reads]
    """Of each ledger that was ever compared."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a balance: how it stood when the month began and when it ended."""

    opening: Figure
    closing: Figure

    @property
    def movement(self) -> Figure:
        """What the month brought."""
        return self.closing - self.opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One difference of a term, with the documents behind it."""

    difference: Difference
    line: Line
    number: str | None
    party: str | None
    reason: str

    @property
    def local_on(self) -> date | None:
        """The day on which the local document counts; None without one, or if nobody tells."""
        return _told_day(self.difference.local_on)

    @property
    def books_on(self) -> date | None:
        """The day on which its copy in the books counts."""
        return _told_day(self.difference.books_on)

    @property
    def counts_on(self) -> date | None:
        """The day that puts it into a month: the local one unless only the books have an amount."""
        if self.difference.local_minor is None and self.books_on is not None:
            return self.books_on
        return self.local_on or self.books_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line between the two sides, itemised."""

    kind: Kind
    expected: bool
    line: Line
    items: Sequence[Item]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStatement:
    """One ledger in one currency."""

    ledger: Ledger
    currency: str
    local: Line
    books: Line
    terms: Sequence[Term]
    remarks: Sequence[Item]
    """Differences that move no money, of documents of this month."""
    undated: Figure
    """Local documents without any date; they stand in the opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One organization's month."""

    organization_id: UUID
    organization_name: str
    period: Period
    ledgers: Sequence[LedgerStatement]
    marks: Sequence[Mark]

    @property
    def is_provisional(self) -> bool:
        """Whether its figures may still move because the month was not read to its end."""
        return any(not mark.covers_period for mark in self.marks)


def state(facts: Facts, period: Period) -> Statement:
    """Make the statement of a month."""
    differences: defaultdict[tuple[Ledger, str], list[Difference]] = defaultdict(list)
    for each in facts.differences:
        differences[each.ledger, each.currency].append(each)
    ledgers = [
        _ledger(facts, period, ledger, currency, differences[ledger, currency])
        for ledger in Ledger
        for currency in sorted({each.currency for each in facts.months.get(ledger, ())})
    ]
    return Statement(
        organization_id=facts.organization_id,
        organization_name=facts.organization_name,
        period=period,
        ledgers=[each for each in ledgers if _is_told(each)],
        marks=[mark for ledger in Ledger for mark in marks_of(ledger, facts.reads.get(ledger), period)],
    )


def _told_day(day: date | None) -> date | None:
    return None if day == UNDATED else day


def _is_told(ledger: LedgerStatement) -> bool:
    lines = (ledger.local, ledger.books, *(term.line for term in ledger.terms))
    return bool(ledger.remarks) or any(line.opening or line.closing for line in lines)


def _ledger(
    facts: Facts, period: Period, ledger: Ledger, currency: str, differences: Sequence[Difference]
) -> LedgerStatement:
    months = [each for each in facts.months[ledger] if each.currency == currency]
    before = [each for each in months if each.month < period.first]
    until = [each for each in months if each.month <= period.first]
    made = LedgerStatement(
        ledger=ledger,
        currency=currency,
        local=Line(_local(before), _local(until)),
        books=Line(_books(before), _books(until)),
        terms=_terms(facts, differences, period),
        remarks=(),
        undated=_local([each for each in months if each.month == UNDATED]),
    )
    _prove(made, period)
    return replace(made, remarks=_remarks(facts, differences, period, made.terms))


def _local(months: Iterable[MonthSum]) -> Figure:
    return sum((Figure(each.local_count, each.local_minor) for each in months), ZERO)


def _books(months: Iterable[MonthSum]) -> Figure:
    return sum((Figure(each.books_count, each.books_minor) for each in months), ZERO)


def _terms(facts: Facts, differences: Sequence[Difference], period: Period) -> Sequence[Term]:
    opening, closing = standing(differences, period.day_before), standing(differences, period.last)
    entries: defaultdict[tuple[Kind, bool], list[Entry]] = defaultdict(list)
    for entry in {**opening, **closing}:
        entries[entry.kind, entry.expected].append(entry)
    terms = []
    for (kind, expected), own in entries.items():
        lines = [Line(opening.get(each, ZERO), closing.get(each, ZERO)) for each in own]
        items = [_item(facts, each, line) for each, line in zip(own, lines, strict=True)]
        total = Line(
            sum((item.line.opening for item in items), ZERO), sum((item.line.closing for item in items), ZERO)
        )
        terms.append(Term(kind=kind, expected=expected, line=total, items=sorted(items, key=_order)))
    return sorted(terms, key=_weight)


def _item(facts: Facts, entry: Entry, line: Line) -> Item:
    difference, reason = entry.difference, entry.difference.reason
    if entry.kind is not difference.kind:
        reason = (
            f"It counts on {difference.local_on} here and on {difference.books_on} in the books: "
            "between the two days it stands on one side only."
        )
    local, books = (
        facts.names.get((difference.ledger, side, document_id or ""), Named())
        for side, document_id in ((Side.LOCAL, difference.local_id), (Side.BOOKS, difference.books_id))
    )
    return Item(
        difference=difference,
        line=line,
        number=local.number or books.number,
        party=local.party or books.party,
        reason=reason,
    )


def _weight(term: Term) -> tuple[bool, int, Kind]:
    """Put what somebody must look at first, and the heaviest of it."""
    return (term.expected, -max(abs(term.line.closing.minor), abs(term.line.opening.minor)), term.kind)


def _order(item: Item) -> tuple[date, str, str]:
    return (item.counts_on or UNDATED, item.number or "", item.difference.fingerprint)


def _remarks(
    facts: Facts, differences: Sequence[Difference], period: Period, terms: Sequence[Term]
) -> Sequence[Item]:
    told = {item.difference for term in terms for item in term.items}
    cut_off = {(each.local_id, each.books_id) for each in told}
    remarks = [
        _item(facts, Entry(each.kind, each.expected, each), Line(ZERO, ZERO))
        for each in differences
        if each not in told
        and not each.delta_minor
        and not each.count_delta
        and not (each.kind is Kind.ISSUE_DATE and (each.local_id, each.books_id) in cut_off)
        and period.first <= (each.local_on or each.books_on or UNDATED) <= period.last
    ]
    return sorted(remarks, key=lambda item: (item.difference.kind, _order(item)))


def _prove(ledger: LedgerStatement, period: Period) -> None:
    """Check the identity; one that does not hold is our own mistake, and nothing is told of it."""
    for name in ("opening", "closing"):
        terms: Figure = sum((getattr(term.line, name) for term in ledger.terms), ZERO)
        gap: Figure = getattr(ledger.books, name) - getattr(ledger.local, name) - terms
        if gap:
            raise AssertionError(
                f"{ledger.ledger} {ledger.currency} {period} {name}: "
                f"the terms miss {gap.minor} minor units and {gap.count} documents"
            )
