"""JSON columns: exact both ways.

Numbers with a fraction arrive as `Decimal` and leave as JSON numbers, so that no amount passes through a
float. Postgres takes no NUL character in jsonb although JSON allows it; upstream texts do hold some, and one
of them must not stop the reading of an organization, so it is stored as U+FFFD, the replacement character.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

# An escaped NUL, but not the text backslash-u-0000, whose backslash is itself escaped.
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def encode(value: object) -> str:
    """Write a value as Postgres takes it."""
    return fit(_ENCODER.encode(value))


def fit(encoded: bytes) -> str:
    """JSON that is written already, as Postgres takes it."""
    if b"\\" in encoded and b"\\u0000" in encoded:  # one byte is looked for much faster than six
        encoded = _ESCAPED_NUL.sub(rb"\1\\ufffd", encoded)
    return encoded.decode()


def decode(text: str) -> Any:  # noqa: ANN401 - a payload may be anything
    """Read what Postgres holds; numbers with a fraction become `Decimal`."""
    return _DECODER.decode(text)
