"""What the fleet pays for a call just now, and what it has learned: the part of the cadence that all share.

Two numbers say how scarce calls are, and neither knows any organization:

- The **price** of a call is in seconds: so long must results be expected to lie unseen before a look at them
  is worth a call. It rises while calls are used up faster than they should be and falls while some are left
  over, so that events are looked after at once in a small fleet, and thinned in a large or busy one.
- The **stretch** is what everybody's bound is multiplied by, since the bounds alone may ask for more calls
  than there are. It follows from how many streams there are of which bound, and from the share of the calls
  that is kept for them however busy the day is. Documents of both sides, read for comparing and for proving
  what became of pushes, have a share and a stretch of their own.

The rest was seen: how long results take (`delays`), which share of changes no event announced, how often the
hub pulls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from service.domain.cadence.delays import Outlook

PRICE_MIN: Final = 0.3
PRICE_MAX: Final = 600.0
"""Below the first, looks would come every few seconds for little gain; at the second, an event leads to one
look, some minutes later, in which many are seen at once."""

PRICE_DEAR: Final = 1.2
"""From this price on, bounds get no more than what is kept for them."""

USED_SHARE: Final = 0.88
"""Of the calls that may go to reading, so many are meant to begin one; the rest is for what comes in bursts,
and for lists of many pages. Those take what is left over: however long one is, it makes no look dearer."""

WAITED_SECONDS: Final = 15.0
"""What is due may wait so long for its turn; beyond that calls are short, whatever they are used for."""

PRICE_STEP: Final = 0.25
"""How fast the price follows, each time that it is set: half of the way in about half a minute."""

READING_SHARE: Final = 0.8
"""Of all calls; the rest is kept for pushes and for the documents that prove what became of them."""

BOUNDS_SHARE: Final = 1 / 3
"""Of the calls for reading, so many are kept for bounds however many events there are; where looks leave more
over, bounds get it."""

USED_MEMORY: Final = 0.1
"""What is left over is seen over some minutes: this is the weight of the latest ten seconds."""

SHRINK: Final = 0.1
"""Bounds stretch at once, and shrink by a tenth of the way at a time: what was promised is kept first."""

COMPARING_SHARE: Final = 0.15
"""Of all calls, for the documents of both sides: most of what is kept; pushes are few, and go first."""

UNANNOUNCED_MIN: Final = 0.01
UNANNOUNCED_PRIOR: Final = (1.0, 20.0)
UNANNOUNCED_MEMORY: Final = 2_000.0
"""That no event is ever lost is not believed; one in twenty is the guess, until some hundred were seen."""

PULL_SECONDS: Final = 3_600.0
"""What is documented; followed when it is otherwise."""

_PULL_LEARNING: Final = 0.05
_PULL_MISSED: Final = 1.5
"""A gap that is so many times as long holds a pull that we did not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the cadence of all organizations has in common at one time."""

    price: float = PRICE_MIN
    stretch: float = 1.0
    comparing_stretch: float = 1.0
    missed: float = UNANNOUNCED_PRIOR[0]
    changes: float = UNANNOUNCED_PRIOR[1]
    pull_seconds: float = PULL_SECONDS
    used_per_second: float = 0.0
    outlook: Outlook = field(default_factory=Outlook)

    @property
    def unannounced(self) -> float:
        """The share of changes that no event announced, or whose event was lost."""
        return self.missed / self.changes

    @property
    def late(self) -> float:
        """The share of results that do not come promptly."""
        return 1 - self.outlook.shown(math.inf)


AT_REST: Final = Pace()
"""Nothing is known, and calls are plenty."""


@dataclass(slots=True, kw_only=True)
class Observed:
    """What was seen since it was last learned from.

    `shown` are the seconds that results took since their events, `late` counts those given up; of `changes`
    so many were `missed` by events; `gaps` are the seconds between pulls. So many `readings` were begun,
    which had waited so long for it, all together.
    """

    shown: list[float] = field(default_factory=list)
    late: int = 0
    missed: int = 0
    changes: int = 0
    gaps: list[float] = field(default_factory=list)
    readings: int = 0
    waited_seconds: float = 0.0


def learned(pace: Pace, observed: Observed) -> Pace:
    """The same after what was observed."""
    for gap in observed.gaps:
        pace = _followed_pull(pace, gap)
    missed, changes = pace.missed + observed.missed, pace.changes + observed.changes
    keep = min(1.0, UNANNOUNCED_MEMORY / changes)
    outlook = pace.outlook
    if observed.shown or observed.late:
        outlook = Outlook(outlook.delays.learned(observed.shown, observed.late))
    return replace(pace, missed=min(missed, changes) * keep, changes=changes * keep, outlook=outlook)


def repriced(pace: Pace, begun_per_second: float, reads_per_second: float, waited_seconds: float) -> Pace:
    """The price after a while in which so many readings were begun, of so many calls that reading has.

    `waited_seconds` is how long each of them had waited for its turn.
    """
    pressure = max(begun_per_second / (reads_per_second * USED_SHARE), waited_seconds / WAITED_SECONDS)
    step = PRICE_STEP * max(-1.0, min(2.0, 4 * (pressure - 1)))
    used = pace.used_per_second + USED_MEMORY * (begun_per_second - pace.used_per_second)
    price = min(max(pace.price * math.exp(step), PRICE_MIN), PRICE_MAX)
    return replace(pace, price=price, used_per_second=used)


def restretched(
    pace: Pace, calls_by_bound: Mapping[float, float], sweep_seconds: float, reads_per_second: float
) -> float:
    """How far bounds are stretched from now on; `calls_by_bound` as for `stretch_for`."""
    kept = reads_per_second * BOUNDS_SHARE
    others = pace.used_per_second - _demanded(calls_by_bound, sweep_seconds, pace.stretch)
    left = max(reads_per_second * USED_SHARE - max(others, 0.0) - kept, 0.0)
    # Only where looks are as cheap as they get is something left over: dear ones would take it.
    cheapness = 1 - math.log(pace.price / PRICE_MIN) / math.log(PRICE_DEAR / PRICE_MIN)
    needed = stretch_for(calls_by_bound, sweep_seconds, kept + left * max(cheapness, 0.0))
    if needed >= pace.stretch:
        return needed
    return max(needed, pace.stretch + SHRINK * (needed - pace.stretch))


def stretch_for(calls_by_bound: Mapping[float, float], sweep_seconds: float, available: float) -> float:
    """What bounds must be multiplied by so that they fit into the calls a second kept for them, 1 if they do.

    `calls_by_bound` adds up the calls that readings take, by their bound in seconds. What a sweep demands is
    not stretched.
    """
    low, high = 1.0, max([sweep_seconds / bound for bound in calls_by_bound] + [1.0])
    if _demanded(calls_by_bound, sweep_seconds, low) <= available:
        return low
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if _demanded(calls_by_bound, sweep_seconds, middle) <= available else (middle, high)
        )
    return high


def _demanded(calls_by_bound: Mapping[float, float], sweep_seconds: float, stretch: float) -> float:
    """Calls a second that bounds ask for."""
    return sum(
        calls / max(bound, min(bound * stretch, sweep_seconds)) for bound, calls in calls_by_bound.items()
    )


def _followed_pull(pace: Pace, gap_seconds: float) -> Pace:
    """The same after a pull was seen to have followed another at this distance."""
    if not 0 < gap_seconds < _PULL_MISSED * pace.pull_seconds:
        return pace
    return replace(pace, pull_seconds=pace.pull_seconds + _PULL_LEARNING * (gap_seconds - pace.pull_seconds))
