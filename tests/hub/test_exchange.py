"""One request on a real socket: however it breaks, it ends in time, in bounded memory, its fate told."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import socket
import sys
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from service.errors import Fate, HubError, HubFailure
from service.hub import exchange as module
from service.hub.exchange import BODY_BYTES_MAX, Answer, AnswerTooLarge, exchange, open_http
from tests.hub.wire import Behave, answer, wire

DEADLINE = 0.5
"""Of calls that are meant to meet it; a quarter of `PATIENCE` is what connecting may take."""

PATIENCE = 4.0
"""What a loaded machine may need for an answer over loopback."""


@asynccontextmanager
async def client_of(base_url: str, connections_max: int = 4) -> AsyncIterator[httpx.AsyncClient]:
    """Open the client for a test."""
    async with open_http(
        base_url=base_url, timeout_seconds=PATIENCE, service_version="1", connections_max=connections_max
    ) as http:
        yield http


async def get(http: httpx.AsyncClient, deadline: float = PATIENCE) -> Answer:
    """Ask for something."""
    return await exchange(http, http.build_request("GET", "/x"), doing="get x", timeout_seconds=deadline)


async def ask(behave: Behave, deadline: float = PATIENCE) -> Answer:
    """Ask a server that behaves so."""
    async with wire(behave) as server, client_of(server.url) as http:
        return await get(http, deadline)


async def failure_of(behave: Behave, deadline: float = PATIENCE) -> HubError:
    """Give the error of asking a server that behaves so; it comes in time."""
    began_at = time.monotonic()
    with pytest.raises(HubError) as caught:
        await ask(behave, deadline)
    assert time.monotonic() - began_at < deadline + PATIENCE
    return caught.value


def says(*pieces: bytes, then_close: bool = True) -> Behave:
    """Send these bytes, whatever was asked."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then_close:
            raise ConnectionAbortedError

    return behave


