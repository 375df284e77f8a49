"""Entries: how each pair and each lone document counts in the balance and its months.

All entries of a ledger together are its balance, so that a balance moves by what entries it loses and gains:
nothing has to be added up anew because one document changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.domain.comparing.pairing import PairedBy
from service.domain.comparing.posting import MonthSum, Posting, month_sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A pair, or a document that stands alone, as it counts."""

    local_id: str | None = None
    books_id: str | None = None
    paired_by: PairedBy | None = None
    local: Posting | None = None
    books: Posting | None = None


def months_moved(
    before: Iterable[MonthSum], *, gone: Iterable[Entry], come: Iterable[Entry]
) -> Sequence[MonthSum]:
    """Return all months after some entries were exchanged, without those that nothing is left of."""
    sums = {(each.currency, each.month): _figures(each) for each in before}
    for sign, entries in ((-1, gone), (1, come)):
        for each in months_of(entries):
            into = sums.setdefault((each.currency, each.month), [0, 0, 0, 0])
            for index, figure in enumerate(_figures(each)):
                into[index] += sign * figure
    return [
        MonthSum(
            currency=currency,
            month=month,
            local_minor=figures[0],
            local_count=figures[1],
            books_minor=figures[2],
            books_count=figures[3],
        )
        for (currency, month), figures in sorted(sums.items())
        if any(figures)
    ]


def _figures(each: MonthSum) -> list[int]:
    return [each.local_minor, each.local_count, each.books_minor, each.books_count]


def months_of(entries: Iterable[Entry]) -> Sequence[MonthSum]:
    """Add entries up by currency and month."""
    local: list[Posting] = []
    books: list[Posting] = []
    for each in entries:
        if each.local is not None:
            local.append(each.local)
        if each.books is not None:
            books.append(each.books)
    return month_sums(local, books)
