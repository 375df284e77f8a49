"""What came of a cadence in a world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.virtual_fleet.world import Change


@dataclass(slots=True, kw_only=True)
class Outcome:
    """How soon results were detected, at what cost, and whether bounds were kept.

    Only results that showed after `counts_from` count, so that what was assumed at the start does not, and
    none of the organizations that stand `apart`.
    `oldest_share` is the worst age of a stream as a share of the bound that was stated for it.
    """

    name: str
    counts_from: float = 0.0
    apart: frozenset[int] = frozenset()
    calls: float = 0
    delays: list[float] = field(default_factory=list)
    failures: list[float] = field(default_factory=list)
    readings: int = 0
    late_readings: int = 0
    oldest_share: float = 0.0
    bound_seconds: float = 0.0
    stretch: float = 1.0
    price: float = 0.0
    calls_by_kind: dict[str, int] = field(default_factory=dict)

    def note(self, change: Change, seen_at: float) -> None:
        """Note that a result was seen."""
        if change.shown_at < self.counts_from or change.organization in self.apart:
            return
        self.delays.append(seen_at - change.shown_at)
        if change.has_failed:
            self.failures.append(seen_at - change.shown_at)

    def percentile(self, percent: float) -> float:
        """The delay that so many percent of the results did not exceed."""
        return percentile(self.delays, percent)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; 0 when there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
