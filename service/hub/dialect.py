"""The two spellings of one interface: Tesouro's, and that of its predecessor.

Paths are written once, with underscores; Tesouro's spelling puts a hyphen for each of them. What is put into
a path comes from data (platform ids are free text), so it is percent-encoded here and nowhere else. A segment
that no encoding makes harmless is refused: `.` and `..` are folded away by clients and gateways alike, an
empty one turns the address of a document into that of the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

SEGMENT_CHARACTERS_MAX: Final = 256
"""Longer than any id in the books (a GUID has 36); gateways cut addresses off at some thousands of
characters."""


@dataclass(frozen=True, slots=True)
class _Spelling:
    separator: str
    version_headers: tuple[str, ...]
    organization_header: str
    version: str


class Dialect(StrEnum):
    """How paths and headers are spelt."""

    TESOURO = "tesouro"
    MONITE = "monite"

    @property
    def version_headers(self) -> tuple[str, ...]:
        """The headers that name the version of the interface: all that are documented."""
        return _SPELLINGS[self].version_headers

    @property
    def organization_header(self) -> str:
        """The header that names the organization a request is about."""
        return _SPELLINGS[self].organization_header

    @property
    def default_version(self) -> str:
        """The version spoken unless told otherwise."""
        return _SPELLINGS[self].version

    def path(self, template: str, *segments: object) -> str:
        """Spell `template` and put `segments`, encoded, for its `{}`; `ValueError` where one cannot be."""
        return template.replace("_", _SPELLINGS[self].separator).format(*map(encoded, segments))


def encoded(segment: object) -> str:
    """Encode one segment of a path; raises `ValueError` for what would lead to another path."""
    text = str(segment)
    if text in {"", ".", ".."} or len(text) > SEGMENT_CHARACTERS_MAX:
        raise ValueError("this id cannot stand in an address")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise ValueError("this id cannot stand in an address") from None


_SPELLINGS: Final = {
    Dialect.TESOURO: _Spelling(
        separator="-",
        version_headers=("X-Finops-Version", "X-Tesouro-Version"),
        organization_header="X-Organization-Id",
        version="2025-06-23",
    ),
    Dialect.MONITE: _Spelling(
        separator="_",
        version_headers=("X-Monite-Version",),
        organization_header="X-Monite-Entity-Id",
        version="2024-05-25",
    ),
}
