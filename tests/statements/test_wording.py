"""The verdict over a ledger: it says that both sides agree only where every document does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from service.domain.comparing.difference_kind import Kind
from service.domain.statements.statement import LedgerStatement
from service.domain.statements.terms import Figure
from service.statements.wording import verdict
from tests.domain.statement_builders import OCTOBER, invoice, pushed, small_world, statement_of


def differing(*minors: int) -> LedgerStatement:
    """October's receivables, of which each document has so much more in the books."""
    world = small_world()
    for number, minor in enumerate(minors):
        local = invoice(world, f"inv-{number}", 10_000, date(2026, 10, 5 + number))
        pushed(world, local, total_minor=10_000 + minor)
    [ledger] = statement_of(world).ledgers
    return ledger


def unclassified(ledger: LedgerStatement, closing: Sequence[Figure]) -> LedgerStatement:
    """The same with nothing explained, its items at so much when the month ended."""
    [term] = ledger.terms
    items = [
        replace(item, line=replace(item.line, closing=figure))
        for item, figure in zip(term.items, closing, strict=True)
    ]
    return replace(ledger, terms=[replace(term, kind=Kind.UNCLASSIFIED, items=items)])


def test_differences_that_cancel_out_are_told() -> None:
    """Two documents that differ by as much in either direction are two differences, not agreement."""
    told = verdict(differing(+100, -100), OCTOBER)
    assert "Both sides agree" not in told
    assert "The totals agree, the documents do not: 2 differences, listed below" in told


@pytest.mark.parametrize(
    ("minors", "told"), [((0,), "there is 1 document of"), ((0, 0), "there are 2 documents of")]
)
def test_one_document_is_spoken_of_as_one(minors: Sequence[int], told: str) -> None:
    """Of a single document it says that there is one, of several that there are some."""
    assert f"On 31 October 2026 {told} USD" in verdict(differing(*minors), OCTOBER)


def test_both_sides_agree_where_each_document_does() -> None:
    """Without any difference at the end of the month both sides agree."""
    assert verdict(differing(0, 0), OCTOBER).endswith(" Both sides agree.")


def test_what_cannot_be_explained_is_summed_whatever_its_sign() -> None:
    """Unexplained money does not cancel out: a dollar more and a dollar less are two dollars."""
    ledger = unclassified(differing(+100, -100), [Figure(0, +100), Figure(0, -100)])
    assert "2 differences, listed below, of which USD 2.00 could not be explained." in verdict(
        ledger, OCTOBER
    )


def test_what_stood_only_when_the_month_began_is_no_open_question() -> None:
    """What could not be explained and is gone when the month ends leaves the rest explained."""
    explained = differing(-100)
    gone = unclassified(differing(-100), [Figure()]).terms
    told = verdict(replace(explained, terms=[*explained.terms, *gone]), OCTOBER)
    assert told.endswith("one difference, listed below, explained to the last cent.")
