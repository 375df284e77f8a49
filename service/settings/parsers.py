"""How a setting is read: the parsers of the variables.

A parser takes the text of one variable and gives its value, or raises `ValueError` with what would be right.
It never repeats the text it was given: the text may be a secret, and the reader knows what was typed.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import httpx

from service.settings.values import KEY_CHARACTERS_MAX, Address, ApiKey, Role, Secret

EnumT = TypeVar("EnumT", bound=StrEnum)

SECONDS_MAX = 366 * 86_400.0
"""A wait beyond a year is a slip of the keyboard; it would also overflow some of Postgres' time-outs."""

LIST_MAX = 100
"""Entries in one comma-separated variable; each is compared or served in a loop somewhere."""

_CALLER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
_HEADER_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_CHANNEL_BREAK = re.compile(r",(?=\s*[A-Za-z][A-Za-z0-9+.-]*://)")
_AROUND_CHANNELS = f",{string.whitespace}"
_CHANNEL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def text(value: str) -> str:
    """Any single line."""
    if not value.isprintable():
        raise ValueError("must be one line of printable characters")
    return value


def secret(value: str) -> Secret:
    """A single line that is never shown."""
    return Secret(text(value))


def header_value(value: str) -> str:
    """A value that can stand in an HTTP header without surprises."""
    if not _HEADER_VALUE.fullmatch(value):
        raise ValueError("must be letters, digits, '.', '_', ':' or '-', like 2025-06-23")
    return value


def boolean(value: str) -> bool:
    """`true` or `false`, and the usual other words for them."""
    word = value.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("must be true or false")
    return word in _TRUE


def number(*, above: float, at_most: float, unit: str) -> Callable[[str], float]:
    """Make a parser of finite numbers within bounds."""

    def parse(value: str) -> float:
        wanted = f"must be {unit} above {above:.15g} and at most {at_most:.15g}"
        try:
            parsed = float(value)
        except ValueError:
            raise ValueError(wanted) from None
        if not math.isfinite(parsed) or not above < parsed <= at_most:
            raise ValueError(wanted)
        return parsed

    return parse


seconds = number(above=0, at_most=SECONDS_MAX, unit="a number of seconds")


