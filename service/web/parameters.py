"""Query parameters: declared, parsed and documented in one place.

An unknown parameter is refused as firmly as a malformed one: a filter that is silently left out answers a
question that nobody asked. Everything that is wrong with a query is told at once, by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from service.web.problems import Fault, malformed

PARAMETERS_MAX = 50
"""Of one query: several times what any route takes, and few enough to tell each that is wrong."""

LIMIT_DEFAULT = 100
LIMIT_MAX = 500
WORD_CHARACTERS_MAX = 100
TOKEN_CHARACTERS_MAX = 4_000
"""Twice the longest key: 255 characters that JSON writes with six each, in base64, and some ids."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter: `parse` raises `ValueError` with what would be right."""

    name: str
    parse: Callable[[str], Any]
    meaning: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    default: Any = None


def parse_all(parameters: Sequence[Parameter], query: str) -> Mapping[str, Any]:
    """Read a query whole, or raise a problem that names everything wrong with it.

    One of too many parameters is refused unread: anybody may send it, also without a key.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {parameter.name: parameter.default for parameter in parameters}
    faults: list[Fault] = []
    for name, texts in _texts_by_name(query).items():
        if name not in known:
            faults.append(Fault(name=name[:WORD_CHARACTERS_MAX], detail=_unknown(known)))
        elif len(texts) > 1:
            faults.append(Fault(name=name, detail="was given more than once"))
        else:
            try:
                values[name] = known[name].parse(texts[0])
            except ValueError as error:
                faults.append(Fault(name=name, detail=str(error)))
    if faults:
        raise malformed(*faults)
    return values


def _texts_by_name(query: str) -> Mapping[str, Sequence[str]]:
    try:
        given = parse_qsl(query, keep_blank_values=True, max_num_fields=PARAMETERS_MAX)
    except ValueError:
        raise malformed(Fault(name="query", detail=f"has more than {PARAMETERS_MAX} parameters")) from None
    texts_by_name: defaultdict[str, list[str]] = defaultdict(list)
    for name, text in given:
        texts_by_name[name].append(text)
    return texts_by_name


def _unknown(known: Mapping[str, Parameter]) -> str:
    return f"is unknown; known are: {', '.join(sorted(known)) or 'none'}"


def uuid(text: str) -> UUID:
    """An id, as the hub writes them."""
    if not _UUID.fullmatch(text):
        raise ValueError("must be a UUID")
    return UUID(text)


def word(text: str) -> str:
    """A word of the hub's or ours; any one, since the hub may invent new ones."""
    if len(text) > WORD_CHARACTERS_MAX or not _WORD.fullmatch(text):
        raise ValueError("must be a word of letters, digits, '_', '.' and '-'")
    return text


def instant(text: str) -> datetime:
    """An instant with its offset from UTC (RFC 3339)."""
    wanted = "must be a time like 2026-10-31T23:59:59Z"
    if not _INSTANT.fullmatch(text):
        raise ValueError(wanted)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(wanted) from None


def flag(text: str) -> bool:
    """Write `true` or `false`."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def limit(text: str) -> int:
    """A number of rows."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= LIMIT_MAX:
        raise ValueError(f"must be a whole number from 1 to {LIMIT_MAX}")
    return int(text)


def token(text: str) -> str:
    """A `next` of the page before."""
    if len(text) > TOKEN_CHARACTERS_MAX:
        raise ValueError("must be the `next` of the page before")
    return text


def one_of(name: str, allowed: type[StrEnum] | Sequence[str], meaning: str) -> Parameter:
    """Declare a parameter with a closed set of values."""
    words = [str(each) for each in allowed]

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return Parameter(name, parse, meaning, {"type": "string", "enum": words})


_WORD_SCHEMA = {"type": "string", "maxLength": WORD_CHARACTERS_MAX, "pattern": f"^{_WORD.pattern}$"}


def any_word(name: str, meaning: str) -> Parameter:
    """Declare a parameter that takes any word."""
    return Parameter(name, word, meaning, _WORD_SCHEMA)


def a_flag(name: str, meaning: str) -> Parameter:
    """Declare a parameter that is true or false."""
    return Parameter(name, flag, meaning, {"type": "boolean"})


LIMIT = Parameter(
    "limit",
    limit,
    "How many rows at most.",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    LIMIT_DEFAULT,
)
AFTER = Parameter(
    "after",
    token,
    "The `next` of the page before.",
    {"type": "string", "minLength": 1, "maxLength": TOKEN_CHARACTERS_MAX, "pattern": "^[A-Za-z0-9_-]+$"},
)
PAGING = (LIMIT, AFTER)
AS_OF = Parameter(
    "as_of",
    instant,
    "What the service knew at that time, instead of now.",
    {"type": "string", "format": "date-time"},
)
ORGANIZATION = Parameter(
    "organization_id", uuid, "Only this organization.", {"type": "string", "format": "uuid"}
)
