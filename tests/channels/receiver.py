"""A receiver of messages on loopback, with a mind of its own: a real server, which answers as it is told.

It keeps every request that it read whole, folds messages by their key as receivers are asked to, and can
refuse, be slow, hang up, and answer more than anybody wants to read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

DEADLINE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The JSON in it."""
        return msgspec.json.decode(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How to answer: a status with headers and text, or not at all."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: bytes = b"ok"
    hang_up: bool = False
    """Close the connection after reading, without a word."""
    stay_silent: bool = False
    """Keep the connection open, without a word."""
    drip: bool = False
    """Answer a byte at a time, for ever."""


OK = Answer()


class Receiver:
    """A running receiver."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.decide: Callable[[Received], Answer] = lambda _: OK
        self.port = 0
        self._changed = asyncio.Condition()
        self._open: set[asyncio.Task[None]] = set()

    def answer(self, *answers: Answer) -> None:
        """Answer the next requests so, and all further ones like the last."""
        queue = list(answers)
        self.decide = lambda _: queue.pop(0) if len(queue) > 1 else queue[0]

    @property
    def keys(self) -> Sequence[str]:
        """The keys of all webhooks, in order, repeats included."""
        return [request.headers["webhook-id"] for request in self.received]

    @property
    def folded(self) -> Mapping[str, Any]:
        """The body of each message, by its key: what a receiver knows that folds repeats."""
        return {request.headers["webhook-id"]: request.body for request in self.received}

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; it is asked after each request."""
        async with asyncio.timeout(DEADLINE_SECONDS), self._changed:
            await self._changed.wait_for(condition)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, which bears one request."""
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._exchange(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
        }
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Received(method=method, path=path, headers=headers, content=content)
        async with self._changed:
            self.received.append(request)
            self._changed.notify_all()
        await self._respond(writer, self.decide(request))

    async def _respond(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        if answer.hang_up:
            return
        if answer.stay_silent:
            await asyncio.Event().wait()
        head = f"HTTP/1.1 {answer.status} Any\r\ncontent-length: {len(answer.text)}\r\nconnection: close\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        if not answer.drip:
            writer.write(head.encode() + b"\r\n" + answer.text)
            await writer.drain()
            return
        for byte in head.encode() * 1_000:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """Cut whatever is still open."""
        for task in self._open:
            task.cancel()


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    """Run a receiver on loopback."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, limit=2**20)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        receiver.close()
        await server.wait_closed()
