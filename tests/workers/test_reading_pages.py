"""Pages on their way: nothing is lost or told twice, whoever is faster, and whatever ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from service.workers.reading_pages import AT_ONCE, behind, in_portions, together


class _Pages:
    """A list whose pages come when a test lets them."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.read = 0
        self.let = asyncio.Semaphore(0)

    async def walk(self) -> AsyncIterator[int]:
        """Give the pages, then the error."""
        for page in range(self.count):
            await self.let.acquire()
            self.read += 1
            yield page
        if self.error is not None:
            raise self.error

    async def come(self, count: int) -> None:
        """Let so many pages come, and give them the time to."""
        for _ in range(count):
            self.let.release()
        await settle()


async def settle() -> None:
    """Let everybody who can go on do so."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_pages_that_came_meanwhile_are_given_together() -> None:
    """Of a slow list each page is given as it comes, of a fast one those that wait, in their order."""
    pages = _Pages(9)
    given = []
    async with aclosing(together(pages.walk(), 3)) as taken:
        for coming, expected in [(1, [0]), (2, [1, 2]), (6, [3, 4, 5])]:
            await pages.come(coming)
            given.append(await anext(taken))
            assert given[-1] == expected
        given += [some async for some in taken]
    assert [page for some in given for page in some] == list(range(9))


async def test_no_more_is_read_ahead_than_is_bearable() -> None:
    """Of a list that comes faster than it is taken, the bound waits and one page is in hand, no more."""
    pages = _Pages(100)
    async with aclosing(together(pages.walk(), 3)) as taken:
        await pages.come(100)
        given = len(await anext(taken))
        await settle()
        assert pages.read <= given + 3 + 1
        assert len(await anext(taken)) == 3


async def test_what_came_before_the_end_is_given_before_it() -> None:
    """A list that breaks off gives the pages that came, then what broke it."""
    pages = _Pages(2, ValueError("broken"))
    given: list[int] = []
    async with aclosing(together(pages.walk(), 4)) as taken:
        await pages.come(2)
        with pytest.raises(ValueError, match="broken"):
            async for some in taken:
                given += some
    assert given == [0, 1]


async def test_nobody_reads_on_when_nobody_takes() -> None:
    """Once whoever takes the pages has gone, the list is not read any further."""
    pages = _Pages(100)
    async with aclosing(together(pages.walk(), 2)) as taken:
        await pages.come(1)
        await anext(taken)
    read = pages.read
    await pages.come(50)
    assert pages.read == read


async def test_one_thing_is_done_behind_at_a_time() -> None:
    """What is given goes on behind the giver, each after the one before, and is done when the block ends."""
    done: list[str] = []
    may_end = asyncio.Event()

    async def work(name: str) -> None:
        done.append(f"{name} begins")
        await may_end.wait()
        done.append(f"{name} ends")

    async with behind() as doing:
        await doing.do(work("first"))
        await settle()
        assert done == ["first begins"]
        may_end.set()
        await doing.do(work("second"))
        assert done == ["first begins", "first ends"]
    assert done == ["first begins", "first ends", "second begins", "second ends"]


async def test_what_fails_behind_is_told_to_the_giver() -> None:
    """An error comes out when the next thing is given, which is not begun, or when the block ends."""
    begun: list[int] = []

    async def fail(number: int) -> None:
        begun.append(number)
        raise ValueError(str(number))

    with pytest.raises(ValueError, match="1"):
        async with behind() as doing:
            await doing.do(fail(1))
            await doing.do(fail(2))
    with pytest.raises(ValueError, match="3"):
        async with behind() as doing:
            await doing.do(fail(3))
    assert begun == [1, 3]


async def test_what_is_good_is_done_although_the_next_fails() -> None:
    """An error of the giver waits for what is being done; only being cancelled breaks it off."""
    done: list[str] = []

    async def work() -> None:
        try:
            await settle()
            done.append("done")
        except asyncio.CancelledError:
            done.append("broken off")
            raise

    with pytest.raises(ValueError, match="the next"):
        async with behind() as doing:
            await doing.do(work())
            raise ValueError("the next")

    async def give() -> None:
        async with behind() as doing:
            await doing.do(work())
            await asyncio.Event().wait()

    giving = asyncio.create_task(give())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    giving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving
    assert done == ["done", "broken off"]


async def test_others_have_their_turn_between_portions() -> None:
    """All rows are given, in their order, and whatever waits goes on after so many."""
    rows = list(range(2 * AT_ONCE + 1))
    given: list[int] = []
    met: list[int] = []

    async def other() -> None:
        while len(given) < len(rows):
            met.append(len(given))
            await asyncio.sleep(0)

    waiting = asyncio.create_task(other())
    async for some in in_portions(rows):
        given += some
    await waiting
    assert given == rows
    assert met == [AT_ONCE, 2 * AT_ONCE]
