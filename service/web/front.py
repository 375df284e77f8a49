"""The front door: what every request passes through on its way in, and every answer on its way out.

Each request gets an id, which its problem and its log line share. Each answer gets the headers that keep
browsers from doing harm, and is counted. An error that nobody expected becomes a problem that says nothing
but its id, and a log line that says it all; trouble with Postgres becomes 503.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from uuid import uuid4

import structlog
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.errors import DatabaseError, DatabaseSlow
from service.web import webhooks
from service.web.bodies import ClientGone
from service.web.problems import REQUEST_ID, ProblemAnswer, Refused, problem
from service.web.short_way import Taker

ROUTE = "tieout.route"
"""Where the router leaves the path template of a request in its scope."""

RETRY_AFTER_SECONDS = 5

_AWAY = "The database cannot be reached just now; try again."
_TOO_MUCH = (
    "The database did not answer this in the time that a question may take. Ask for less: name an "
    "organization_id where that can be named, or leave as_of out. If it is little already, try again."
)

_CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = [
    (b"content-security-policy", _CONTENT_SECURITY_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
_RawHeaders = Sequence[tuple[bytes, bytes]]

Explain = Callable[[ProblemAnswer, str], bytes]
"""Renders a problem for people, given the id of its request."""

_NO_STORE = (b"cache-control", b"no-store")
_HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000")

_LOG = structlog.get_logger()


class FrontDoor:
    """Wraps the webhook receiver and the framework's application."""

    def __init__(self, receiver: ASGIApp, framework: ASGIApp, explain: Explain, *, is_https: bool) -> None:
        self._receiver = receiver
        self.taker = receiver if isinstance(receiver, Taker) else None
        """Whoever takes plain requests the short way, around all this."""
        self._framework = framework
        self._explain = explain
        self._headers: _RawHeaders = [*_HEADERS, _HTTPS_ONLY] if is_https else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through."""
        if scope["type"] == "lifespan":
            await self._framework(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        if scope["path"] == webhooks.PATH:
            await self._receiver(scope, receive, send)
            return
        await _Exchange(scope, receive, send, self._headers, self._explain).run(self._framework)


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, headers: _RawHeaders, explain: Explain
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send_on = send
        self._headers = headers
        self._explain = explain
        self._status = 0
        self._request_id = str(uuid4())
        scope[REQUEST_ID] = self._request_id

    async def run(self, app: ASGIApp) -> None:
        started = time.perf_counter()
        try:
            await app(self._scope, self._receive, self._send)
        except ClientGone:
            self._status = self._status or 499
        except Exception as error:  # noqa: BLE001 - nothing of it may reach the client
            await self._fail(error)
        finally:
            route = self._scope.get(ROUTE, "none")
            metrics.WEB_REQUESTS.labels(route=route, status=f"{self._status // 100}xx").inc()
            metrics.WEB_REQUEST_SECONDS.labels(route=route).observe(time.perf_counter() - started)

    async def _fail(self, error: Exception) -> None:
        if self._status:
            # The answer has begun; cutting it off is the only way left to say that it is wrong.
            _LOG.error("request_cut_off", request_id=self._request_id, exc_info=error)
            raise error
        if isinstance(error, Refused):
            answer = error.answer
        elif isinstance(error, DatabaseError):
            _LOG.warning("request_unavailable", request_id=self._request_id, error=str(error))
            is_too_much = isinstance(error, DatabaseSlow) and self._scope["method"] in {"GET", "HEAD"}
            answer = problem(
                503,
                _TOO_MUCH if is_too_much else _AWAY,
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        else:
            _LOG.error(
                "request_failed", request_id=self._request_id, path=self._scope["path"], exc_info=error
            )
            answer = problem(500, "Something went wrong on our side; the log knows this request's id.")
        if self._is_for_people():
            page = HTMLResponse(self._explain(answer, self._request_id), answer.status, dict(answer.headers))
            await page(self._scope, self._receive, self._send)
        else:
            await answer(self._scope, self._receive, self._send)

    def _is_for_people(self) -> bool:
        """Whether a browser asked for a page; the API answers browsers like everybody."""
        if self._scope["path"].startswith("/v1/"):
            return False
        accepts = [value for name, value in self._scope["headers"] if name == b"accept"]
        return any(b"text/html" in value for value in accepts)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            given = list(message.get("headers", []))
            names = {name.lower() for name, _ in given}
            added = [*self._headers, (b"x-request-id", self._request_id.encode())]
            if b"cache-control" not in names:
                added.append(_NO_STORE)
            message = {**message, "headers": given + [each for each in added if each[0] not in names]}
        await self._send_on(message)
