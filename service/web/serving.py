"""The server under the web side, with the deadlines that uvicorn lacks.

Left alone it waits for ever for a client that connects and says nothing, trickles its headers, or never reads
its answer, and it keeps headers of any length. Here each connection has one deadline at a time: to send a
request whole, to read what it was sent, or to ask again. Whoever reads a body that may take longer says so.

The last of them is long. A proxy keeps connections to us for its next requests, and one that we close while
such a request is on its way is a 502 to whoever asked: proxies have to be the first to end what rests. Where
connections are many, those that rest make room, the longest resting first, so that they are in nobody's way.
"""

from __future__ import annotations

import asyncio
import resource
from functools import partial
from heapq import nsmallest
from typing import Any
from uuid import uuid4

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.settings import Settings
from service.web.bodies import LENGTHEN
from service.web.problems import MEDIA_TYPE, problem

REQUEST_SECONDS = 10.0
"""From a request's first byte (or the connection's opening) to its last; to the last of its head where its
body is read under a deadline of its own, which is put on top."""

WRITE_SECONDS = 10.0
"""How long a client may leave an answer unread, be it its last bytes: a connection does not end before."""

IDLE_SECONDS = 620
"""How long a connection may stay open between requests: longer than proxies keep it (nginx and AWS a minute,
Google Cloud ten), by as much as a request that was sent just in time may need."""

HEAD_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 2_000
"""Each takes ten kilobytes. Beyond these a sender is cut off, and opening another connection costs more than
being told on this one to come back."""

OTHER_FILES = 256
"""Files that are open beside them: Postgres, the hub, channels, Python itself."""

ROOM_SHARE = 10
"""A tenth of the connections is kept for those to come, as long as any that rests can make room."""

BACKLOG = 2_048
SHUTDOWN_SECONDS = 10
"""What is being answered when we are told to stop may take this long."""

_NOT_HTTP = problem(400, "This is no HTTP request that can be read.", close=True)
_FULL = problem(
    503, "Too many connections are open; try again soon.", headers={"retry-after": "1"}, close=True
)


class DeadlineProtocol(HttpToolsProtocol):
    """One connection, cut off when it exceeds a deadline or a bound."""

    _receiving: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = True
    _is_whole = False
    """Nothing more is to come of the request that came last."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(
            high=0
        )  # whatever the system does not take at once has its deadline
        self._arm()
        self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all deadlines, also the one between requests: uvicorn leaves it running after a reset."""
        self._disarm()
        self._unset_keepalive_if_required()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; those that begin a request and do not end it start its deadline."""
        if self.cycle is None or self.cycle.response_complete:
            self._is_whole = False
        super().data_received(data)
        if not self._is_whole:
            self._arm()
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """Count anew what the head of a request takes."""
        self._is_in_head, self._head_bytes, self._is_whole = True, 0, False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Bound trailers too, which come after the body."""
        if not self._is_in_head:
            self._head_bytes += len(name) + len(value)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.transport.abort()
                return
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is in."""
        self._is_in_head = False
        self.scope[LENGTHEN] = partial(self._lengthen, self.scope)  # type: ignore[literal-required]
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is in: the next deadline is ours."""
        self._is_whole = True
        self._disarm()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, which are plain text
        """Refuse what is no HTTP with a problem, like everything else that is refused."""
        body = _NOT_HTTP.body(str(uuid4()))
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n"
            b"cache-control: no-store\r\nx-content-type-options: nosniff\r\n\r\n"
        )
        self.transport.write(head % (MEDIA_TYPE, len(body)) + body)
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - uvicorn's own type
        """Answer a request; uvicorn's plain text for one too many becomes a problem."""
        chosen: Any = _FULL if app is service_unavailable else app
        super()._start_asgi_task(cycle, chosen)

    def pause_writing(self) -> None:
        """The client does not read: give it a while."""
        super().pause_writing()
        if self._writing is None:
            self._writing = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def _make_room(self) -> None:
        """End the longest resting of too many connections: a share at once, so that few look for them."""
        if self.limit_concurrency is None:
            return
        room = max(1, self.limit_concurrency // ROOM_SHARE)
        if len(self.connections) <= self.limit_concurrency - room:
            return
        staying = [
            connection
            for connection in self.connections
            if isinstance(connection, DeadlineProtocol) and not connection.transport.is_closing()
        ]
        if len(staying) <= self.limit_concurrency - room:
            return  # others of the same burst have made room already
        resting = [
            (timer.when(), number, connection)
            for number, connection in enumerate(staying)
            if (timer := connection.timeout_keep_alive_task) is not None
        ]
        for _, _, connection in nsmallest(room, resting):
            connection.timeout_keep_alive_handler()

    def _arm(self) -> None:
        if self._receiving is None:
            self._receiving = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    def _lengthen(self, scope: object, seconds: float) -> None:
        """Give the rest of a request so much longer, unless it is in: the deadline is that of the next."""
        if self._receiving is None or self.scope is not scope:
            return
        self._receiving.cancel()
        self._receiving = self.loop.call_at(self._receiving.when() + seconds, self.transport.abort)

    def _disarm(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None


def _connections_max() -> int:
    """Raise the soft limit of open files to what connections need, and tell how many fit below it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return min(CONNECTIONS_MAX, max(1, soft - OTHER_FILES))


def configure(app: ASGIApp, settings: Settings, **changes: Any) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's own options
    """Configure the server for our application; `changes` override single options of uvicorn's."""
    options: dict[str, Any] = {
        "host": settings.listen_host,
        "port": settings.listen_port,
        "http": DeadlineProtocol,
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        # Whoever connects to us is whom we count against; a header that anybody can write is not.
        "proxy_headers": False,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "limit_concurrency": _connections_max(),
        "backlog": BACKLOG,
    }
    return uvicorn.Config(app, **{**options, **changes})
