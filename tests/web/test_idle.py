"""Connections between requests: kept for longer than proxies keep theirs, and in nobody's way."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from service.store.database import Database
from service.web import serving
from service.web.routes import build
from tests.web.builders import settings
from tests.web.test_serving import read, serve
from tests.web.test_short_way import answer, delivery

ASKS = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
PROXIES_SECONDS = {"nginx": 60, "AWS ALB": 60, "Google Cloud": 600}
"""How long proxies keep a connection to us that nothing travels on, as they come."""

Idle = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def port(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A real server on loopback that takes ten connections, as many as are told below."""
    monkeypatch.setattr(serving, "CONNECTIONS_MAX", 10)
    app = build(settings=settings(listen="127.0.0.1:0"), database=database, replica_id="r", version="1")
    async with serve(app) as found:
        yield found


async def asked(port: int, request: bytes = ASKS) -> Idle:
    """Connect, be answered, and stay."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    status, _, _ = await answer(reader)
    assert status == 200
    return reader, writer


async def is_open(idle: Idle) -> bool:
    """Whether a connection is answered again."""
    reader, writer = idle
    writer.write(ASKS)
    return bool(await read(reader))


async def leave(*left: Idle) -> None:
    """End connections."""
    for _, writer in left:
        writer.transport.abort()
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("proxy", PROXIES_SECONDS)
def test_proxies_end_a_connection_before_we_do(proxy: str) -> None:
    """Whoever sends a request on a connection that we are just closing is answered 502 by the proxy."""
    config = serving.configure(_never, settings())
    assert config.timeout_keep_alive > PROXIES_SECONDS[proxy]


async def _never(*_: object) -> None:
    raise AssertionError


async def test_a_connection_may_rest_for_longer_than_a_request_may_take(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline of a request does not run between two of them."""
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 0.2)
    resting = [await asked(port), await asked(port, delivery())]
    await asyncio.sleep(0.6)
    assert [await is_open(each) for each in resting] == [True, True]
    await leave(*resting)


async def test_who_rests_makes_room(port: int) -> None:
    """Where connections are many, those that rested longest end, and whoever comes is answered."""
    resting = [await asked(port, delivery() if number % 2 else ASKS) for number in range(30)]
    assert not await is_open(resting[0])
    assert await is_open(resting[-1])
    await leave(*resting)


async def test_who_is_being_answered_makes_no_room(port: int) -> None:
    """Where nobody rests the bound holds: nobody is cut off for somebody else."""
    begun = [await asyncio.open_connection("127.0.0.1", port) for _ in range(9)]
    for _, writer in begun:
        writer.write(ASKS[:-2])
    await asyncio.sleep(0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASKS)
    assert (await answer(reader))[0] == 503
    await leave((reader, writer))
    for reader, writer in begun:
        writer.write(ASKS[-2:])
        assert (await answer(reader))[0] == 200
    await leave(*begun)


async def test_a_burst_makes_as_much_room_as_it_needs(port: int) -> None:
    """Where many come at once, as many of those that rest end, and all who came are answered."""
    resting = [await asked(port) for _ in range(9)]
    came = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(8)))
    for _, writer in came:
        writer.write(ASKS)
    assert [(await answer(reader))[0] for reader, _ in came] == [200] * 8
    assert await is_open(resting[-1])
    await leave(*resting, *came)


@pytest.mark.parametrize("request_bytes", [ASKS, delivery()], ids=["long way", "short way"])
async def test_nothing_is_kept_of_a_connection_that_was_reset(
    database: Database, request_bytes: bytes
) -> None:
    """Whoever resets a resting connection leaves nothing of it in memory: no timer holds what it had sent."""
    app = build(settings=settings(listen="127.0.0.1:0"), database=database, replica_id="r", version="1")
    server = serve(app)
    async with server as port:
        _, writer = await asked(port, request_bytes)
        (kept,) = map(weakref.ref, server.protocols)
        given = writer.get_extra_info("socket")
        given.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        async with asyncio.timeout(10):
            while server.connections:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        gc.collect()
        assert kept() is None


async def test_the_end_of_an_answer_has_a_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves the last few kilobytes unread is cut off, also when the connection ends with them."""
    monkeypatch.setattr(serving, "WRITE_SECONDS", 0.3)

    async def tell(
        _scope: object, _receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
    ) -> None:
        head = [(b"content-length", b"40000"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"x" * 40_000})

    server = serve(tell)
    async with server as port:
        server.shrink_buffers()
        with socket.socket() as caller:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            caller.setblocking(False)  # noqa: FBT003 - the standard library's own
            await asyncio.get_running_loop().sock_connect(caller, ("127.0.0.1", port))
            caller.send(ASKS)
            await asyncio.sleep(0.1)
            assert server.connections == 1
            async with asyncio.timeout(10):
                while server.connections:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.05)


async def test_nobody_who_rests_is_waited_for_at_the_end(database: Database) -> None:
    """A service that is told to stop ends resting connections at once."""
    app = build(settings=settings(listen="127.0.0.1:0"), database=database, replica_id="r", version="1")
    async with serve(app) as port:
        resting = [await asked(port), await asked(port, delivery())]
        began = time.monotonic()
    assert time.monotonic() - began < serving.SHUTDOWN_SECONDS / 2
    await leave(*resting)
