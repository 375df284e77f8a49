"""Posting: every document counts on one day, and all months together are the balance."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.comparing.difference import Context
from service.domain.comparing.posting import UNDATED, day_of, days_of_pair
from service.domain.document import Document, Ledger, Side
from tests.domain.worlds import CONNECTED, NOW, World, copy_of, document, link, wild

LAST = date(2026, 10, 31)
FIRST = date(2026, 11, 1)
INVOICE = document(Side.LOCAL, Ledger.RECEIVABLE, "l1", issued_on=LAST)


@settings(max_examples=2000, deadline=None)
@given(st.integers(min_value=0, max_value=2**63))
def test_all_months_together_are_the_balance(seed: int) -> None:
    """Whatever the world, the months of a currency add up to its balance on both sides, and none is left."""
    comparison = wild(seed).compared()
    sums: Counter[tuple[str, str]] = Counter()
    for each in comparison.months:
        for name in ("local_minor", "local_count", "books_minor", "books_count"):
            sums[each.currency, name] += getattr(each, name)
    told: Counter[tuple[str, str]] = Counter()
    for balance in comparison.balances:
        for name in ("local_minor", "local_count", "books_minor", "books_count"):
            told[balance.currency, name] += getattr(balance, name)
    assert sums == told


@pytest.mark.parametrize(
    ("changes", "day"),
    [
        ({}, LAST),
        ({"issued_on": None, "created_at": datetime(2026, 9, 30, 23, 59, tzinfo=UTC)}, date(2026, 9, 30)),
        ({"issued_on": None, "created_at": None}, UNDATED),
    ],
)
def test_a_document_counts_on_its_date_else_the_day_it_was_made(
    changes: dict[str, object], day: date
) -> None:
    """The issue date decides; a draft counts when it was made, and what bears no date before every month."""
    assert day_of(replace(INVOICE, **changes)) == day  # type: ignore[arg-type]


def dated(local: Document, books_on: date | None) -> tuple[date, date]:
    """On which days a document and its copy count, which the books date so."""
    return days_of_pair(local, replace(copy_of(local, "b1"), issued_on=books_on))


def test_a_pair_counts_on_one_day_unless_its_dates_disagree() -> None:
    """Another date in the books counts there; a date that a time zone explains, or that lacks, does not."""
    assert dated(INVOICE, FIRST) == (LAST, FIRST)
    late = replace(INVOICE, issued_at=datetime(2026, 10, 31, 21, 5, tzinfo=UTC))
    assert dated(late, FIRST) == (LAST, LAST)
    assert dated(INVOICE, None) == (LAST, LAST)
    assert dated(replace(INVOICE, issued_on=None), FIRST) == (FIRST, FIRST)


def test_differences_bear_the_days_on_which_they_count() -> None:
    """A pair with two dates tells both; a document that stands alone tells its own and no other."""
    context = Context(as_of=NOW, connected_at=CONNECTED, last_pull=NOW, scan_certified=True)
    copy = replace(copy_of(INVOICE, "b1"), issued_on=FIRST)
    world = World(Ledger.RECEIVABLE, context, [INVOICE], [copy], [link(INVOICE, "done", "b1")])
    found = {each.kind.value: (each.local_on, each.books_on) for each in world.compared().differences}
    assert found == {"issue_date": (LAST, FIRST)}
    world.books.clear()
    assert [(each.local_on, each.books_on) for each in world.compared().differences] == [(LAST, None)]
