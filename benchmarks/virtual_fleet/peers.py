"""What the cadence is compared with: reading in turn, reading at fixed intervals, and an oracle."""

from __future__ import annotations

import math
from random import Random

from benchmarks.virtual_fleet.outcome import Outcome
from benchmarks.virtual_fleet.world import STREAMS, World


def round_robin(world: World, rate: float) -> Outcome:
    """Every stream of records in turn, as fast as the calls go."""
    cycle = len(world.per_day) * len(STREAMS) / rate
    outcome = Outcome(name="round robin", calls=world.seconds * rate, bound_seconds=cycle)
    for change in world.changes:
        first = (change.organization * len(STREAMS) + STREAMS.index(change.stream)) / rate
        outcome.note(change, first + math.ceil((change.shown_at - first) / cycle) * cycle)
    return outcome


def fixed_interval(world: World, rate: float) -> Outcome:
    """Every stream of records at the shortest interval that the calls allow for, spread evenly."""
    interval = len(world.per_day) * len(STREAMS) / rate
    chance = Random(world.setting.seed)
    firsts = {
        (organization, stream): chance.uniform(0, interval)
        for organization in range(len(world.per_day))
        for stream in STREAMS
    }
    outcome = Outcome(name="fixed interval", calls=world.seconds * rate, bound_seconds=interval)
    for change in world.changes:
        first = firsts[change.organization, change.stream]
        outcome.note(change, first + math.ceil((change.shown_at - first) / interval) * interval)
    return outcome


def oracle(world: World) -> Outcome:
    """One call for each result, in the very moment in which it shows: nobody can do with less."""
    outcome = Outcome(name="oracle")
    for change in world.changes:
        if change.shown_at < world.seconds:
            outcome.calls += 1
            outcome.note(change, change.shown_at)
    return outcome
