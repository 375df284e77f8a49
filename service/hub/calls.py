"""One call from end to end: token, sending, judgement, decoding; and what is sent again.

Calls are the scarce good, so repetitions are few and only of what is harmless:

- A read that met no connection, a server error, a cut-off or senseless answer is asked once more, after a
  short wait with full jitter; one that was throttled, once more after the wait that the hub named, when that
  is short. A time-out is not repeated: whoever hangs would hold its worker twice as long.
- Whatever was turned away for its token is sent once more with a new one: it was not carried out.
- **A push is sent once.** Not even a refused token makes it go out again by itself; whoever decides about
  pushes does.

Cancellation passes through untouched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx

from service.errors import Fate, HubError, HubFailure
from service.hub import judgement
from service.hub.budget import Budget, Priority
from service.hub.dialect import Dialect
from service.hub.endpoints import Endpoint
from service.hub.exchange import Answer, AnswerTooLarge
from service.hub.reading import Json, Unreadable, decode
from service.hub.sending import Observer, Sender, judged
from service.hub.signing_in import Credentials, ask_for_token
from service.hub.tokens import Token, Tokens

ResultT = TypeVar("ResultT")
Parameters = Sequence[tuple[str, str]]

BACKOFF_SECONDS: Final = 0.5
"""A repetition waits for a random part of it: time for a gateway to restart, short within a walk of pages."""

THROTTLED_WAIT_SECONDS_MAX: Final = 5.0
"""Longer silence than this is for the scheduler to keep, not for a caller to sit out."""

_PASSING: Final = frozenset({HubFailure.UNREACHABLE, HubFailure.SERVER_ERROR, HubFailure.UNREADABLE})


class Repeat(Enum):
    """What may be sent again."""

    NEVER = auto()
    WITH_NEW_TOKEN = auto()
    ONCE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to ask: an address with its segments, and what goes with it."""

    endpoint: Endpoint
    segments: Sequence[object] = ()
    organization_id: UUID | None = None
    parameters: Parameters = ()
    body: Mapping[str, Any] | None = None
    priority: Priority = Priority.READ
    not_after: float | None = None
    """By the clock of the caller: a later request does not leave."""

    @property
    def repeat(self) -> Repeat:
        """Reads once more, pushes never, what else changes something only where its token was refused."""
        if self.endpoint.is_read:
            return Repeat.ONCE
        return Repeat.NEVER if self.priority is Priority.PUSH else Repeat.WITH_NEW_TOKEN


class Caller:
    """Carries out calls for one partner."""

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        dialect: Dialect,
        credentials: Credentials,
        version: str,
        budget: Budget,
        timeout_seconds: float,
        patience_seconds: float,
        clock: Callable[[], float],
        observe: Observer | None,
        jitter: Callable[[], float],
    ) -> None:
        """Use `http` as `open_http` makes it; `jitter` gives a number from 0 to 1."""
        self._http = http
        self._dialect = dialect
        self._headers = dict.fromkeys(dialect.version_headers, version)
        self._defaults = dict(http.headers)
        self._base_url = str(http.base_url).rstrip("/")
        self._extensions = {"timeout": http.timeout.as_dict()}
        self._budget = budget
        self._jitter = jitter
        self._sender = Sender(
            http=http,
            budget=budget,
            timeout_seconds=timeout_seconds,
            patience_seconds=patience_seconds,
            clock=clock,
            observe=observe,
        )
        self._tokens = Tokens(
            lambda: ask_for_token(self._sender, http, credentials, self._headers, jitter), clock=clock
        )

    async def aclose(self) -> None:
        """End what runs in the background; the HTTP client belongs to whoever opened it."""
        await self._tokens.aclose()

    async def sign_in(self) -> None:
        """Get a token now, so that wrong credentials show before the first call."""
        await self._tokens.get()

    async def make_ready(self, within_seconds: float) -> None:
        """Raise what keeps any call from leaving `within_seconds`: a longer pause, or a lack of a token."""
        self._sender.require_speech("make ready", within_seconds)
        await self._tokens.get()

    async def call(self, call: Call, result: Callable[[Json], ResultT]) -> ResultT:
        """Carry out `call` and make a result of the decoded body, or raise `HubError`.

        `result` raises `Unreadable` for a body without sense; the body of an empty answer is None.
        """
        token = await self._tokens.get()
        try:
            return await self._attempt(call, token, result)
        except HubError as error:
            if not await self._is_worth_repeating(call, error):
                raise
        return await self._attempt(call, await self._tokens.get(), result)

    async def _attempt(self, call: Call, token: Token, result: Callable[[Json], ResultT]) -> ResultT:
        answer = await self._sender.send(
            self._request(call, token), call.endpoint, call.priority, not_after=call.not_after
        )
        self._check_owner(call, answer)
        refused = judged(call.endpoint, answer)
        if refused is not None:
            if refused.failure is HubFailure.UNAUTHORIZED:
                self._tokens.discard(token)
            raise refused
        try:
            return result(decode(answer.body) if answer.body else None)
        except Unreadable as error:
            raise _unreadable(call, answer, str(error)) from error

    def _request(self, call: Call, token: Token) -> httpx.Request:
        """The request of a call, put together here: to have the client merge it takes three times as long."""
        headers = {**self._defaults, **self._headers, "Authorization": f"Bearer {token.text}"}
        if call.organization_id is not None:
            headers[self._dialect.organization_header] = str(call.organization_id)
        query = f"?{httpx.QueryParams(list(call.parameters))}" if call.parameters else ""
        try:
            path = self._dialect.path(call.endpoint.path, *call.segments)
            return httpx.Request(
                call.endpoint.method,
                f"{self._base_url}{path}{query}",
                headers=headers,
                json=call.body,
                extensions=dict(self._extensions),
            )
        except (ValueError, httpx.InvalidURL) as error:
            raise HubError(
                f"{call.endpoint.doing}: not sent, {error}",
                failure=HubFailure.REFUSED,
                fate=Fate.NOT_SENT,
            ) from error

    def _check_owner(self, call: Call, answer: Answer) -> None:
        """Refuse an answer whose own header says that it is about another organization."""
        told = answer.headers.get(self._dialect.organization_header)
        if call.organization_id is None or told is None:
            return
        if told.strip().lower() != str(call.organization_id):
            raise _unreadable(call, answer, "the answer is about another organization")

    async def _is_worth_repeating(self, call: Call, error: HubError) -> bool:
        """Whether, having waited as long as it takes, to send `call` again."""
        if call.repeat is Repeat.NEVER or isinstance(error, AnswerTooLarge):
            return False
        if error.failure is HubFailure.UNAUTHORIZED:
            return error.fate is Fate.NOT_SENT or call.repeat is Repeat.ONCE
        if call.repeat is not Repeat.ONCE:
            return False
        if error.failure is HubFailure.THROTTLED:
            # Answered so by the hub, not by our own budget; the pause that follows holds the second attempt.
            is_short = self._budget.paused_seconds <= THROTTLED_WAIT_SECONDS_MAX
            return is_short and error.http_status is not None
        if error.failure in _PASSING:
            await asyncio.sleep(self._jitter() * BACKOFF_SECONDS)
            return True
        return False


def _unreadable(call: Call, answer: Answer, what: str) -> HubError:
    return HubError(
        f"{call.endpoint.doing}: {what}",
        failure=HubFailure.UNREADABLE,
        fate=Fate.UNCERTAIN,
        http_status=answer.status,
        request_id=judgement.request_id(answer.headers),
    )
