"""Pages of a list: `next` carries the key of the last row, so that a page begins where the one before ended.

Whatever is inserted or removed meanwhile, no row that stays is left out or shown twice. A token belongs to
its list; one that was made up or comes from another list is refused by name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from service.web.problems import Fault, malformed

RowT = TypeVar("RowT")

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[RowT]):
    """One page of a list; `next` leads to the page after it, and is null on the last."""

    data: Sequence[RowT]
    next: str | None


@dataclass(frozen=True, slots=True)
class Keyset:
    """What a list is ordered by: its name, and the types of its key."""

    name: str
    types: tuple[type, ...]

    def write(self, key: Key) -> str:
        """Make the token that leads beyond a row with this key."""
        assert len(key) == len(self.types)
        content = msgspec.json.encode([self.name, *key])
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    def read(self, token: str | None) -> Key:
        """Return the key that a token stands for; of none, as many nulls."""
        if token is None:
            return (None,) * len(self.types)
        try:
            content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            parts = msgspec.json.decode(content, type=list[Any])
            key = [_part(part, kind) for part, kind in zip(parts, (str, *self.types), strict=True)]
        except (binascii.Error, msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            key = [None]
        if key[0] != self.name:
            raise malformed(Fault(name="after", detail="must be the `next` of the page before"))
        return tuple(key[1:])

    def page(self, rows: Sequence[RowT], limit: int, keys: Sequence[Key]) -> Page[RowT]:
        """Make a page of up to `limit` rows; one row more than that, and there is a next page."""
        is_more = len(rows) > limit
        return Page(rows[:limit], self.write(keys[limit - 1]) if is_more else None)


def _part(part: object, kind: type) -> object:
    """Read one part of a key, as what Postgres takes for it."""
    value: object = msgspec.convert(part, kind)
    if isinstance(value, str) and "\0" in value:
        raise ValueError("NUL")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("no zone")
        return value.astimezone(UTC)  # at either end of the calendar there may be no such time
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("too large")
    return value
