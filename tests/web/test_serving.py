"""The server: silent, slow and greedy clients are cut off in time, and good ones do not notice them."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from service.store.database import Database
from service.web import bodies, serving
from service.web.routes import build
from service.web.serving import CONNECTIONS_MAX, OTHER_FILES
from service.web.short_way import ShortWayProtocol
from service.web.webhooks import PATH
from tests.web.builders import KEYS, encoded, event, settings, signed

SECONDS = 0.6
"""What the tests make of ten seconds."""

Port = int


@pytest.fixture
async def port(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Port]:
    """A real server on loopback, with shorter deadlines."""
    for module, name in (
        (serving, "REQUEST_SECONDS"),
        (serving, "WRITE_SECONDS"),
        (serving, "IDLE_SECONDS"),
        (bodies, "RECEIVE_SECONDS"),
    ):
        monkeypatch.setattr(module, name, SECONDS)
    given = settings(listen="127.0.0.1:0")
    app = build(settings=given, database=database, replica_id="r", version="1")
    async with serve(app) as found:
        yield found


class serve:  # noqa: N801 - reads as the function that it stands for
    """A server around an application."""

    def __init__(self, app: ASGIApp) -> None:
        self._server = uvicorn.Server(
            serving.configure(app, settings(listen="127.0.0.1:0"), http=ShortWayProtocol)
        )
        self._server.capture_signals = _no_signals  # type: ignore[assignment]

    async def __aenter__(self) -> Port:
        self._task = asyncio.get_running_loop().create_task(self._server.serve())
        async with asyncio.timeout(10):
            while not self._server.started:  # noqa: ASYNC110 - uvicorn sets no event
                await asyncio.sleep(0.01)
        port: Port = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.protocols)

    @property
    def protocols(self) -> Collection[object]:
        """What the server keeps of each that is open."""
        return self._server.server_state.connections

    def shrink_buffers(self) -> None:
        """Have the system keep little of what is sent from here on."""
        for listening in self._server.servers[0].sockets:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)

    async def __aexit__(self, *_exception: object) -> None:
        self._server.should_exit = True
        await self._task


class _no_signals:  # noqa: N801 - likewise
    """Leaves the signals of the test run alone."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_exception: object) -> None: ...


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


