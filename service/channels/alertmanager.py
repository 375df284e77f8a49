"""`alertmanager+http(s)://host[:port]`: alerts by Prometheus Alertmanager's API, version 2.

An alert's identity there is its labels, so these hold nothing that changes, but for the severity, by which
people route: when that rises, the alert under its former labels is ended in the same request.

Alertmanager keeps alerts in memory and ends those that nobody repeats. What stands is therefore told again
every minute (`refresh`), with an end a day ahead: a day of silence of ours is longer than any restart, and
only healing ends an alert sooner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from service.channels.channel import SENT, Message, Outcome, digest
from service.channels.post import Poster, Target
from service.channels.url import Unusable, target
from service.channels.wording import inert
from service.domain.alerts.body import rfc3339
from service.domain.alerts.text import amounts

PATH: Final = "/api/v2/alerts"
STANDS_FOR: Final = timedelta(days=1)
REFRESH_SECONDS: Final = 60.0

_HEADERS: Final = {"content-type": "application/json"}


def _now() -> datetime:
    return datetime.now(UTC)


class Alertmanager:
    """Posts alerts to one Alertmanager."""

    kind = "alertmanager"
    pace_seconds = 0.05
    refresh_seconds = REFRESH_SECONDS

    def __init__(
        self, receiver: Target, *, allow_private: bool, clock: Callable[[], datetime] = _now
    ) -> None:
        self._poster = Poster(receiver, allow_private=allow_private)
        self._clock = clock
        self.label = f"Alertmanager at {receiver.authority}"
        self.digest = digest(f"{self.kind} {receiver.scheme} {receiver.authority} {receiver.path_and_query}")

    async def send(self, message: Message) -> Outcome:
        """Post one alert."""
        now = self._clock()
        alerts = [alert(message.body, now)]
        former = message.body.get("previous_severity")
        if former and former != message.body["severity"]:
            # Our clock may be behind the one that says when it began, and nothing ends before that.
            ended_at = max(rfc3339(now), message.body["started_at"])
            alerts.append(alert({**message.body, "severity": former, "ended_at": ended_at}, now))
        return await self._poster.post(msgspec.json.encode(alerts), _HEADERS)

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:
        """Post everything that stands, in one request."""
        if not bodies:
            return SENT
        now = self._clock()
        return await self._poster.post(msgspec.json.encode([alert(body, now) for body in bodies]), _HEADERS)

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def open_alertmanager(url: str, *, allow_private: bool) -> Alertmanager:
    """Read `http(s)://host[:port][/prefix]`."""
    receiver, taken = target(url, allow_private=allow_private)
    if taken or "?" in receiver.path_and_query:
        raise Unusable("takes no query after the address of an Alertmanager")
    prefix = receiver.path_and_query.rstrip("/").removesuffix(PATH)
    return Alertmanager(
        Target(
            scheme=receiver.scheme,
            host=receiver.host,
            port=receiver.port,
            path_and_query=prefix + PATH,
            authorization=receiver.authorization,
        ),
        allow_private=allow_private,
    )


def alert(body: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """One alert as Alertmanager takes it; it ended when the body says so."""
    labels = {
        "alertname": body["kind"],
        "service": "tieout",
        "instance": body.get("instance"),
        "severity": body["severity"],
        "fingerprint": body["fingerprint"],
        "cause": body["cause"],
    }
    annotations = {
        # Its own receivers are chats and mails, each with a markup that nobody here knows.
        "summary": inert(body["summary"]),
        "description": inert(body["detail"]),
        "next_step": inert(body.get("next_step") or ""),
        "owner": body["owner"],
        "organizations_count": str(body["organizations_count"]),
        "records_count": str(body["records_count"]),
        "money_at_risk": amounts(body["money_at_risk"]),
        "runbook_url": body["runbook_url"],
        "alert_id": body["id"],
    }
    return {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": body["started_at"],
        "endsAt": body["ended_at"] or rfc3339(now + STANDS_FOR),
        "generatorURL": body["url"],
    }
