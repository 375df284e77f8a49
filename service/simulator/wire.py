"""The wire between the gateway and its host: reading a body, answering, dripping, hanging, breaking off.

ASGI has no word for breaking a connection. A host that can do it puts a function under `BREAK` into the
extensions of the scope; a host without it gets an empty 502.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from service.simulator.faults import FaultKind

BREAK = "tieout.break"
"""Scope extension: a function of a fault kind that breaks the connection."""

BODY_BYTES_MAX = 16_000_000
"""Largest request body read: five thousand bulk transactions need four megabytes."""


async def read(receive: Receive) -> bytes:
    """Read a request body, up to the largest that makes sense."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MAX:
            break
    return b"".join(parts)


async def answer(send: Send, status: int, head: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send an answer whole."""
    head = [*head, (b"content-length", str(len(body)).encode())] if status != 204 else head  # noqa: PLR2004
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def drip(send: Send, status: int, head: list[tuple[bytes, bytes]], body: bytes, seconds: float) -> None:
    """Send a body byte by byte, `seconds` apart."""
    head = [*head, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    for place in range(len(body)):
        await send({"type": "http.response.body", "body": body[place : place + 1], "more_body": True})
        await asyncio.sleep(seconds)
    await send({"type": "http.response.body", "body": b""})


async def hang(receive: Receive, seconds: float) -> None:
    """Say nothing until the client has gone, or for a long while."""

    async def gone() -> None:
        message: Message = {"type": ""}
        while message["type"] != "http.disconnect":
            message = await receive()

    try:
        await asyncio.wait_for(gone(), seconds)
    except TimeoutError:
        return


async def cut(scope: Scope, receive: Receive, send: Send, kind: FaultKind) -> None:
    """Break the connection through the host."""
    breaking = (scope.get("extensions") or {}).get(BREAK)
    if breaking is None:
        await answer(send, 502, [], b"")
        return
    breaking(kind)
    await hang(receive, 1.0)
