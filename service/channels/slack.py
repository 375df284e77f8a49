"""`slack+https://hooks.slack.com/services/…`: messages by Slack's incoming webhooks.

Such a webhook can neither thread nor change a message, so each message carries the whole present state.
Nothing in it is markup but our own two links: the three characters that could begin any are escaped, as
Slack asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from service.channels import wording
from service.channels.channel import SENT, Message, Outcome, digest
from service.channels.post import Poster, Target
from service.channels.url import target

TEXT_MAX: Final = 3_000
"""Characters of one block, by Slack's rules."""

ESCAPED_MAX: Final = 5
"""Characters that one becomes by escaping, at most: an ampersand."""

_MARK_BY_SEVERITY: Final = {"critical": "\U0001f534", "warning": "\U0001f7e0", "info": "\U0001f535"}
_MARK_RESOLVED: Final = "\u2705"

_AS_TEXT: Final = {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
"""No markup in `text`, and no preview of an address that somebody wrote into a name."""


class Slack:
    """Posts messages to one Slack channel."""

    kind = "slack"
    pace_seconds = 1.1
    refresh_seconds = None

    def __init__(self, receiver: Target, *, allow_private: bool) -> None:
        self._poster = Poster(receiver, allow_private=allow_private)
        self.label = f"Slack at {receiver.authority}"
        self.digest = digest(f"{self.kind} {receiver.authority} {receiver.path_and_query}")

    async def send(self, message: Message) -> Outcome:
        """Post one message."""
        content = msgspec.json.encode(payload(message))
        return await self._poster.post(content, {"content-type": "application/json"})

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - nothing to tell again
        """Slack keeps its messages."""
        return SENT

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def open_slack(url: str, *, allow_private: bool) -> Slack:
    """Read `https://…`."""
    receiver, _ = target(url, allow_private=allow_private)
    return Slack(receiver, allow_private=allow_private)


def payload(message: Message) -> Mapping[str, Any]:
    """One message as Slack takes it: `text` for the lock screen, `blocks` for the channel."""
    body = message.body
    mark = _MARK_RESOLVED if wording.is_over(message) else _MARK_BY_SEVERITY.get(body["severity"], "")
    title = f"{mark} {wording.title(message)}"
    blocks = [_plain(title), *(_plain(line) for line in wording.lines(message))]
    links = f"<{_escaped(body['url'])}|Open> · <{_escaped(body['runbook_url'])}|Runbook>"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": links}]})
    return {"text": _fitting(title), "blocks": blocks, **_AS_TEXT}


def _plain(text: str) -> Mapping[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": _fitting(text), "emoji": False}}


def _fitting(text: str) -> str:
    """All of a text, escaped; of one that is too long then, as much as fits whatever it is made of."""
    escaped = _escaped(text)
    return escaped if len(escaped) <= TEXT_MAX else _escaped(wording.cut(text, TEXT_MAX // ESCAPED_MAX))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
