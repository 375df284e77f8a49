"""Work that falls due at an instant: pushes to finish, hourly pulls, answers executed late.

Work is a function of its due instant, run in the order in which it fell due, so that the world looks the same
whether it was looked at every second or once a day: what an hourly pull saw is what stood in the books at
that hour.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime

Work = Callable[[datetime], None]


class Agenda:
    """A heap of due work; equal instants keep the order in which they were added."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Work]] = []
        self._added = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, due_at: datetime, work: Work) -> None:
        """Remember `work` for `due_at`."""
        self._added += 1
        heapq.heappush(self._entries, (due_at, self._added, work))

    def run_due(self, now: datetime) -> int:
        """Do all that is due by `now`, including what it brings about in turn; return how much that was."""
        done = 0
        while self._entries and self._entries[0][0] <= now:
            due_at, _, work = heapq.heappop(self._entries)
            work(due_at)
            done += 1
        return done
