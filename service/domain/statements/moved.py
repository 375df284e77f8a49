"""From which month on the figures of statements moved: earlier ones need not be looked at again.

A statement is made from the sums of months and from open differences, each of which counts from a day on. So
a change of either moves nothing in a month that ended before that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from service.domain.comparing.difference_kind import Difference
from service.domain.comparing.difference_life import Changes
from service.domain.comparing.posting import UNDATED


def first_moved(changes: Changes) -> date | None:
    """Return the first month of which changes of differences may move a figure; None if they move none."""
    days = [day for each in _moved(changes) for day in _days(each)]
    return min(days).replace(day=1) if days else None


def earliest(*months: date | None) -> date | None:
    """Return the first of some months; None where there is none."""
    return min((month for month in months if month is not None), default=None)


def _moved(changes: Changes) -> Iterator[Difference]:
    yield from changes.opened
    yield from (each.difference for each in changes.resolved)
    for known, found in changes.changed:
        if _figures(known.difference) != _figures(found):
            yield from (known.difference, found)


def _figures(difference: Difference) -> tuple[object, ...]:
    return difference.local_minor, difference.books_minor, difference.local_on, difference.books_on


def _days(difference: Difference) -> Iterator[date]:
    """Tell from which days on it has an amount; none where both sides always have the same one."""
    is_equal = difference.local_minor == difference.books_minor
    if is_equal and difference.local_on == difference.books_on:
        return
    if difference.local_minor is not None:
        yield difference.local_on or UNDATED
    if difference.books_minor is not None:
        yield difference.books_on or UNDATED
