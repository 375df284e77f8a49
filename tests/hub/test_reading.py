"""Bytes become values that are exact and can be stored, or are refused as a whole."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.hub.reading import DEPTH_MAX, NUMBER_CHARACTERS_MAX, Unreadable, decode, may_be_deep


def test_decimals_are_exact() -> None:
    """What was written with two decimals has two decimals, and no float is in between."""
    assert repr(decode(b'{"total_amount": 322.10, "count": 3}')) == repr(
        {"total_amount": Decimal("322.10"), "count": 3}
    )


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (rb'["cut in an emoji \ud83d"]', ["cut in an emoji �"]),
        (rb'["\ud83d\ude00 whole"]', ["😀 whole"]),
        (rb'["a\u0000b", {"k\u0000": 1}]', ["a�b", {"k�": 1}]),
        (b'["\xff\xfe"]', ["��"]),
        (b"\xef\xbb\xbf[1]", [1]),
        (b"[NaN, Infinity, -Infinity, 1.50]", [None, None, None, Decimal("1.50")]),
        (b"[1e999999999, -1e999999999, 1e-999999999]", [None, None, None]),
        (b"[1e99999999999999999999]", [None]),
        (b"[" + b"9" * 5000 + b"]", [None]),
        (b"[0.0, -0.0, 0e5]", [Decimal("0.0"), Decimal("-0.0"), Decimal("0e5")]),
    ],
)
def test_what_cannot_be_kept_is_replaced(body: bytes, value: Any) -> None:
    """One bad text or number does not hide the rest."""
    assert decode(body) == value


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"data": [{"id": 1}', b"[1,]", b"[" * 100_000, b'{"a": ' * 5000, b"\x00", b"nul"],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """Cut off, empty, of another kind, or nested without end: nothing can be made of it."""
    with pytest.raises(Unreadable):
        decode(body)


def nested(depth: int) -> bytes:
    """Give a list in a list, and so on."""
    return b"[" * depth + b"]" * depth


def test_nesting_ends() -> None:
    """What is nested beyond sense is cut, beside what is not."""
    value = decode(b'{"errors": ' + nested(500) + b', "id": 7}')
    assert value["id"] == 7
    assert len(json.dumps(value["errors"])) < 3 * DEPTH_MAX


@pytest.mark.parametrize("depth", [1, 8, DEPTH_MAX])
def test_ordinary_nesting_costs_no_second_look(depth: int) -> None:
    """A body with as many levels as the hub has is taken as decoded."""
    assert not may_be_deep(b'{"data": ' + nested(depth - 1) + b"}")


@settings(deadline=None)
@given(st.integers(DEPTH_MAX + 1, 400), st.text("[]{}a", max_size=20))
def test_a_deep_body_is_always_noticed(depth: int, text: str) -> None:
    """Brackets within texts may raise a false alarm, and never hush a true one."""
    assert may_be_deep(json.dumps([text]).encode()[:-1] + b"," + nested(depth) + b"]")


AS_NUMBERS = msgspec.json.Encoder(decimal_format="number")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text()
    | st.decimals(-(10**15), 10**15, places=4),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@settings(deadline=None)
@given(json_values)
def test_what_was_written_is_read(value: Any) -> None:
    """Ordinary JSON comes back as it was, but for NULs."""
    body = AS_NUMBERS.encode(value)
    expected = json.loads(
        json.dumps(json.loads(body, parse_float=str)).replace("\\u0000", "\\ufffd"), parse_float=str
    )
    got = json.loads(AS_NUMBERS.encode(decode(body)), parse_float=str)
    assert got == expected


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=300) | st.text('[]{}",:0123456789eE.+-\\ud8nultrfas ', max_size=80).map(str.encode))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    """Any bytes at all are read or refused, and what is read can be stored as UTF-8 without NULs."""
    try:
        value = decode(body)
    except Unreadable:
        return
    stored = json.dumps(value, default=str, ensure_ascii=False).encode()
    assert b"\x00" not in stored
    assert b"\\u0000" not in stored
    for number in numbers(value):
        assert math.isfinite(number)
        assert number == 0 or abs(Decimal(number).adjusted()) <= NUMBER_CHARACTERS_MAX


def numbers(value: Any) -> list[Decimal]:
    """Give every decimal within a value."""
    if isinstance(value, Decimal):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [number for item in inner for number in numbers(item)]
