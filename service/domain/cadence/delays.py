"""How long after its event a push shows its result: learned from what is seen, to choose when to look.

Nobody documents it, it differs between platforms, and it changes with the day. So each result that is seen
tells how long it took, by the hub's own times, and goes into a histogram that forgets slowly. What did not
come promptly (it came with an hourly pull, or never: not every edit of a document is pushed) is counted
apart.

When is the next look worth its call? Looking early finds nothing; looking late leaves results unseen. Of the
seconds that results are expected to lie unseen, the next look comes when they add up to the *price* of a
call. With a low price that is many looks from the first moment on at which a push can have ended; with a high
one it is a single look when nearly all have. What was not there at a look is expected later, or more probably
not at all, so that looks thin out by themselves.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

STEP: Final = 1.25
"""Each bucket is by a quarter longer than the one before: no look is off by more."""

EDGES: Final = (0.0, *(STEP**power for power in range(30)))
"""Seconds; thirty buckets from one second to eleven minutes."""

PROMPT_SECONDS: Final = EDGES[-1]
"""What takes longer did not come promptly."""

MEMORY: Final = 2_000.0
"""Results that are remembered: enough for a smooth curve, and an hour's of a busy fleet, so that a slow day
is noticed on that day."""

LATE_MIN: Final = 0.01
"""That every result comes promptly is not believed, however many did."""

_PRIOR_FROM, _PRIOR_TO, _PRIOR_WEIGHT, _PRIOR_LATE = 2.0, 120.0, 20.0, 2.0
_SEARCH_STEPS: Final = 16
"""Halvings: a look within the first minutes is placed to a hundredth of a second."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How many results took how long; `late` of them did not come promptly."""

    prompt: tuple[float, ...]
    late: float

    @classmethod
    def unknown(cls) -> Delays:
        """Before anything was seen: some seconds to two minutes, nobody knows; few results outweigh it."""
        within = [_PRIOR_FROM <= edge < _PRIOR_TO for edge in EDGES[:-1]]
        weight = _PRIOR_WEIGHT / sum(within)
        return cls(tuple(weight * is_within for is_within in within), _PRIOR_LATE)

    def learned(self, seconds: Iterable[float], late: int = 0) -> Delays:
        """The same after results that took so long, and `late` that did not come in time."""
        prompt, missed = list(self.prompt), self.late + late
        for each in seconds:
            if each >= PROMPT_SECONDS:
                missed += 1
            else:
                prompt[bisect_right(EDGES, max(each, 0.0)) - 1] += 1
        total = sum(prompt) + missed
        keep = min(1.0, MEMORY / total)
        return Delays(tuple(weight * keep for weight in prompt), missed * keep)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the delays say of the time to come."""

    delays: Delays = field(default_factory=Delays.unknown)
    _shown: tuple[float, ...] = field(init=False, repr=False)
    _unseen: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum up once: the share that has shown by each edge, and its integral."""
        total = sum(self.delays.prompt) + self.delays.late
        shown, unseen = [0.0], [0.0]
        for number, weight in enumerate(self.delays.prompt):
            shown.append(shown[-1] + weight / total)
            width = EDGES[number + 1] - EDGES[number]
            unseen.append(unseen[-1] + width * (shown[-1] + shown[-2]) / 2)
        object.__setattr__(self, "_shown", tuple(shown))
        object.__setattr__(self, "_unseen", tuple(unseen))

    def shown(self, seconds: float) -> float:
        """The share of results that show within so many seconds."""
        return self._at(seconds)[0]

    def is_late(self, seconds: float) -> bool:
        """Whether what has not shown by then is likelier not to come promptly at all."""
        return self._shown[-1] - self.shown(seconds) <= max(1 - self._shown[-1], LATE_MIN)

    def next_look(self, ages: Sequence[float], price: float, longest: float) -> float:
        """Seconds from the last look to the next, `longest` at most.

        `ages` tells of each result that is awaited for how long it was at the last look, which missed it.
        """
        known = []
        for age in ages:
            shown, unseen = self._at(age)
            if shown < self._shown[-1]:
                known.append((1 / (1 - shown), age, shown, unseen))
        if not known:
            return longest

        def lie_unseen(wait: float) -> float:
            return sum(
                weight * (self._at(age + wait)[1] - unseen - shown * wait)
                for weight, age, shown, unseen in known
            )

        low, high = 0.0, min(longest, PROMPT_SECONDS)
        if lie_unseen(high) < price:
            low, high = high, longest
        if lie_unseen(high) < price:
            return longest
        for _ in range(_SEARCH_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if lie_unseen(middle) >= price else (middle, high)
        return high

    def _at(self, seconds: float) -> tuple[float, float]:
        """The share that has shown by then, and the integral of that share up to then."""
        if seconds >= PROMPT_SECONDS:
            return self._shown[-1], self._unseen[-1] + (seconds - PROMPT_SECONDS) * self._shown[-1]
        number = bisect_right(EDGES, max(seconds, 0.0)) - 1
        start, before = EDGES[number], self._shown[number]
        into = max(seconds, 0.0) - start
        slope = (self._shown[number + 1] - before) / (EDGES[number + 1] - start)
        return before + slope * into, self._unseen[number] + into * (before + slope * into / 2)
