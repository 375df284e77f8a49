"""Pages of a list on their way: read ahead, taken together, written behind.

Fetching, looking through and writing take turns at three different places (the hub, this process, Postgres),
so each goes on while the others wait. What comes faster than it is written is taken together: a first load
gets long transactions of many rows, while of a list that comes slowly every page is written as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

PageT = TypeVar("PageT")
RowT = TypeVar("RowT")


AT_ONCE: Final = 50
"""Rows that are worked on before others have a turn, half a millisecond: writing takes several questions to
Postgres, and each waits that long until this process sees the answer to the one before."""


async def in_portions(rows: Sequence[RowT]) -> AsyncGenerator[Sequence[RowT], None]:
    """Give rows so many at once, and between them whatever else waits for this process its turn."""
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a list, or what ended it."""

    error: BaseException | None


async def together(pages: AsyncIterator[PageT], pages_max: int) -> AsyncGenerator[Sequence[PageT], None]:
    """Give pages as they come; those that came while the ones before were worked on are given together.

    At most `pages_max` wait, and as many are given at once. What ends the list early is raised after the
    pages that came before it.
    """
    come: asyncio.Queue[PageT | _End] = asyncio.Queue(pages_max)
    reading = asyncio.create_task(_read(pages, come))
    try:
        while True:
            first = await come.get()
            taken = [first, *(come.get_nowait() for _ in range(come.qsize()))]
            end = taken.pop() if isinstance(taken[-1], _End) else None
            some = [each for each in taken if not isinstance(each, _End)]
            if some:
                yield some
            if isinstance(end, _End):
                if end.error is not None:
                    raise end.error
                return
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def _read(pages: AsyncIterator[PageT], come: asyncio.Queue[PageT | _End]) -> None:
    error: BaseException | None = None
    try:
        async for page in pages:
            await come.put(page)
    except asyncio.CancelledError:
        raise  # nobody takes pages any more
    except BaseException as ended:  # noqa: BLE001 - raised where the pages are taken
        error = ended
    await come.put(_End(error))


async def in_turn(pages: AsyncIterator[PageT], turn: asyncio.Lock) -> AsyncGenerator[PageT, None]:
    """The same pages, each fetched while nobody else has the turn: one call at a time for an organization."""
    while True:
        async with turn:
            try:
                page = await anext(pages)
            except StopAsyncIteration:
                return
        yield page


class Behind:
    """Does one thing at a time, while whoever gave it goes on."""

    def __init__(self) -> None:
        self._doing: asyncio.Task[None] | None = None

    async def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin this once what was given before is done; raises what that raised."""
        try:
            await self.finish()
        except BaseException:
            work.close()
            raise
        self._doing = asyncio.create_task(work)

    async def finish(self) -> None:
        """Wait until nothing is left to do; raises what it raised."""
        doing, self._doing = self._doing, None
        if doing is not None:
            await doing

    async def cancel(self) -> None:
        """Break off what is being done."""
        if self._doing is not None:
            self._doing.cancel()
            await asyncio.wait([self._doing])


@asynccontextmanager
async def behind() -> AsyncGenerator[Behind, None]:
    """Give what works behind; it is done when the block has ended, well or not, unless that is cancelled."""
    doing = Behind()
    try:
        yield doing
    except asyncio.CancelledError:
        await doing.cancel()
        raise
    except BaseException:
        await doing.finish()
        raise
    await doing.finish()
