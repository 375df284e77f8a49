"""The log: each notification as one line, always on: an alert is on record even without any channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from service.channels.channel import SENT, Message, Outcome

DIGEST: Final = "log"
"""Its name in the outbox; there is one."""

_LEVEL_BY_SEVERITY: Final = {"critical": "error", "warning": "warning", "info": "info"}
_SHOWN: Final = (
    "fingerprint",
    "status",
    "severity",
    "kind",
    "cause",
    "summary",
    "detail",
    "owner",
    "next_step",
    "organizations_count",
    "records_count",
    "money_at_risk",
    "started_at",
    "ended_at",
    "reason",
    "url",
    "runbook_url",
)

log = structlog.get_logger()


class Log:
    """Writes notifications into the log."""

    kind = "log"
    label = "log"
    digest = DIGEST
    pace_seconds = 0.0
    refresh_seconds = None

    async def send(self, message: Message) -> Outcome:
        """Write one line."""
        body = message.body
        level = (
            "info" if body["status"] == "resolved" else _LEVEL_BY_SEVERITY.get(body["severity"], "warning")
        )
        facts = {name: body.get(name) for name in _SHOWN}
        getattr(log, level)(
            "alert_notified",
            alert_id=body["id"],
            sequence=message.sequence,
            is_repeat=message.is_repeat,
            **facts,
        )
        return SENT

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - nothing to tell again
        """The log forgets nothing."""
        return SENT

    async def close(self) -> None:
        """Nothing is open."""
