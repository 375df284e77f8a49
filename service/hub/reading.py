"""Bytes to values: decimals stay exact, and nothing comes out that Postgres or arithmetic chokes on.

One bad text must not hide an organization. An error message cut in the middle of an emoji, a NUL, a NaN: each
makes a parser or Postgres refuse the whole page. So what the fast decoder refuses is decoded once more,
leniently, and what cannot be kept is replaced: a broken character by U+FFFD, a number that is none by null. A
body that is no JSON at all, or is cut off, stays unreadable.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import msgspec

Json: TypeAlias = Any
"""What JSON decodes to: plain values, of which a type checker knows nothing."""

NUMBER_CHARACTERS_MAX: Final = 64
"""Of a number's digits, and of its exponent's reach: no ledger holds more, but ten bytes can name a billion
digits."""

DEPTH_MAX: Final = 64
"""Of nesting; the hub's deepest object has eight levels, while encoders and `repr` give up in the
hundreds."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


class Unreadable(ValueError):  # noqa: N818 - names what is the case
    """The body is no JSON that can be used; the message says why, without quoting it."""


def decode(body: bytes) -> Json:
    """Decode a body to plain values with exact decimals, or raise `Unreadable`."""
    try:
        value = _FAST.decode(body)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError):
        return cleaned(_decode_leniently(body))
    # A NUL passes through JSON only escaped; looking at the bytes is cheaper than looking at every text, and
    # looking for one byte much cheaper than for six.
    has_nul = b"\\" in body and rb"\u0000" in body
    return cleaned(value) if has_nul or may_be_deep(body) else value


def cleaned(value: Json, depth: int = 0) -> Json:
    """Copy `value` without what cannot be stored; what is nested beyond `DEPTH_MAX` becomes null."""
    if depth > DEPTH_MAX:
        return None
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, list):
        return [cleaned(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_clean_text(key): cleaned(item, depth + 1) for key, item in value.items()}
    return value


def may_be_deep(body: bytes) -> bool:
    """Whether a body may be nested beyond `DEPTH_MAX`: peels innermost pairs off its brackets.

    Brackets within texts may leave a rest, and then the answer is yes; never is it no for a deep body.
    """
    brackets = body.translate(None, _NO_BRACKETS)
    for _ in range(DEPTH_MAX):
        if not brackets:
            return False
        peeled = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(peeled) == len(brackets):
            return True
        brackets = peeled
    return bool(brackets)


def _clean_text(text: str) -> str:
    text = text.replace("\0", REPLACEMENT)
    return (
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _has_surrogates(text) else text
    )


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _decode_leniently(body: bytes) -> Json:
    try:
        return json.loads(
            body.decode("utf-8-sig", "replace"),
            parse_float=_bounded(Decimal),
            parse_int=_bounded(int),
            parse_constant=lambda _: None,
        )
    except (ValueError, RecursionError):
        raise Unreadable("the answer is no JSON, or is cut off") from None


def _bounded(make: Callable[[str], Json]) -> Callable[[str], Json]:
    def number(text: str) -> Json:
        return make(text) if len(text) <= NUMBER_CHARACTERS_MAX and not _is_far(text) else None

    return number


def _is_far(text: str) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return True
    return value.is_finite() and value != 0 and abs(value.adjusted()) > NUMBER_CHARACTERS_MAX


def _exact(text: str) -> Decimal:
    """Decimal of a sane size; a refusal here sends the body through the lenient decoder."""
    value = Decimal(text)
    if len(text) > NUMBER_CHARACTERS_MAX or abs(value.adjusted()) > NUMBER_CHARACTERS_MAX:
        raise ValueError("no ledger holds such a number")
    return value


_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

_FAST: Final = msgspec.json.Decoder(float_hook=_exact)
