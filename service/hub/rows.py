"""One row of an answer to one typed object, or to a refusal that says why.

A row that names another organization is refused, whatever else it holds: it is shown to nobody (the hub may
lie, and no organization's data may reach another). Bad data is a value here and never fails the page that it
stands on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_type_hints
from uuid import UUID

import msgspec

from service.hub.payloads import Row
from service.hub.reading import Json

RowT = TypeVar("RowT", bound=Row)

OWNER_KEYS: Final = ("entity_id", "organization_id")
"""What the hub calls the organization that a row belongs to: its word today, and the one that it uses in
prose."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be used, and why; `is_foreign` when it belongs to another organization."""

    reason: str
    payload: Any
    is_foreign: bool = False


def read(kind: type[RowT], payload: Json, organization_id: UUID | None = None) -> RowT | Refused:
    """Read `payload` as a `kind` of `organization_id`."""
    if not isinstance(payload, dict):
        return Refused("it is no object", payload)
    if organization_id is not None and not _belongs(payload, organization_id):
        return Refused("it belongs to another organization", payload, is_foreign=True)
    try:
        return msgspec.convert({**payload, "payload": payload}, kind)
    except msgspec.ValidationError:
        return _read_by_field(kind, payload)


def _belongs(payload: Mapping[str, Any], organization_id: UUID) -> bool:
    """Whether nothing in the row says that it is another organization's; a name that is none is another's."""
    for key in OWNER_KEYS:
        owner = payload.get(key)
        if owner is not None and not (isinstance(owner, str) and _is_same(owner, organization_id)):
            return False
    return True


def _is_same(text: str, organization_id: UUID) -> bool:
    try:
        return UUID(text) == organization_id
    except ValueError:
        return False


def _read_by_field(kind: type[RowT], payload: Mapping[str, Any]) -> RowT | Refused:
    """Read what can be read: optional fields of a wrong kind are absent, a required one refuses the row."""
    found: dict[str, Any] = {}
    for field in _fields(kind):
        value = payload.get(field.name)
        if value is None and not field.is_required:
            continue
        try:
            found[field.name] = msgspec.convert(as_text(value) if field.is_text else value, field.type)
        except msgspec.ValidationError:
            if field.is_required:
                return Refused(f"its {field.name} is {'absent' if value is None else 'unreadable'}", payload)
    return kind(**found, payload=payload)


def as_text(value: Json) -> Json:
    """Platform ids are texts, but those of QuickBooks look like numbers and may come as such."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_TEXTS: Final = (str, str | None)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    type: Any
    is_required: bool
    is_text: bool


@cache
def _fields(kind: type[Row]) -> tuple[_Field, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        _Field(field.name, hints[field.name], field.required, hints[field.name] in _TEXTS)
        for field in msgspec.structs.fields(kind)
        if field.name != "payload"
    )
