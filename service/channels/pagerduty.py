"""`pagerduty://ROUTING_KEY`: incidents by PagerDuty's Events API, version 2.

The fingerprint, behind the installation's name where it has one, is the deduplication key: every message of
an alert goes to one incident, a repeat changes nothing, the end resolves it, and a regression opens it anew.
Accounts in Europe add `?region=eu`.
`pagerduty+http(s)://ROUTING_KEY@host/path` sends through a proxy of one's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from service.channels.channel import SENT, Message, Outcome, digest
from service.channels.post import Poster, Target
from service.channels.url import Unusable, split, target
from service.channels.wording import inert

HOST_BY_REGION: Final[Mapping[str, str]] = {"us": "events.pagerduty.com", "eu": "events.eu.pagerduty.com"}
PATH: Final = "/v2/enqueue"

KEY_CHARACTERS: Final = 32
DEDUPLICATION_KEY_MAX: Final = 255
SUMMARY_MAX: Final = 1_024


class PagerDuty:
    """Sends events to one PagerDuty integration."""

    kind = "pagerduty"
    pace_seconds = 0.6
    refresh_seconds = None

    def __init__(self, receiver: Target, routing_key: str, *, allow_private: bool) -> None:
        self._poster = Poster(receiver, allow_private=allow_private, secrets=[routing_key])
        self._routing_key = routing_key
        self.label = f"PagerDuty at {receiver.authority}"
        self.digest = digest(f"{self.kind} {receiver.authority} {receiver.path_and_query} {routing_key}")

    async def send(self, message: Message) -> Outcome:
        """Trigger or resolve one incident."""
        content = msgspec.json.encode(event(message, self._routing_key))
        return await self._poster.post(content, {"content-type": "application/json"})

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - nothing to tell again
        """PagerDuty keeps incidents until they are resolved."""
        return SENT

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def open_pagerduty(url: str, *, allow_private: bool) -> PagerDuty:
    """Read `pagerduty://KEY[?region=eu]`; the key keeps its capitals."""
    parts = split(url)
    region = parts.query.removeprefix("region=") or "us"
    if region not in HOST_BY_REGION:
        raise Unusable("takes ?region=us or ?region=eu, and nothing else")
    receiver = Target(scheme="https", host=HOST_BY_REGION[region], port=443, path_and_query=PATH)
    return PagerDuty(receiver, _key(unquote(parts.netloc)), allow_private=allow_private)


def open_pagerduty_proxy(url: str, *, allow_private: bool) -> PagerDuty:
    """Read `http(s)://KEY@host[:port][/path]`."""
    key = _key(unquote(split(url).username or ""))
    receiver, _ = target(url, allow_private=allow_private, default_path=PATH)
    open_to_all = Target(
        scheme=receiver.scheme, host=receiver.host, port=receiver.port, path_and_query=receiver.path_and_query
    )
    return PagerDuty(open_to_all, key, allow_private=allow_private)


def _key(text: str) -> str:
    if len(text) != KEY_CHARACTERS or not text.isascii() or not text.isalnum():
        raise Unusable(f"needs the integration's routing key, {KEY_CHARACTERS} letters and digits")
    return text


def event(message: Message, routing_key: str) -> Mapping[str, Any]:
    """One event as PagerDuty takes it."""
    body = message.body
    key = message.alert_key[:DEDUPLICATION_KEY_MAX]
    if body["status"] == "resolved":
        return {"routing_key": routing_key, "event_action": "resolve", "dedup_key": key}
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "tieout",
        "client_url": body["url"],
        "links": [{"href": body["runbook_url"], "text": "Runbook"}],
        "payload": {
            "summary": inert(body["summary"])[:SUMMARY_MAX],
            "severity": body["severity"],
            "source": "tieout",
            "timestamp": body["started_at"],
            "component": body["cause"] or body["kind"],
            "class": body["kind"],
            "custom_details": {
                "detail": inert(body["detail"]),
                "whose_turn": body["owner"],
                "next_step": inert(body.get("next_step") or ""),
                "records_count": body["records_count"],
                "organizations_count": body["organizations_count"],
                "money_at_risk_minor": body["money_at_risk"],
                "message": message.key,
                "is_repeat": message.is_repeat,
            },
        },
    }
