"""The short way of a webhook: from the parser to the group commit without a task, messages or a framework.

Nearly every request to this service is a small, well-signed delivery on a connection that stays open, and
half of what answering it costs would be the way to whoever answers. Those go this way. Whatever is the least
bit unusual (a wrong signature, a large or compressed body, no database) takes the long one, which says no in
all the ways that there are; both give the same answers.

One request at a time: what a client sends before it has its answer is not read, and the connection ends with
that answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, runtime_checkable

from service.web.serving import DeadlineProtocol

BODY_BYTES_MAX: Final = 16 * 1024
"""Two thousand connections may each hold one of these before anybody has looked at it."""

_LENGTH_DIGITS_MAX = len(str(BODY_BYTES_MAX))
"""A length that is written with more, be it with zeros, is not read here."""

Headers = Sequence[tuple[bytes, bytes]]

Answer = Callable[[bytes, bytes], None]
"""Answers a request, once: by its status line with the headers, each with its line end, and the body."""


@runtime_checkable
class Taker(Protocol):
    """Takes requests that came the short way."""

    path: bytes

    def take(self, headers: Headers, body: bytes, answer: Answer) -> bool:
        """Take a request in, to be answered at once or later; False: it has to go the long way."""


class ShortWayProtocol(DeadlineProtocol):
    """A connection whose plain POSTs to one path go straight to their taker."""

    _body: list[bytes] | None = None
    """What has come of a body that goes the short way."""
    _body_bytes = 0
    _is_taken = False
    """One is with its taker, who has not answered it yet."""
    _is_last = False
    """The connection ends with the next answer."""

    @property
    def _taker(self) -> Taker | None:
        return getattr(self.app, "taker", None)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, unless an answer is due first."""
        if self._is_taken:
            self._is_last = True
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request, unless it came on the heels of one that is not answered."""
        if not self._is_taken:
            super().on_message_begin()
        else:
            self._is_last = True

    def on_url(self, url: bytes) -> None:
        """Take the address in."""
        if not self._is_taken:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in."""
        if not self._is_taken:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Choose the way."""
        if self._is_taken:
            return
        if self._is_short():
            self._body, self._body_bytes, self._is_in_head = [], 0, False
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body in; one that outgrows the short way after all ends the connection."""
        if self._body is not None:
            self._body_bytes += len(body)
            if self._body_bytes > BODY_BYTES_MAX:
                self.transport.abort()
                return
            self._body.append(body)
        elif not self._is_taken:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand the request over."""
        if self._is_taken:
            return
        if self._body is None:
            super().on_message_complete()
            return
        body, self._body = b"".join(self._body), None
        taker = self._taker
        self._is_whole = True
        self._disarm()
        self._is_taken = True
        if taker is not None and taker.take(self.headers, body, self._answer):
            return
        self._is_taken = False
        super().on_headers_complete()
        super().on_body(body)
        super().on_message_complete()

    def shutdown(self) -> None:
        """End after what is being received or answered."""
        if self._is_taken or self._body is not None:
            self._is_last = True
        else:
            super().shutdown()

    def _is_short(self) -> bool:
        taker = self._taker
        if (
            taker is None
            or self.url != taker.path
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or not self.parser.should_keep_alive()
            or self.expect_100_continue
            or not (self.cycle is None or self.cycle.response_complete)
            or self._is_last
            or (self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency)
        ):
            return False
        lengths: list[bytes] = []
        for name, value in self.headers:
            if name in _UNUSUAL:
                return False
            if name == b"content-length":
                lengths.append(value)
        return len(lengths) == 1 and _is_short_length(lengths[0])

    def _answer(self, head: bytes, body: bytes) -> None:
        self._is_taken = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        own = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        end = b"connection: close\r\n\r\n" if self._is_last else b"\r\n"
        self.transport.write(b"".join((head, *own, end, body)))
        if self._is_last:
            self.transport.close()
            return
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )


def _is_short_length(written: bytes) -> bool:
    is_number = written.isdigit() and len(written) <= _LENGTH_DIGITS_MAX
    return is_number and 0 < int(written) <= BODY_BYTES_MAX


_UNUSUAL = frozenset({b"transfer-encoding", b"content-encoding", b"upgrade", b"trailer"})
