"""How soon results are detected, at what cost: the real cadence against reading in turn, in virtual time.

    python benchmarks/cadence.py [--part fleets|variations|all] [--hours H] [--seed N] [--json FILE]

A fleet with few very busy and many quiet organizations pushes documents; 24 calls a second go to reading. The
cadence is the service's own (`service.domain`), driven by an event queue instead of the poller; nothing here
is measured by a clock, so that the figures are the same on every machine. Variations run at a quarter of the
fleet and of the calls, and change what the cadence cannot know.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.measuring.report import Report, Table
from benchmarks.virtual_fleet.outcome import Outcome, percentile
from benchmarks.virtual_fleet.peers import fixed_interval, oracle, round_robin
from benchmarks.virtual_fleet.service import Service
from benchmarks.virtual_fleet.world import Setting, World

RATE: Final = 24.0
"""Of the hub's thirty calls a second; the rest is kept for pushes and for reading the books."""

WARM_UP_HOURS: Final = 1.0
HEADINGS: Final = (
    "cadence", "p50", "p95", "p99", "failed p95", "calls/s", "x oracle", "oldest/bound",
    "bounds broken", "stretch",
)  # fmt: skip
FLEETS: Final[Mapping[str, tuple[Setting, float, float]]] = {
    "100 organizations": (Setting(organizations=100, hours=24), 24.0, 35),
    "1,000 organizations": (Setting(organizations=1_000, hours=6), 6.0, 60),
    "10,000 organizations": (Setting(organizations=10_000, hours=5), 5.0, 120),
}
QUARTER: Final = Setting(organizations=2_500, hours=3)
VARIATIONS: Final[Mapping[str, Setting]] = {
    "as stated": QUARTER,
    "results after 30 to 300 s": replace(QUARTER, shows_seconds=(30, 300)),
    "results after 1 to 4 s": replace(QUARTER, shows_seconds=(1, 4)),
    "half of the results with the pull": replace(QUARTER, late=0.5),
    "a third of the events lost": replace(QUARTER, arrives=0.67),
    "no log of events": replace(QUARTER, is_logged=False),
    "pulls within ten minutes": replace(QUARTER, pull_jitter_seconds=600),
    "the hub away for 20 minutes": replace(QUARTER, outages=((1.5, 1 / 3),)),
    "bursts of 100 documents": replace(QUARTER, burst_per_hour=60),
    "twice as busy": replace(QUARTER, activity=2),
    "four times as busy": replace(QUARTER, activity=4),
    "100,000 errors in one": replace(QUARTER, huge_records=100_000),
}


def main() -> int:
    """Run what is asked for and tell it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--part", choices=["fleets", "variations", "all"], default="all")
    parser.add_argument("--hours", type=float, help="virtual hours of the largest fleet")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the report to this file")
    asked = parser.parse_args()
    report = Report("cadence")
    report.note(f"seed {asked.seed}; {RATE:g} calls a second for reading; virtual time, so no clock matters")
    if asked.part != "variations":
        _fleets(report, asked.seed, asked.hours)
    if asked.part != "fleets":
        _variations(report, asked.seed)
    report.finish()
    if asked.json:
        asked.json.write_text(json.dumps(asdict(report), indent=1) + "\n")
    return 0


def _fleets(report: Report, seed: int, hours: float | None) -> None:
    for name, (stated, usual, longest) in FLEETS.items():
        world = World(replace(stated, seed=seed, hours=hours or usual))
        table, perfect = _table(f"{name}, {world.setting.hours:g} h"), _counted(world, oracle)
        ours = Service(world, RATE, warm_up_hours=WARM_UP_HOURS).run()
        peers = [
            _counted(world, lambda each: round_robin(each, RATE)),
            _counted(world, lambda each: fixed_interval(each, RATE)),
        ]
        for each in (ours, *peers, perfect):
            table.row(*_cells(each, perfect, world))
        report.table(table)
        report.target(
            f"{name}: 95 % within {longest} s",
            f"{ours.percentile(95):.0f} s",
            met=ours.percentile(95) <= longest,
        )
        _target_bounds(report, name, ours)
        if stated.organizations == 10_000:
            _targets_at_ten_thousand(report, ours, perfect)
            _twice(report, replace(world.setting, activity=2))


def _targets_at_ten_thousand(report: Report, ours: Outcome, perfect: Outcome) -> None:
    report.target("half within 10 s", f"{ours.percentile(50):.1f} s", met=ours.percentile(50) <= 10)
    report.target("99 % within 700 s", f"{ours.percentile(99):.0f} s", met=ours.percentile(99) <= 700)
    times = ours.calls / perfect.calls
    report.target("at most 11 times the oracle's calls", f"{times:.1f} x", met=times <= 11)


def _twice(report: Report, setting: Setting) -> None:
    world = World(setting)
    table, perfect = (
        _table(f"10,000 organizations, twice as busy, {setting.hours:g} h"),
        _counted(world, oracle),
    )
    ours = Service(world, RATE, warm_up_hours=WARM_UP_HOURS).run()
    for each in (ours, perfect):
        table.row(*_cells(each, perfect, world))
    report.table(table)
    _target_bounds(report, "twice as busy", ours)


def _variations(report: Report, seed: int) -> None:
    fleet = f"{QUARTER.organizations:,} organizations, {RATE / 4:g} calls a second"
    table = _table(f"Variations: {fleet}, {QUARTER.hours:g} h")
    outcomes = {}
    for name, setting in VARIATIONS.items():
        world = World(replace(setting, seed=seed))
        ours = Service(world, RATE / 4, warm_up_hours=WARM_UP_HOURS).run()
        ours.name = name
        outcomes[name] = ours
        table.row(*_cells(ours, _counted(world, oracle), world))
    report.table(table)
    for name, ours in outcomes.items():
        if "away" not in name:
            _target_bounds(report, name, ours)
    usual, beside = outcomes["as stated"], outcomes["100,000 errors in one"]
    slower = max(beside.percentile(each) / usual.percentile(each) for each in (50, 95, 99))
    report.target("a huge organization delays the others 2 times at most", f"{slower:.2f} x", met=slower <= 2)


def _counted(world: World, cadence: Callable[[World], Outcome]) -> Outcome:
    """What a cadence comes to after the warm-up, as that of the service is counted."""
    outcome = cadence(world)
    seconds = world.seconds - WARM_UP_HOURS * 3_600
    outcome.calls *= seconds / world.seconds
    return outcome


def _table(title: str) -> Table:
    return Table(title, HEADINGS)


def _cells(outcome: Outcome, perfect: Outcome, world: World) -> Sequence[str]:
    seconds = world.seconds - WARM_UP_HOURS * 3_600
    is_ours = outcome.readings > 0
    return [
        outcome.name,
        *(f"{outcome.percentile(each):.1f} s" for each in (50, 95, 99)),
        f"{percentile(outcome.failures, 95):.1f} s",
        f"{outcome.calls / seconds:.2f}",
        f"{outcome.calls / perfect.calls:.1f}",
        f"{outcome.oldest_share:.3f}" if is_ours else "-",
        f"{outcome.late_readings:,} of {outcome.readings:,}" if is_ours else "-",
        f"{outcome.stretch:.1f}" if is_ours else "-",
    ]


def _target_bounds(report: Report, name: str, ours: Outcome) -> None:
    report.target(
        f"{name}: nothing older than its stated bound",
        f"oldest at {ours.oldest_share:.3f} of its bound, {ours.late_readings} of {ours.readings:,} beyond",
        met=ours.late_readings == 0,
    )


if __name__ == "__main__":
    sys.exit(main())
