"""`heartbeat+https://…`: a watch on alerting itself, kept by somebody else.

The address of a dead man's switch (Healthchecks, Dead Man's Snitch and their like) is called every minute for
as long as alerts are decided and the outbox is worked off; when we are dead, or cannot see, the calls stop,
and whoever keeps the watch tells people. No alert is sent to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.channels.channel import SENT, Message, Outcome, digest
from service.channels.post import Poster, Target
from service.channels.url import target

BEAT_SECONDS: Final = 60.0
"""The shortest period that the usual keepers of such a watch take."""

KIND: Final = "heartbeat"


class Heartbeat:
    """Calls one watch."""

    kind = KIND
    pace_seconds = 0.0
    refresh_seconds = BEAT_SECONDS

    def __init__(self, receiver: Target, *, allow_private: bool) -> None:
        self._poster = Poster(receiver, allow_private=allow_private)
        self.label = f"heartbeat to {receiver.authority}"
        self.digest = digest(f"{self.kind} {receiver.scheme} {receiver.authority} {receiver.path_and_query}")

    async def send(self, message: Message) -> Outcome:  # noqa: ARG002 - alerts are told elsewhere
        """A watch hears no alerts."""
        return SENT

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - whatever stands
        """Say that alerting lives."""
        return await self._poster.post(b"", {})

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def open_heartbeat(url: str, *, allow_private: bool) -> Heartbeat:
    """Read `http(s)://…`."""
    receiver, _ = target(url, allow_private=allow_private)
    return Heartbeat(receiver, allow_private=allow_private)
