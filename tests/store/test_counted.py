"""Marks of numbers: whatever the domain holds for one number has one mark."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from service.domain.document import number_key
from service.store.database import Database

ALIKE = (
    ("INV-0012", "inv-0012", " INV - 0012 "),
    ("ＩＮＶ－１２", "INV-12", "inv-12"),  # noqa: RUF001 - full width, as a Japanese keyboard writes it
    ("Straße 1", "STRASSE 1", "strasse1"),
    ("\N{KELVIN SIGN}1", "K1", "k1"),
    ("N\N{SUPERSCRIPT TWO}", "n2"),
)
KEPT = frozenset("0123456789abcdefgklmnopqruvxz")
"""The characters that a mark is made from."""


@pytest.mark.parametrize("numbers", ALIKE)
async def test_numbers_that_are_compared_as_equal_have_one_mark(
    database: Database, numbers: tuple[str, ...]
) -> None:
    """Case, width, spaces and ligatures change neither the key nor the mark."""
    assert len({number_key(each) for each in numbers}) == 1
    async with database.fleet() as connection:
        rows = await connection.fetch("SELECT tieout.number_mark(n) FROM unnest($1::text[]) n", list(numbers))
    assert len({row[0] for row in rows}) == 1
    assert None not in {row[0] for row in rows}


async def test_other_numbers_have_other_marks(database: Database) -> None:
    """A mark tells the numbers of a series apart."""
    async with database.fleet() as connection:
        marks = await connection.fetchval(
            "SELECT count(DISTINCT tieout.number_mark('INV-' || n)) FROM generate_series(1, 1000) n"
        )
    assert marks == 1000


def test_no_character_folds_into_one_that_a_mark_is_made_from() -> None:
    """Beyond ASCII, folding case after bringing forms together yields none of the kept characters anew."""
    for point in range(128, sys.maxunicode + 1):
        form = unicodedata.normalize("NFKC", chr(point)) if not 0xD800 <= point < 0xE000 else ""
        kept = [c.lower() for c in form if c.isascii() and c.lower() in KEPT]
        assert [c for c in form.casefold() if c in KEPT] == kept, hex(point)
