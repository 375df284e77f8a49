"""Requests that were held up between their turn and the wire take another turn."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from service.errors import Fate, HubError
from service.hub.budget import Budget, Priority, Turn, single_process
from service.hub.endpoints import CONNECTIONS
from service.hub.exchange import open_http
from service.hub.sending import Sender
from tests.hub.wire import answer, wire

INTERVAL = 1.0


class Counting(Budget):
    """Counts the turns that were taken."""

    turns = 0

    async def acquire(self, priority: Priority) -> Turn:
        """Take a turn."""
        self.turns += 1
        return await super().acquire(priority)


@pytest.mark.parametrize(("held_up", "turns"), [(0.0, 1), (1.5 * INTERVAL, 2)])
async def test_whoever_was_held_up_waits_again(held_up: float, turns: int) -> None:
    """A turn is good for one interval; after that another one is taken before the first byte leaves."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    async def hold(_: httpx.Request) -> None:
        await asyncio.sleep(held_up)

    budget = Counting(single_process(1 / INTERVAL))
    async with (
        wire(behave) as server,
        open_http(base_url=server.url, timeout_seconds=5, service_version="1") as http,
    ):
        http.event_hooks = {"request": [hold]}
        sender = Sender(
            http=http,
            budget=budget,
            timeout_seconds=5,
            patience_seconds=5,
            clock=asyncio.get_running_loop().time,
            observe=None,
        )
        got = await sender.send(http.build_request("GET", "/x"), CONNECTIONS, Priority.READ)
    assert (got.status, budget.turns) == (200, turns)


@pytest.mark.parametrize("passes_in", ["the queue", "the pool"])
async def test_what_is_too_late_does_not_leave(passes_in: str) -> None:
    """A request that must not leave after an instant is not sent once that passed, wherever it waited."""
    passed, asked = 0.0, False

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked = True
        writer.write(answer(b"{}"))

    async def hold(_: httpx.Request) -> None:
        nonlocal passed
        passed = 3_600.0

    async with (
        wire(behave) as server,
        open_http(base_url=server.url, timeout_seconds=5, service_version="1") as http,
    ):
        if passes_in == "the pool":
            http.event_hooks = {"request": [hold]}
        else:
            passed = 3_600.0
        sender = Sender(
            http=http,
            budget=Budget(single_process(1000)),
            timeout_seconds=5,
            patience_seconds=5,
            clock=lambda: passed,
            observe=None,
        )
        with pytest.raises(HubError) as raised:
            await sender.send(http.build_request("GET", "/x"), CONNECTIONS, Priority.PUSH, not_after=20.0)
    assert raised.value.fate is Fate.NOT_SENT
    assert not asked
