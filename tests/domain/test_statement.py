"""The statement: opening, movements and closing tie out in every month, and say how far to trust them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.comparing.difference_kind import Kind
from service.domain.document import Side
from service.domain.statements.marks import Reads
from service.domain.statements.period import Period
from service.domain.statements.statement import state
from service.domain.statements.terms import ZERO, Figure
from tests.domain.statement_builders import (
    AFTER,
    NOVEMBER,
    OCTOBER,
    SEPTEMBER,
    facts_of,
    invoice,
    pushed,
    small_world,
    statement_of,
    story,
)
from tests.domain.worlds import World, labelled, wild

SEEDS = st.integers(min_value=0, max_value=2**63)
ALL_MONTHS = Period(date(2999, 12, 1))


def spread(world: World, seed: int) -> World:
    """The same world with dates strewn over three months on both sides."""

    def strewn(index: int) -> date | None:
        shift = (seed >> (index * 7 % 56)) % 97
        return None if shift == 0 else date(2026, 8, 20) + timedelta(days=shift)

    world.local[:] = [replace(each, issued_on=strewn(at)) for at, each in enumerate(world.local)]
    world.books[:] = [replace(each, issued_on=strewn(at + 3)) for at, each in enumerate(world.books)]
    return world


def check_months(world: World) -> None:
    """Check the months of a world against its balance and against each other."""
    facts, [comparison] = facts_of([world])
    statements = [state(facts, period) for period in (SEPTEMBER, OCTOBER, NOVEMBER, ALL_MONTHS)]
    for statement in statements:
        for ledger in statement.ledgers:
            for moment in ("opening", "closing", "movement"):
                terms = sum((getattr(term.line, moment) for term in ledger.terms), ZERO)
                assert getattr(ledger.local, moment) + terms == getattr(ledger.books, moment)
            for term in ledger.terms:
                assert sum((item.line.closing for item in term.items), ZERO) == term.line.closing
    for earlier, later in ((statements[0], statements[1]), (statements[1], statements[2])):
        closings = {each.currency: (each.local.closing, each.books.closing) for each in earlier.ledgers}
        openings = {each.currency: (each.local.opening, each.books.opening) for each in later.ledgers}
        assert {currency: each for currency, each in closings.items() if any(each)} == {
            currency: each for currency, each in openings.items() if any(each)
        }
    balances = {each.currency: each for each in comparison.balances}
    for ledger in statements[-1].ledgers:
        balance = balances[ledger.currency]
        assert ledger.local.closing == Figure(balance.local_count, balance.local_minor)
        assert ledger.books.closing == Figure(balance.books_count, balance.books_minor)
        assert {
            (term.kind, term.expected): term.line.closing for term in ledger.terms if term.line.closing
        } == {
            (term.kind, term.expected): Figure(term.count, term.delta_minor)
            for term in balance.terms
            if term.count or term.delta_minor
        }


@settings(max_examples=1500, deadline=None)
@given(SEEDS)
def test_every_month_ties_out_whatever_the_world(seed: int) -> None:
    """Local + terms = books at opening, closing and between; months join; the last one is the balance."""
    check_months(spread(wild(seed), seed))


@settings(max_examples=500, deadline=None)
@given(SEEDS)
def test_every_month_of_planted_situations_ties_out(seed: int) -> None:
    """The same holds where everything that can go wrong was planted, dated over three months."""
    check_months(spread(labelled(seed), seed))


def test_a_healthy_month_has_no_terms() -> None:
    """Where both sides agree there is nothing between them, and what came before is the opening."""
    world = small_world()
    pushed(world, invoice(world, "inv-1", 100, date(2026, 9, 30)))
    pushed(world, invoice(world, "inv-2", 250, date(2026, 10, 1)))
    pushed(world, invoice(world, "inv-3", 999, date(2026, 11, 1)))
    [ledger] = statement_of(world).ledgers
    assert (ledger.local.opening, ledger.local.movement, ledger.local.closing) == (
        Figure(1, 100),
        Figure(1, 250),
        Figure(2, 350),
    )
    assert ledger.books == ledger.local
    assert (list(ledger.terms), list(ledger.remarks)) == ([], [])


def test_dates_in_two_months_are_a_cut_off_that_reverses() -> None:
    """What the books date in the next month is missing there at the end of this one, and only then."""
    world = small_world()
    local = invoice(world, "inv-1", 700, date(2026, 10, 31))
    pushed(world, local, issued_on=date(2026, 11, 2), party_name="Somebody", due_on=date(2026, 12, 1))
    [october] = statement_of(world).ledgers
    [term] = october.terms
    assert [item.reason for item in term.items] == [
        "Issued on 2026-10-31 here, dated 2026-11-02 in the books."
    ]
    assert (term.kind, term.line.opening, term.line.closing) == (Kind.ISSUE_DATE, ZERO, Figure(-1, -700))
    [november] = statement_of(world, period=NOVEMBER).ledgers
    [term] = november.terms
    assert (term.line.opening, term.line.movement, term.line.closing) == (
        Figure(-1, -700),
        Figure(1, 700),
        ZERO,
    )
    assert [item.number for item in term.items] == ["INV-1"]


def test_a_pair_that_differs_in_amount_too_is_cut_off_once() -> None:
    """At the cut-off the whole local amount is between, later the difference of the amounts alone."""
    world = small_world()
    pushed(
        world,
        invoice(world, "inv-1", 700, date(2026, 10, 31)),
        issued_on=date(2026, 11, 2),
        total_minor=650,
        number="OTHER",
    )
    [october] = statement_of(world).ledgers
    assert [(term.kind, term.line.closing) for term in october.terms] == [(Kind.ISSUE_DATE, Figure(-1, -700))]
    assert "2026-10-31 here and on 2026-11-02 in the books" in october.terms[0].items[0].reason
    [november] = statement_of(world, period=NOVEMBER).ledgers
    assert {term.kind: term.line.closing for term in november.terms} == {
        Kind.AMOUNT: Figure(0, -50),
        Kind.ISSUE_DATE: ZERO,
    }


def test_differences_without_money_are_remarks_of_their_month() -> None:
    """Another number moves no money: it is told in the month of its document and stands in no term."""
    world = small_world()
    pushed(world, invoice(world, "inv-1", 700, date(2026, 10, 5)), number="INV-0001")
    [ledger] = statement_of(world).ledgers
    assert ([item.difference.kind for item in ledger.remarks], list(ledger.terms)) == ([Kind.NUMBER], [])
    [later] = statement_of(world, period=NOVEMBER).ledgers
    assert list(later.remarks) == []


def test_what_bears_no_date_stands_in_the_opening_and_is_told() -> None:
    """No month can claim a document without any date, so it is there from the beginning."""
    world = small_world()
    local = invoice(world, "inv-1", 700, date(2026, 10, 5))
    world.local[0] = replace(local, issued_on=None, created_at=None)
    [ledger] = statement_of(world, period=SEPTEMBER).ledgers
    assert (ledger.local.opening, ledger.undated) == (Figure(1, 700), Figure(1, 700))
    assert ledger.terms[0].items[0].counts_on is None


@pytest.mark.parametrize(
    ("reads", "provisional", "told"),
    [
        (Reads(local_at=AFTER, books_at=AFTER, certified=True), False, "The books were read after October"),
        (
            Reads(local_at=AFTER, books_at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC), certified=True),
            True,
            "known as of 31 October 2026, before October 2026 had ended",
        ),
        (Reads(local_at=AFTER, books_at=OCTOBER.ends_at, certified=True), False, "were read after"),
        (Reads(local_at=AFTER, books_at=None, certified=False), True, "have not been read yet"),
        (
            Reads(local_at=AFTER, books_at=AFTER, certified=False, reason="the pages shifted"),
            False,
            "not complete (the pages shifted)",
        ),
        (
            Reads(local_at=AFTER, books_at=AFTER, certified=True, unreadable_books=2),
            False,
            "2 documents cannot be read: what was never read is in no figure.",
        ),
        (None, True, "have not been compared yet"),
    ],
)
def test_completeness_is_told(reads: Reads | None, provisional: bool, told: str) -> None:  # noqa: FBT001 - a case
    """A side read before the month's end makes it provisional; an uncertified read is named."""
    world = small_world()
    invoice(world, "inv-1", 700, date(2026, 10, 5))
    statement = statement_of(world, reads=reads)
    assert statement.is_provisional is provisional
    assert any(told in mark.sentence for mark in statement.marks if mark.side is Side.BOOKS)


