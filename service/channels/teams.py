"""`teams+https://…`: messages by a workflow of Microsoft Teams, "when a webhook request is received".

A workflow answers 202 before anything is posted, and knows no identity, so each message is a card that
carries the whole present state. Its texts are text runs: unlike text blocks and facts, these have no markup,
so nothing from outside becomes a link or a mention.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from service.channels import wording
from service.channels.channel import SENT, Message, Outcome, digest
from service.channels.post import Poster, Target
from service.channels.url import target

TEXT_MAX: Final = 1_500
"""Characters of one text: four of them keep a card within Teams' 28 kB, whatever they are made of."""

CARD_TYPE: Final = "application/vnd.microsoft.card.adaptive"
CARD_VERSION: Final = "1.4"

_COLOR_BY_SEVERITY: Final = {"critical": "Attention", "warning": "Warning", "info": "Accent"}
_COLOR_RESOLVED: Final = "Good"


class Teams:
    """Posts cards to one workflow."""

    kind = "teams"
    pace_seconds = 1.1
    refresh_seconds = None

    def __init__(self, receiver: Target, *, allow_private: bool) -> None:
        self._poster = Poster(receiver, allow_private=allow_private)
        self.label = f"Teams at {receiver.authority}"
        # The path names the workflow; the query holds the signature, which may be renewed.
        self.digest = digest(f"{self.kind} {receiver.authority} {receiver.path_and_query.partition('?')[0]}")

    async def send(self, message: Message) -> Outcome:
        """Post one card."""
        content = msgspec.json.encode(payload(message))
        return await self._poster.post(content, {"content-type": "application/json"})

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - nothing to tell again
        """Teams keeps its messages."""
        return SENT

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def open_teams(url: str, *, allow_private: bool) -> Teams:
    """Read `https://…`."""
    receiver, _ = target(url, allow_private=allow_private)
    return Teams(receiver, allow_private=allow_private)


def payload(message: Message) -> Mapping[str, Any]:
    """One message as a workflow takes it."""
    body = message.body
    color = (
        _COLOR_RESOLVED if wording.is_over(message) else _COLOR_BY_SEVERITY.get(body["severity"], "Default")
    )
    title = _text(wording.title(message), weight="Bolder", size="Medium", color=color)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": CARD_VERSION,
        "msteams": {"width": "Full"},
        "body": [title, *(_text(line) for line in wording.lines(message))],
        "actions": [
            {"type": "Action.OpenUrl", "title": "Open", "url": body["url"]},
            {"type": "Action.OpenUrl", "title": "Runbook", "url": body["runbook_url"]},
        ],
    }
    return {
        "type": "message",
        "attachments": [{"contentType": CARD_TYPE, "contentUrl": None, "content": card}],
    }


def _text(text: str, **style: str) -> Mapping[str, Any]:
    # Two opening braces begin a date function of cards.
    shown = wording.cut(text, TEXT_MAX).replace("{{", "{ {")
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": shown, **style}]}
