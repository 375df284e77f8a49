"""The partner's access token: fetched by one caller for all, before the old one ends.

The hub's own `expires_in` decides how long a token is used, less a margin; while it is still good, a failed
renewal is no failure.

One renewal runs at a time, as a task of its own: whoever waits for it may be cancelled without harm to the
others. After a failed one nobody tries again for a moment, and all are told the same: a hundred workers with
a wrong secret must not knock a hundred times a second.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from service import elapsed
from service.errors import Fate, HubError, HubFailure
from service.hub.exchange import Answer

MARGIN_SECONDS_MAX: Final = 60.0
MARGIN_SHARE: Final = 0.1
"""A token is renewed a minute before its end, or after nine tenths of a short life: time for one slow
renewal."""

LIFETIME_SECONDS_MAX: Final = 86_400.0
"""The longest life that the hub documents; a longer one is a slip, and renewing once a day costs nothing."""

LIFETIME_SECONDS_UNSTATED: Final = 300.0
"""Used where `expires_in` is absent or no number: a sixth of the shortest documented life."""

RETRY_SECONDS: Final = 0.5
"""After a renewal that failed."""

REFUSED_RETRY_SECONDS: Final = 15.0
"""After one that was refused: credentials do not mend themselves, and some servers lock out who insists."""

TOKEN_CHARACTERS_MAX: Final = 6000
"""Servers take headers of 8 kB; a token with a line break in it would be a header of its own."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the local times at which it is to be renewed, and no longer good."""

    text: str = field(repr=False)
    renew_at: float
    ends_at: float


Fetch = Callable[[], Awaitable[Answer]]


class Tokens:
    """The one token that all calls use."""

    def __init__(self, fetch: Fetch, *, clock: Callable[[], float] = elapsed.seconds) -> None:
        """Get tokens by `fetch`, which asks the hub once and raises `HubError`."""
        self._fetch = fetch
        self._clock = clock
        self._token: Token | None = None
        self._renewal: asyncio.Task[Token | HubError] | None = None
        self._failed: HubError | None = None
        self._retry_at = -math.inf

    async def get(self) -> Token:
        """Give a token that is good, renewing it when it is time; raises `HubError`, always as *not sent*."""
        token = self._token
        if token is not None and self._clock() < token.renew_at:
            return token
        outcome = await self._renew()
        if isinstance(outcome, Token):
            return outcome
        if token is not None and token is self._token and self._clock() < token.ends_at:
            return token
        raise outcome

    def discard(self, token: Token) -> None:
        """Forget `token`, which the hub no longer takes, unless it was replaced meanwhile."""
        if self._token is token:
            self._token = None

    async def aclose(self) -> None:
        """End a renewal that still runs."""
        if self._renewal is not None and not self._renewal.done():
            self._renewal.cancel()
            await asyncio.wait([self._renewal])

    async def _renew(self) -> Token | HubError:
        if self._renewal is None:
            if self._failed is not None and self._clock() < self._retry_at:
                return _again(self._failed)
            self._renewal = asyncio.create_task(self._fetch_once(), name="hub-token")
        renewal = self._renewal
        outcome = await asyncio.shield(renewal)
        return outcome if isinstance(outcome, Token) else _again(outcome)

    async def _fetch_once(self) -> Token | HubError:
        """Ask once. The outcome is a value, so that a failure nobody waits for any more is no noise."""
        asked_at = self._clock()
        try:
            self._token = _read(await self._fetch(), asked_at)
        except HubError as error:
            is_refused = error.failure is HubFailure.UNAUTHORIZED
            self._failed = error
            self._retry_at = self._clock() + (REFUSED_RETRY_SECONDS if is_refused else RETRY_SECONDS)
            return error
        else:
            self._failed = None
            return self._token
        finally:
            self._renewal = None


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: object = None


def _read(answer: Answer, asked_at: float) -> Token:
    """Read a token from an answer; its life is counted from when it was asked for."""
    try:
        granted = msgspec.json.decode(answer.body, type=_Granted)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise _unreadable(answer) from error
    text = granted.access_token
    if not (
        text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= TOKEN_CHARACTERS_MAX
    ):
        raise _unreadable(answer)
    lifetime = LIFETIME_SECONDS_UNSTATED
    if isinstance(granted.expires_in, int | float) and granted.expires_in > 0:
        lifetime = float(min(granted.expires_in, LIFETIME_SECONDS_MAX))
    margin = min(MARGIN_SECONDS_MAX, lifetime * MARGIN_SHARE)
    return Token(text, renew_at=asked_at + lifetime - margin, ends_at=asked_at + lifetime)


def _unreadable(answer: Answer) -> HubError:
    return HubError(
        "sign in: the answer holds no access token",
        failure=HubFailure.UNREADABLE,
        fate=Fate.NOT_SENT,
        http_status=answer.status,
    )


def _again(error: HubError) -> HubError:
    """Say the same to another caller, whose request was not sent, whatever befell the renewal."""
    return HubError(
        str(error),
        failure=error.failure,
        fate=Fate.NOT_SENT,
        http_status=error.http_status,
        retry_after_seconds=error.retry_after_seconds,
        request_id=error.request_id,
    )
