"""Channel URLs, taken apart: `kind+https://user:password@host:port/path?query`.

What is wrong with one is told without repeating any of it, since all of it may be secret.
"""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from service.channels.address import parse, why_forbidden
from service.channels.post import Target, default_port

_LOCAL: Final = "localhost"


class Unusable(ValueError):  # noqa: N818 - names what is the case
    """The URL names no channel; the message says what would be right."""


def split(url: str) -> SplitResult:
    """Take a URL apart, or say that it is none."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        raise Unusable("is no URL: look at its host and port") from None
    if not parts.hostname or not has_port:
        raise Unusable("names no host")
    return parts


def target(url: str, *, allow_private: bool, default_path: str = "/") -> tuple[Target, dict[str, str]]:
    """Read an http or https URL; `secret` is taken out of its query and given beside it.

    A host that is written as an address is judged right here; a name only when it is dialled.
    """
    parts = split(url)
    if parts.scheme not in {"http", "https"}:
        raise Unusable("must go on with http:// or https:// after the plus sign")
    if parts.fragment:
        raise Unusable("has a part after #, which no receiver would see")
    host = _as_dialled((parts.hostname or "").rstrip("."))
    _require_allowed(host, allow_private=allow_private)
    query, taken = _without_secret(parts.query)
    path = parts.path if parts.path not in {"", "/"} else default_path
    return (
        Target(
            scheme=parts.scheme,
            host=host,
            port=parts.port or default_port(parts.scheme),
            path_and_query=f"{path}?{query}" if query else path,
            authorization=_basic(parts),
        ),
        taken,
    )


def _as_dialled(host: str) -> str:
    """The host in letters that headers and resolvers take: `bücher.example` is `xn--bcher-kva.example`."""
    if parse(host) is not None:
        return host
    try:
        name = host if host.isascii() else httpx.URL(scheme="http", host=host).raw_host.decode()
        name.encode("idna")  # as the resolver will
    except (httpx.InvalidURL, UnicodeError):
        raise Unusable("names a host that cannot exist") from None
    return name


def _require_allowed(host: str, *, allow_private: bool) -> None:
    address = parse(host)
    if address is not None:
        reason = why_forbidden(address, allow_private=allow_private)
    elif host == _LOCAL or host.endswith(f".{_LOCAL}"):
        loopback = parse("127.0.0.1")
        assert loopback is not None
        reason = why_forbidden(loopback, allow_private=allow_private)
    else:
        return
    if reason:
        raise Unusable(f"points to {reason}")


def _without_secret(query: str) -> tuple[str, dict[str, str]]:
    """The query as it was written, less its `secret`. A plus sign in it is a plus sign: base64 has some."""
    kept: list[str] = []
    taken: dict[str, str] = {}
    for part in query.split("&") if query else []:
        name, _, value = part.partition("=")
        if unquote(name) == "secret":
            taken["secret"] = unquote(value)
        else:
            kept.append(part)
    return "&".join(kept), taken


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"
