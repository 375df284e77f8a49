"""One request sent in its turn: the budget before it, what the answer says of the budget after it.

The wait for a turn is not part of a request's deadline but has a bound of its own, since whoever calls holds
a lease. Whatever fails before the turn is there was not sent, whichever trouble it was. A request that must
not leave later than some instant is held back when that has passed, be it that this process was stopped in
between: the last look is at the first byte.

Each exchange that ends, well or not, is told to an observer: for metrics and logs, without ids or upstream
texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import httpx

from service import tracing
from service.errors import Fate, HubError, HubFailure
from service.hub import judgement
from service.hub.budget import Budget, Priority, Turn
from service.hub.endpoints import Endpoint, purpose_of
from service.hub.exchange import Answer, BeforeBytes, exchange

PATIENCE_SECONDS: Final = 30.0
"""In the budget's queue: half of a lease. A fleet that needs longer is told so and comes again."""

THROTTLED_SECONDS: Final = 1.0
"""The silence after a 429 that names none: the hub counts by the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedCall:
    """One exchange that ended; `endpoint` is one of a few dozen names."""

    endpoint: str
    seconds: float
    status: int | None = None
    failure: HubFailure | None = None
    fate: Fate | None = None
    waited_seconds: float = 0.0
    """In the queue of the budget, before it was sent."""


Observer = Callable[[FinishedCall], None]


@dataclass(slots=True)
class Counted:
    """How many requests were sent within a block."""

    calls: int = 0


_counted: ContextVar[Counted | None] = ContextVar("_counted", default=None)


@contextmanager
def counted_calls() -> Iterator[Counted]:
    """Count the requests that are sent on behalf of this block, by whatever tasks it starts."""
    counted = Counted()
    token = _counted.set(counted)
    try:
        yield counted
    finally:
        _counted.reset(token)


class Sender:
    """Sends requests, each in its turn."""

    def __init__(
        self,
        *,
        http: httpx.AsyncClient,
        budget: Budget,
        timeout_seconds: float,
        patience_seconds: float,
        clock: Callable[[], float],
        observe: Observer | None,
    ) -> None:
        """Allow each request `timeout_seconds` on the wire, after `patience_seconds` in the queue."""
        self._http = http
        self._budget = budget
        self._timeout_seconds = timeout_seconds
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._observe = observe

    async def send(
        self,
        request: httpx.Request,
        endpoint: Endpoint,
        priority: Priority,
        *,
        not_after: float | None = None,
    ) -> Answer:
        """Give the answer to `request`, whatever its status; raises `HubError` where there is none.

        It does not leave after `not_after`, by the sender's clock.
        """
        if priority is Priority.READ and endpoint.is_proof:
            priority = Priority.PROVE
        with tracing.span(
            f"hub {endpoint.name}", endpoint=endpoint.name, purpose=purpose_of(endpoint.name)
        ) as traced:
            answer, span = await self._exchanged(request, endpoint, priority, not_after)
            refused = judged(endpoint, answer)
            traced.note(
                http_status=answer.status,
                outcome=refused.failure.value if refused else "ok",
                waited_seconds=round(span[1] - span[0], 3),
            )
        self._tell(endpoint, span, answer.status, refused)
        if refused is not None and refused.failure is HubFailure.THROTTLED:
            wait = refused.retry_after_seconds
            self._budget.note_throttled()
            await self._budget.pause(THROTTLED_SECONDS if wait is None else wait)
        elif judgement.is_spent(answer.headers):
            self._budget.give_up_slot()
        self._budget.note_limit(judgement.told_limit(answer.headers))
        return answer

    def require_speech(self, doing: str, within_seconds: float) -> None:
        """Raise, as *not sent*, when the hub asked for a silence longer than that, or than our patience."""
        paused = self._budget.paused_seconds
        if paused > min(within_seconds, self._patience_seconds):
            raise not_sent(doing, "the hub asked for silence", retry_after_seconds=paused)

    async def _exchanged(
        self, request: httpx.Request, endpoint: Endpoint, priority: Priority, not_after: float | None
    ) -> tuple[Answer, tuple[float, float]]:
        """The answer, and when it was asked for and when its turn came."""
        asked_at = self._clock()
        turn = await self._turn(endpoint, priority)
        self._require_time(endpoint, not_after)
        counted = _counted.get()
        if counted is not None:
            counted.calls += 1
        began_at = self._clock()
        span = (asked_at, began_at)
        try:
            answer = await exchange(
                self._http,
                request,
                doing=endpoint.doing,
                timeout_seconds=self._timeout_seconds,
                before_bytes=self._on_time(turn, endpoint, priority, not_after),
            )
        except HubError as error:
            self._tell(endpoint, span, error.http_status, error)
            raise
        return answer, span

    async def _turn(self, endpoint: Endpoint, priority: Priority) -> Turn:
        self.require_speech(endpoint.doing, self._patience_seconds)
        try:
            async with asyncio.timeout(self._patience_seconds) as patience:
                return await self._budget.acquire(priority)
        except Exception as error:
            overslept = isinstance(error, TimeoutError) and patience.expired()
            what = "the budget of requests is spoken for" if overslept else "the budget cannot be drawn on"
            raise not_sent(endpoint.doing, what) from error

    def _on_time(
        self, turn: Turn, endpoint: Endpoint, priority: Priority, not_after: float | None
    ) -> BeforeBytes:
        """Give what to await before the first byte: whoever was held up takes another turn."""

        async def on_time() -> None:
            latest = turn
            while latest.is_over:
                latest = await self._turn(endpoint, priority)
            self._require_time(endpoint, not_after)

        return on_time

    def _require_time(self, endpoint: Endpoint, not_after: float | None) -> None:
        if not_after is not None and self._clock() > not_after:
            raise not_sent(
                endpoint.doing, "it was held up for so long that somebody else may have taken over"
            )

    def _tell(
        self, endpoint: Endpoint, span: tuple[float, float], status: int | None, error: HubError | None
    ) -> None:
        asked_at, began_at = span
        if self._observe is not None:
            self._observe(
                FinishedCall(
                    endpoint=endpoint.name,
                    seconds=self._clock() - began_at,
                    status=status,
                    failure=error.failure if error else None,
                    fate=error.fate if error else None,
                    waited_seconds=began_at - asked_at,
                )
            )


def judged(endpoint: Endpoint, answer: Answer) -> HubError | None:
    """Give the error that an answer is; None for a success."""
    if judgement.is_success(answer):
        return None
    return judgement.judge(endpoint.doing, answer, datetime.now(UTC))


def not_sent(doing: str, what: str, *, retry_after_seconds: float | None = None) -> HubError:
    """Give the error of a request that never got its turn."""
    return HubError(
        f"{doing}: not sent, {what}",
        failure=HubFailure.THROTTLED,
        fate=Fate.NOT_SENT,
        retry_after_seconds=retry_after_seconds,
    )
