"""A statement as PDF: typeset by typst, with fonts of its own, dated by its month.

Texts reach the page as strings inside one JSON input and are never markup. Fonts of the machine are left out
and the document's date is the last day of the month, so that every machine makes the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

import msgspec
import typst

from service.domain.money import exponent, from_minor
from service.domain.statements.figures import covered, figures_hash
from service.domain.statements.sign_off import Signature, SignStatus
from service.domain.statements.statement import SCOPE, Item, LedgerStatement, Line, Statement
from service.domain.statements.terms import ZERO
from service.statements import wording
from service.statements.glyphs import can_show

ITEMS_MAX: Final = 300
"""Documents of one term on paper, some ten pages; the spreadsheet has all of them."""

CHARACTERS_MAX: Final = 300
"""Of one text on paper: a number or a name of a whole page helps nobody."""

MINUS: Final = "\N{MINUS SIGN}"
DASH: Final = "\N{EN DASH}"


def pdf_file(statement: Statement, signature: Signature) -> bytes:
    """Typeset a statement."""
    source = resources.files("service.statements").joinpath("statement.typ").read_bytes()
    page = _page(statement, signature)
    is_legible = can_show(msgspec.json.encode(page).decode())
    data = msgspec.json.encode({**page, "note": "" if is_legible else wording.NOT_SHOWN}).decode()
    made = typst.compile(
        source,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"data": data},
        timestamp=int(_last_day(statement).timestamp()),
    )
    assert isinstance(made, bytes), "one input makes one file"
    return made


def _last_day(statement: Statement) -> datetime:
    last = statement.period.last
    return datetime(last.year, last.month, last.day, tzinfo=UTC)


def _page(statement: Statement, signature: Signature) -> Mapping[str, Any]:
    last = statement.period.last
    return {
        "title": _text(f"{wording.TITLE} {statement.period}, {statement.organization_name}"),
        "title_line": wording.TITLE,
        "date": (last.year, last.month, last.day),
        "organization": _text(statement.organization_name),
        "span": wording.span(statement.period),
        "chips": _chips(statement, signature),
        "footer": _text(f"{statement.organization_name}, {statement.period.name}"),
        "figures": f"Fingerprint of the figures {figures_hash(covered(statement)).hex()[:12]}",
        "ledgers": [_ledger(statement, ledger) for ledger in statement.ledgers],
        "marks": [
            {
                "ledger": wording.LEDGERS[mark.ledger],
                "sentence": _text(mark.sentence),
                "is_complete": mark.is_complete,
            }
            for mark in statement.marks
        ],
        "signers": [
            (name, _text(told, most=_BECAUSE_CHARACTERS)) for name, told in wording.signers(signature)
        ],
        "scope": SCOPE,
        "legend": wording.LEGEND,
    }


_BECAUSE_CHARACTERS: Final = 2_000

_SIGN_TONES: Final[Mapping[SignStatus, str]] = {
    SignStatus.OPEN: "soft",
    SignStatus.PREPARED: "soft",
    SignStatus.APPROVED: "good",
    SignStatus.WITHDRAWN: "warn",
}


def _chips(statement: Statement, signature: Signature) -> Sequence[Mapping[str, str]]:
    is_whole = not statement.is_provisional and all(mark.certified for mark in statement.marks)
    return [
        {"text": wording.completeness(statement), "tone": "good" if is_whole else "warn"},
        {"text": wording.status(signature), "tone": _SIGN_TONES[signature.status]},
    ]


def _ledger(statement: Statement, ledger: LedgerStatement) -> Mapping[str, Any]:
    period, currency = statement.period, ledger.currency
    terms = [
        _row(wording.title(term), currency, term.line, quiet=term.expected) for term in ledger.terms
    ] or [_row("Nothing in between", currency, Line(ZERO, ZERO), quiet=True)]
    return {
        "title": f"{wording.LEDGERS[ledger.ledger]}, {currency}",
        "verdict": wording.verdict(ledger, period),
        "heads": (
            f"opening {wording.day(period.first)}",
            f"during {period.name}",
            f"closing {wording.day(period.last)}",
        ),
        "local": _row(wording.DOCUMENTS[ledger.ledger], currency, ledger.local),
        "books": _row(wording.BOOKS, currency, ledger.books),
        "terms": terms,
        "groups": list(_groups(ledger)),
    }


def _row(title: str, currency: str, line: Line, *, quiet: bool = False) -> Mapping[str, Any]:
    figures = [
        cell
        for figure in (line.opening, line.movement, line.closing)
        for cell in (_count(figure.count), _amount(figure.minor, currency))
    ]
    return {"title": title, "figures": figures, "quiet": quiet}


def _groups(ledger: LedgerStatement) -> Iterator[Mapping[str, Any]]:
    for term in ledger.terms:
        meaning = wording.words(term.kind, expected=term.expected).meaning
        yield _group(ledger.currency, wording.title(term), meaning, term.items)
    if ledger.remarks:
        meaning = "The documents are on both sides with the same amount, and differ otherwise."
        yield _group(ledger.currency, wording.REMARKS, meaning, ledger.remarks)


def _group(currency: str, title: str, meaning: str, items: Sequence[Item]) -> Mapping[str, Any]:
    left = len(items) - ITEMS_MAX
    return {
        "title": title,
        "meaning": meaning,
        "items": [_item(currency, item) for item in items[:ITEMS_MAX]],
        "more": f"{left:,} more are in the spreadsheet." if left > 0 else "",
    }


def _item(currency: str, item: Item) -> Mapping[str, str]:
    each = item.difference
    return {
        "date": wording.day(item.counts_on),
        "number": _text(item.number) or DASH,
        "party": _text(item.party) or DASH,
        "local": DASH if each.local_minor is None else _amount(each.local_minor, currency),
        "books": DASH if each.books_minor is None else _amount(each.books_minor, currency),
        "between": _amount(item.line.closing.minor, currency),
        "reason": _text(wording.reason(item)),
    }


def _count(count: int) -> str:
    return f"{count:,}".replace("-", MINUS)


def _amount(minor: int, currency: str) -> str:
    return f"{from_minor(minor, currency):,.{exponent(currency)}f}".replace("-", MINUS)


def _text(value: str | None, *, most: int = CHARACTERS_MAX) -> str:
    """Keep what can be printed; a text of a page is cut."""
    if not value:
        return ""
    told = "".join(each if each.isprintable() else " " for each in value)
    return told if len(told) <= most else f"{told[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
