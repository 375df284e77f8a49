"""A statement as an Excel workbook: a page to read and print, and all documents as a table to filter.

Numbers are numbers with the decimals of their currency, texts are texts whatever they begin with, and nothing
in the file is a formula or tells when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, Final

import xlsxwriter  # type: ignore[import-untyped]  # it comes without types

from service.domain.money import exponent, from_minor
from service.domain.statements.sign_off import Signature
from service.domain.statements.statement import SCOPE, LedgerStatement, Line, Statement
from service.errors import TieoutError
from service.statements import wording
from service.statements.cells import text
from service.statements.rows import Level, Row, rows

INK, SOFT, RULE, PALE = "#1b1f24", "#5b6470", "#c9ced6", "#f3f5f7"
WARN = "#9a5b00"
FONT: Final = "Calibri"
LINE_POINTS: Final = 14
"""Height of a line of text: merged and wrapped cells do not grow by themselves."""

ROWS_MAX: Final = 20_000
"""Documents of one workbook: each takes 5 kB while it is made, and a web pod has 300 MB for all it does. The
library's way to take less writes the sheets to disk, twice, of which a pod has still less."""

_TABLE: Final[Sequence[tuple[str, float]]] = (
    ("Ledger", 12),
    ("Currency", 9),
    ("What", 34),
    ("Expected", 10),
    ("Number", 18),
    ("Party", 28),
    ("Date here", 12),
    ("Date in books", 13),
    ("Here", 14),
    ("In books", 14),
    ("Difference at opening", 14),
    ("Difference at closing", 14),
    ("Explanation", 60),
    ("Hub id", 38),
    ("Books id", 16),
)


class WorkbookTooLong(TieoutError):  # noqa: N818 - names what is the case
    """A workbook of so many documents cannot be made here; the message says what can."""


def xlsx_file(statement: Statement, signature: Signature) -> bytes:
    """Write a statement as a workbook; one that is too long raises `WorkbookTooLong`."""
    documents = [row for row in rows(statement) if row.level in {Level.DOCUMENT, Level.REMARK}]
    if len(documents) > ROWS_MAX:
        raise WorkbookTooLong(
            f"The table of documents has {len(documents):,}, and a workbook at most {ROWS_MAX:,}: "
            "ask for it as CSV."
        )
    out = BytesIO()
    book = xlsxwriter.Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        },
    )
    book.set_properties(
        {
            "title": f"{wording.TITLE} {statement.period}",
            "subject": text(statement.organization_name),
            "created": datetime(*statement.period.last.timetuple()[:3], tzinfo=UTC),
        }
    )
    _Summary(_Book(book), statement, signature).write()
    _Documents(_Book(book), statement, documents).write()
    book.close()
    return out.getvalue()


