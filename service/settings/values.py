"""What a setting may be: the types behind the variables."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

KEY_CHARACTERS_MIN = 22
"""128 bits in base64, which nobody guesses; shorter keys work, but `advice` speaks of them."""

KEY_CHARACTERS_MAX = 512
"""Far more than anybody guesses; longer ones are not looked at when they are sent."""


class Secret:
    """A text that shows itself to nobody by accident: `repr`, `str` and formatting give `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text itself; call it where it is used, and keep it nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)


class Role(StrEnum):
    """What a key may do: look; act on records and alerts as well; sign statements as well."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"


class HubDialect(StrEnum):
    """The two spellings of the hub's paths and headers."""

    TESOURO = "tesouro"
    MONITE = "monite"


class Digest(StrEnum):
    """The hash under a webhook's signature."""

    SHA256 = "sha256"
    SHA512 = "sha512"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One caller: its name in the paper trail, its role, its key, perhaps its only organization."""

    name: str
    role: Role
    key: Secret
    organization_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the web side listens. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
