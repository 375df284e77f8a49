"""A lean HTTP/1.1 client: requests are bytes made beforehand, connections are kept, answers are barely read.

It shares two cores with what it measures, so it does as little as can be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast


class Wire(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, int]] | None = None
        self._expected = 0

    @classmethod
    async def open(cls, port: int) -> Wire:
        """Connect to a port of loopback."""
        _, wire = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; a whole answer wakes whoever waits for it."""
        self._buffer += data
        if not self._expected:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._expected = end + 4 + _length(bytes(self._buffer[:end]).lower())
        if len(self._buffer) >= self._expected:
            status, size = int(self._buffer[9:12]), self._expected
            del self._buffer[:size]
            self._expected = 0
            if self._answer is not None and not self._answer.done():
                self._answer.set_result((status, size))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that nothing more will come."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed"))

    @property
    def is_open(self) -> bool:
        """Whether more can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> tuple[int, int]:
        """Send a request; return the status of its answer, and how long that was."""
        if self._transport is None:
            raise ConnectionResetError("closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()


def request(method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    """Make the bytes of a request."""
    given = [("host", "127.0.0.1"), *headers]
    if method == "POST":
        given.append(("content-length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in given)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share of the values lies; the largest for 1."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _length(head: bytes) -> int:
    mark = head.find(b"content-length:")
    assert mark >= 0, "an answer without its length"
    return int(head[mark + 15 :].split(b"\r\n", 1)[0])
