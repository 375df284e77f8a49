"""How long to wait after failures in a row: twice as long each time, up to a bound."""

from __future__ import annotations

from typing import Final

DOUBLINGS_MAX: Final = 20
"""A second has grown to twelve days by then, beyond every bound there is."""


def doubled(first_seconds: float, failures: int, longest_seconds: float) -> float:
    """Return the wait after so many failures in a row, of which there is at least one."""
    assert failures > 0, "what did not fail does not wait"
    return min(first_seconds * 2.0 ** min(failures - 1, DOUBLINGS_MAX), longest_seconds)
