"""How a notification reads wherever people read it: one title, then what a person at night needs, in order.

What, how many and how much money stand in the alert's own summary and detail (`service.domain`), where line
breaks and control characters have been taken out. Markup is each channel's own business; `inert` is for those
whose markup nobody can know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.channels.channel import Message

_TWINS: Final = str.maketrans({"<": "\u2039", ">": "\u203a", "@": "\uff20", "[": "\uff3b", "]": "\uff3d"})
"""What mentions people, opens a tag or hides where a link leads; its twin looks alike and does nothing."""


def is_over(message: Message) -> bool:
    """Whether it tells of an end."""
    return bool(message.body["status"] == "resolved")


def title(message: Message) -> str:
    """What happened, to how many; a possible repeat says so."""
    repeat = " (this may be a repeat)" if message.is_repeat else ""
    return f"{message.body['severity']}: {message.body['summary']}{repeat}"


def lines(message: Message) -> Sequence[str]:
    """How much money and since when; then whose turn it is and the next step, while there is one."""
    body = message.body
    found = [str(body["detail"])]
    if not is_over(message):
        owner = (body["owner"] or "nobody").replace("_", " ")
        found.append(f"Whose turn: {owner}. {body.get('next_step') or ''}".rstrip())
    return [line for line in found if line]


def inert(text: str) -> str:
    """Text for a receiver whose markup is not known: nothing in it mentions, links or tags."""
    return text.translate(_TWINS)


def cut(text: str, limit: int) -> str:
    """At most so many characters; what is left out leaves an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
