"""On which day a document counts, and what each month adds up to on both sides.

Rules that matter:

- A document counts on its issue date. One without (a draft) counts on the day it was made, and one of which
  not even that is known counts from the beginning, since no month can claim it.
- Two documents that are a pair count on the same day unless their dates really disagree: a date that is one
  day off because of a time zone must not move money across the end of a month, and what one side does not
  tell is taken from the other.
- Amounts are those of the balance (`difference_pair.books_amount`), so that all months together are the
  balance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Final, NamedTuple

from service.domain.comparing.difference_pair import dates_disagree
from service.domain.document import Document

UNDATED: Final = date.min
"""The day of what bears no date at all: before every period."""


class Posting(NamedTuple):
    """With what one document counts, and on which day."""

    currency: str
    day: date
    minor: int

    @property
    def month(self) -> date:
        """The first day of the month in which it counts."""
        return self.day.replace(day=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSum:
    """What the documents of one month add up to, in one currency of a ledger."""

    currency: str
    month: date
    local_minor: int = 0
    local_count: int = 0
    books_minor: int = 0
    books_count: int = 0


def day_of(document: Document) -> date:
    """Return the day on which a document without a pair counts."""
    if document.issued_on is not None:
        return document.issued_on
    return document.created_at.astimezone(UTC).date() if document.created_at else UNDATED


def days_of_pair(local: Document, books: Document) -> tuple[date, date]:
    """Return the days on which the two documents of a pair count."""
    if local.issued_on is not None and books.issued_on is not None and dates_disagree(local, books):
        return local.issued_on, books.issued_on
    day = local.issued_on or books.issued_on or day_of(local)
    return day, day


def month_sums(local: Iterable[Posting], books: Iterable[Posting]) -> Sequence[MonthSum]:
    """Add documents up by currency and month."""
    sums: dict[tuple[str, date], list[int]] = {}
    for side, postings in ((0, local), (2, books)):
        for each in postings:
            into = sums.setdefault((each.currency, each.month), [0, 0, 0, 0])
            into[side] += each.minor
            into[side + 1] += 1
    return [
        MonthSum(
            currency=currency,
            month=month,
            local_minor=into[0],
            local_count=into[1],
            books_minor=into[2],
            books_count=into[3],
        )
        for (currency, month), into in sorted(sums.items())
    ]
