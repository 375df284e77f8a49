"""What confirms a push, and what keeps it acknowledged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from service.domain.comparing.agreement import contradicted_ids
from service.domain.comparing.difference import Context
from service.domain.document import Ledger, Side, Status
from tests.domain.worlds import CONNECTED, NOW, World, copy_of, document, link


def contradicted(local_changes: Mapping[str, object], books_changes: Mapping[str, object]) -> bool:
    """Whether a recorded bill is not confirmed by a copy that differs in this."""
    context = Context(as_of=NOW, connected_at=CONNECTED, last_pull=NOW, scan_certified=True)
    world = World(Ledger.PAYABLE, context)
    usual: dict[str, object] = {"number": "B-1", "party_name": "Acme"}
    local = document(Side.LOCAL, Ledger.PAYABLE, "l1", **usual | dict(local_changes))
    world.local.append(local)
    world.books.append(replace(copy_of(local, "b1"), **books_changes))  # type: ignore[arg-type]
    world.links.append(link(local, "done", "b1"))
    comparison = world.compared()
    return contradicted_ids(comparison.differences, comparison.pairing.pairs) == {"l1"}


@pytest.mark.parametrize(
    "books_changes",
    [
        {"status": Status.VOID, "total_minor": 0},
        {"status": Status.VOID},
        {"total_minor": 9_999},
        {"number": "B-2"},
        {"party_name": "Zed"},
        {"currency": "EUR"},
    ],
)
def test_a_copy_that_was_voided_or_says_otherwise_confirms_nothing(
    books_changes: Mapping[str, object],
) -> None:
    """A copy without force is none, whether or not the void took its amount away; nor is another document."""
    assert contradicted({}, books_changes)


@pytest.mark.parametrize(
    ("local_changes", "books_changes"),
    [
        ({}, {}),
        ({}, {"status": Status.PAID}),
        ({"status": Status.VOID}, {"total_minor": 0}),
        ({"status": Status.VOID}, {}),
        ({"rounded_lines": 2}, {"total_minor": 10_001}),
    ],
)
def test_what_else_differs_does_not_keep_it_from_being_confirmed(
    local_changes: Mapping[str, object], books_changes: Mapping[str, object]
) -> None:
    """A payment or a rounding leaves no doubt, and what is canceled on both sides agrees."""
    assert not contradicted(local_changes, books_changes)


def test_a_void_copy_does_not_confirm_what_is_not_known_to_be_canceled() -> None:
    """Where the local status is a word that nobody documented, a voided copy confirms nothing."""
    assert contradicted({"status": Status.UNKNOWN}, {"status": Status.VOID})
