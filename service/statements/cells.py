"""Cells of spreadsheets: text that can never become a formula, amounts that stay numbers.

A text from outside may begin with a sign that makes a spreadsheet run it as a formula; opened and saved
again, even a quoted one would. Such a text gets an apostrophe before it, which spreadsheets take as "this is
text". Where decimals have a comma, spreadsheets take a semicolon for the end of a cell of CSV, so that a text
may hold further beginnings.
Numbers are written by us and are no texts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

STARTS_FORMULA: Final = frozenset("=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20")
"""What spreadsheets begin a formula, a command or a new cell with; the last four are its full-width forms."""

CHARACTERS_MAX: Final = 32_000
"""Excel takes 32,767 characters in a cell."""


def text(value: str | None) -> str:
    """Write a text so that every spreadsheet takes it for text."""
    if not value:
        return ""
    printable = "".join(" " if unicodedata.category(each) in _UNPRINTABLE else each for each in value)
    cell = printable[:CHARACTERS_MAX]
    begins = cell.lstrip()[:1]
    if value[0] in STARTS_FORMULA or begins in STARTS_FORMULA:
        return f"'{cell}"
    return cell


def csv_text(value: str | None) -> str:
    """Write a text so that it begins no formula behind one of its semicolons either; it holds no tabs."""
    return _BEGINS_ANEW.sub(";'", text(value))[:CHARACTERS_MAX]


_BEGINS_ANEW: Final = re.compile(rf""";(?=[\s"]*[{re.escape("".join(sorted(STARTS_FORMULA)))}])""")
"""A semicolon before such a sign; blanks and quotes in between vanish when a cell is read."""

_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
"""Control characters, halves of surrogate pairs, unassigned ones, and separators of lines."""
