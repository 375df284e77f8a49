"""A statement as CSV: one flat table with a head, then what must be said beside it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO, TextIOWrapper
from typing import Final

from service.domain.statements.sign_off import Signature
from service.domain.statements.statement import SCOPE, Statement
from service.statements import wording
from service.statements.cells import csv_text
from service.statements.rows import Row, rows

COLUMNS: Final = (
    "organization",
    "period",
    "row",
    "ledger",
    "currency",
    "line",
    "kind",
    "expected",
    "number",
    "party",
    "date_in_hub",
    "date_in_books",
    "amount_in_hub",
    "amount_in_books",
    "opening_documents",
    "opening_amount",
    "movement_documents",
    "movement_amount",
    "closing_documents",
    "closing_amount",
    "explanation",
    "hub_id",
    "books_id",
)


def csv_file(statement: Statement, signature: Signature) -> bytes:
    """Write a statement as CSV (RFC 4180, UTF-8)."""
    made = BytesIO()
    # Not a text of the whole, which takes four bytes a character.
    out = TextIOWrapper(made, encoding="utf-8", newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    head = (csv_text(statement.organization_name), str(statement.period))
    for row in rows(statement):
        writer.writerow([*head, *_cells(row)])
    for line, told in _notes(statement, signature):
        writer.writerow([*head, "note", "", "", csv_text(line), *[""] * 14, csv_text(told), "", ""])
    out.flush()
    return made.getvalue()


def _cells(row: Row) -> Sequence[str]:
    expected = "" if row.expected is None else str(row.expected).lower()
    figures = [
        cell
        for pair in (row.opening, row.movement, row.closing)
        for cell in (("", "") if pair is None else (str(pair[0]), f"{pair[1]:f}"))
    ]
    return (
        row.level.value,
        row.ledger,
        row.currency,
        row.title,
        row.kind,
        expected,
        csv_text(row.number),
        csv_text(row.party),
        _day(row.local_on),
        _day(row.books_on),
        _amount(row.local),
        _amount(row.books),
        *figures,
        csv_text(row.reason),
        csv_text(row.local_id),
        csv_text(row.books_id),
    )


def _notes(statement: Statement, signature: Signature) -> Sequence[tuple[str, str]]:
    marks = [(f"{wording.LEDGERS[mark.ledger]}: completeness", mark.sentence) for mark in statement.marks]
    return [
        ("Completeness", wording.completeness(statement)),
        *marks,
        ("Signature", wording.status(signature)),
        *wording.signers(signature),
        ("How to read it", wording.LEGEND),
        ("Scope", SCOPE),
    ]


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"
