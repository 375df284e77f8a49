"""How worker replicas share the work of a large fleet, and what one organization in trouble costs the others.

    python benchmarks/replicas.py [--organizations 10000] [--errors 100000] [--seconds 60]

Real processes, the simulated hub among them, at the thirty requests a second that the hub allows. First a
fleet of ten thousand organizations: the memory of one worker, how much each of three reads, the hub's busiest
second, how soon the work of one that was killed goes on, and how soon a new one works. Then twenty
organizations, with and without a hundred thousand errors in one of them: how long after a push has ended its
result is known in the others.
"""

from __future__ import annotations

import argparse

from benchmarks.measuring.hub import hub, simulator
from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.report import Report, Table, megabytes, ratio, seconds
from benchmarks.replica_runs.fairness import Detected, detect
from benchmarks.replica_runs.sharing import Shared, share
from benchmarks.virtual_fleet.outcome import percentile

DOCUMENTS = 2
OTHERS = 20
RATE = 30
MEMORY_MAX = 300 * 2**20
BUSIEST_MAX = RATE + 1
"""One request more than the rate in any second, as `service/hub/budget.py` promises."""


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--errors", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    report = Report("replicas")
    report.note(f"{RATE} requests a second, a durable Postgres, everything on this machine")
    world = simulator(organizations=given.organizations, documents=DOCUMENTS)
    with hub(*world) as large, migrated(is_durable=True) as url:
        tell_shared(report, share(url, large, given.seconds))
    without = detect(OTHERS + 1, 0, given.seconds)
    beside = detect(OTHERS + 1, given.errors, given.seconds)
    told = "read for the first time", "known"
    for when, alone, together in zip(told, without, beside, strict=True):
        tell_detected(report, alone, together, f"{given.errors:,} errors that are {when}")
    report.finish()


def tell_shared(report: Report, shared: Shared) -> None:
    """Tell of the large fleet."""
    table = Table(
        f"Three replicas, {shared.organizations:,} organizations, {shared.seconds:g} s",
        ("replica", "requests", "of evenly", "organizations read", "memory, at most"),
    )
    even = sum(each.calls for each in shared.shares) / len(shared.shares)
    for number, each in enumerate(shared.shares, start=1):
        table.row(
            number,
            f"{each.calls:,.0f}",
            ratio(each.calls, even),
            f"{each.runs:,.0f}",
            megabytes(each.peak_bytes),
        )
    report.table(table)
    peak = max([shared.alone_peak_bytes, *(each.peak_bytes for each in shared.shares)])
    report.target("a worker's memory, at most 300 MB", megabytes(peak), met=peak <= MEMORY_MAX)
    furthest = max(abs(each.calls / even - 1) for each in shared.shares)
    report.target("three share within 20 % of evenly", f"{furthest:.0%} off", met=furthest <= 0.2)
    report.target(
        f"the hub's busiest second, at most {BUSIEST_MAX} requests",
        f"{shared.busiest_second} of {shared.requests:,}",
        met=shared.busiest_second <= BUSIEST_MAX,
    )
    report.target(
        f"what a killed one held ({shared.held}) goes on within 30 s",
        seconds(shared.resumed_seconds),
        met=_within(shared.resumed_seconds, 30),
    )
    report.target(
        f"a new one, which took {seconds(shared.started_seconds)} to start, finds work within 10 s",
        seconds(shared.found_seconds),
        met=_within(shared.found_seconds, 10),
    )


def _within(taken: float | None, most: float) -> bool:
    return taken is not None and taken <= most


def tell_detected(report: Report, without: Detected, beside: Detected, errors: str) -> None:
    """Tell how long results lay unseen in the others."""
    table = Table(
        f"Until the end of a push is known, {OTHERS} organizations",
        ("world", "issued", "known", "median", "p95", "busiest second", "memory, at most"),
    )
    for name, each in (("as long without errors", without), (f"{errors} in one more", beside)):
        table.row(
            name,
            each.issued,
            len(each.delays),
            *(seconds(percentile(each.delays, percent)) for percent in (50, 95)),
            each.busiest_second,
            megabytes(each.peak_bytes),
        )
    report.table(table)
    report.note(
        f"{beside.known:,} of the errors were known in the end, {beside.pushed:,} had been pushed again"
    )
    for name, percent in (("median", 50), ("p95", 95)):
        base, figure = (percentile(each.delays, percent) for each in (without, beside))
        report.target(f"{name} beside {errors}, at most 2 x", ratio(figure, base), met=figure <= 2 * base)
    peak = beside.peak_bytes
    report.target(f"memory beside {errors}, at most 300 MB", megabytes(peak), met=peak <= MEMORY_MAX)


if __name__ == "__main__":
    main()
