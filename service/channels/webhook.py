"""`webhook+http(s)://…`: the body as JSON, signed as Standard Webhooks has it when the URL has a secret.

Signed content is `{webhook-id}.{webhook-timestamp}.{body}`. The id is the same for every send of a message,
so a receiver folds repeats by it; the timestamp is that of the send. A send that may be a repeat says so,
in the header `tieout-repeat: true` and in the body's field `is_repeat`.

The secret is `whsec_` and base64, as the standard writes it. One that is written in another way may be
meant as base64 or as it stands; the header may bear several signatures, so it bears both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from service.channels.channel import SENT, Message, Outcome, digest
from service.channels.post import Poster, Target
from service.channels.url import Unusable, target

PREFIX: Final = "whsec_"


class Webhook:
    """Posts notifications to one receiver."""

    kind = "webhook"
    pace_seconds = 0.1
    refresh_seconds = None

    def __init__(
        self,
        receiver: Target,
        keys: Sequence[bytes],
        *,
        allow_private: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._poster = Poster(receiver, allow_private=allow_private)
        self._keys = keys
        self._clock = clock
        self.label = f"webhook to {receiver.authority}"
        self.digest = digest(f"{self.kind} {receiver.scheme} {receiver.authority} {receiver.path_and_query}")

    async def send(self, message: Message) -> Outcome:
        """Post one notification."""
        body = msgspec.json.encode({**message.body, "is_repeat": message.is_repeat})
        headers = {"content-type": "application/json", "webhook-id": message.key}
        if message.is_repeat:
            headers["tieout-repeat"] = "true"
        timestamp = str(int(self._clock()))
        headers["webhook-timestamp"] = timestamp
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, message.key, timestamp, body)
        return await self._poster.post(body, headers)

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - nothing to tell again
        """A receiver of webhooks remembers by itself."""
        return SENT

    async def close(self) -> None:
        """Let go of connections."""
        await self._poster.close()


def open_webhook(url: str, *, allow_private: bool) -> Webhook:
    """Read `http(s)://…?secret=…`."""
    receiver, taken = target(url, allow_private=allow_private)
    return Webhook(receiver, keys_of(taken.get("secret")), allow_private=allow_private)


def signature(keys: Sequence[bytes], message_id: str, timestamp: str, body: bytes) -> str:
    """The value of `webhook-signature`."""
    content = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, content, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(each).decode()}" for each in digests)


def keys_of(secret: str | None) -> Sequence[bytes]:
    """The keys that a secret may stand for; none without one."""
    if secret is None:
        return ()
    if not secret or secret == PREFIX:
        raise Unusable("has an empty secret; leave ?secret= out, or give it one")
    if secret.startswith(PREFIX):
        key = _decoded(secret.removeprefix(PREFIX))
        if not key:
            raise Unusable(f"has a secret that begins with {PREFIX} and does not go on in base64")
        return (key,)
    meant = _decoded(secret)
    return (secret.encode(), meant) if meant else (secret.encode(),)


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
