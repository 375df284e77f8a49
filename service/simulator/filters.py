"""Query filters as data: which parameter compares what of a row, and how.

Filters combine with AND. A list filter is given by repeating its parameter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Reader = Callable[[str, tuple[str | int, ...]], Any]
Getter = Callable[[Any], Any]
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "lt": operator.lt,
    "gte": operator.ge,
    "lte": operator.le,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter: `passes(what the getter finds, the parameter's value or values)`."""

    name: str
    read: Reader
    getter: Getter
    passes: Callable[[Any, Any], bool]
    takes_many: bool = False


def compared(
    name: str, read: Reader, getter: Getter, suffixes: Sequence[str] = ("gt", "lt", "gte", "lte")
) -> list[Filter]:
    """Make the comparison filters of a field; rows without a value never pass."""

    def passing(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
        return lambda found, wanted: found is not None and compare(found, wanted)

    return [Filter(f"{name}__{suffix}", read, getter, passing(COMPARISONS[suffix])) for suffix in suffixes]


def equal(name: str, read: Reader, getter: Getter) -> Filter:
    """Make the filter of an exact value."""
    return Filter(name, read, getter, operator.eq)


def among(name: str, read: Reader, getter: Getter) -> Filter:
    """Make the filter of one of several values."""
    return Filter(name, read, getter, lambda found, wanted: found in wanted, takes_many=True)


def not_among(name: str, read: Reader, getter: Getter) -> Filter:
    """Make the filter of none of several values."""
    return Filter(name, read, getter, lambda found, wanted: found not in wanted, takes_many=True)


def containing(name: str, read: Reader, getter: Getter) -> list[Filter]:
    """Make the filters of a part of a text, with and without regard to case."""
    return [
        Filter(f"{name}__contains", read, getter, lambda found, wanted: wanted in (found or "")),
        Filter(
            f"{name}__icontains", read, getter, lambda found, wanted: wanted.lower() in (found or "").lower()
        ),
    ]


def read_filters(filters: Sequence[Filter], query: Mapping[str, Sequence[str]]) -> list[tuple[Filter, Any]]:
    """Read the filters that a query sets; refuse what does not parse."""
    active: list[tuple[Filter, Any]] = []
    for entry in filters:
        texts = query.get(entry.name)
        if not texts:
            continue
        where = ("query", entry.name)
        if entry.takes_many:
            active.append((entry, {entry.read(text, (*where, place)) for place, text in enumerate(texts)}))
        else:
            active.append((entry, entry.read(texts[-1], where)))
    return active


def passes(row: object, active: Sequence[tuple[Filter, Any]]) -> bool:
    """Say whether a row passes all filters that are set."""
    return all(entry.passes(entry.getter(row), wanted) for entry, wanted in active)