def integer(*, at_least: int, at_most: int) -> Callable[[str], int]:
    """Make a parser of whole numbers within bounds."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value, re.ASCII) or not at_least <= int(value) <= at_most:
            raise ValueError(f"must be a whole number from {at_least} to {at_most}")
        return int(value)

    return parse


def choice(kind: type[EnumT]) -> Callable[[str], EnumT]:
    """Make a parser of one of a few words."""

    def parse(value: str) -> EnumT:
        try:
            return kind(value.lower())
        except ValueError:
            raise ValueError(f"must be {_one_of(kind)}") from None

    return parse


def words(*allowed: str) -> Callable[[str], frozenset[str]]:
    """Make a parser of a comma-separated set out of a few words."""

    def parse(value: str) -> frozenset[str]:
        chosen = frozenset(part.lower() for part in _parts(value))
        if not chosen or not chosen <= set(allowed):
            raise ValueError(f"must be {_one_of(allowed)}, or several of them separated by commas")
        return chosen

    return parse


def header_names(value: str) -> tuple[str, ...]:
    """HTTP header names, the most trusted first."""
    names = tuple(_parts(value))
    if not names or not all(_HEADER_NAME.fullmatch(name) for name in names):
        raise ValueError("must be HTTP header names separated by commas")
    return names


def secrets(value: str) -> tuple[Secret, ...]:
    """Several secrets; an empty one is refused, because everybody knows it."""
    parts = [part.strip() for part in value.split(",")]
    if not all(parts) or not value.isprintable():
        raise ValueError("must be secrets separated by commas, none of them empty")
    return tuple(Secret(part) for part in _bounded(parts))


def address(value: str) -> Address:
    """`host:port`, with an IPv6 host in brackets."""
    wanted = "must be host:port, like 127.0.0.1:8080 or [::]:8080"
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", value, re.ASCII)
    if not match or int(match[2]) > 65_535:  # noqa: PLR2004 - the largest port there is
        raise ValueError(wanted)
    try:
        match[1].encode("idna")  # as the resolver will
    except UnicodeError:
        raise ValueError("names a host that cannot exist; it must be like 127.0.0.1:8080") from None
    return Address(host=match[1].strip("[]"), port=int(match[2]))


def http_url(value: str) -> str:
    """An absolute http or https address without query; a slash at its end is dropped."""
    wanted = "must be an http:// or https:// URL of a possible host, without user, query or fragment"
    parts = _split(value, wanted)
    if parts.scheme not in {"http", "https"} or "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError(wanted)
    try:
        httpx.URL(value)
        (parts.hostname or "").encode("idna")  # as the resolver will
    except (httpx.InvalidURL, ValueError):
        raise ValueError(wanted) from None
    return value.rstrip("/")


def database_url(value: str) -> Secret:
    """An address of a Postgres server, as libpq writes it: a secret, since it may hold a password."""
    wanted = "must be like postgresql://user:password@host:5432/database"
    if not re.match(r"postgres(ql)?://", value):
        raise ValueError(wanted)
    # Socket folders and lists of hosts are allowed too: beyond the scheme, the driver judges.
    return secret(value)


def channels(value: str) -> tuple[str, ...]:
    """Alert channel URLs; commas inside one (a list of mail addresses) do not end it."""
    parts = [part for each in _CHANNEL_BREAK.split(value) if (part := each.strip(_AROUND_CHANNELS))]
    if not parts or not all(_CHANNEL.fullmatch(part) and part.isprintable() for part in parts):
        raise ValueError("must be channel URLs separated by commas, like slack+https://host/path")
    return tuple(_bounded(parts))


def api_keys(value: str) -> tuple[ApiKey, ...]:
    """`name:role:key` or `name:role:key:organization_id`, separated by commas; no key and no name twice."""
    keys = tuple(_api_key(part) for part in _bounded(_parts(value)))
    if len({key.key for key in keys}) < len(keys):
        raise ValueError("holds one key twice; give every caller a key of its own")
    if len({key.name for key in keys}) < len(keys):
        raise ValueError("holds one name twice; the paper trail needs to tell callers apart")
    return keys


def caller_name(value: str) -> str:
    """The name of a caller, as the paper trail bears it."""
    if not _CALLER_NAME.fullmatch(value):
        raise ValueError("must begin with a letter or digit and hold letters, digits, '.', '_', '@' and '-'")
    return value


def _api_key(value: str) -> ApiKey:
    parts = value.split(":")
    wanted = "must be name:role:key or name:role:key:organization_id, separated by commas"
    if len(parts) not in {3, 4} or not _CALLER_NAME.fullmatch(parts[0]) or not parts[2]:
        raise ValueError(wanted)
    name, role, key = parts[:3]
    if role not in set(Role):
        raise ValueError(f"gives {name} an unknown role; roles are {_one_of(Role)}")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError(f"gives {name} a key with characters that an HTTP header cannot carry")
    if len(key) > KEY_CHARACTERS_MAX:
        raise ValueError(f"gives {name} a key of more than {KEY_CHARACTERS_MAX} characters")
    try:
        organization_id = UUID(parts[3]) if parts[3:] else None
    except ValueError:
        raise ValueError(f"binds {name} to something that is no organization id (a UUID)") from None
    return ApiKey(name=name, role=Role(role), key=Secret(key), organization_id=organization_id)


def _split(value: str, wanted: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(wanted) from None
    if not has_host or not value.isprintable() or " " in value:
        raise ValueError(wanted)
    return parts


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _bounded(parts: list[str]) -> list[str]:
    if len(parts) > LIST_MAX:
        raise ValueError(f"must not hold more than {LIST_MAX} entries")
    return parts


def _one_of(allowed: Collection[str] | type[StrEnum]) -> str:
    *others, last = [str(word) for word in allowed]
    return f"{', '.join(others)} or {last}" if others else last
