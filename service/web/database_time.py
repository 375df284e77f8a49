"""The database's time without a question each time: the age of signatures is judged by it.

A replica's own clock may lie, jump or freeze. Kept here is how far Postgres' time lies from this process'
monotonic clock, which does not jump; it is asked for again now and then, and whenever a delivery would
otherwise be turned away for its age.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from service.errors import DatabaseError
from service.store.database import Database

REFRESH_SECONDS = 60.0
"""Quartz drifts by milliseconds in a minute; the tolerances are minutes and hours."""

FRESH_SECONDS = 2.0
"""Young enough to turn somebody away by; also the most that repeated questions cost the database."""


class DatabaseTime:
    """Tells `tieout.now()` in Unix seconds."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._offset: float | None = None
        self._asked_at = float("-inf")
        self._turn = asyncio.Lock()

    def known(self) -> float | None:
        """Tell the time if Postgres was asked for it lately; None when it must be asked anew."""
        now = self._monotonic()
        if self._offset is None or now - self._asked_at > REFRESH_SECONDS:
            return None
        return now + self._offset

    async def now(self) -> float:
        """Tell the time; with Postgres away, by the offset last known, if there is one."""
        try:
            return await self._tell(REFRESH_SECONDS)
        except DatabaseError:
            if self._offset is None:
                raise
            return self._monotonic() + self._offset

    async def fresh(self) -> float:
        """Tell the time by an answer of this very moment, or raise `DatabaseError`."""
        return await self._tell(FRESH_SECONDS)

    async def _tell(self, age_seconds_max: float) -> float:
        now = self._monotonic()
        if self._offset is not None and now - self._asked_at <= age_seconds_max:
            return now + self._offset
        async with self._turn:
            if self._offset is None or self._monotonic() - self._asked_at > age_seconds_max:
                asked_at = self._monotonic()
                told = await self._database.now()
                # The answer is at most a round trip old; counted from the question it is never in the future.
                self._offset = told.timestamp() - asked_at
                self._asked_at = asked_at
            return self._monotonic() + self._offset
