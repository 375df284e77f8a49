"""Virtual time moves, whatever is waited for, and what happens in it does not depend on the machine."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tests.simulation.conftest import Databases
from tests.simulation.running import in_virtual_time
from tests.simulation.virtual import Control, VirtualLoop, VirtualTime, database_class


@pytest.mark.parametrize("seconds", [1e-13, 1e-7, 0.5])
def test_time_moves_by_what_is_waited_for(seconds: float) -> None:
    """However short a wait is, time is later after it: whoever looks again sees that."""
    virtual = VirtualTime()
    virtual.advance(4_096.0)

    async def waited() -> float:
        before = virtual.read()
        await asyncio.sleep(seconds)
        return virtual.read() - before

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(virtual)) as runner:
        assert 0 < runner.run(waited()) <= seconds + 1e-5


def test_what_is_left_to_do_is_done_before_an_answer_is_looked_at() -> None:
    """Whether an answer came early or late, what happens comes in the same order."""
    virtual = VirtualTime()

    async def told() -> list[str]:
        order: list[str] = []
        near, far = socket.socketpair()
        with near, far:
            far.send(b"an answer")
            loop = asyncio.get_running_loop()
            answered = asyncio.Event()

            def answer() -> None:
                loop.remove_reader(near)
                order.append("answer")
                answered.set()

            loop.add_reader(near, answer)
            for turn in ("first", "second", "third"):
                await asyncio.sleep(0)
                order.append(turn)
            with virtual.outside():
                await answered.wait()
        return order

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(virtual)) as runner:
        assert runner.run(told()) == ["first", "second", "third", "answer"]


def test_the_work_of_a_thread_ends_at_a_turn_of_the_loop() -> None:
    """However long a thread would have taken."""

    async def told() -> bool:
        future = asyncio.get_running_loop().run_in_executor(None, sum, range(3_000_000))
        await asyncio.sleep(0)
        return future.done()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(VirtualTime())) as runner:
        assert runner.run(told())


def test_transactions_of_a_replica_take_turns(databases: Databases) -> None:
    """In the order in which they were asked for, whichever Postgres would have answered first."""

    async def told(virtual: VirtualTime, url: str) -> list[str]:
        order: list[str] = []
        with virtual.outside():
            database = await database_class(virtual).open(url)

        async def transact(name: str, seconds: float) -> None:
            async with database.fleet() as connection:
                await connection.execute("SELECT pg_sleep($1)", seconds)
                order.append(name)

        await asyncio.gather(transact("slow", 0.1), transact("quick", 0.0))
        with virtual.outside():
            await database.close()
        return order

    with databases() as url:
        assert in_virtual_time(url, lambda virtual: told(virtual, url)) == ["slow", "quick"]


def test_the_end_of_a_replica_is_none_of_its_namesake_elsewhere(databases: Databases) -> None:
    """Worlds that share a server have databases of their own, and end no sessions of each other."""

    async def told(virtual: VirtualTime, here: str, there: str) -> bool:
        with virtual.outside():
            namesake = await database_class(virtual).open(here, application_name="replica-1")

        async def session() -> int:
            async with namesake.fleet() as connection:
                return int(await connection.fetchval("SELECT pg_backend_pid()"))

        before = await session()
        control = await Control.open(virtual, there)
        await control.end_sessions("replica-1")
        await control.close()
        is_there = await session() == before
        with virtual.outside():
            await namesake.close()
        return is_there

    with databases() as here, databases() as there:
        assert in_virtual_time(here, lambda virtual: told(virtual, here, there))
