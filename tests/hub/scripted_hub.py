"""A hub that says what it was told to say, in that order, and remembers what it was asked."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import httpx

from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.sending import FinishedCall
from service.hub.signing_in import Credentials

SAMPLES = Path(__file__).parent.parent / "samples" / "hub"
ORGANIZATION = UUID("aea39c7e-630f-4664-a449-de899ebd4912")
OTHER_ORGANIZATION = UUID("9d2b4c8f-2087-4738-ba91-7359683c49a4")
RECORD = UUID("3fa85f64-5717-4562-b3fc-2c963f66afa6")
BASE_URL = "https://hub.test/v1"

REQUESTS_PER_SECOND = 10_000.0
"""Far beyond what a test sends, so that no test waits for its turn."""


def sample(name: str) -> Any:
    """Give an example payload of the hub's documents."""
    return json.loads((SAMPLES / f"{name}.json").read_text())


def error(message: str, **more: str) -> dict[str, Any]:
    """Give the envelope of the hub's errors."""
    return {"error": {"message": message, **more}}


@dataclass
class ScriptedHub(httpx.AsyncBaseTransport):
    """The other side of the HTTP client."""

    requests: list[httpx.Request] = field(default_factory=list)
    grants: list[httpx.Request] = field(default_factory=list)
    finished: list[FinishedCall] = field(default_factory=list)
    expired: set[str] = field(default_factory=set)
    _answers: deque[httpx.Response | Exception] = field(default_factory=deque)
    _token_answers: deque[httpx.Response | Exception] = field(default_factory=deque)

    def says(
        self,
        body: Any = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        content: bytes | None = None,
    ) -> None:
        """Answer the next call so."""
        self._answers.append(_response(body, status, headers, content))

    def breaks(self, exception: Exception) -> None:
        """Break the next call's connection so."""
        self._answers.append(exception)

    def grants_so(self, body: Any, status: int = 200) -> None:
        """Answer the next request for a token so; otherwise one is granted for half an hour."""
        self._token_answers.append(_response(body, status, None, None))

    def breaks_sign_in(self, exception: Exception) -> None:
        """Break the next request for a token so."""
        self._token_answers.append(exception)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as scripted."""
        await request.aread()
        if request.url.path.endswith("/token"):
            self.grants.append(request)
            number = len(self.grants)
            granted = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 1800}
            answer = (
                self._token_answers.popleft() if self._token_answers else _response(granted, 200, None, None)
            )
        else:
            self.requests.append(request)
            if request.headers["Authorization"].removeprefix("Bearer ") in self.expired:
                return _response(error("The token has been expired."), 400, None, None)
            assert self._answers, f"nobody expected {request.method} {request.url}"
            answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def hub(self, dialect: Dialect = Dialect.TESOURO, *, budget: Budget | None = None, **changes: Any) -> Hub:
        """Give a client of this hub."""
        arguments: dict[str, Any] = {
            "http": open_http(
                base_url=BASE_URL, timeout_seconds=5.0, service_version="1.2.3", transport=self
            ),
            "dialect": dialect,
            "credentials": Credentials(
                client_id="client", client_secret="canary-secret", token_url=f"{BASE_URL}/auth/token"
            ),
            "version": dialect.default_version,
            "budget": budget or Budget(single_process(REQUESTS_PER_SECOND)),
            "timeout_seconds": 5.0,
            "observe": self.finished.append,
            "jitter": lambda: 0.0,
        }
        return Hub(**{**arguments, **changes})

    def query(self, number: int = -1) -> Mapping[str, Sequence[str]]:
        """Give the query of a call that was received."""
        return parse_qs(self.requests[number].url.query.decode(), keep_blank_values=True)


def _response(
    body: Any, status: int, headers: Mapping[str, str] | None, content: bytes | None
) -> httpx.Response:
    if content is None:
        content = b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, headers=dict(headers or {}), stream=httpx.ByteStream(content))
