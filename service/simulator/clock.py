"""The hub's clock: real by default, by hand where a test owns it, faster where a story is compressed.

Nothing in the simulated hub asks the operating system for the time. One clock answers everywhere, so that a
test may stand still, jump an hour, or live in the virtual time of an event loop (`source=loop.time`).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_START = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
"""Where a manual clock begins unless told otherwise: an ordinary Thursday morning."""


class Clock:
    """Tells the time of the simulated world; `advance` moves it on top of whatever passes by itself."""

    def __init__(
        self, start: datetime | None = None, *, speed: float = 1.0, source: Callable[[], float] = time.time
    ) -> None:
        """Begin at `start`, else at the source's time; `speed` 0 stands still, 60 is a minute a second."""
        self._source = source
        self._origin = source()
        self._start = start or datetime.fromtimestamp(self._origin, UTC)
        self._ahead = timedelta(0)
        self.speed = speed

    @classmethod
    def manual(cls, start: datetime = DEFAULT_START) -> Clock:
        """Stand still at `start` until advanced."""
        return cls(start, speed=0.0)

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        if self.speed == 0.0:
            return self._start + self._ahead
        passed = (self._source() - self._origin) * self.speed
        return self._start + self._ahead + timedelta(seconds=passed)

    def advance(self, seconds: float) -> datetime:
        """Move on by `seconds` (never back) and return the new present."""
        if seconds < 0:
            raise ValueError(f"the clock cannot go back by {-seconds} s")
        self._ahead += timedelta(seconds=seconds)
        return self.now()
