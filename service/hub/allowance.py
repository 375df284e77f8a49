"""How many requests a second the hub allows: what the setting names, or less when the hub says or shows so.

Its answers tell a limit; one that is lower than the setting is heeded at once. A 429 shows that somebody else
uses the same credentials, or that the limit is lower still: the rate is cut, and comes back little by little.
Each replica learns that from its own answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from service import elapsed

CUT: Final = 0.7
"""What a 429 leaves of the rate."""

SHARE_MIN: Final = 0.2
"""However often the hub refuses, so much is still tried."""

RECOVERED_SECONDS: Final = 120.0
"""After so long without a 429 the whole rate is tried again."""

CUT_SECONDS: Final = 1.0
"""The hub counts by the second: several refusals within one are one."""

RATE_MIN: Final = 0.5
"""A limit below this is a slip; nothing could be done with it."""


class Allowance:
    """The rate that may be used just now."""

    def __init__(self, rate_per_second: float, clock: Callable[[], float] = elapsed.seconds) -> None:
        """Begin with the rate of the settings; `clock` never goes back."""
        self._set = rate_per_second
        self._told: float | None = None
        self._share = 1.0
        self._cut_at: float | None = None
        self._clock = clock

    @property
    def rate_per_second(self) -> float:
        """Requests a second."""
        told = self._set if self._told is None else min(self._set, self._told)
        return told * self._share_now()

    def note_limit(self, limit: float) -> None:
        """Heed a limit that an answer told."""
        if limit >= RATE_MIN:
            self._told = limit

    def note_throttled(self) -> None:
        """Heed a 429."""
        now = self._clock()
        if self._cut_at is None or now - self._cut_at >= CUT_SECONDS:
            self._share = max(self._share_now() * CUT, SHARE_MIN)
            self._cut_at = now

    def _share_now(self) -> float:
        if self._cut_at is None:
            return 1.0
        return min(1.0, self._share + (self._clock() - self._cut_at) / RECOVERED_SECONDS)
