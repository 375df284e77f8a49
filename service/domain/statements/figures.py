"""The figures of a statement: what a signature covers, and what moved since.

Covered are both sides and every term of each ledger at the opening and the closing, in money and in counts,
and which documents stand behind each term with what amount. Not covered are words: a reason that is told
better, a rule that now explains a difference, a later read that found the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.domain.document import digest
from service.domain.money import format_minor
from service.domain.statements.statement import LedgerStatement, Line, Statement, Term
from service.domain.statements.terms import ZERO

MOVES_TOLD_MAX: Final = 5
"""So many moves are told one by one; who wants all of them compares two statements."""

LOCAL: Final = "local"
BOOKS: Final = "books"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredLine:
    """One line that is signed."""

    ledger: str
    currency: str
    line: str
    """`local`, `books`, or the kind of a term."""
    opening_count: int
    opening_minor: int
    closing_count: int
    closing_minor: int
    documents: str = ""
    """Digest of the documents behind a term, and of their amounts."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is the line of."""
        return self.ledger, self.currency, self.line


def covered(statement: Statement) -> Sequence[CoveredLine]:
    """Return the lines that a signature covers, in a settled order."""
    lines = [line for ledger in statement.ledgers for line in _of_ledger(ledger)]
    return sorted((line for line in lines if not _is_nothing(line)), key=lambda line: line.key)


def figures_hash(lines: Sequence[CoveredLine]) -> bytes:
    """Digest of covered lines; equal figures have equal digests, in every process."""
    return digest(part for line in lines for part in _parts(line))


def moves(signed: Sequence[CoveredLine], now: Sequence[CoveredLine]) -> Sequence[str]:
    """Tell what moved since, a sentence for each line."""
    before, after = ({line.key: line for line in lines} for lines in (signed, now))
    return [told for key in sorted({*before, *after}) for told in _move(key, before.get(key), after.get(key))]


def told_moves(signed: Sequence[CoveredLine], now: Sequence[CoveredLine]) -> str | None:
    """Tell what moved in one paragraph; None if nothing did."""
    told = moves(signed, now)
    if len(told) > MOVES_TOLD_MAX:
        told = [*told[:MOVES_TOLD_MAX], f"{len(told) - MOVES_TOLD_MAX} more lines moved."]
    return " ".join(told) or None


def _of_ledger(ledger: LedgerStatement) -> Iterator[CoveredLine]:
    yield _line(ledger, LOCAL, ledger.local)
    yield _line(ledger, BOOKS, ledger.books)
    by_kind: dict[str, list[Term]] = {}
    for term in ledger.terms:
        by_kind.setdefault(term.kind.value, []).append(term)
    for kind, terms in by_kind.items():
        total = Line(
            sum((term.line.opening for term in terms), ZERO), sum((term.line.closing for term in terms), ZERO)
        )
        yield _line(ledger, kind, total, _documents(terms))


def _documents(terms: Sequence[Term]) -> str:
    """Digest documents by id and amount, whatever the order and whether a rule explains them."""
    rows = sorted(
        (each.difference.local_id or "", each.difference.books_id or "", *_amounts(each.line))
        for term in terms
        for each in term.items
    )
    return digest(part for row in rows for part in row).hex() if rows else ""


def _amounts(line: Line) -> tuple[int, int, int, int]:
    return line.opening.count, line.opening.minor, line.closing.count, line.closing.minor


def _line(ledger: LedgerStatement, name: str, line: Line, documents: str = "") -> CoveredLine:
    return CoveredLine(
        ledger=ledger.ledger.value,
        currency=ledger.currency,
        line=name,
        opening_count=line.opening.count,
        opening_minor=line.opening.minor,
        closing_count=line.closing.count,
        closing_minor=line.closing.minor,
        documents=documents,
    )


def _is_nothing(line: CoveredLine) -> bool:
    figures = (line.opening_count, line.opening_minor, line.closing_count, line.closing_minor)
    return not any(figures) and not line.documents


def _parts(line: CoveredLine) -> Sequence[object]:
    return (
        *line.key,
        line.opening_count,
        line.opening_minor,
        line.closing_count,
        line.closing_minor,
        line.documents,
    )


_LEDGERS: Final[Mapping[str, str]] = {"receivable": "Receivables", "payable": "Payables"}
_SIDES: Final[Mapping[str, str]] = {LOCAL: "local documents", BOOKS: "the books"}


def _move(key: tuple[str, str, str], before: CoveredLine | None, after: CoveredLine | None) -> Iterator[str]:
    ledger, currency, line = key
    name = _SIDES.get(line, line.replace("_", " "))
    subject = f"{_LEDGERS.get(ledger, ledger)} {currency}, {name}"
    for moment in ("opening", "closing"):
        then, now = (
            (getattr(each, f"{moment}_count"), getattr(each, f"{moment}_minor")) if each else (0, 0)
            for each in (before, after)
        )
        if then != now:
            yield (
                f"{subject}, {moment}: {format_minor(then[1], currency)} of {documents_told(then[0])} when "
                f"it was signed, {format_minor(now[1], currency)} of {documents_told(now[0])} now."
            )
            return
    if (before.documents if before else "") != (after.documents if after else ""):
        yield f"{subject}: other documents or amounts stand behind the same total."


def documents_told(count: int) -> str:
    """Write a number of documents, or how it moved."""
    return f"{count:,} {'document' if abs(count) == 1 else 'documents'}"
