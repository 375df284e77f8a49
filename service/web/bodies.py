"""Reading what a client sends, with an end to it: a cap on its size and a total deadline.

Servers have neither by themselves: a client that trickles a byte a second stays for ever, and a body is
buffered whole before anybody looks at it. Here the cap is checked before the first byte where a length is
announced, and with every chunk where none is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from starlette.types import Receive, Scope

RECEIVE_SECONDS = 10.0
"""A body within its cap comes in one breath; whoever needs longer is stuck or means harm."""

LENGTHEN = "tieout.lengthen"
"""Where the server leaves in the scope of a request what puts off its deadline for it, by so many seconds."""


class BodyRefused(Exception):  # noqa: N818 - names what is the case
    """The body will not be read; `status` is what to answer, `detail` says why."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


class ClientGone(Exception):  # noqa: N818 - names what is the case
    """The client hung up before its body was complete: there is nobody to answer."""


class Memory:
    """What all bodies of one kind together may hold of this process while they arrive and are worked on."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self.held_bytes = 0

    def has_room(self, size_bytes: int) -> bool:
        """Whether so many more bytes may be held."""
        return self.held_bytes + size_bytes <= self._limit_bytes

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """Lend a function that takes so many more bytes, or raises `BodyRefused`; all go back at the end."""
        taken_bytes = 0

        def take(size_bytes: int) -> None:
            nonlocal taken_bytes
            if not self.has_room(size_bytes):
                raise BodyRefused(503, "Too much is being received at once.")
            self.held_bytes += size_bytes
            taken_bytes += size_bytes

        try:
            yield take
        finally:
            self.held_bytes -= taken_bytes


def announced_length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the length that the client announces, 0 when it announces none that can be read."""
    lengths = [value for name, value in headers if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() and len(lengths[0]) < 20 else 0  # noqa: PLR2004


def is_compressed(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the body is compressed: such a one could inflate without measure, and none is expected."""
    return any(
        name == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}
        for name, value in headers
    )


def lengthen(scope: Scope, seconds: float | None) -> None:
    """Have the server wait for a body for as long as `read_body` does, which can tell who is late."""
    put_off = scope.get(LENGTHEN)
    if put_off is not None:
        put_off(RECEIVE_SECONDS if seconds is None else seconds)


async def read_body(
    receive: Receive,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    limit_bytes: int,
    deadline_seconds: float | None = None,
    take: Callable[[int], None] = lambda _size: None,
) -> bytes:
    """Read a body whole; raise `BodyRefused` beyond the cap or the deadline, or when `take` does.

    The deadline is that of all bodies unless told otherwise.
    """
    seconds = RECEIVE_SECONDS if deadline_seconds is None else deadline_seconds
    too_large = BodyRefused(413, f"The body is larger than {limit_bytes} bytes.")
    headers = list(headers)
    if is_compressed(headers):
        raise BodyRefused(415, "Compressed bodies are not accepted; send it as it is.")
    if announced_length(headers) > limit_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            is_more = True
            while is_more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limit_bytes:
                    raise too_large
                take(len(chunk))
                chunks.append(chunk)
                is_more = message.get("more_body", False)
    except TimeoutError:
        raise BodyRefused(408, f"The body did not arrive within {seconds:g} seconds.") from None
    return b"".join(chunks)
