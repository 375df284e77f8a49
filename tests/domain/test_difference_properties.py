"""Comparing, whatever the world: the balance meets, every document counts once, nothing depends on chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.comparing.difference import Comparison, compare
from service.domain.comparing.pairing import pair
from service.domain.document import DocumentKind, Side, Status, newest
from tests.domain.worlds import NOW, World, copy_of, labelled, link, wild

SEEDS = st.integers(min_value=0, max_value=2**63)
WORLDS_EACH_COMMIT = 5000
WORLDS_EACH_NIGHT = 100_000


def assert_it_meets(comparison: Comparison) -> None:
    """The identity of every balance, summed anew from the differences, in money and in counts."""
    for balance in comparison.balances:
        own = [each for each in comparison.differences if each.currency == balance.currency]
        assert balance.local_minor + sum(each.delta_minor for each in own) == balance.books_minor
        assert balance.local_count + sum(each.count_delta for each in own) == balance.books_count
        assert sum(term.delta_minor for term in balance.terms) == sum(each.delta_minor for each in own)
        assert sum(term.count for term in balance.terms) == sum(each.count_delta for each in own)
    for each in comparison.differences:
        assert each.delta_minor == (each.books_minor or 0) - (each.local_minor or 0)


def assert_each_document_once(world: World, comparison: Comparison) -> None:
    """Every document of either side is in one pair or alone, and totals are those of the documents."""
    pairing = comparison.pairing
    local = [each.local.document_id for each in pairing.pairs] + [
        each.document_id for each in pairing.local_only
    ]
    books = [each.books.document_id for each in pairing.pairs] + [
        each.document_id for each in pairing.books_only
    ]
    assert sorted(local) == sorted(newest(world.local))
    assert sorted(books) == sorted(newest(world.books))
    totals: Counter[str] = Counter()
    for document in newest(world.local).values():
        totals[document.currency] += document.total_minor
    assert {each.currency: each.local_minor for each in comparison.balances if each.local_count} == dict(
        totals
    )


def check_wild(seed: int) -> None:
    """Check what must hold of any world."""
    world = wild(seed)
    comparison = world.compared()
    assert_it_meets(comparison)
    assert_each_document_once(world, comparison)
    names = Counter(each.fingerprint for each in comparison.differences)
    assert not names or max(names.values()) == 1
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    for each in (world.local, world.books, world.links):
        random.shuffle(each)
    again = world.compared()
    assert Counter(again.differences) == Counter(comparison.differences)
    assert list(again.balances) == list(comparison.balances)


def reference(  # noqa: C901, PLR0912 - one plain function: what it does must be seen in one look
    world: World,
) -> Iterator[tuple[str, str | None, str | None, int, int]]:
    """Compare in the plainest way there is, with nested loops and nothing of the code under test."""
    status = {each.object_id: each for each in world.links}
    left = {each.document_id: each for each in world.books}
    paired = []
    for ours in world.local:
        record = status.get(ours.document_id)
        if record is not None and record.platform_object_id in left:
            paired.append((ours, left.pop(record.platform_object_id)))
    alone = [ours for ours in world.local if all(ours is not each for each, _ in paired)]
    for ours in list(alone):
        equal = [
            theirs
            for theirs in left.values()
            if (theirs.number, theirs.party_name, theirs.currency, theirs.total_minor)
            == (ours.number, ours.party_name, ours.currency, ours.total_minor)
        ]
        if len(equal) == 1:
            paired.append((ours, left.pop(equal[0].document_id)))
            alone.remove(ours)
    for ours, theirs in paired:
        both = (ours.document_id, theirs.document_id)
        if ours.currency != theirs.currency:
            yield ("currency", *both, -ours.total_minor, -1)
            yield ("currency", *both, theirs.total_minor, 1)
        elif ours.total_minor != theirs.total_minor:
            yield ("amount", *both, theirs.total_minor - ours.total_minor, 0)
        if ours.number != theirs.number:
            yield ("number", *both, 0, 0)
        if ours.party_name != theirs.party_name:
            yield ("counterparty", *both, 0, 0)
        if ours.issued_on != theirs.issued_on:
            yield ("issue_date", *both, 0, 0)
    for ours in alone:
        record = status.get(ours.document_id)
        if record is not None:
            kind = {"error": "push_failed", "pending": "push_pending", "done": "deleted_in_books"}[
                record.sync_status or ""
            ]
        else:
            is_due = ours.kind is not DocumentKind.CREDIT_NOTE and ours.status is Status.OPEN
            assert world.context.connected_at is not None
            assert ours.created_at is not None
            kind = (
                "never_attempted"
                if is_due and ours.created_at >= world.context.connected_at
                else "not_pushed"
            )
        yield (kind, ours.document_id, None, -ours.total_minor, -1)
    for theirs in left.values():
        twin = next((ours for ours, copy in paired if copy.number == theirs.number), None)
        kind = "duplicate_in_books" if twin else "only_in_books"
        yield (kind, twin.document_id if twin else None, theirs.document_id, theirs.total_minor, 1)


def check_labelled(seed: int) -> None:
    """Check that what was planted is found and nothing else, and that the reference agrees to the unit."""
    world = labelled(seed)
    comparison = world.compared()
    assert_it_meets(comparison)
    found = {(str(each.kind), each.local_id, each.books_id) for each in comparison.differences}
    assert found == world.labels
    assert Counter(reference(world)) == Counter(
        (str(each.kind), each.local_id, each.books_id, each.delta_minor, each.count_delta)
        for each in comparison.differences
    )


@given(SEEDS)
@settings(max_examples=WORLDS_EACH_COMMIT, deadline=None)
def test_the_balance_meets_in_any_world(seed: int) -> None:
    """Local total + terms = books total, in money and counts, whatever the order of the inputs."""
    check_wild(seed)


@given(SEEDS)
@settings(max_examples=WORLDS_EACH_COMMIT, deadline=None)
def test_what_is_planted_is_found_and_a_plain_reference_agrees(seed: int) -> None:
    """Kinds, documents and money equal what was planted and what fifty plain lines find in the same world."""
    check_labelled(seed)


@pytest.mark.night
@pytest.mark.timeout(3600)
def test_the_balance_meets_in_many_worlds() -> None:
    """The same of many more worlds, with seeds that count up so that a failing one is named."""
    for seed in range(WORLDS_EACH_NIGHT):
        check_wild(seed)
        check_labelled(seed)


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_a_thing_compared_with_itself_shows_nothing(seed: int) -> None:
    """Documents and their faithful copies, joined by records, leave no difference and an empty balance."""
    world = wild(seed)
    local = [replace(each, status=each.status or Status.OPEN) for each in newest(world.local).values()]
    books = [replace(copy_of(each, f"copy-{each.document_id}"), kind=each.kind) for each in local]
    links = [link(each, "done", f"copy-{each.document_id}") for each in local]
    context = replace(world.context, unreadable_local={})
    comparison = compare(ledger=world.ledger, local=local, books=books, links=links, context=context)
    unexpected = [each for each in comparison.differences if each.rule != "vendor_suffix"]
    assert not unexpected
    assert all(not balance.terms for balance in comparison.balances)


@given(SEEDS)
@settings(max_examples=500, deadline=None)
def test_both_orders_find_the_same_pairs(seed: int) -> None:
    """Which side is called local does not matter to who belongs to whom, nor to the size of a gap."""
    world = labelled(seed)
    local = [each for each in world.local if each.kind is not DocumentKind.CREDIT_NOTE]
    local = [replace(each, status=Status.OPEN) for each in local]
    ours = pair(local, world.books, ())
    mirrored_local = [replace(each, side=Side.LOCAL, status=Status.OPEN) for each in world.books]
    mirrored_books = [replace(each, side=Side.BOOKS) for each in local]
    theirs = pair(mirrored_local, mirrored_books, ())
    assert {(each.local.document_id, each.books.document_id, each.confidence) for each in ours.pairs} == {
        (each.books.document_id, each.local.document_id, each.confidence) for each in theirs.pairs
    }


def test_nothing_compared_with_nothing_is_nothing() -> None:
    """An organization without documents has no balance and no differences."""
    world = labelled(0)
    comparison = compare(ledger=world.ledger, local=[], books=[], links=[], context=world.context)
    assert not comparison.differences
    assert not comparison.balances
    assert world.context.as_of == NOW
