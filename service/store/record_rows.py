"""Records on their way into Postgres: rows of `tieout.handed_record`, with versions and payloads beside them.

As one JSON parameter, like the rows of other tables, a first load's records took Postgres longer to take
apart than to write. Times travel as texts: the driver writes a time as Postgres has it more slowly than all
other values of a record together. Texts are made fit as in `store.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import astuple

from service.domain.record import Record
from service.store import jsonb
from service.store.rows import clean

FIELDS: Final = Record.__struct_fields__
HANDED: Final = tuple(name for name in FIELDS if name != "organization_id")
COLUMNS: Final = (*HANDED, "content_hash")
"""In the order of the type."""

_handed_values = itemgetter(*map(FIELDS.index, HANDED))
_Handed: Final = msgspec.defstruct("_Handed", [(name, Any) for name in HANDED], array_like=True, gc=False)
_ERRORS: Final = HANDED.index("errors")

_ALWAYS_IN_VERSIONS: Final = frozenset({"sync_status", "state", "cause", "reason", "attempts_count"})
"""What a version has, be it null; whatever else is null is left out, which is a fifth of it."""
_IN_VERSIONS: Final = tuple(
    name for name in sorted(HANDED, key=lambda name: (len(name), name)) if name != "record_id"
)
"""Without what a version stands under already, and in the order of jsonb, which need not sort it then."""
_version_values = itemgetter(*map(FIELDS.index, _IN_VERSIONS))
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


class RecordRow(NamedTuple):
    """What is handed over of a record, and beside it, as lines of JSON, its version and what the hub told."""

    values: tuple[Any, ...]
    version: str
    payload: str
    """Empty where the hub told nothing."""


def record_row(
    record: Record, payload: Mapping[str, Any] | str | None, content_hash: bytes | None
) -> RecordRow:
    """One row; without a payload and its digest those of the record stay."""
    known = astuple(record)
    version = _Version(*_version_values(known))
    try:
        body = _ENCODER.encode(version)
    except UnicodeEncodeError:
        body = _UNFIT
    if b"\\" in body and _UNFIT in body:  # one byte is looked for much faster than six
        # Some text is none that Postgres takes; all of them are in the body.
        known = tuple(clean(value) for value in known)
        body = _ENCODER.encode(_Version(*_version_values(known)))
    values = msgspec.to_builtins(_Handed(*_handed_values(known)), builtin_types=(UUID,))
    if values[_ERRORS] is not None:
        values[_ERRORS] = _ENCODER.encode(values[_ERRORS]).decode()
    told = "" if payload is None else payload if isinstance(payload, str) else _json_text(payload)
    return RecordRow((*values, content_hash), body.decode(), told)


def _json_text(value: object) -> str:
    """Write a value as JSON that Postgres takes."""
    try:
        return jsonb.encode(value)
    except UnicodeEncodeError:
        return jsonb.encode(clean(value))
