"""From which month on figures moved: what is not looked at again has not moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.comparing.difference import Comparison
from service.domain.comparing.difference_kind import Difference
from service.domain.comparing.difference_life import KnownDifference, changes
from service.domain.comparing.posting import UNDATED
from service.domain.statements.figures import CoveredLine, covered
from service.domain.statements.moved import earliest, first_moved
from service.domain.statements.period import Period
from service.domain.statements.statement import Facts, state
from tests.domain.statement_builders import OCTOBER, invoice, pushed, small_world
from tests.domain.worlds import World, document, wild
from tests.domain.worlds_edited import edited


def known(differences: Sequence[Difference]) -> Mapping[str, KnownDifference]:
    """Keep differences as the store does."""
    return {
        each.fingerprint: KnownDifference(difference_id=UUID(int=number), version=1, difference=each)
        for number, each in enumerate(differences)
    }


def moved_from(before: Comparison, after: Comparison) -> date | None:
    """Tell the first month that moved, by differences and by what months add up to."""
    then, now = ({(each.currency, each.month): each for each in told.months} for told in (before, after))
    months = [
        month for _, month in {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)}
    ]
    return earliest(first_moved(changes(known(before.differences), after.differences)), *months)


def lines(world: World, comparison: Comparison, period: Period) -> Sequence[CoveredLine]:
    """What a signature of a month would cover."""
    facts = Facts(
        organization_id=UUID(int=1),
        organization_name="Kiln & Co",
        months={world.ledger: comparison.months},
        differences=comparison.differences,
        names={},
        reads={},
    )
    return covered(state(facts, period))


def shifted(world: World, random: Random) -> World:
    """Date documents to some months, so that figures of several of them move."""
    days = [None, *(date(2026, month, day) for month in (7, 8, 9, 10) for day in (1, 15, 28))]
    local = [replace(each, issued_on=random.choice(days), issued_at=None) for each in world.local]
    books = [replace(each, issued_on=random.choice(days)) for each in world.books]
    return replace(world, local=local, books=books)


@given(st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_what_ended_before_the_first_month_that_moved_stands(seed: int) -> None:
    """After any edits, months that are not looked at again hold the figures that they held."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    before = shifted(wild(seed), random)
    after = edited(before, shifted(wild(seed + 1), random), random)
    first, second = before.compared(), after.compared()
    since = moved_from(first, second)
    for month in (6, 7, 8, 9, 10, 11):
        period = Period(date(2026, month, 1))
        if since is None or period.first < since:
            assert lines(before, first, period) == lines(after, second, period)


def test_a_change_moves_its_own_month_and_later_ones() -> None:
    """Another amount moves its month on, a document without a date all of them; words alone move none."""
    world = small_world()
    pushed(world, invoice(world, "r-1", 10_000, date(2026, 10, 5)))
    before = world.compared()
    assert moved_from(before, before) is None
    edit = replace(world, books=[replace(each, total_minor=11_000) for each in world.books])
    assert moved_from(before, edit.compared()) == OCTOBER.first
    renumbered = replace(world, books=[replace(each, number="Z-9") for each in world.books])
    assert renumbered.compared().differences
    assert moved_from(before, renumbered.compared()) is None
    [local] = world.local
    bare = document(local.side, world.ledger, "r-2", number="R-2", issued_on=None, created_at=None)
    more = replace(world, local=[*world.local, bare])
    assert moved_from(before, more.compared()) == UNDATED
    told_better = [replace(each, reason="In other words.") for each in edit.compared().differences]
    assert first_moved(changes(known(edit.compared().differences), told_better)) is None