async def hangs(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Never answer."""
    await reader.read()


async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(DEADLINE / 20)


def facts(error: HubError) -> tuple[HubFailure, Fate]:
    """Give what callers decide on."""
    return error.failure, error.fate


UNCERTAIN_BREAK = (HubFailure.UNREACHABLE, Fate.UNCERTAIN)
UNREADABLE = (HubFailure.UNREADABLE, Fate.UNCERTAIN)
TIMEOUT = (HubFailure.TIMEOUT, Fate.UNCERTAIN)
NOT_SENT = (HubFailure.UNREACHABLE, Fate.NOT_SENT)


async def test_a_plain_answer_comes_whole() -> None:
    """Status, headers and body arrive as they were sent."""
    got = await ask(says(answer(b'{"data": []}', "X-Request-Id: 7", status="418 I'm a teapot")))
    assert (got.status, got.body, got.headers["x-request-id"]) == (418, b'{"data": []}', "7")


async def test_a_compressed_answer_is_inflated() -> None:
    """Gzip is asked for and undone."""
    body = b'{"text": "' + b"x" * 300_000 + b'"}'
    got = await ask(says(answer(gzip.compress(body), "Content-Encoding: gzip")))
    assert got.body == body


async def test_a_drip_ends_at_the_deadline() -> None:
    """A byte now and then keeps no call alive."""
    assert facts(await failure_of(drips, DEADLINE)) == TIMEOUT


async def test_silence_ends_at_the_deadline() -> None:
    """A server that never answers may have done what it was asked to."""
    assert facts(await failure_of(hangs, DEADLINE)) == TIMEOUT


async def test_a_bomb_is_defused_in_bounded_memory() -> None:
    """Two hundred megabytes in two hundred kilobytes are not unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    tracemalloc.start()
    try:
        error = await failure_of(says(answer(bomb, "Content-Encoding: gzip")))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(error, AnswerTooLarge)
    assert facts(error) == UNREADABLE
    assert peak < 2.5 * BODY_BYTES_MAX


async def test_a_long_body_is_not_read_to_its_end() -> None:
    """A plain body beyond the limit is cut off, whatever length it promised."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"100000\r\n" + bytes(0x100000) + b"\r\n")
            await writer.drain()

    assert isinstance(await failure_of(behave), AnswerTooLarge)


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        pytest.param(says(), UNCERTAIN_BREAK, id="closed without an answer"),
        pytest.param(says(b"HTTP/1.1 200 OK\r\nContent-Le"), UNCERTAIN_BREAK, id="cut off in the headers"),
        pytest.param(says(answer(b'{"data"', length=500)), UNCERTAIN_BREAK, id="cut off in the body"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), UNCERTAIN_BREAK, id="another protocol"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000), UNCERTAIN_BREAK, id="endless headers"
        ),
        pytest.param(says(answer(b"no", "Content-Encoding: gzip")), UNREADABLE, id="no gzip"),
        pytest.param(
            says(answer(gzip.compress(b"{}" * 99)[:-9], "Content-Encoding: gzip")),
            UNREADABLE,
            id="half a gzip",
        ),
        pytest.param(says(answer(b"", "Content-Encoding: gzip")), UNREADABLE, id="empty gzip"),
        pytest.param(says(answer(b"{}", "Content-Encoding: br")), UNREADABLE, id="unasked compression"),
        pytest.param(
            says(answer(gzip.compress(b"{}"), "Content-Encoding: gzip, gzip")),
            UNREADABLE,
            id="twice compressed",
        ),
    ],
)
async def test_what_breaks_after_sending_is_uncertain(
    behave: Behave, expected: tuple[HubFailure, Fate]
) -> None:
    """Once the request has left, nothing but a whole answer tells what became of it."""
    assert facts(await failure_of(behave)) == expected


async def test_a_refused_connection_means_not_sent() -> None:
    """Where nobody listens, nothing was sent."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    async with client_of(f"http://127.0.0.1:{port}") as http:
        with pytest.raises(HubError) as caught:
            await get(http)
    assert facts(caught.value) == NOT_SENT


async def test_failed_tls_means_not_sent() -> None:
    """A peer that cannot prove who it is learns nothing."""

    async def behave(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        raise ConnectionAbortedError

    async with wire(behave) as server, client_of(server.url.replace("http://", "https://")) as http:
        with pytest.raises(HubError) as caught:
            await get(http)
    assert facts(caught.value) == NOT_SENT


async def test_no_free_connection_means_not_sent() -> None:
    """Whoever found no connection free sent nothing, while the one who holds it is uncertain."""
    async with wire(hangs) as server, client_of(server.url, connections_max=1) as http:
        outcomes = await asyncio.gather(get(http, 1.5), get(http, 1.5), return_exceptions=True)
    assert {facts(outcome) for outcome in outcomes if isinstance(outcome, HubError)} == {TIMEOUT, NOT_SENT}


async def test_a_connection_survives_those_who_gave_up() -> None:
    """Requests that ended at their deadline leave no hole in the pool."""
    is_slow = True

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if is_slow:
            await hangs(reader, writer)
        writer.write(answer(b"{}"))

    async with wire(behave) as server, client_of(server.url, connections_max=2) as http:
        for _ in range(3):
            await asyncio.gather(get(http, DEADLINE), get(http, DEADLINE), return_exceptions=True)
        is_slow = False
        assert (await get(http)).body == b"{}"


async def test_cancelling_passes_through() -> None:
    """A cancelled call is cancelled, and not an error of the hub."""
    async with wire(hangs) as server, client_of(server.url) as http:
        task = asyncio.create_task(get(http))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_redirects_are_not_followed() -> None:
    """An address that an answer names is never fetched."""
    async with wire(
        says(answer(b"", "Location: /elsewhere", status="302 Found"), then_close=False)
    ) as server:
        async with client_of(server.url) as http:
            got = await get(http)
        assert got.status == 302
        assert len(server.received) == 1


async def test_cookies_do_not_travel() -> None:
    """What the hub sets for one organization's answer is not sent with another's request."""
    async with wire(says(answer(b"{}", "Set-Cookie: tenant=one; Path=/"), then_close=False)) as server:
        async with client_of(server.url) as http:
            await get(http)
            await get(http)
        assert b"ookie" not in server.received[1]


async def test_the_service_says_who_it_is() -> None:
    """The version travels with each request, and proxies of the environment do not interfere."""
    async with wire(says(answer(b"{}"), then_close=False)) as server, client_of(server.url) as http:
        await get(http)
        assert b"user-agent: tieout/1\r\n" in server.received[0].lower()
        assert http.trust_env is False


async def test_the_last_moment_before_the_first_byte() -> None:
    """What has to happen before the first byte happens when nothing has left yet."""
    server_knows: list[int] = []

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    async with wire(behave) as server, client_of(server.url) as http:

        async def before_bytes() -> None:
            await asyncio.sleep(0.01)
            server_knows.append(len(server.received))

        for _ in range(2):
            request = http.build_request("GET", "/x")
            await exchange(http, request, doing="get x", timeout_seconds=PATIENCE, before_bytes=before_bytes)
    assert server_knows == [0, 1]


async def test_trouble_before_the_first_byte_comes_out_as_it_is() -> None:
    """Whoever finds no turn at the last moment has sent nothing, and says so."""
    async with wire(hangs) as server, client_of(server.url) as http:

        async def before_bytes() -> None:
            raise HubError("no turn", failure=HubFailure.THROTTLED, fate=Fate.NOT_SENT)

        with pytest.raises(HubError, match="no turn"):
            await exchange(
                http,
                http.build_request("GET", "/x"),
                doing="get x",
                timeout_seconds=PATIENCE,
                before_bytes=before_bytes,
            )
        assert server.received == []


def test_the_deadline_means_sent() -> None:
    """The waits before the first byte end before the deadline does."""
    assert 3 * module.SHARE_BEFORE_SENDING < 1


def test_what_is_missing_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that is not there is remembered as missing, and one that is there is never hidden."""
    monkeypatch.delitem(sys.modules, "sniffio", raising=False)
    is_there = importlib.util.find_spec("sniffio") is not None
    module.note_missing_modules()
    assert ("sniffio" in sys.modules) is not is_there
    module.note_missing_modules()
    monkeypatch.setitem(sys.modules, "sniffio", asyncio)
    module.note_missing_modules()
    assert sys.modules["sniffio"] is asyncio
