"""A partner's own document: how it joins the hub's, and what is said when it stands alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from service.domain.comparing.difference import Context, Difference
from service.domain.comparing.difference_kind import Kind
from service.domain.document import Basis, Document, DocumentKind, Ledger, Line, Origin, Side, Status
from service.domain.partner_document import joined
from tests.domain.worlds import CONNECTED, NOW, World, copy_of, document, link

CONTEXT = Context(
    as_of=NOW, connected_at=CONNECTED, last_pull=NOW - timedelta(minutes=20), scan_certified=True
)


def own(**changes: Any) -> Document:
    """A document of the partner's, put days ago."""
    told = document(Side.LOCAL, Ledger.RECEIVABLE, "p-1", number="P-1", party_name="Party")
    changes = {"origin": Origin.PARTNER, "is_in_hub": False, "is_for_hub": False, **changes}
    return replace(told, **changes)


def found(local: Document, *books: Document, context: Context = CONTEXT, **told: Any) -> list[Difference]:
    """Compare one local document with these in the books."""
    world = World(Ledger.RECEIVABLE, context, [local], list(books), **told)
    comparison = world.compared()
    balance = comparison.balances[0]
    assert balance.local_minor + sum(term.delta_minor for term in balance.terms) == balance.books_minor
    return list(comparison.differences)


def test_the_partners_word_wins() -> None:
    """What the partner tells stands; the hub only fills in what the partner cannot know or leaves out."""
    hub = document(
        Side.LOCAL,
        Ledger.RECEIVABLE,
        "p-1",
        number="H-1",
        total_minor=99,
        party_id="counterpart-7",
        lines=(Line(net_minor=99),),
    )
    told = joined(own(total_minor=100, created_at=None), hub)
    assert (told.number, told.total_minor, told.party_name) == ("P-1", 100, "Party")
    assert (told.party_id, told.created_at, told.lines) == ("counterpart-7", hub.created_at, hub.lines)
    assert told.is_in_hub
    assert joined(own(lines=(Line(net_minor=1),)), hub).lines == (Line(net_minor=1),)
    assert joined(own(), None) == own()


def test_it_pairs_like_any_other_document() -> None:
    """One that the hub never saw finds its copy in the books by number, party, currency and total."""
    assert found(own(), copy_of(own(), "120")) == []


def test_a_difference_tells_whose_word_the_document_is() -> None:
    """A difference of a partner's document bears its origin; one of the hub's, or of a surplus, none."""
    [amount] = found(own(), copy_of(own(), "120", total_minor=10_500))
    assert (amount.kind, amount.delta_minor, amount.origin) == (Kind.AMOUNT, 500, Origin.PARTNER)
    hub = document(Side.LOCAL, Ledger.RECEIVABLE, "h-1", number="H-1", party_name="Party")
    differences = found(hub, copy_of(own(), "121", total_minor=77, issued_on=date(2026, 7, 1)))
    assert {each.origin for each in differences} == {None}


@pytest.mark.parametrize(
    ("changes", "kind", "is_expected"),
    [
        ({}, Kind.NOT_PUSHED, False),
        ({"is_for_hub": True}, Kind.NEVER_ATTEMPTED, False),
        ({"status": Status.DRAFT, "is_for_hub": True}, Kind.NOT_PUSHED, True),
        ({"status": Status.VOID}, Kind.NOT_PUSHED, True),
        ({"created_at": CONNECTED - timedelta(days=1)}, Kind.NOT_PUSHED, True),
        ({"created_at": None, "issued_on": date(2026, 1, 1), "is_for_hub": True}, Kind.NOT_PUSHED, True),
        ({"updated_at": NOW - timedelta(minutes=1)}, Kind.NOT_PUSHED, True),
        ({"updated_at": NOW - timedelta(minutes=1), "is_for_hub": True}, Kind.PUSH_PENDING, True),
        ({"kind": DocumentKind.CREDIT_NOTE, "total_minor": -5}, Kind.NOT_PUSHED, True),
    ],
)
def test_one_that_the_books_lack(changes: dict[str, Any], kind: Kind, is_expected: bool) -> None:  # noqa: FBT001
    """Alone it is never attempted only if it was meant for the hub; rules explain it like any other."""
    [difference] = found(own(**changes))
    assert (difference.kind, difference.expected, difference.count_delta) == (kind, is_expected, -1)
    assert difference.rule is not None or not is_expected
    assert difference.reason


def test_what_was_entered_lately_is_expected_only_until_a_read_is_late() -> None:
    """The rule that explains a document put just now names the instant at which it ends, and ends there."""
    fresh = own(updated_at=NOW - timedelta(minutes=1))
    [difference] = found(fresh)
    assert difference.expected_until == NOW - timedelta(minutes=1) + CONTEXT.stale_after
    later = replace(CONTEXT, as_of=difference.expected_until, last_pull=difference.expected_until)
    [difference] = found(fresh, context=later)
    assert (difference.expected, difference.expected_until) == (False, None)


