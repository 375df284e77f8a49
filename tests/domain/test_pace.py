"""What a call is worth, and how far bounds are stretched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.cadence.pace import (
    PRICE_DEAR,
    PRICE_MAX,
    PRICE_MIN,
    PULL_SECONDS,
    USED_SHARE,
    Observed,
    Pace,
    learned,
    repriced,
    restretched,
    stretch_for,
)


def test_the_price_rises_while_calls_are_short_and_falls_while_they_are_not() -> None:
    """Used up, calls become dear within a minute or two; unused, they are cheap again."""
    pace = Pace(price=1.0)
    assert repriced(pace, 10 * USED_SHARE, 10, 0).price == pytest.approx(1.0)
    for _ in range(30):
        pace = repriced(pace, 10, 10, 0)
    assert pace.price > 10
    for _ in range(200):
        pace = repriced(pace, 2, 10, 0)
    assert pace.price == PRICE_MIN


def test_waiting_makes_calls_dear_too() -> None:
    """What is due and has to wait shows that calls are short, however few readings they begin."""
    assert repriced(Pace(price=1.0), 1, 10, 60).price > 1
    assert repriced(Pace(price=1.0), 1, 10, 1).price < 1


def test_bounds_stretch_until_they_fit() -> None:
    """Ten thousand streams every five minutes on ten calls a second are read every thousand seconds."""
    assert stretch_for({300: 3_000}, 86_400, 10) == 1
    assert stretch_for({300: 10_000}, 86_400, 10) == pytest.approx(1_000 / 300, rel=1e-4)
    assert stretch_for({}, 86_400, 10) == 1


@given(
    demand=st.dictionaries(st.floats(1, 86_400), st.floats(0, 100_000), max_size=6),
    available=st.floats(0.1, 100),
)
def test_a_stretch_is_no_larger_than_it_must_be(demand: dict[float, float], available: float) -> None:
    """Stretched, bounds fit; or nothing shorter than the sweep is left to stretch."""
    stretch = stretch_for(demand, 86_400, available)
    demanded = sum(calls / max(bound, min(bound * stretch, 86_400)) for bound, calls in demand.items())
    is_spent = all(bound * stretch >= 86_400 * (1 - 1e-6) for bound in demand)
    assert demanded <= available * 1.001 or is_spent
    if stretch > 1.01:
        less = stretch * 0.99
        assert sum(calls / max(b, min(b * less, 86_400)) for b, calls in demand.items()) > available * 0.98


def test_bounds_get_what_looks_leave_over() -> None:
    """While looks are few, bounds may use nearly all calls; however many there are, bounds keep a third."""
    demand = {300.0: 6_000.0}
    idle, busy = Pace(), Pace(used_per_second=50.0, price=PRICE_DEAR)
    assert restretched(idle, demand, 86_400, 24) < restretched(busy, demand, 86_400, 24)
    assert restretched(busy, demand, 86_400, 24) == pytest.approx(20 / 8, rel=0.01)
    assert restretched(idle, demand, 86_400, 30) == 1


def test_bounds_shrink_slowly() -> None:
    """What was stretched comes back step by step, so that what was promised meanwhile is not late."""
    pace = Pace(stretch=4.0)
    assert 3.5 < restretched(pace, {300.0: 300.0}, 86_400, 24) < 4


def test_the_interval_of_pulls_is_followed() -> None:
    """A hub that pulls every half hour is noticed; a pull that we missed tells nothing."""
    pace = Pace()
    for _ in range(100):
        pace = learned(pace, Observed(gaps=[1_800.0]))
    assert pace.pull_seconds == pytest.approx(1_800, rel=0.02)
    assert learned(Pace(), Observed(gaps=[2 * PULL_SECONDS])) == Pace()


def test_how_many_events_get_lost_is_learned() -> None:
    """The guess gives way to what was seen, and what was seen long ago to what is seen now."""
    pace = Pace()
    for _ in range(100):
        pace = learned(pace, Observed(missed=30, changes=100))
    assert pace.unannounced == pytest.approx(0.3, abs=0.01)
    for _ in range(100):
        pace = learned(pace, Observed(changes=100))
    assert pace.unannounced < 0.01


def test_prices_have_limits() -> None:
    """However long calls are short, the price stays one that looks can be worth."""
    pace = Pace(price=PRICE_MAX)
    assert repriced(pace, 50, 10, 0).price == PRICE_MAX
