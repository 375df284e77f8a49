"""How much time has gone by on this machine, whatever happened to it meanwhile.

Python's monotonic clock stands still on Linux while a machine is suspended, as virtual machines are when they
are moved or paused. Whoever asks whether it is too late for something must count that time, too: others went
on, and have taken over.
"""

from __future__ import annotations

import time
from typing import Final

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has one that counts suspension; where there is none, as on macOS, the monotonic one does so."""


def seconds() -> float:
    """Seconds since some instant, by a clock that never jumps back and nobody sets."""
    return time.clock_gettime(_CLOCK)
