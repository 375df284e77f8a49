"""The balance: terms and totals are summed apart, and must meet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.comparing.balance import Term, tie_out
from service.domain.comparing.difference import Difference, Kind
from service.domain.document import Basis, Ledger, Side
from tests.domain.worlds import document

BILL = document(Side.LOCAL, Ledger.PAYABLE, "l1", total_minor=100)
MISSING = Difference(
    ledger=Ledger.PAYABLE,
    currency="USD",
    kind=Kind.PUSH_FAILED,
    local_id="l1",
    books_id=None,
    local_minor=100,
    books_minor=None,
    delta_minor=-100,
    count_delta=-1,
    basis=Basis.STATED,
    expected=False,
    rule=None,
    expected_until=None,
    record_id=None,
    cause=None,
    reason="",
    confidence=None,
)
SURPLUS = replace(
    MISSING,
    kind=Kind.UNCLASSIFIED,
    local_id=None,
    books_id="b1",
    local_minor=None,
    books_minor=30,
    delta_minor=30,
    count_delta=1,
)


def test_terms_lead_from_the_local_total_to_that_of_the_books() -> None:
    """Differences of a kind become one term each, signed as books less local."""
    [balance] = tie_out(Ledger.PAYABLE, [BILL], [("USD", 30)], [MISSING, SURPLUS])
    assert (balance.local_minor, balance.local_count, balance.books_minor, balance.books_count) == (
        100,
        1,
        30,
        1,
    )
    assert list(balance.terms) == [
        Term(Kind.PUSH_FAILED, expected=False, count=-1, delta_minor=-100, differences=1),
        Term(Kind.UNCLASSIFIED, expected=False, count=1, delta_minor=30, differences=1),
    ]
    assert balance.unclassified_minor == 30


@pytest.mark.parametrize(
    "differences",
    [
        [],
        [MISSING],
        [MISSING, SURPLUS, SURPLUS],
        [MISSING, replace(SURPLUS, delta_minor=31)],
        [replace(MISSING, count_delta=0), SURPLUS],
    ],
)
def test_a_balance_that_does_not_meet_stops_the_work(differences: list[Difference]) -> None:
    """A forgotten, doubled, wrong or uncounted difference is never plugged but raises."""
    with pytest.raises(AssertionError, match="the terms miss"):
        tie_out(Ledger.PAYABLE, [BILL], [("USD", 30)], differences)


def test_currencies_never_mix() -> None:
    """Each currency has a balance of its own, and a term in a currency without documents is our mistake."""
    euros = replace(BILL, document_id="l2", currency="EUR")
    balances = tie_out(Ledger.PAYABLE, [BILL, euros], [("USD", 100), ("EUR", 100)], [])
    assert [(each.currency, each.local_minor) for each in balances] == [("EUR", 100), ("USD", 100)]
    with pytest.raises(AssertionError, match="no document bears"):
        tie_out(Ledger.PAYABLE, [], [], [MISSING])


def test_expected_and_unexpected_money_stay_apart() -> None:
    """One kind that is expected in part makes two terms, and kinds that move nothing make none."""
    expected = replace(MISSING, expected=True)
    silent = replace(MISSING, kind=Kind.NUMBER, delta_minor=0, count_delta=0)
    [balance] = tie_out(
        Ledger.PAYABLE, [BILL, replace(BILL, document_id="l2")], [], [MISSING, expected, silent]
    )
    assert [(term.kind, term.expected, term.delta_minor) for term in balance.terms] == [
        (Kind.PUSH_FAILED, False, -100),
        (Kind.PUSH_FAILED, True, -100),
    ]


def test_a_fingerprint_names_the_disagreement_not_its_size() -> None:
    """The same two documents in the same disagreement keep their fingerprint while the amount moves."""
    moved = replace(MISSING, local_minor=7, delta_minor=-7, reason="other", expected=True)
    assert moved.fingerprint == MISSING.fingerprint
    others = [
        replace(MISSING, kind=Kind.AMOUNT),
        replace(MISSING, local_id="l2"),
        replace(MISSING, books_id="l1"),
        replace(MISSING, currency="EUR"),
        replace(MISSING, ledger=Ledger.RECEIVABLE),
    ]
    assert len({each.fingerprint for each in [MISSING, *others]}) == 6
