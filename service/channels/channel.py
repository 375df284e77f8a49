"""The shape of a channel: it is given one message and says what became of it.

A channel never retries, waits or remembers: order, pace and repeats are the notifier's. It never raises
either; whatever goes wrong is an `Outcome`, because the next channel's message must not depend on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol
from uuid import UUID

ERROR_MAX: Final = 300
"""Characters of a receiver's answer that are kept: enough to say what it disliked."""


class Fate(StrEnum):
    """What became of a message."""

    SENT = "sent"
    REFUSED = "refused"
    """The receiver will never take it; sending it again would be refused again."""
    LATER = "later"
    """It did not arrive, and may at another time."""
    UNKNOWN = "unknown"
    """It may have arrived: it is sent again, marked as a possible repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message, in one line for people, and when the receiver wants the next one."""

    fate: Fate
    detail: str = ""
    retry_after_seconds: float | None = None


SENT: Final = Outcome(fate=Fate.SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notification on its way; `body` is that of `service.domain.alerts.body`."""

    alert_id: UUID
    sequence: int
    body: Mapping[str, Any]
    is_repeat: bool = False
    """An earlier send of the very same message may have arrived."""

    @property
    def key(self) -> str:
        """The same for every send of this message, and for no other: receivers fold repeats by it."""
        return f"msg_{self.alert_id.hex}_{self.sequence}"

    @property
    def alert_key(self) -> str:
        """By what a receiver knows the alert among those of all that send to it: other installations may."""
        instance, fingerprint = self.body.get("instance"), self.body["fingerprint"]
        return f"{instance}/{fingerprint}" if instance else str(fingerprint)


class Channel(Protocol):
    """Where messages go."""

    @property
    def kind(self) -> str:
        """What sort of channel it is, from a small closed set: metrics bear it."""

    @property
    def label(self) -> str:
        """How people recognise it; without anything secret."""

    @property
    def digest(self) -> str:
        """Its name in the outbox: the same as long as it is the same receiver."""

    @property
    def pace_seconds(self) -> float:
        """The least time between two messages."""

    @property
    def refresh_seconds(self) -> float | None:
        """How often a receiver with a short memory is told again what stands; None for no need."""

    async def send(self, message: Message) -> Outcome:
        """Send one message."""

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:
        """Tell again what still stands."""

    async def close(self) -> None:
        """Let go of connections."""


def digest(identity: str) -> str:
    """Name a receiver by what identifies it, which may be secret."""
    return hashlib.sha256(identity.encode()).hexdigest()[:24]


def one_line(text: str) -> str:
    """A receiver's answer as it may stand in a log or on a page."""
    visible = "".join(character if character.isprintable() else " " for character in text[: 4 * ERROR_MAX])
    return " ".join(visible.split())[:ERROR_MAX]
