"""The database's time without a question each time: the age of signatures is judged by it.

A replica's own clock may lie, jump or freeze. Kept here is how far Postgres' time lies from this process'
monotonic clock, which does not jump; it is asked for again now and then, and whenever a delivery would
otherwise be turned away for its age. Whoever needs to know waits for one question together, and not for long:
a Postgres that hangs would hold all of them for as long as the driver's patience lasts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from service.errors import DatabaseError, DatabaseUnreachable
from service.store.database import Database

REFRESH_SECONDS = 60.0
"""Quartz drifts by milliseconds in a minute; the tolerances are minutes and hours."""

FRESH_SECONDS = 2.0
"""Young enough to turn somebody away by; also the most that repeated questions cost the database."""

ANSWER_SECONDS = 5.0
"""Postgres tells the time within milliseconds; a sender of webhooks listens for some ten seconds more."""


class DatabaseTime:
    """Tells `tieout.now()` in Unix seconds."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._offset: float | None = None
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[float] | None = None

    def known(self) -> float | None:
        """Tell the time if Postgres was asked for it lately; None when it must be asked anew."""
        now = self._monotonic()
        if self._offset is None or now - self._asked_at > REFRESH_SECONDS:
            return None
        return now + self._offset

    async def now(self) -> float:
        """Tell the time; with Postgres away or hanging, by the offset last known, if there is one."""
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
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask(), name="database time")
            self._asking.add_done_callback(self._asked)
        asking = self._asking
        await asyncio.wait([asking], timeout=ANSWER_SECONDS)
        if not asking.done():
            raise DatabaseUnreachable(f"Postgres did not tell the time within {ANSWER_SECONDS:g} s")
        return self._monotonic() + asking.result()

    async def _ask(self) -> float:
        """Ask Postgres, and keep how far its time lies from ours."""
        asked_at = self._monotonic()
        told = await self._database.now()
        # The answer is at most a round trip old; counted from the question it is never in the future.
        self._offset = told.timestamp() - asked_at
        self._asked_at = asked_at
        return self._offset

    def _asked(self, asking: asyncio.Task[float]) -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # whoever waited has been told, and perhaps nobody does any more
