"""The balance of a ledger: local total + itemised terms = books total, exactly, in money and in counts.

Both totals are summed from the documents and the terms from the differences, independently; that they meet is
checked here, always. A balance that does not meet is our own mistake and stops this unit of work. Nothing is
ever plugged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from service.domain.comparing.difference_kind import Difference, Kind
from service.domain.comparing.entry import Entry
from service.domain.comparing.posting import MonthSum
from service.domain.document import Document, Ledger


@dataclass(frozen=True, slots=True)
class Term:
    """One line of the balance: the differences of a kind that move money or counts; books less local."""

    kind: Kind
    expected: bool
    count: int
    delta_minor: int
    differences: int
    """How many differences stand behind it, whatever their sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One ledger in one currency."""

    ledger: Ledger
    currency: str
    local_minor: int
    local_count: int
    books_minor: int
    books_count: int
    terms: Sequence[Term]

    @property
    def unclassified_minor(self) -> int:
        """Money that no rule and no record explains."""
        return sum(term.delta_minor for term in self.terms if term.kind is Kind.UNCLASSIFIED)


@dataclass(slots=True)
class _Sums:
    minor: int = 0
    count: int = 0

    def add(self, minor: int, count: int) -> None:
        self.minor += minor
        self.count += count


@dataclass(slots=True)
class _Terms:
    sums: _Sums = field(default_factory=_Sums)
    differences: int = 0


def tie_out(
    ledger: Ledger,
    local: Iterable[Document],
    books: Iterable[tuple[str, int]],
    differences: Iterable[Difference],
) -> Sequence[Balance]:
    """Return the balance of each currency; `books` is currency and amount of each document there."""
    local_sums: dict[str, _Sums] = {}
    books_sums: dict[str, _Sums] = {}
    for document in local:
        local_sums.setdefault(document.currency, _Sums()).add(document.total_minor, 1)
    for currency, amount in books:
        books_sums.setdefault(currency, _Sums()).add(amount, 1)
    terms = _terms_by_currency(differences)
    balances = [
        _balance(
            ledger,
            currency,
            local_sums.get(currency, _Sums()),
            books_sums.get(currency, _Sums()),
            terms.get(currency, ()),
        )
        for currency in sorted(local_sums.keys() | books_sums.keys())
    ]
    assert terms.keys() <= local_sums.keys() | books_sums.keys(), (
        "a term in a currency that no document bears"
    )
    return balances


def met(ledger: Ledger, months: Iterable[MonthSum], terms: Mapping[str, Sequence[Term]]) -> Sequence[Balance]:
    """Return the balance of each currency from what was summed elsewhere: all months, and all terms."""
    local: dict[str, _Sums] = {}
    books: dict[str, _Sums] = {}
    for each in months:
        local.setdefault(each.currency, _Sums()).add(each.local_minor, each.local_count)
        books.setdefault(each.currency, _Sums()).add(each.books_minor, each.books_count)
    assert terms.keys() <= local.keys(), "a term in a currency that no document bears"
    return [
        _balance(ledger, currency, local[currency], books[currency], terms.get(currency, ()))
        for currency in sorted(local)
    ]


def _terms_by_currency(differences: Iterable[Difference]) -> dict[str, Sequence[Term]]:
    gathered: dict[str, dict[tuple[Kind, bool], _Terms]] = {}
    for difference in differences:
        if difference.delta_minor or difference.count_delta:
            by_kind = gathered.setdefault(difference.currency, {})
            term = by_kind.setdefault((difference.kind, difference.expected), _Terms())
            term.sums.add(difference.delta_minor, difference.count_delta)
            term.differences += 1
    return {
        currency: [
            Term(kind, expected, term.sums.count, term.sums.minor, term.differences)
            for (kind, expected), term in sorted(by_kind.items())
        ]
        for currency, by_kind in gathered.items()
    }


def _balance(ledger: Ledger, currency: str, local: _Sums, books: _Sums, terms: Sequence[Term]) -> Balance:
    minor_gap = books.minor - local.minor - sum(term.delta_minor for term in terms)
    count_gap = books.count - local.count - sum(term.count for term in terms)
    if minor_gap or count_gap:
        raise AssertionError(
            f"{ledger} {currency}: the terms miss {minor_gap} minor units and {count_gap} documents"
        )
    return Balance(
        ledger=ledger,
        currency=currency,
        local_minor=local.minor,
        local_count=local.count,
        books_minor=books.minor,
        books_count=books.count,
        terms=terms,
    )


def moved(
    ledger: Ledger,
    before: Mapping[str, Balance],
    *,
    entries_gone: Iterable[Entry],
    entries_come: Iterable[Entry],
    differences_gone: Iterable[Difference],
    differences_come: Iterable[Difference],
) -> Mapping[str, Balance | None]:
    """Return the balance of each currency that a part of the documents moved; None if none bears it any more.

    The same check as in `tie_out`: documents and differences move independently, and must meet again.
    """
    moves: dict[str, _Moves] = {}
    for sign, entries in ((-1, entries_gone), (1, entries_come)):
        for entry in entries:
            if entry.local is not None:
                moves.setdefault(entry.local.currency, _Moves()).local.add(sign * entry.local.minor, sign)
            if entry.books is not None:
                moves.setdefault(entry.books.currency, _Moves()).books.add(sign * entry.books.minor, sign)
    for sign, differences in ((-1, differences_gone), (1, differences_come)):
        for each in differences:
            if each.delta_minor or each.count_delta:
                move = moves.setdefault(each.currency, _Moves())
                term = move.terms.setdefault((each.kind, each.expected), _Terms())
                term.sums.add(sign * each.delta_minor, sign * each.count_delta)
                term.differences += sign
    return {
        currency: _after(ledger, currency, before.get(currency), move) for currency, move in moves.items()
    }


@dataclass(slots=True)
class _Moves:
    local: _Sums = field(default_factory=_Sums)
    books: _Sums = field(default_factory=_Sums)
    terms: dict[tuple[Kind, bool], _Terms] = field(default_factory=dict)


def _after(ledger: Ledger, currency: str, before: Balance | None, move: _Moves) -> Balance | None:
    if before is not None:
        move.local.add(before.local_minor, before.local_count)
        move.books.add(before.books_minor, before.books_count)
        for each in before.terms:
            term = move.terms.setdefault((each.kind, each.expected), _Terms())
            term.sums.add(each.delta_minor, each.count)
            term.differences += each.differences
    terms = [
        Term(kind, expected, term.sums.count, term.sums.minor, term.differences)
        for (kind, expected), term in sorted(move.terms.items())
        if term.differences or term.sums.minor or term.sums.count
    ]
    after = _balance(ledger, currency, move.local, move.books, terms)
    return after if after.local_count or after.books_count else None
