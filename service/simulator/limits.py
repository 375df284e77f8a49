"""The partner-wide request budget: so many in each second of the wall clock, refused beyond it.

The budget runs on its own clock (by default the monotonic one): a world whose time stands still must not run
dry.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from service.simulator.problems import throttled

if TYPE_CHECKING:
    from collections.abc import Callable


class Limiter:
    """A window of one second; `per_second` 0 lets everything through."""

    def __init__(self, per_second: int, source: Callable[[], float] | None = None) -> None:
        """Count by `source`; without one, by the monotonic clock, and arrivals are told by the wall clock."""
        self.per_second = per_second
        self.wall = source or time.time
        self._source = source or time.monotonic
        self._second = -1
        self._used = 0

    def admit(self, shape: str = "message") -> dict[str, str]:
        """Count one request; return the headers that tell what is left, or refuse in a shape."""
        if self.per_second <= 0:
            return {}
        second = math.floor(self._source())
        if second != self._second:
            self._second, self._used = second, 0
        if self._used >= self.per_second:
            raise throttled(self.per_second, 1, shape)
        self._used += 1
        limit, left = str(self.per_second), str(self.per_second - self._used)
        return {
            "RateLimit-Limit": limit,
            "RateLimit-Remaining": left,
            "RateLimit-Reset": "1",
            "X-RateLimit-Limit-Second": limit,
            "X-RateLimit-Remaining-Second": left,
        }
