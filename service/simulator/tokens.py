"""Access tokens: given for the partner's credentials, good for some time, revocable.

Any number of tokens may be valid at once; expiry follows the hub's clock.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.simulator.chance import Chance

TOKENS_MAX = 10_000
"""Tokens remembered; the oldest are forgotten first, which a client sees as revoked."""


class TokenState(StrEnum):
    """What a bearer token is worth."""

    VALID = "valid"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Token:
    """One token; a user's token sees the one organization of that user."""

    value: str
    expires_at: datetime
    organization_id: str | None = None


class Tokens:
    """The partner's credentials and what was given for them."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._tokens: dict[str, Token] = {}
        self.organization_by_user: dict[str, str] = {}
        self.client_id = chance.uuid()
        self.client_secret = chance.uuid()

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Check credentials in constant time."""
        given = f"{client_id}:{client_secret}".encode()
        return hmac.compare_digest(given, f"{self.client_id}:{self.client_secret}".encode())

    def give(self, at: datetime, seconds: int, organization_id: str | None = None) -> Token:
        """Make a token."""
        value = f"sim-{self._chance.uuid()}{self._chance.uuid()}"
        token = Token(value, at + timedelta(seconds=seconds), organization_id)
        self._tokens[value] = token
        while len(self._tokens) > TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]
        return token

    def find(self, value: str) -> Token | None:
        """Return a token that was given and not revoked."""
        return self._tokens.get(value)

    def state(self, value: str, at: datetime) -> TokenState:
        """Say what a bearer value is worth now."""
        token = self._tokens.get(value)
        if token is None:
            return TokenState.UNKNOWN
        return TokenState.VALID if at < token.expires_at else TokenState.EXPIRED

    def revoke(self, value: str) -> None:
        """Forget one token."""
        self._tokens.pop(value, None)

    def revoke_all(self) -> None:
        """Forget every token, as after a rotation of keys."""
        self._tokens.clear()
