"""What stands between the two sides at the end of a day: each difference with the amount that it has then.

A difference has up to two legs: the local document, on the day on which it counts, and the copy in the books,
on its own. At the end of a day only the legs dated until then are in:

- both legs: the difference with its own kind and amount;
- one leg of a document that stands on one side only: the same;
- one leg of a pair: a **cut-off difference** (kind `issue_date`): the document is in one side's month and in
  the other side's next. It reverses by itself as soon as the second leg is in.

Of the several differences that a pair may have, one carries the money; so a pair is cut off once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from service.domain.comparing.difference_kind import Difference, Kind


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of documents and their amount."""

    count: int = 0
    minor: int = 0

    def __add__(self, other: Figure) -> Figure:
        """Add both."""
        return Figure(self.count + other.count, self.minor + other.minor)

    def __sub__(self, other: Figure) -> Figure:
        """Take both away."""
        return Figure(self.count - other.count, self.minor - other.minor)

    def __bool__(self) -> bool:
        """Say whether there is anything in it."""
        return bool(self.count or self.minor)


ZERO = Figure()


@dataclass(frozen=True, slots=True)
class Entry:
    """A difference as a term holds it: under which kind, and whether a rule explains it."""

    kind: Kind
    expected: bool
    difference: Difference


def standing(differences: Iterable[Difference], day: date) -> Mapping[Entry, Figure]:
    """Return what each difference amounts to at the end of a day, where that is anything."""
    found: dict[Entry, Figure] = {}
    pairs: defaultdict[tuple[str | None, str | None], list[Difference]] = defaultdict(list)
    for each in differences:
        if each.local_minor is not None and each.books_minor is not None:
            pairs[each.local_id, each.books_id].append(each)
        elif figure := _legs(each, day):
            found[Entry(each.kind, each.expected, each)] = figure
        elif each.kind is Kind.ISSUE_DATE:
            # Another difference of the pair has the amounts; this one tells why the days differ.
            pairs[each.local_id, each.books_id].append(each)
    for told in pairs.values():
        found.update(_of_pair(told, day))
    return found


def _of_pair(told: list[Difference], day: date) -> Iterator[tuple[Entry, Figure]]:
    carrying = [each for each in told if each.local_minor is not None]
    if not carrying:
        return
    # All of them have the same amounts; the one about dates says best why only one side is in.
    carrier = min(carrying, key=lambda each: (each.kind is not Kind.ISSUE_DATE, each.kind))
    if _is_in(carrier.local_on, day) != _is_in(carrier.books_on, day):
        dated = next((each for each in told if each.kind is Kind.ISSUE_DATE), None)
        expected = dated is not None and dated.expected
        yield Entry(Kind.ISSUE_DATE, expected, carrier), _legs(carrier, day)
        return
    for each in carrying:
        if figure := _legs(each, day):
            yield Entry(each.kind, each.expected, each), figure


def _legs(difference: Difference, day: date) -> Figure:
    figure = ZERO
    if difference.local_minor is not None and _is_in(difference.local_on, day):
        figure -= Figure(1, difference.local_minor)
    if difference.books_minor is not None and _is_in(difference.books_on, day):
        figure += Figure(1, difference.books_minor)
    return figure


def _is_in(counts_on: date | None, day: date) -> bool:
    return counts_on is None or counts_on <= day
