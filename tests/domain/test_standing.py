"""What stands in the books already: a likeness is enough to hold a push, and nothing else is held."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from service.domain.causes.cause import Cause
from service.domain.causes.facts import Owner
from service.domain.document import Basis, Document, DocumentKind, Ledger, Side, Status
from service.domain.pushing.attempt import EvidenceKind, Trigger
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.standing import held, standing
from tests.domain.record_builders import at, failed

LOCAL = Document(
    side=Side.LOCAL,
    ledger=Ledger.RECEIVABLE,
    kind=DocumentKind.INVOICE,
    document_id="ours",
    currency="USD",
    total_minor=120_00,
    net_minor=100_00,
    number="INV-7",
    party_name="Acme Ltd",
)
THERE = replace(LOCAL, side=Side.BOOKS, document_id="981")
PUSH = Decision(
    verdict=Verdict.PUSH,
    reason="What kept it from the books is cured.",
    owner=Owner.NOBODY,
    deadline_at=at(600),
    trigger=Trigger.CURE,
    evidence=EvidenceKind.REFUSED_BEFORE_CREATION,
    attempt_number=2,
)


@pytest.mark.parametrize(
    ("changes", "stands"),
    [
        ({}, True),
        ({"number": " inv - 7"}, True),
        ({"party_name": "Somebody else"}, True),
        ({"total_minor": 100_00}, True),
        ({"party_name": "ACME LTD.", "total_minor": 99_00}, True),
        ({"total_minor": 100_00, "basis": Basis.DERIVED_NET, "party_name": None}, True),
        ({"party_name": "Somebody else", "total_minor": 99_00}, False),
        ({"number": "INV-8"}, False),
        ({"number": None}, False),
        ({"currency": "EUR"}, False),
        ({"status": Status.VOID}, False),
        ({"kind": DocumentKind.CREDIT_NOTE}, False),
    ],
    ids=str,
)
def test_number_currency_and_party_or_amount_make_it(changes: dict[str, Any], stands: bool) -> None:  # noqa: FBT001
    """The same number and currency, with the party or the amount, is taken for the same document."""
    assert bool(standing(LOCAL, [replace(THERE, **changes)])) is stands


def test_without_a_number_nothing_is_taken_for_it() -> None:
    """A document without a number is like no other."""
    assert not standing(replace(LOCAL, number=None), [replace(THERE, number=None)])


def test_a_push_is_held_and_says_what_stands_there() -> None:
    """Instead of a push the record is quarantined, with the document there and what to do in one sentence."""
    record = failed(Cause.MISSING_TAX_RATE)
    decision = held(record, PUSH, [THERE], frozenset())
    assert (decision.verdict, decision.owner) == (Verdict.QUARANTINE, Owner.BOOKKEEPER)
    assert (decision.trigger, decision.evidence, decision.attempt_number) == (None, None, None)
    told = "Number INV-7 of Acme Ltd over USD 120.00 stands in QuickBooks already (id 981)"
    assert decision.reason.startswith(told)


def test_what_is_quarantined_anyway_says_which_document_is_in_the_way() -> None:
    """A quarantine keeps its time, and tells the document to look at instead of a general doubt."""
    record = failed(Cause.TIMEOUT_AMBIGUOUS)
    doubt = replace(PUSH, verdict=Verdict.QUARANTINE, trigger=None, evidence=None, attempt_number=None)
    decision = held(record, doubt, [THERE], frozenset())
    assert (decision.verdict, decision.deadline_at) == (Verdict.QUARANTINE, doubt.deadline_at)
    assert "(id 981)" in decision.reason


def test_only_pushes_are_held_and_what_a_person_saw_there_does_not_hold_one() -> None:
    """Other decisions stay as they are; so does a push whose person named all that stands there."""
    record = failed(Cause.MISSING_TAX_RATE)
    wait = replace(PUSH, verdict=Verdict.BLOCK)
    assert held(record, wait, [THERE], frozenset()) is wait
    assert held(record, PUSH, [], frozenset()) is PUSH
    assert held(record, PUSH, [THERE], frozenset({"981"})) is PUSH
    other = replace(THERE, document_id="982")
    assert held(record, PUSH, [THERE, other], frozenset({"981"})).verdict is Verdict.QUARANTINE
