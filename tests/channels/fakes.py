"""Doubles of the services that people are told by.

Each checks a request as the real one does, answers with its status codes, and keeps what it would show.
They sit behind `receiver.Receiver`, a real server, and are put before it as its mind:
`receiver.decide = fake`.
`trouble` answers in the service's stead, so that a test can have it fail, throttle, hang up or stay silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from tests.channels.receiver import Answer, Received

THROTTLED = Answer(status=429, headers={"retry-after": "1"}, text=b"rate_limited")

Trouble = Callable[[Received], Answer | None]


def well(_: Received) -> Answer | None:
    """No trouble."""
    return None


@dataclass
class Fake:
    """What all have in common."""

    trouble: Trouble = well

    def __call__(self, request: Received) -> Answer:
        """Answer one request."""
        return self.trouble(request) or self.take(request)

    def take(self, request: Received) -> Answer:
        """Answer as the service does when it is well."""
        raise NotImplementedError


@dataclass
class SignedReceiver(Fake):
    """A receiver of Standard Webhooks, which folds by the id of the message."""

    messages: dict[str, list[Any]] = field(default_factory=dict)

    def take(self, request: Received) -> Answer:
        """Keep each message once, and all its deliveries."""
        self.messages.setdefault(request.headers["webhook-id"], []).append(request.body)
        return Answer(status=204, text=b"")


@dataclass
class SlackChannel(Fake):
    """An incoming webhook: it keeps every message, and folds nothing."""

    messages: list[Any] = field(default_factory=list)

    def take(self, request: Received) -> Answer:
        """Check the shape by Slack's limits."""
        body = request.body
        blocks = body.get("blocks", [])
        texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
        if not body.get("text") and not blocks:
            return Answer(status=400, text=b"no_text")
        if len(blocks) > 50 or any(not 0 < len(text) <= 3_000 for text in texts):
            return Answer(status=400, text=b"invalid_blocks")
        self.messages.append(body)
        return Answer(text=b"ok")


@dataclass
class TeamsWorkflow(Fake):
    """A workflow: 202 before anything is posted."""

    messages: list[Any] = field(default_factory=list)

    def take(self, request: Received) -> Answer:
        """Check what the template "when a webhook request is received" insists on."""
        body = request.body
        if len(request.content) > 28 * 1_024:
            return Answer(status=413, text=b"RequestEntityTooLarge")
        cards = [each["content"] for each in body.get("attachments", ())]
        if body.get("type") != "message" or not cards:
            return Answer(status=400, text=b"TriggerInputSchemaMismatch")
        if any(card["type"] != "AdaptiveCard" or not card["version"] for card in cards):
            return Answer(status=400, text=b"BadRequest")
        self.messages.append(body)
        return Answer(status=202, text=b"")


@dataclass
class PagerDutyService(Fake):
    """The Events API, version 2: one incident per open deduplication key."""

    open: dict[str, Any] = field(default_factory=dict)
    incidents: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)

    def take(self, request: Received) -> Answer:
        """Trigger or resolve."""
        event = request.body
        key = event.get("dedup_key")
        if len(event.get("routing_key", "")) != 32 or not key or len(key) > 255:
            return Answer(status=400, text=b'{"status":"invalid event"}')
        self.messages.append(event)
        if event["event_action"] == "resolve":
            if self.open.pop(key, None) is not None:
                self.resolved.append(key)
        else:
            if event["payload"]["severity"] not in {"critical", "error", "warning", "info"}:
                return Answer(status=400, text=b'{"status":"invalid event"}')
            if key not in self.open:
                self.incidents.append(key)
            self.open[key] = event["payload"]
        return Answer(status=202, text=msgspec.json.encode({"status": "success", "dedup_key": key}))


@dataclass
class OpsgenieAlert:
    """One alert as its page shows it."""

    message: str
    priority: str
    count: int = 1
    notes: list[str] = field(default_factory=list)
    is_open: bool = True


@dataclass
class OpsgenieService(Fake):
    """The Alert API, version 2: one open alert per alias; a further create counts, and adds a note."""

    key: str = ""
    alerts: dict[str, list[OpsgenieAlert]] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)

    def take(self, request: Received) -> Answer:
        """Answer 202 to whatever is well formed: it is worked off later, and may come to nothing."""
        parts = urlsplit(request.path)
        if request.headers.get("authorization") != f"GenieKey {self.key}":
            return Answer(status=401, text=b'{"message":"Could not authenticate"}')
        body = request.body
        segments = parts.path.removeprefix("/v2/alerts").strip("/").split("/")
        match request.method, segments:
            case "POST", [""]:
                if not 0 < len(body.get("message", "")) <= 130 or len(body.get("alias", "")) > 512:
                    return Answer(status=422, text=b'{"message":"Request body is not processable"}')
                self._open(body)
            case ("POST", [alias, "close"]) | ("PUT", [alias, "priority"]):
                if parse_qs(parts.query) != {"identifierType": ["alias"]}:
                    return Answer(status=422, text=b'{"message":"Identifier type is not valid"}')
                self._change(unquote(alias), body)
            case _:
                return Answer(status=404, text=b'{"message":"No handler found"}')
        self.messages.append(body)
        return Answer(status=202, text=b'{"result":"Request will be processed"}')

    def standing(self, alias: str) -> OpsgenieAlert | None:
        """The open alert of an alias."""
        return next((alert for alert in self.alerts.get(alias, []) if alert.is_open), None)

    def _open(self, body: Any) -> None:
        alert = self.standing(body["alias"])
        if alert is None:
            alert = OpsgenieAlert(message=body["message"], priority=body.get("priority", "P3"))
            self.alerts.setdefault(body["alias"], []).append(alert)
        else:
            alert.count += 1
        alert.notes.append(body.get("note", ""))

    def _change(self, alias: str, body: Any) -> None:
        alert = self.standing(alias)
        if alert is None:
            return
        if "priority" in body:
            alert.priority = body["priority"]
        else:
            alert.is_open = False
            alert.notes.append(body.get("note", ""))
