"""The cadence in a virtual fleet, a small one of those of the benchmark: one that got worse fails here."""

from __future__ import annotations

import pytest

from benchmarks.virtual_fleet.outcome import Outcome
from benchmarks.virtual_fleet.peers import oracle, round_robin
from benchmarks.virtual_fleet.service import Service
from benchmarks.virtual_fleet.world import Setting, World

RATE = 1.2
"""Calls a second: as many an organization as ten thousand have of 24."""


def run(**changes: object) -> tuple[Outcome, World]:
    """What comes of the cadence in some virtual hours, the first of which does not count."""
    world = World(Setting(**{"organizations": 500, "hours": 4.0, "seed": 7, **changes}))  # type: ignore[arg-type]
    return Service(world, RATE).run(), world


def times_an_oracle(ours: Outcome, world: World) -> float:
    """How many calls were made for each that an oracle would have made in the same hours."""
    perfect = oracle(world)
    return ours.calls / (perfect.calls * (1 - ours.counts_from / world.seconds))


@pytest.fixture(scope="module")
def usual() -> tuple[Outcome, World]:
    """The fleet as it is stated."""
    return run()


def test_results_are_detected_soon(usual: tuple[Outcome, World]) -> None:
    """Half within seconds and nearly all within two minutes, for some ten calls a result."""
    ours, world = usual
    assert ours.percentile(50) <= 12
    assert ours.percentile(95) <= 120
    assert ours.percentile(99) <= 900
    assert times_an_oracle(ours, world) <= 12
    assert round_robin(world, RATE).percentile(95) > 15 * ours.percentile(95)


def test_nothing_is_older_than_its_bound(usual: tuple[Outcome, World]) -> None:
    """No stream of any organization is read later than was stated when it was last read."""
    ours, _ = usual
    assert ours.readings > 10_000
    assert ours.late_readings == 0


@pytest.mark.night
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("activity", [1.0, 2.0])
def test_bounds_hold_for_days(seed: int, activity: float) -> None:
    """Over three days, longer than any bound, nothing is older than was stated."""
    ours, _ = run(hours=72.0, seed=seed, activity=activity)
    assert ours.late_readings == 0
    assert ours.percentile(95) <= 120


def test_a_busy_day_thins_looks_and_keeps_bounds() -> None:
    """At three times the events there are fewer looks for each, and bounds hold for everybody."""
    ours, world = run(activity=3.0, hours=2.0)
    assert ours.late_readings == 0
    assert ours.percentile(95) <= 240
    assert times_an_oracle(ours, world) <= 4.5


def test_a_huge_organization_delays_no_other() -> None:
    """One organization whose every reading takes 400 calls delays the others by 2 times at most."""
    alone, _ = run(hours=3.0)
    beside, _ = run(hours=3.0, huge_records=100_000)
    for percent in (50, 95):
        assert beside.percentile(percent) <= 2 * alone.percentile(percent)


def test_slower_results_are_learned() -> None:
    """Where results take minutes, looks move there by themselves."""
    ours, _ = run(hours=2.0, shows_seconds=(60.0, 240.0))
    assert ours.percentile(50) <= 30
    assert ours.late_readings == 0
