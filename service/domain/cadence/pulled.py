"""When a connection's books were last pulled: a new connection names a pull before there was any.

The hub sets `last_pull` to the moment of creation, some microseconds after it, and serves what it then has:
nothing, or what it kept of another connection. A list that was read then proves nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

CREATION: Final = timedelta(milliseconds=100)
"""The documented example names microseconds; before a pull begins, a person must consent."""


def pulled_at(last_pull: datetime | None, created_at: datetime | None) -> datetime | None:
    """Give the last pull, as a connection that was created then names it; None if there was none yet."""
    if last_pull is None or (created_at is not None and last_pull - created_at <= CREATION):
        return None
    return last_pull