async def say_nothing(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Connect, and wait."""


async def trickle(writer: asyncio.StreamWriter, letters: bytes) -> None:
    """Send a byte now and then, for ever."""
    while not writer.is_closing():
        for letter in letters:
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(SECONDS / 20)


async def trickle_line_ends(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send empty lines, which are allowed before a request."""
    await trickle(writer, b"\r\n")


async def trickle_headers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send headers that never end."""
    writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\nx: ")
    await trickle(writer, b"a")


async def trickle_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a webhook that never ends."""
    writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n".encode())
    await trickle(writer, b"a")


async def trickle_after_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send on after having been answered."""
    writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readuntil(b"{}")
    await trickle_line_ends(reader, writer)


async def stop_in_the_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Announce a body, send half of it, and wait."""
    writer.write(b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nkey=")


async def trickle_headers_after_a_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a request whole, and on its heels the headers of one that never end."""
    writer.write(b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nkey=x")
    await trickle_headers(_reader, writer)


async def stay_after_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keep the connection after an answer."""
    writer.write(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    await reader.readuntil(b"{}")


@pytest.mark.parametrize(
    "talk",
    [
        say_nothing,
        trickle_line_ends,
        trickle_headers,
        trickle_body,
        trickle_after_the_answer,
        stop_in_the_body,
        trickle_headers_after_a_body,
        stay_after_the_answer,
    ],
)
async def test_who_stalls_is_cut_off(port: Port, talk: Talk) -> None:
    """Whatever a client stalls with, its connection is closed within the deadline."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    stalling: asyncio.Task[None] = asyncio.get_running_loop().create_task(talk(reader, writer))
    try:
        async with asyncio.timeout(SECONDS * 20):
            await asyncio.wait({stalling}, timeout=0.05)
            while await read(reader):
                pass
    finally:
        stalling.cancel()
        await asyncio.gather(stalling, return_exceptions=True)
        writer.transport.abort()
    assert time.monotonic() - began < SECONDS * 10


async def read(reader: asyncio.StreamReader) -> bytes:
    """What comes next; nothing when the connection is closed, however."""
    try:
        return await reader.read(65_536)
    except ConnectionError:
        return b""


async def test_a_large_body_may_take_as_long_as_its_route_allows(port: Port) -> None:
    """Documents in bulk come over a slow link, too: the deadline of the head is not that of its body."""
    body = json.dumps({"documents": [{}]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /v1/documents/bulk HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEYS['operator']}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    )
    for letter in body:
        await asyncio.sleep(3 * SECONDS / len(body))
        writer.write(bytes([letter]))
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()
    assert head.startswith(b"HTTP/1.1 200 ")


async def test_who_stops_in_a_body_is_told(port: Port) -> None:
    """A body that does not arrive in time is answered 408, and the connection ends."""
    answer = await talked(port, b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nkey=")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


async def test_good_clients_do_not_notice(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """While two hundred connections stall, deliveries and questions are answered: they wait for none."""
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 60.0)
    stalled = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
    for _, writer in stalled:
        writer.write(b"POST /webhooks/hub HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{")
    try:
        async with asyncio.timeout(30), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as caller:
            body = encoded(event())
            assert (await caller.post(PATH, content=body, headers=signed(body))).status_code == 200
            headers = {"authorization": f"Bearer {KEYS['viewer']}"}
            assert (await caller.get("/v1/records", headers=headers)).status_code == 200
    finally:
        for _, writer in stalled:
            writer.transport.abort()


async def test_endless_headers_are_cut_off(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers beyond their cap end the connection long before any deadline, however fast they come."""
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 60.0)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n")
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(10):
            while True:
                writer.write(b"x-filler: " + b"a" * 10_000 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
    writer.transport.abort()


@pytest.mark.parametrize("length", ["100000000", "0000000019999999999"])
async def test_an_oversized_body_is_answered_and_cut_off(port: Port, length: str) -> None:
    """A body beyond the cap, however its length is written, is answered 413 while it is sent, and cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n".encode())
    async with asyncio.timeout(SECONDS * 20):
        answer = await reader.read()
    writer.transport.abort()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


NO_HTTP: Sequence[bytes] = (
    b"\x00\x01\x02 garbage\r\n\r\n",
    b"GET /v1/records\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    b"FOO /v1/records HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /login HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
    b"GET /v1/records?after=" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
)


@pytest.mark.parametrize("sent", NO_HTTP, ids=lambda sent: repr(sent[:16]))
async def test_what_is_no_http_is_refused_with_a_problem(port: Port, sent: bytes) -> None:
    """Bytes that the server itself cannot read are answered 400 as a problem, and the connection ends."""
    answer = await talked(port, sent)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    told = json.loads(body)
    assert (told["status"], told["title"]) == (400, "Bad Request")
    assert told["request_id"]


async def talked(port: Port, sent: bytes) -> bytes:
    """All that is answered to these bytes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.transport.abort()
    return answer


async def test_one_connection_too_many_is_told_when_to_come_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound of connections the answer is 503 as a problem, with Retry-After."""
    monkeypatch.setattr(serving, "CONNECTIONS_MAX", 1)
    app = build(settings=settings(), database=database, replica_id="r", version="1")
    async with serve(app) as port:
        answer = await talked(port, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1" in head
    assert json.loads(body)["status"] == 503


async def test_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks for much and reads nothing loses its connection."""
    monkeypatch.setattr(serving, "WRITE_SECONDS", SECONDS)
    ended = asyncio.Event()

    async def pour(
        _scope: object, _receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(10_000):
                await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        finally:
            ended.set()

    async with serve(pour) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(SECONDS * 10):
            await ended.wait()
        writer.transport.abort()


async def test_the_server_does_not_trust_who_says_who_they_are(port: Port) -> None:
    """A header that anybody can write does not change whom guesses are counted against."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as caller:
        codes = set()
        for number in range(25):
            headers = {"authorization": f"Bearer guess-{number}", "x-forwarded-for": f"10.0.0.{number}"}
            codes.add((await caller.get("/v1/records", headers=headers)).status_code)
    assert codes == {401, 429}


LIMITS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from service.settings import Settings
from service.web.serving import configure
config = configure(None, Settings.from_environment({}, require_hub=False))
print(config.limit_concurrency, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (256, 8_192, (CONNECTIONS_MAX, CONNECTIONS_MAX + OTHER_FILES)),
        (4_096, 8_192, (CONNECTIONS_MAX, 4_096)),
        (512, 1_024, (1_024 - OTHER_FILES, 1_024)),
    ],
)
def test_connections_have_the_files_that_they_need(
    project: Path, soft: int, hard: int, expected: tuple[int, int]
) -> None:
    """The soft limit of open files is raised as far as needed; where that is too little, fewer connect."""
    told = subprocess.run(
        [sys.executable, "-c", LIMITS, str(soft), str(hard)],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert tuple(map(int, told.split())) == expected