def test_what_cannot_be_read_leaves_its_side_incomplete() -> None:
    """A document that is there and was never read is in no figure, so its side is not told as complete."""
    reads = Reads(local_at=AFTER, books_at=AFTER, certified=True, unreadable_local=1)
    marks = statement_of(small_world(), reads=reads).marks
    assert {mark.side for mark in marks if not mark.is_complete} == {Side.LOCAL}


def test_another_read_that_finds_the_same_makes_the_same_statement() -> None:
    """When a complete month was read last is no part of its statement."""
    world = small_world()
    invoice(world, "inv-1", 700, date(2026, 10, 5))
    later = AFTER + timedelta(days=3, hours=1)
    assert statement_of(world) == statement_of(
        world, reads=Reads(local_at=later, books_at=later, certified=True)
    )


def test_a_statement_that_does_not_meet_is_never_told() -> None:
    """A month whose sums and differences contradict each other raises rather than be plugged."""
    world = small_world()
    invoice(world, "inv-1", 700, date(2026, 10, 5))
    facts, _ = facts_of([world])
    with pytest.raises(AssertionError, match="the terms miss -700 minor units and -1 documents"):
        state(replace(facts, differences=()), OCTOBER)


def test_a_story_has_all_its_terms() -> None:
    """Each thing that happened stands in the term and currency where a bookkeeper looks for it."""
    terms = {
        (ledger.ledger.value, ledger.currency): {term.kind.value for term in ledger.terms}
        for ledger in story().ledgers
    }
    assert terms == {
        ("receivable", "USD"): {
            "amount",
            "issue_date",
            "push_failed",
            "never_attempted",
            "not_pushed",
            "only_in_books",
        },
        ("payable", "USD"): set(),
        ("payable", "JPY"): {"never_attempted"},
    }


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-1", "26-10", "2026-10-01", "", "2026-10\n", "٢٠٢٦-10", "0000-01"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    """A period is a year and a month, and nothing else passes for one."""
    with pytest.raises(ValueError, match="a month like 2026-10"):
        Period.parse(text)


def test_a_month_knows_its_days() -> None:
    """First and last day, the day before and the first instant after, also at the end of a year."""
    december = Period.parse("2026-12")
    assert (december.day_before, december.first, december.last) == (
        date(2026, 11, 30),
        date(2026, 12, 1),
        date(2026, 12, 31),
    )
    assert december.ends_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert (str(december), december.name) == ("2026-12", "December 2026")
