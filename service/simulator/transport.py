"""The simulated hub without a network: an httpx transport that runs the application in process.

Faults that break a connection become the exceptions that httpx raises for them. Answers stream, read
time-outs of the client are kept, and what the application began goes on to its end even where the client gave
up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx

from service.simulator.faults import FaultKind
from service.simulator.wire import BREAK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Message

_LATE_KINDS = frozenset({FaultKind.EXECUTED_LATE})


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Sends requests to an ASGI application such as `Simulator.app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        exchange = _Exchange(request, await request.aread())
        timeout = request.extensions.get("timeout", {}).get("read")
        task = asyncio.ensure_future(exchange.run(self._app))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            message = await asyncio.wait_for(exchange.next(), timeout)
        except TimeoutError:
            exchange.gone.set()
            raise httpx.ReadTimeout("the simulated hub said nothing in time", request=request) from None
        except asyncio.CancelledError:
            exchange.gone.set()
            raise
        return httpx.Response(
            message["status"],
            headers=message["headers"],
            stream=_Body(exchange, timeout),
            request=request,
        )

    async def aclose(self) -> None:
        """Stop requests that hang."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Exchange:
    """One request and what the application says to it."""

    def __init__(self, request: httpx.Request, body: bytes) -> None:
        self.request = request
        self.gone = asyncio.Event()
        self._body = body
        self._is_read = False
        self._messages: asyncio.Queue[Message | Exception] = asyncio.Queue()

    async def run(self, app: ASGIApp) -> None:
        """Run the application; whatever ends it is told to the reader."""
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception as trouble:  # noqa: BLE001 - a server answers its own failure by a broken connection
            error = httpx.RemoteProtocolError(f"the simulated hub failed: {trouble!r}", request=self.request)
            error.__cause__ = trouble
            self._messages.put_nowait(error)

    async def next(self) -> Message:
        """Wait for the next message of the application, or raise what broke."""
        message = await self._messages.get()
        if isinstance(message, Exception):
            raise message
        return message

    def _break(self, kind: FaultKind) -> None:
        """Raise what httpx raises when a connection breaks in this way."""
        if kind is FaultKind.NOT_SENT:
            self._messages.put_nowait(
                httpx.ConnectError("all connection attempts failed", request=self.request)
            )
        elif kind in _LATE_KINDS:
            self._messages.put_nowait(
                httpx.ReadTimeout("the answer did not come in time", request=self.request)
            )
        else:
            self._messages.put_nowait(
                httpx.RemoteProtocolError(
                    "server disconnected without sending a response", request=self.request
                )
            )
        self.gone.set()

    def _scope(self) -> dict[str, Any]:
        url = self.request.url
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.request.method,
            "scheme": url.scheme,
            "path": unquote(url.path),
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in self.request.headers.raw],
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 0),
            "extensions": {BREAK: self._break},
        }

    async def _receive(self) -> Message:
        if not self._is_read:
            self._is_read = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._messages.put_nowait(message)


class _Body(httpx.AsyncByteStream):
    """The answer's body, as it comes."""

    def __init__(self, exchange: _Exchange, timeout: float | None) -> None:
        self._exchange = exchange
        self._timeout = timeout

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                message = await asyncio.wait_for(self._exchange.next(), self._timeout)
            except TimeoutError:
                raise httpx.ReadTimeout("the answer stopped", request=self._exchange.request) from None
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]

    async def aclose(self) -> None:
        self._exchange.gone.set()