@pytest.mark.parametrize(("is_for_hub", "kind"), [(True, Kind.PUSH_PENDING), (False, Kind.NOT_PUSHED)])
@pytest.mark.parametrize("told_ago", [timedelta(hours=10), timedelta(days=-30)])
def test_the_time_reckoned_with_is_when_it_was_put(
    is_for_hub: bool,  # noqa: FBT001
    kind: Kind,
    told_ago: timedelta,
) -> None:
    """Put just now it is expected, however long ago it changed; put long ago it is not, if ever so new."""
    fresh = own(is_for_hub=is_for_hub, put_at=NOW - timedelta(minutes=1), updated_at=NOW - told_ago)
    [difference] = found(fresh)
    assert (difference.kind, difference.expected) == (kind, True)
    assert difference.expected_until == NOW - timedelta(minutes=1) + CONTEXT.stale_after
    for put_at in (NOW - timedelta(hours=3), None):
        [difference] = found(own(is_for_hub=is_for_hub, put_at=put_at, updated_at=NOW - told_ago))
        assert not difference.expected


def test_an_incomplete_read_concludes_nothing() -> None:
    """Where the books were not read to the end, the reason says so instead of telling that they lack it."""
    context = replace(CONTEXT, scan_certified=False, scan_reason="the pages shifted")
    [difference] = found(own(), context=context)
    assert "the pages shifted" in difference.reason
    assert "neither the hub nor the books" not in difference.reason


def test_what_vanished_is_deleted_whoever_told_it() -> None:
    """No rule of a partner's document covers one whose copy once stood in the books."""
    context = replace(CONTEXT, once_paired={"p-1": "120"}, ever_seen_books_ids=frozenset({"120"}))
    [difference] = found(own(status=Status.DRAFT), context=context)
    assert difference.kind is Kind.DELETED_IN_BOOKS


def test_one_that_the_hub_has_follows_the_hubs_records() -> None:
    """A document that joins the hub's is failed, pending or never attempted as the hub's records tell."""
    told = own(is_in_hub=True)
    [difference] = found(told, links=[link(told, "error", cause="missing_tax_rate")])
    assert (difference.kind, difference.cause) == (Kind.PUSH_FAILED, "missing_tax_rate")
    [difference] = found(told)
    assert difference.kind is Kind.NEVER_ATTEMPTED


NET = {"basis": Basis.DERIVED_NET, "total_minor": 10_000, "net_minor": 10_000, "tax_minor": None, "lines": ()}
"""How the books tell an invoice over 100.00 and a tax of which they do not tell the rate."""


def taxed(**changes: Any) -> Document:
    """One over 107.50 of which the partner left the tax out."""
    return own(**{"total_minor": 10_750, **changes})


def test_a_tax_that_nobody_tells_is_no_difference_in_the_amount() -> None:
    """Where the books tell the net alone and nobody the tax here, it is left open whether they agree."""
    [difference] = found(taxed(), copy_of(taxed(), "120", **NET))
    assert (difference.kind, difference.expected, difference.delta_minor) == (Kind.UNCLASSIFIED, False, -750)
    assert "USD 107.50" in difference.reason
    assert "USD 100.00" in difference.reason
    net = NET | {"total_minor": 10_800, "net_minor": 10_800}
    [difference] = found(taxed(), copy_of(taxed(), "120", **net))
    assert (difference.kind, difference.delta_minor) == (Kind.AMOUNT, 50)


def test_lines_tell_a_tax_that_is_left_out() -> None:
    """Lines tell the net if with their rates they make up the total; others may lack a discount or a fee."""
    lines = (Line(net_minor=4_000, tax_rate=750), Line(net_minor=6_000, tax_rate=750))
    told = joined(taxed(lines=lines), None)
    assert (told.net_minor, told.tax_minor) == (10_000, 750)
    assert found(told, copy_of(told, "120", **NET)) == []
    [difference] = found(told, copy_of(told, "120", **NET | {"total_minor": 9_900, "net_minor": 9_900}))
    assert (difference.kind, difference.delta_minor) == (Kind.AMOUNT, -100)
    for line in (Line(net_minor=10_000), Line(net_minor=10_500, tax_rate=750), Line(tax_rate=750)):
        untold = joined(taxed(lines=(line,)), None)
        assert (untold.net_minor, untold.tax_minor) == (None, None)
        [difference] = found(untold, copy_of(untold, "120", **NET))
        assert difference.kind is Kind.UNCLASSIFIED
    rounded = joined(
        own(total_minor=1_074, lines=(Line(net_minor=999, tax_rate=750),), rounded_lines=1), None
    )
    assert (rounded.net_minor, rounded.tax_minor) == (999, 75)


@pytest.mark.parametrize(
    ("changes", "net_minor"),
    [
        ({}, 10_000),
        ({"total_minor": 10_751}, None),
        ({"currency": "EUR"}, None),
        ({"tax_minor": 700}, 10_050),
    ],
)
def test_the_hub_tells_a_tax_that_is_left_out(changes: dict[str, Any], net_minor: int | None) -> None:
    """The hub's tax stands where the partner tells none and both tell one total in one currency."""
    hub = document(
        Side.LOCAL, Ledger.RECEIVABLE, "p-1", total_minor=10_750, net_minor=10_000, tax_minor=750, lines=()
    )
    told = taxed(**changes)
    told = told if told.tax_minor is None else replace(told, net_minor=told.total_minor - told.tax_minor)
    assert joined(told, hub).net_minor == net_minor
