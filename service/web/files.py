"""Whose turn it is to have a file made: one of many documents takes a good part of a replica's memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from service.web.problems import Refused

FILES_AT_ONCE: Final = 1
"""Statements made into files at once in one replica: the longest workbook takes 100 MB, what it is made of
as much again, and a web pod has 300 MB for all it does. An ordinary one is made in tenths of a second."""

TURN_SECONDS = 10.0
"""How long one waits for its turn: as long as the longest workbook takes."""

RETRY_AFTER_SECONDS: Final = 10


class Files:
    """The turns of one replica."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(FILES_AT_ONCE)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a turn; where none comes in time it is refused with 503."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Refused(
                503,
                "Other statements are being made into files. Ask again in a moment.",
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            ) from None
        try:
            yield
        finally:
            self._turns.release()
