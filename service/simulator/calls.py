"""A request as endpoints see it, their answer, and the reading of ids, bodies and query values.

Whatever does not parse is refused as the hub's framework would: 422 with the place. Unknown query parameters
are ignored, unknown body fields refused where the published schema forbids them.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from service.simulator.problems import invalid

if TYPE_CHECKING:
    from service.simulator.organization import Organization
    from service.simulator.tokens import Tokens
    from service.simulator.world import World


@dataclass(slots=True)
class Call:
    """One request; `is_repeated` when executed a second time, `offset_shift` when its rows moved."""

    world: World
    tokens: Tokens
    now: datetime
    method: str
    path_values: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: bytes
    content_type: str
    found: Organization | None = None
    token_organization_id: str | None = None
    is_repeated: bool = False
    offset_shift: int = 0
    api_version: str = ""

    @property
    def organization(self) -> Organization:
        """The tenant of the request; endpoints of tenants have one."""
        assert self.found is not None, "the route is not one of a tenant"
        return self.found

    def id(self, name: str) -> str:
        """Return an id of the path, which must be a UUID."""
        return as_uuid(self.path_values[name], ("path", name))

    def value(self, name: str) -> str | None:
        """Return a query value, the last if given several times."""
        values = self.query.get(name)
        return values[-1] if values else None

    def json(self) -> dict[str, Any]:
        """Read the body as a JSON object."""
        try:
            content = msgspec.json.decode(self.body or b"null")
        except msgspec.DecodeError as trouble:
            raise invalid(("body",), str(trouble), "value_error.jsondecode") from None
        if not isinstance(content, dict):
            raise invalid(("body",), "value is not a valid dict", "type_error.dict")
        return content

    def json_of(self, names: Collection[str]) -> dict[str, Any]:
        """Read the body as a JSON object of these fields, some or all."""
        content = self.json()
        only(content, names, ("body",))
        return content


@dataclass(slots=True)
class Answer:
    """What an endpoint answers."""

    status: int
    payload: Any
    headers: dict[str, str] = field(default_factory=dict)


Endpoint = Callable[[Call], Answer]

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
"""The spellings that the hub documents; Python's own readers take more."""


def only(content: Mapping[str, Any], names: Collection[str], where: tuple[str | int, ...]) -> None:
    """Refuse fields other than these."""
    unknown = sorted(content.keys() - names)
    if unknown:
        raise invalid((*where, unknown[0]), "extra fields not permitted", "value_error.extra")


def as_uuid(text: str, where: tuple[str | int, ...]) -> str:
    """Read a UUID in any spelling, giving the canonical one."""
    try:
        return str(uuid.UUID(text))
    except (ValueError, AttributeError, TypeError):
        raise invalid(where, "value is not a valid uuid", "type_error.uuid") from None


def as_instant(text: str, where: tuple[str | int, ...]) -> datetime:
    """Read an instant, UTC without a zone; a blank stands for the plus that a query string swallowed."""
    text = text.replace(" ", "+")
    try:
        instant = datetime.fromisoformat(text if _INSTANT.fullmatch(text) else "")
    except ValueError:
        raise invalid(where, "invalid datetime format", "value_error.datetime") from None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def as_date(text: str, where: tuple[str | int, ...]) -> date:
    """Read a date."""
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError:
        raise invalid(where, "invalid date format", "value_error.date") from None


def as_whole(text: str, where: tuple[str | int, ...]) -> int:
    """Read an integer."""
    try:
        return int(text)
    except ValueError:
        raise invalid(where, "value is not a valid integer", "type_error.integer") from None


def as_count(text: str, where: tuple[str | int, ...]) -> int:
    """Read an integer that is not negative."""
    value = as_whole(text, where)
    if value < 0:
        message = "ensure this value is greater than or equal to 0"
        raise invalid(where, message, "value_error.number.not_ge")
    return value


def as_truth(text: str, where: tuple[str | int, ...]) -> bool:
    """Read a boolean in the spellings that the hub's framework takes."""
    lowered = text.lower()
    if lowered in {"true", "1", "on", "yes"}:
        return True
    if lowered in {"false", "0", "off", "no"}:
        return False
    raise invalid(where, "value could not be parsed to a boolean", "type_error.bool")


def one_of(words: frozenset[str]) -> Callable[[str, tuple[str | int, ...]], str]:
    """Make a reader of one of some words."""

    def read(text: str, where: tuple[str | int, ...]) -> str:
        if text not in words:
            permitted = ", ".join(f"'{word}'" for word in sorted(words))
            message = f"value is not a valid enumeration member; permitted: {permitted}"
            raise invalid(where, message, "type_error.enum")
        return text

    return read


def text_of(characters_max: int) -> Callable[[str, tuple[str | int, ...]], str]:
    """Make a reader of texts of a bounded length."""

    def read(text: str, where: tuple[str | int, ...]) -> str:
        if len(text) > characters_max:
            message = f"ensure this value has at most {characters_max} characters"
            raise invalid(where, message, "value_error.any_str.max_length")
        return text

    return read


def as_text(text: str, where: tuple[str | int, ...]) -> str:  # noqa: ARG001 - the shape of a reader
    """Take any text."""
    return text
