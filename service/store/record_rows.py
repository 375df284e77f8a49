"""Records on their way into Postgres: rows of `tieout.followed_record`, which travel as they are.

As one JSON parameter, like the rows of other tables, a first load's records took Postgres longer to take
apart than to write. Texts are made fit as there (`store.rows`).
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

import msgspec

from service.domain.record import Record
from service.store import jsonb
from service.store.rows import clean

FIELDS: Final = Record.__struct_fields__
COLUMNS: Final = (*FIELDS, "payload", "content_hash", "body")
"""In the order of the type."""

_values = attrgetter(*FIELDS)
_ERRORS: Final = FIELDS.index("errors")

_ALWAYS_IN_VERSIONS: Final = frozenset({"sync_status", "state", "cause", "reason", "attempts_count"})
"""What a version has, be it null; whatever else is null is left out, which is a fifth of it."""
_IN_VERSIONS: Final = tuple(
    name
    for name in sorted(FIELDS, key=lambda name: (len(name), name))
    if name not in {"organization_id", "record_id"}
)
"""Without what a version stands under already, and in the order of jsonb, which need not sort it then."""
_version_values = attrgetter(*_IN_VERSIONS)
_Version: Final = msgspec.defstruct(
    "_Version",
    [(name, Any, ... if name in _ALWAYS_IN_VERSIONS else None) for name in _IN_VERSIONS],
    omit_defaults=True,
    gc=False,
)
"""Leaves out what is its default: null, or, of what a version always has, a thing that no record holds."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_UNFIT: Final = b"\\u0000"
"""A NUL, or what looks like one, is in a JSON text that holds this."""

RecordRow = tuple[Any, ...]


def record_row(record: Record, payload: str | None, content_hash: bytes | None) -> RecordRow:
    """One row; without a payload and its digest those of the record stay."""
    values = _values(record)
    body = _version_values(record)
    try:
        version = _ENCODER.encode(_Version(*body))
    except UnicodeEncodeError:
        version = _UNFIT
    if _UNFIT in version:
        # Some text is none that Postgres takes; all of them are in the body.
        values = tuple(clean(value) for value in values)
        version = _ENCODER.encode(_Version(*(clean(value) for value in body)))
    errors = None if values[_ERRORS] is None else _ENCODER.encode(values[_ERRORS]).decode()
    return (*values[:_ERRORS], errors, *values[_ERRORS + 1 :], payload, content_hash, version.decode())


def json_text(value: object) -> str:
    """Write a value as JSON that Postgres takes."""
    try:
        return jsonb.encode(value)
    except UnicodeEncodeError:
        return jsonb.encode(clean(value))
