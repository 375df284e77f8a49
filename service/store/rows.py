r"""Rows on their way into Postgres: many at once, as one JSON parameter.

Upstream texts may hold what Postgres refuses: NUL characters and halves of surrogate pairs. Both become
U+FFFD, the replacement character; one odd text must not stop the reading of an organization. Bytes travel as
Postgres writes them, `\x` and hex.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain, islice
from typing import Any, Final, TypeVar

import msgspec

from service.store import jsonb

T = TypeVar("T")

Row = Mapping[str, Any]

ROWS_AT_ONCE: Final = 500
"""Rows that are made, sent or taken in together, some hundredths of a second: whoever else works in this
process has a turn in between, and a hundred thousand of them are never held at once."""

REPLACEMENT: Final = "\ufffd"

HASH_BYTES: Final = 16
"""128 bits, as in `domain.document`."""

_CANONICAL = msgspec.json.Encoder(decimal_format="number", order="deterministic")


def rows_json(rows: Iterable[Row]) -> str:
    """Write rows for `json_populate_recordset`; keys are the names of columns."""
    plain = [_plain(row) for row in rows]
    try:
        return jsonb.encode(plain)
    except UnicodeEncodeError:
        return jsonb.encode(clean(plain))


def in_turns(items: Iterable[T]) -> Iterator[Sequence[T]]:
    """Hand out items in their order, so many at once."""
    left = iter(items)
    while turn := list(islice(left, ROWS_AT_ONCE)):
        yield turn


def named_in_turns(
    local_ids: Iterable[str], books_ids: Iterable[str]
) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Hand out ids of local documents and of the books', so many of both together at once."""
    for turn in in_turns(chain(((each, True) for each in local_ids), ((each, False) for each in books_ids))):
        yield [each for each, is_local in turn if is_local], [each for each, is_local in turn if not is_local]


def rows_touched(status: str) -> int:
    """How many rows a command says that it touched, as in `UPDATE 3`."""
    return int(status.rpartition(" ")[2])


def content_hash(value: object) -> bytes:
    """Digest of anything that can be written as JSON, whatever the order of its keys."""
    return digest(canonical(value))


def canonical(value: object) -> bytes:
    """Write anything as JSON, its keys in order."""
    try:
        return _CANONICAL.encode(value)
    except UnicodeEncodeError:
        return _CANONICAL.encode(clean(value))


def digest(encoded: bytes) -> bytes:
    """Digest of what `canonical` wrote."""
    return blake2b(encoded, digest_size=HASH_BYTES).digest()


def clean(value: object) -> object:
    """Copy a value with every text in it fit for Postgres."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {clean_text(str(name)): clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def clean_text(text: str) -> str:
    """One text, fit for Postgres."""
    text = text.replace("\0", REPLACEMENT)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _plain(row: Row) -> Row:
    plain = dict(row)
    for name, value in row.items():
        if isinstance(value, bytes):
            plain[name] = f"\\x{value.hex()}"
    return plain