@dataclass(slots=True)
class _Book:
    """The workbook, and its formats by what they are made of."""

    book: Any
    _formats: dict[tuple[tuple[str, Any], ...], Any] = field(default_factory=dict)

    def style(self, **properties: Any) -> Any:  # noqa: ANN401 - a format of a library without types
        """Give the format of these properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            usual = {"font_name": FONT, "font_size": 10, "font_color": INK, "valign": "top"}
            self._formats[key] = self.book.add_format(usual | properties)
        return self._formats[key]


def _number_format(currency: str) -> str:
    digits = exponent(currency)
    shown = "#,##0" + ("." + "0" * digits if digits else "")
    return f"{shown};\N{MINUS SIGN}{shown};{shown}"


_COUNT: Final = "#,##0;\N{MINUS SIGN}#,##0;0"


class _Summary:
    """The page to read: each ledger as a table from the one side to the other."""

    def __init__(self, book: _Book, statement: Statement, signature: Signature) -> None:
        self._style = book.style
        self._sheet = book.book.add_worksheet("Tie-out")
        self._statement = statement
        self._signature = signature
        self._at = 0

    def write(self) -> None:
        """Write it from top to bottom."""
        sheet = self._sheet
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.6)
        sheet.set_footer("&L&8" + _footer(self._statement) + "&R&8Page &P of &N")
        sheet.set_column(0, 0, 50)
        sheet.set_column(1, 6, 15)
        self._head()
        if self._statement.ledgers:
            self._paragraph(wording.LEGEND, font_color=SOFT)
        for ledger in self._statement.ledgers:
            self._ledger(ledger)
        if not self._statement.ledgers:
            self._paragraph("No document is dated until the end of this month, on either side.")
        self._section("How complete this is")
        for mark in self._statement.marks:
            warn = {} if mark.is_complete else {"font_color": WARN}
            self._paragraph(f"{wording.LEDGERS[mark.ledger]}: {mark.sentence}", **warn)
        self._section("Signatures")
        for name, told in wording.signers(self._signature):
            self._pair(name, told)
        self._section("What it covers")
        self._paragraph(SCOPE)

    def _head(self) -> None:
        statement = self._statement
        self._text(wording.TITLE, font_color=SOFT)
        self._text(statement.organization_name, font_size=20, bold=True)
        self._text(wording.span(statement.period), font_size=12)
        tone = {"font_color": WARN} if statement.is_provisional else {}
        self._text(
            f"{wording.completeness(statement)} · {wording.status(self._signature)}", bold=True, **tone
        )

    def _ledger(self, ledger: LedgerStatement) -> None:
        name = f"{wording.LEDGERS[ledger.ledger]}, {ledger.currency}"
        self._section(name)
        self._paragraph(wording.verdict(ledger, self._statement.period, where="on the sheet Documents"))
        period = self._statement.period
        head = self._style(font_color=SOFT, bottom=1, bottom_color=RULE, align="right")
        titles = (
            f"Opening {wording.day(period.first)}",
            f"During {period.name}",
            f"Closing {wording.day(period.last)}",
        )
        self._sheet.write_string(self._at, 0, "", head)
        for index, title in enumerate(titles):
            self._sheet.merge_range(self._at, 1 + 2 * index, self._at, 2 + 2 * index, title, head)
        self._at += 1
        units = self._style(font_color=SOFT, font_size=8, align="right")
        for index in range(6):
            self._sheet.write_string(self._at, 1 + index, "documents" if index % 2 == 0 else "amount", units)
        self._at += 1
        self._line(wording.DOCUMENTS[ledger.ledger], ledger.currency, ledger.local, bold=True, bg_color=PALE)
        for term in ledger.terms:
            soft = {"font_color": SOFT} if term.expected else {}
            self._line(wording.title(term), ledger.currency, term.line, indent=1, **soft)
        if not ledger.terms:
            nothing = Line(
                ledger.local.opening - ledger.local.opening, ledger.local.opening - ledger.local.opening
            )
            self._line("Nothing in between", ledger.currency, nothing, indent=1, font_color=SOFT)
        self._line(wording.BOOKS, ledger.currency, ledger.books, bold=True, bg_color=PALE, top=1, bottom=6)

    def _line(self, name: str, currency: str, line: Line, **look: Any) -> None:  # noqa: ANN401 - properties of a cell
        numbers = {key: value for key, value in look.items() if key != "indent"}
        self._sheet.write_string(self._at, 0, name, self._style(align="left", **look))
        for index, figure in enumerate((line.opening, line.movement, line.closing)):
            self._sheet.write_number(
                self._at, 1 + 2 * index, figure.count, self._style(num_format=_COUNT, **numbers)
            )
            amount = from_minor(figure.minor, currency)
            look_amount = self._style(num_format=_number_format(currency), **numbers)
            self._sheet.write_number(self._at, 2 + 2 * index, amount, look_amount)
        self._at += 1

    def _section(self, title: str) -> None:
        self._at += 1
        self._text(title, font_size=13, bold=True)

    def _text(self, told: str, **look: Any) -> None:  # noqa: ANN401 - properties of a cell
        self._sheet.write_string(self._at, 0, text(told), self._style(**look))
        if look.get("font_size"):
            self._sheet.set_row(self._at, look["font_size"] * 1.5)
        self._at += 1

    def _paragraph(self, told: str, **look: Any) -> None:  # noqa: ANN401 - properties of a cell
        style = self._style(text_wrap=True, **look)
        self._sheet.merge_range(self._at, 0, self._at, 6, "", style)
        self._sheet.write_string(self._at, 0, text(told), style)
        self._sheet.set_row(self._at, LINE_POINTS * (1 + len(told) // _PARAGRAPH_CHARACTERS))
        self._at += 1

    def _pair(self, name: str, told: str) -> None:
        style = self._style(text_wrap=True)
        self._sheet.write_string(self._at, 0, name, self._style(font_color=SOFT))
        self._sheet.merge_range(self._at, 1, self._at, 6, "", style)
        self._sheet.write_string(self._at, 1, text(told), style)
        self._sheet.set_row(self._at, LINE_POINTS * (1 + len(told) // _PAIR_CHARACTERS))
        self._at += 1


_PARAGRAPH_CHARACTERS: Final = 140
_PAIR_CHARACTERS: Final = 90
_EXPLANATION_CHARACTERS: Final = 58
"""How much of a text fits on one line of its cells."""


class _Documents:
    """The table: every document between the two sides, ready to be filtered and sorted."""

    def __init__(self, book: _Book, statement: Statement, documents: Sequence[Row]) -> None:
        self._style = book.style
        self._sheet = book.book.add_worksheet("Documents")
        self._rows = documents
        self._statement = statement

    def write(self) -> None:
        """Write it."""
        sheet = self._sheet
        look = {"bold": True, "bg_color": PALE, "bottom": 1, "bottom_color": RULE, "text_wrap": True}
        head, right = self._style(**look), self._style(align="right", **look)
        for column, (title, width) in enumerate(_TABLE):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, title, right if column in _NUMBERS else head)
        sheet.set_row(0, 2 * LINE_POINTS)
        for at, row in enumerate(self._rows, start=1):
            sheet.set_row(at, LINE_POINTS * (1 + len(row.reason) // _EXPLANATION_CHARACTERS))
            self._row(at, row)
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        sheet.print_area(0, 0, max(len(self._rows), 1), _PRINTED)
        sheet.set_footer("&L&8" + _footer(self._statement) + "&R&8Page &P of &N")
        sheet.autofilter(0, 0, max(len(self._rows), 1), len(_TABLE) - 1)

    def _row(self, at: int, row: Row) -> None:
        told: Mapping[int, str | None] = {
            0: row.ledger,
            1: row.currency,
            2: row.title,
            3: "yes" if row.expected else "no",
            4: row.number,
            5: row.party,
            12: row.reason,
            13: row.local_id,
            14: row.books_id,
        }
        for column, value in told.items():
            self._sheet.write_string(at, column, text(value), self._cell(column))
        self._day(at, 6, row.local_on)
        self._day(at, 7, row.books_on)
        opening, closing = row.opening and row.opening[1], row.closing and row.closing[1]
        for column, amount in zip(range(8, 12), (row.local, row.books, opening, closing), strict=True):
            self._amount(at, column, amount, row.currency)

    def _cell(self, column: int) -> Any:  # noqa: ANN401 - a format of a library without types
        look = {"indent": 1, "align": "left"} if column == _PRINTED else {}
        return self._style(text_wrap=column in _WRAPPED, **look)

    def _day(self, at: int, column: int, day: date | None) -> None:
        if day is not None and day.year >= _YEAR_MIN:
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a cell's date has no zone
            self._sheet.write_datetime(at, column, moment, self._style(num_format="yyyy-mm-dd", align="left"))
        elif day is not None:
            self._sheet.write_string(at, column, day.isoformat(), self._style())

    def _amount(self, at: int, column: int, amount: Decimal | None, currency: str) -> None:
        if amount is not None:
            style = self._style(num_format=_number_format(currency))
            self._sheet.write_number(at, column, amount, style)


_WRAPPED: Final = frozenset({2, 5, 12})
_NUMBERS: Final = frozenset(range(8, 12))
_PRINTED: Final = 12
"""The last column on paper; ids are for looking things up."""
_YEAR_MIN: Final = 1900
"""Excel knows no earlier day."""


def _footer(statement: Statement) -> str:
    """Write what stands under each page; `&` begins a command there."""
    return text(f"{statement.organization_name}, {statement.period.name}").replace("&", "&&")[:200]
