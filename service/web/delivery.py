"""What a webhook says: an event as a row to be stored, or, unreadable, as bytes set aside.

The bytes were signed, so their sender is right to expect that they are kept, whatever they are. What cannot
be read is a value, not an error: it is filed under the nil organization by a digest of its bytes, with the
reason, and changes nothing. Only the few fields that lead to a read are looked at; an event is a hint.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID, uuid5

import msgspec

NIL = str(UUID(int=0))
"""Neither an organization nor a subscription: the fleet, or nobody that we could tell."""

_UNREADABLE = UUID("6f0c1f57-3b52-5a0e-9f0d-52a3f1f0c1aa")
"""Name space of the ids of unreadable deliveries: the same bytes get the same id, so repeats fold."""

WORD_CHARACTERS_MAX = 200
"""An action, an object type, an id: longer ones are none."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One signed delivery, ready to be stored; `quarantined` says why it could not be read.

    Each is itself alone: two are told to be the same by their key. Ids are written as Postgres writes them,
    which is quicker to read, sort and send than objects are.
    """

    organization_id: str
    event_id: str
    subscription_id: str
    object_type: str | None = None
    action: str | None = None
    object_id: str | None = None
    created_at: datetime | None = None
    raw: bytes
    quarantined: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two deliveries the same."""
        return self.organization_id, self.event_id, self.subscription_id


class _Event(msgspec.Struct):
    id: str
    entity_id: str
    object_type: str
    action: str
    webhook_subscription_id: str | None = None
    created_at: object = None
    object_id: object = None
    subject: object = msgspec.field(default=None, name="object")


_EVENT = msgspec.json.Decoder(_Event)


def read(body: bytes) -> Delivery:
    """Read a delivery; never raises, whatever the bytes are."""
    try:
        event = _EVENT.decode(body)
        organization_id = _uuid("entity_id", event.entity_id)
        event_id = _uuid("id", event.id)
        subscription_id = (
            NIL
            if event.webhook_subscription_id is None
            else _uuid("webhook_subscription_id", event.webhook_subscription_id)
        )
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        return unreadable(body, str(error))
    except RecursionError:
        return unreadable(body, "it is nested too deeply")
    if organization_id == NIL:
        return unreadable(body, "its entity_id is the nil uuid")
    for name, word in (("object_type", event.object_type), ("action", event.action)):
        if not _is_word(word):
            return unreadable(body, f"its {name} is no word")
    return Delivery(
        organization_id=organization_id,
        event_id=event_id,
        subscription_id=subscription_id,
        object_type=event.object_type,
        action=event.action,
        object_id=_object_id(event),
        created_at=_instant(event.created_at),
        raw=body,
    )


def unreadable(body: bytes, reason: str) -> Delivery:
    """File bytes that nobody can read under the digest of themselves."""
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in reason)
    return Delivery(
        organization_id=NIL,
        event_id=str(uuid5(_UNREADABLE, body.hex())),
        subscription_id=NIL,
        raw=body,
        quarantined=printable[:WORD_CHARACTERS_MAX] or "it cannot be read",
    )


_WRITTEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
"""A uuid as it is nearly always written."""


def _uuid(name: str, text: str) -> str:
    """Write a uuid as Postgres does; raises `ValueError` for what is none."""
    if _WRITTEN(text):
        return text
    try:
        return str(msgspec.convert(text, UUID))
    except msgspec.ValidationError:
        raise ValueError(f"its {name} is no uuid") from None


def _object_id(event: _Event) -> str | None:
    """Look for the object's id where the hub's payloads have had it over the years."""
    subject = event.subject if isinstance(event.subject, dict) else {}
    for candidate in (subject.get("id"), subject.get("object_id"), event.object_id):
        if isinstance(candidate, str) and _is_word(candidate):
            return candidate
    return None


def _is_word(text: str) -> bool:
    return 0 < len(text) <= WORD_CHARACTERS_MAX and text.isprintable()


def _instant(value: object) -> datetime | None:
    """Read a time; a malformed one is left out, since nothing depends on it."""
    if not isinstance(value, str) or len(value) > WORD_CHARACTERS_MAX:
        return None
    try:
        instant = msgspec.convert(value, datetime)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    return instant
