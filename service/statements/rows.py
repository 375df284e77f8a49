"""A statement as one table: a row for each total, term, document and remark, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from service.domain.money import from_minor
from service.domain.statements.statement import Item, LedgerStatement, Line, Statement, Term
from service.domain.statements.terms import Figure
from service.statements import wording


class Level(StrEnum):
    """What a row tells."""

    TOTAL = "total"
    TERM = "term"
    DOCUMENT = "document"
    REMARK = "remark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; amounts in major units, exactly."""

    level: Level
    ledger: str
    currency: str
    title: str
    kind: str = ""
    expected: bool | None = None
    number: str | None = None
    party: str | None = None
    local_on: date | None = None
    books_on: date | None = None
    local: Decimal | None = None
    books: Decimal | None = None
    opening: tuple[int, Decimal] | None = None
    movement: tuple[int, Decimal] | None = None
    closing: tuple[int, Decimal] | None = None
    reason: str = ""
    local_id: str | None = None
    books_id: str | None = None


def rows(statement: Statement) -> Iterator[Row]:
    """Tell a statement row by row."""
    for ledger in statement.ledgers:
        yield _total(ledger, wording.DOCUMENTS[ledger.ledger], "local", ledger.local)
        for term in ledger.terms:
            yield _term(ledger, term)
            for item in term.items:
                yield _item(ledger, item, term)
        yield _total(ledger, wording.BOOKS, "books", ledger.books)
        for item in ledger.remarks:
            yield _item(ledger, item, None)


def _total(ledger: LedgerStatement, title: str, kind: str, line: Line) -> Row:
    opening, movement, closing = _figures(ledger.currency, line)
    return Row(
        level=Level.TOTAL,
        ledger=wording.LEDGERS[ledger.ledger],
        currency=ledger.currency,
        title=title,
        kind=kind,
        opening=opening,
        movement=movement,
        closing=closing,
    )


def _term(ledger: LedgerStatement, term: Term) -> Row:
    opening, movement, closing = _figures(ledger.currency, term.line)
    return Row(
        level=Level.TERM,
        ledger=wording.LEDGERS[ledger.ledger],
        currency=ledger.currency,
        title=wording.words(term.kind, expected=term.expected).title,
        kind=term.kind.value,
        expected=term.expected,
        opening=opening,
        movement=movement,
        closing=closing,
        reason=wording.words(term.kind, expected=term.expected).meaning,
    )


def _item(ledger: LedgerStatement, item: Item, term: Term | None) -> Row:
    each, currency = item.difference, ledger.currency
    kind = each.kind if term is None else term.kind
    opening, movement, closing = _figures(currency, item.line) if term is not None else (None, None, None)
    return Row(
        level=Level.REMARK if term is None else Level.DOCUMENT,
        ledger=wording.LEDGERS[ledger.ledger],
        currency=currency,
        title=wording.words(kind, expected=each.expected if term is None else term.expected).title,
        kind=kind.value,
        expected=each.expected if term is None else term.expected,
        number=item.number,
        party=item.party,
        local_on=item.local_on,
        books_on=item.books_on,
        local=None if each.local_minor is None else from_minor(each.local_minor, currency),
        books=None if each.books_minor is None else from_minor(each.books_minor, currency),
        opening=opening,
        movement=movement,
        closing=closing,
        reason=wording.reason(item),
        local_id=each.local_id,
        books_id=each.books_id,
    )


Pair = tuple[int, Decimal]


def _figures(currency: str, line: Line) -> tuple[Pair, Pair, Pair]:
    def told(figure: Figure) -> Pair:
        return figure.count, from_minor(figure.minor, currency)

    return told(line.opening), told(line.movement), told(line.closing)
