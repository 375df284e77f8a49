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

from service.domain.delays import Outlook

PRICE_MIN: Final = 0.3
PRICE_MAX: Final = 600.0
"""Below the first, looks would come every few seconds for little gain; at the second, an event leads to one
look, some minutes later, in which many are seen at once."""

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
"""Of the calls for reading, so many are kept for bounds however many events there are."""

COMPARING_SHARE: Final = 0.15
"""Of all calls, for the documents of both sides: most of what is kept; pushes are few, and go first."""

UNANNOUNCED_MIN: Final = 0.01
UNANNOUNCED_PRIOR: Final = 0.05
UNANNOUNCED_MEMORY: Final = 2_000.0
"""That no event is ever lost is not believed; one in twenty is the guess, until some thousand were seen."""

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
    unannounced: float = UNANNOUNCED_PRIOR
    pull_seconds: float = PULL_SECONDS
    outlook: Outlook = field(default_factory=Outlook)

    @property
    def late(self) -> float:
        """The share of results that do not come promptly."""
        return 1 - self.outlook.shown(math.inf)


AT_REST: Final = Pace()
"""Nothing is known, and calls are plenty."""


def repriced(pace: Pace, used_share: float, waited_seconds: float = 0.0) -> Pace:
    """The price after a while in which this share of the calls for reading began one.

    `waited_seconds` is how long each of them had waited for its turn.
    """
    pressure = max(used_share / USED_SHARE, waited_seconds / WAITED_SECONDS)
    step = PRICE_STEP * max(-1.0, min(2.0, 4 * (pressure - 1)))
    return replace(pace, price=min(max(pace.price * math.exp(step), PRICE_MIN), PRICE_MAX))


def stretch_for(calls_by_bound: Mapping[float, float], sweep_seconds: float, available: float) -> float:
    """What bounds must be multiplied by so that they fit into the calls a second kept for them, 1 if they do.

    `calls_by_bound` adds up the calls that readings take, by their bound in seconds. What a sweep demands is
    not stretched.
    """

    def demanded(stretch: float) -> float:
        return sum(
            count / max(bound, min(bound * stretch, sweep_seconds)) for bound, count in calls_by_bound.items()
        )

    low, high = 1.0, max([sweep_seconds / bound for bound in calls_by_bound] + [1.0])
    if demanded(low) <= available:
        return low
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if demanded(middle) <= available else (middle, high)
    return high


def followed_pull(pace: Pace, gap_seconds: float) -> Pace:
    """The same after a pull was seen to have followed another at this distance."""
    if not 0 < gap_seconds < _PULL_MISSED * pace.pull_seconds:
        return pace
    return replace(pace, pull_seconds=pace.pull_seconds + _PULL_LEARNING * (gap_seconds - pace.pull_seconds))


def next_pull(pace: Pace, last_pull: float, now: float) -> tuple[float, float]:
    """When the latest pull before `now` and the next after it are expected, in seconds of one clock."""
    past = max(0, math.floor((now - last_pull) / pace.pull_seconds))
    return last_pull + past * pace.pull_seconds, last_pull + (past + 1) * pace.pull_seconds
