"""Problems: every refusal as RFC 9457 JSON, in one shape.

A problem says what is wrong in a sentence that helps whoever asked, and bears the id of its request, under
which the log knows more. It never holds a traceback, an exception's text or anything of another tenant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import uuid4

import msgspec
from starlette.types import Receive, Scope, Send

REQUEST_ID = "tieout.request_id"
"""Where the front door leaves the id of a request in its scope."""

MEDIA_TYPE = b"application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with what was sent: where, and what would be right."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a refusal looks like to programs (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class ProblemAnswer:
    """A problem as an ASGI application that answers with it."""

    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    close: bool = False

    def body(self, request_id: str) -> bytes:
        """Write it for one request."""
        return msgspec.json.encode(
            Problem(
                type="about:blank",
                title=HTTPStatus(self.status).phrase,
                status=self.status,
                detail=self.detail,
                request_id=request_id,
                errors=self.faults,
            )
        )

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        body = self.body(scope.get(REQUEST_ID) or str(uuid4()))
        headers = [(b"content-type", MEDIA_TYPE), (b"content-length", str(len(body)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.items()]
        if self.close:
            # The rest of what is being sent is not read, so the connection cannot be used again.
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    faults: Sequence[Fault] = (),
    close: bool = False,
) -> ProblemAnswer:
    """Make the answer that refuses; `close` ends the connection with it."""
    return ProblemAnswer(status, detail, headers or {}, faults, close)


class Refused(Exception):  # noqa: N818 - names what is the case
    """Raised by whoever answers a request to refuse it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        self.answer = problem(status, detail, headers=headers, faults=faults)
        super().__init__(detail)


def not_found(what: str) -> Refused:
    """Refuse as if there were no such thing; a foreign one is told apart by nothing."""
    return Refused(404, f"There is no such {what}.")


def malformed(*faults: Fault) -> Refused:
    """Refuse what cannot be understood, with every fault at once."""
    return Refused(422, "The request cannot be understood: see errors.", faults=faults)
