"""The short way of webhooks: the same answers as the long one, one request at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from uuid import uuid4

import pytest

from service.store.database import Database
from service.web import group_commit
from service.web.routes import build
from service.web.short_way import BODY_BYTES_MAX, ShortWayProtocol
from service.web.webhooks import PATH
from tests.web.builders import encoded, event, settings, signed
from tests.web.test_serving import serve

ANSWER_SECONDS = 20.0


@pytest.fixture
async def port(database: Database) -> AsyncIterator[int]:
    """A real server on loopback."""
    app = build(settings=settings(listen="127.0.0.1:0"), database=database, replica_id="r", version="1")
    async with serve(app) as found:
        yield found


def post(body: bytes, headers: Mapping[str, str], *, is_chunked: bool = False) -> bytes:
    """A request, in chunks or not."""
    given = dict(headers)
    if is_chunked:
        given["transfer-encoding"] = "chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        given["content-length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {PATH} HTTP/1.1\r\nhost: x\r\n{head}\r\n".encode() + body


def delivery(*, is_chunked: bool = False) -> bytes:
    """A signed delivery of a new event."""
    body = encoded(event(id=str(uuid4())))
    return post(body, signed(body), is_chunked=is_chunked)


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Read one answer."""
    async with asyncio.timeout(ANSWER_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def stored(database: Database) -> int:
    """How many events there are."""
    async with database.fleet() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM events"))


async def test_both_ways_give_the_same_answers(database: Database, port: int) -> None:
    """Good, repeated and badly signed deliveries are answered alike on one connection, short way or long."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for is_chunked in (False, True, False):
        good = delivery(is_chunked=is_chunked)
        for request in (good, good):
            writer.write(request)
            status, headers, body = await answer(reader)
            assert (status, headers["content-type"], body) == (200, "application/json", b"{}")
            assert "connection" not in headers
        bad = encoded(event(id=str(uuid4())))
        writer.write(post(bad, {**signed(b"something else")}, is_chunked=is_chunked))
        status, _, body = await answer(reader)
        assert (status, json.loads(body)["status"]) == (401, 401)
    assert await stored(database) == 3
    writer.close()


async def test_a_delivery_may_come_in_pieces(database: Database, port: int) -> None:
    """However the network cuts a delivery up, it is one delivery."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = delivery()
    for cut in (1, 20, len(request) // 2, len(request) - 1):
        request = delivery()
        for part in (request[:cut], request[cut:]):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await answer(reader))[0] == 200
    assert await stored(database) == 4
    writer.close()


async def test_a_length_may_be_written_with_zeros(port: int) -> None:
    """A delivery whose length begins with zeros is taken like any other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for zeros in (b"0", b"0000000000"):
        writer.write(delivery().replace(b"content-length: ", b"content-length: " + zeros))
        assert (await answer(reader))[0] == 200
    writer.close()


async def test_the_short_way_keeps_no_more_than_its_bound(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the head of a request promised, the connection ends once more came than this way takes."""
    monkeypatch.setattr(ShortWayProtocol, "_is_short", lambda _protocol: True)
    app = build(settings=settings(), database=database, replica_id="r", version="1")
    server = serve(app)
    async with server as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(ANSWER_SECONDS):
                writer.write(f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n".encode())
                while True:
                    writer.write(b"x" * 1_000)
                    await writer.drain()
                    assert all(kept(protocol) <= BODY_BYTES_MAX for protocol in server.protocols)
                    await asyncio.sleep(0)
        writer.transport.abort()


def kept(protocol: object) -> int:
    """How many bytes of a body a connection holds."""
    assert isinstance(protocol, ShortWayProtocol)
    return sum(map(len, protocol._body or ()))


async def test_one_request_at_a_time(database: Database, port: int) -> None:
    """What comes before the answer to the request before it is not read: the connection ends, and says so."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(delivery())  # the first goes the long way: the time is asked for
    assert "connection" not in (await answer(reader))[1]
    writer.write(delivery() + delivery() + delivery())
    status, headers, _ = await answer(reader)
    assert (status, headers["connection"]) == (200, "close")
    async with asyncio.timeout(ANSWER_SECONDS):
        assert await reader.read() == b""
    assert await stored(database) == 2
    writer.close()


async def test_a_full_house_says_so_and_listens_on(
    database: Database, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When too many wait a sender is told to come back, unlooked at, on a connection that stays as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(delivery())
    assert (await answer(reader))[0] == 200
    with monkeypatch.context() as patched:
        patched.setattr(group_commit, "WAITING_MAX", 0)
        request = delivery()
        for each in (request.replace(b"v1=", b"v1=0"), request):
            writer.write(each)
            status, headers, body = await answer(reader)
            assert (status, json.loads(body)["status"]) == (503, 503)
            assert int(headers["retry-after"]) > 0
    writer.write(request)
    assert (await answer(reader))[0] == 200
    assert await stored(database) == 2
    writer.close()
