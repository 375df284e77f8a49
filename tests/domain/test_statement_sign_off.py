"""Signing: two keys vouch for figures, and a figure that moves withdraws them, saying what moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from service.domain.statements.figures import CoveredLine, covered, figures_hash, moves, told_moves
from service.domain.statements.sign_off import (
    Act,
    Signature,
    SignOff,
    SignRefused,
    SignRole,
    SignStatus,
    as_it_stands,
    sign,
    signature_of,
    withdraw,
    withdrawal,
)
from tests.domain.statement_builders import invoice, pushed, small_world, statement_of, story
from tests.domain.worlds import link

AT = datetime(2026, 11, 4, 9, tzinfo=UTC)


def figures(books_minor: int = 700) -> Sequence[CoveredLine]:
    """The figures of an October with one invoice, which the books hold at some amount."""
    world = small_world()
    pushed(world, invoice(world, "inv-1", 700, date(2026, 10, 5)), total_minor=books_minor)
    return covered(statement_of(world))


FIGURES = figures()


def signed(*steps: tuple[SignRole, str]) -> Signature:
    """How a statement stands after some have signed it."""
    acts: list[SignOff] = []
    for role, name in steps:
        act = sign(signature_of(acts), role, name, FIGURES, is_complete=True, at=AT)
        assert act is not None
        acts.append(act)
    return signature_of(acts)


PREPARED = signed((SignRole.PREPARER, "ann"))
APPROVED = signed((SignRole.PREPARER, "ann"), (SignRole.APPROVER, "bob"))


def test_one_prepares_and_another_approves() -> None:
    """A statement is open, then prepared, then approved, and tells by whom."""
    assert Signature().status is SignStatus.OPEN
    assert (PREPARED.status, PREPARED.preparer, PREPARED.approver) == (SignStatus.PREPARED, "ann", None)
    assert (APPROVED.status, APPROVED.preparer, APPROVED.approver) == (SignStatus.APPROVED, "ann", "bob")
    assert withdrawal(APPROVED, FIGURES) is None


@pytest.mark.parametrize(
    ("signature", "role", "name", "told"),
    [
        (Signature(), SignRole.APPROVER, "bob", "not been prepared yet"),
        (PREPARED, SignRole.APPROVER, "ann", "somebody else must approve"),
        (PREPARED, SignRole.PREPARER, "bob", "prepared by ann"),
        (APPROVED, SignRole.PREPARER, "bob", "approved already, prepared by ann"),
        (APPROVED, SignRole.APPROVER, "cem", "approved already, by bob"),
        (APPROVED, SignRole.APPROVER, "ann", "approved already, by bob"),
    ],
)
def test_what_cannot_be_signed_says_why(signature: Signature, role: SignRole, name: str, told: str) -> None:
    """Approving comes second and by another key; what is signed is not signed over."""
    with pytest.raises(SignRefused, match=told):
        sign(signature, role, name, FIGURES, is_complete=True, at=AT)


def test_signing_twice_does_nothing() -> None:
    """Who sends the same signature again changes nothing."""
    assert sign(PREPARED, SignRole.PREPARER, "ann", FIGURES, is_complete=True, at=AT) is None
    assert sign(APPROVED, SignRole.APPROVER, "bob", FIGURES, is_complete=True, at=AT) is None


def test_a_figure_that_moves_withdraws_and_says_what_moved() -> None:
    """The books hold another amount than was signed: withdrawn, with both amounts; a new round may begin."""
    now = figures(650)
    because = withdrawal(APPROVED, now)
    assert because is not None
    assert "Receivables USD, the books, closing: USD 7.00 of 1 document when it was signed" in because
    assert "USD 6.50 of 1 document now" in because
    assert as_it_stands(APPROVED, now).status is SignStatus.WITHDRAWN
    act = withdraw(APPROVED, because, now, is_complete=True, at=AT)
    acts = [
        SignOff(
            number=number,
            act=each,
            key_name=name,
            figures=FIGURES,
            because=None,
            is_complete=True,
            acted_at=AT,
        )
        for number, each, name in ((1, Act.PREPARED, "ann"), (2, Act.APPROVED, "bob"))
    ]
    withdrawn = signature_of([*acts, act])
    assert (withdrawn.status, withdrawn.preparer, withdrawn.withdrawn_because, withdrawn.number) == (
        SignStatus.WITHDRAWN,
        "ann",
        because,
        3,
    )
    with pytest.raises(SignRefused, match="prepared anew first"):
        sign(withdrawn, SignRole.APPROVER, "bob", now, is_complete=True, at=AT)
    again = sign(withdrawn, SignRole.PREPARER, "bob", now, is_complete=True, at=AT)
    assert again is not None
    assert (again.act, again.number, signature_of([*acts, act, again]).approver) == (Act.PREPARED, 4, None)


def test_another_document_behind_the_same_total_is_a_move() -> None:
    """Totals that agree by chance do not hide that other documents make them up."""

    def missing(name: str) -> Sequence[CoveredLine]:
        world = small_world()
        world.links.append(link(invoice(world, name, 700, date(2026, 10, 5)), "error", cause="period_locked"))
        return covered(statement_of(world))

    one, other = missing("inv-1"), missing("inv-2")
    assert figures_hash(one) != figures_hash(other)
    assert told_moves(one, other) == (
        "Receivables USD, push failed: other documents or amounts stand behind the same total."
    )


def test_words_are_not_covered() -> None:
    """The same figures under other reasons and rules have the same digest: nothing moved."""
    statement = story()
    reworded = replace(
        statement,
        organization_name="Renamed",
        ledgers=[
            replace(
                ledger,
                remarks=(),
                terms=[
                    replace(
                        term,
                        expected=not term.expected,
                        items=[replace(item, reason="better told") for item in reversed(term.items)],
                    )
                    for term in ledger.terms
                ],
            )
            for ledger in statement.ledgers
        ],
    )
    assert figures_hash(covered(reworded)) == figures_hash(covered(statement))
    assert moves(covered(statement), covered(reworded)) == []


def test_many_moves_are_told_in_short() -> None:
    """Of many lines that moved the first are told, and how many more there are."""
    told = told_moves(covered(story()), ())
    assert told is not None
    assert told.endswith("more lines moved.")
