"""Pairing: by record, by number, by similarity, and never where two candidates tie."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.comparing.pairing import PairedBy, Pairing, pair
from service.domain.comparing.pairing_links import Link
from service.domain.comparing.pairing_similarity import CANDIDATES_MAX, FLOOR_POINTS
from service.domain.document import Basis, Document, DocumentKind, Ledger, Side, Status
from tests.domain.worlds import NOW, copy_of, document, link, wild

BILL = document(Side.LOCAL, Ledger.PAYABLE, "l1", number="B-1", party_name="Acme", total_minor=12345)


def joined(pairing: Pairing) -> dict[str, tuple[str, PairedBy]]:
    """Return who is paired with whom, and by what."""
    return {each.local.document_id: (each.books.document_id, each.by) for each in pairing.pairs}


def test_a_record_outweighs_everything_else() -> None:
    """The record's id pairs, though another document is equal in number, party and amount."""
    other = copy_of(BILL, "101", number="X", party_name="Y", total_minor=1, issued_on=None)
    pairing = pair([BILL], [other, copy_of(BILL, "102")], [link(BILL, "done", "101")])
    assert joined(pairing) == {"l1": ("101", PairedBy.RECORD)}


def test_the_provider_s_id_is_the_second_candidate() -> None:
    """Where the platform's id is not listed, the provider's pairs."""
    record = replace(link(BILL, "done", "no such"), provider_object_id="101")
    assert joined(pair([BILL], [copy_of(BILL, "101", number=None)], [record])) == {
        "l1": ("101", PairedBy.PROVIDER)
    }


def test_two_documents_with_one_claim_get_nothing_by_record() -> None:
    """Of two local documents with one claimed copy, the one that is done gets it; if both are, neither."""
    twin = replace(BILL, document_id="l2")
    books = [copy_of(BILL, "101", number=None, party_name=None, issued_on=None)]
    unsure = pair([BILL, twin], books, [link(BILL, "done", "101"), link(twin, "done", "101")])
    assert joined(unsure) == {}
    sure = pair([BILL, twin], books, [link(BILL, "done", "101"), link(twin, "error", "101")])
    assert joined(sure) == {"l1": ("101", PairedBy.RECORD)}


def test_of_several_records_the_successful_one_speaks() -> None:
    """One record for each attempt is as good as one for the document."""
    failed = replace(link(BILL, "error", "102"), updated_at=NOW)
    done = link(BILL, "done", "101")
    books = [copy_of(BILL, "101"), copy_of(BILL, "102")]
    assert joined(pair([BILL], books, [failed, done])) == {"l1": ("101", PairedBy.RECORD)}


def test_number_party_currency_and_total_pair() -> None:
    """Without a record the four together pair, and each of them is needed."""
    assert joined(pair([BILL], [copy_of(BILL, "101", issued_on=None)], [])) == {
        "l1": ("101", PairedBy.NUMBER)
    }


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"number": "B-2", "issued_on": None}])
def test_another_currency_or_number_is_another_document(change: dict[str, object]) -> None:
    """What disagrees in currency, or in number and date, does not pair without a record."""
    assert joined(pair([BILL], [copy_of(BILL, "101", **change)], [])) == {}


def test_a_copy_known_net_pairs_by_its_net() -> None:
    """A document of the books whose tax is unknown pairs by its net amount."""
    local = document(
        Side.LOCAL,
        Ledger.RECEIVABLE,
        "l1",
        number="1",
        party_name="A",
        total_minor=120,
        net_minor=100,
        tax_minor=20,
    )
    books = copy_of(local, "101", total_minor=100, tax_minor=None, basis=Basis.DERIVED_NET)
    assert joined(pair([local], [books], [])) == {"l1": ("101", PairedBy.NUMBER)}


def test_one_feature_may_differ_but_not_two() -> None:
    """Number, amount, party or date may differ entirely and the rest still pairs; any two of them may not."""
    changes: dict[str, dict[str, object]] = {
        "number": {"number": "Z-77"},
        "amount": {"total_minor": 99},
        "party": {"party_name": "Somebody"},
        "date": {"issued_on": date(2020, 1, 1)},
    }
    for one in changes.values():
        books = copy_of(BILL, "101", **one)
        found = pair([BILL], [books], []).pairs
        assert [each.by for each in found] in ([PairedBy.SIMILARITY], [PairedBy.NUMBER])
        assert found[0].confidence * 100 >= FLOOR_POINTS
    names = sorted(changes)
    for first in names:
        for second in names:
            if first < second:
                books = copy_of(BILL, "101", **changes[first], **changes[second])
                assert joined(pair([BILL], [books], [])) == {}, (first, second)


def test_the_same_digits_in_another_dress_are_nearly_the_number() -> None:
    """B-0001 entered as 1 pairs with high confidence."""
    local = replace(BILL, number="B-0001")
    [found] = pair([local], [copy_of(local, "101", number="1")], []).pairs
    assert (found.by, found.confidence) == (PairedBy.SIMILARITY, Decimal("0.97"))


def test_a_number_has_changed_only_if_both_are_orphans() -> None:
    """A document whose number belongs to another local one is that one's, not a renumbered third."""
    other = replace(BILL, document_id="l2", number="B-2", total_minor=999)
    pairing = pair([BILL, other], [copy_of(BILL, "101", number="B-2")], [])
    assert "l1" not in joined(pairing)


def test_a_document_that_belongs_to_another_is_left_to_it() -> None:
    """What a record gives to a document that is not listed is given to no other, however equal."""
    record = Link(
        record_id="r", object_type="bill", object_id="gone", platform_object_id="101", sync_status="done"
    )
    assert joined(pair([BILL], [copy_of(BILL, "101")], [record])) == {}


def test_drafts_and_credit_notes_are_not_guessed() -> None:
    """A draft pairs by equality but not by similarity, a credit note by its record only."""
    draft = replace(BILL, status=Status.DRAFT)
    assert joined(pair([draft], [copy_of(BILL, "101")], [])) == {"l1": ("101", PairedBy.NUMBER)}
    assert joined(pair([draft], [copy_of(BILL, "101", total_minor=1)], [])) == {}
    note = document(
        Side.LOCAL, Ledger.RECEIVABLE, "l1", kind=DocumentKind.CREDIT_NOTE, number="1", party_name="A"
    )
    equal = copy_of(replace(note, kind=DocumentKind.INVOICE), "101")
    assert joined(pair([note], [equal], [])) == {}
    assert joined(pair([note], [equal], [link(note, "done", "101")])) == {"l1": ("101", PairedBy.RECORD)}


def test_the_vanished_pair_by_equality_only() -> None:
    """A document whose copy vanished is not explained away by one that merely resembles it."""
    alike, equal = copy_of(BILL, "101", number="Z-9"), copy_of(BILL, "102")
    assert joined(pair([BILL], [alike], [], vanished=frozenset({"l1"}))) == {}
    assert joined(pair([BILL], [equal], [], vanished=frozenset({"l1"}))) == {"l1": ("102", PairedBy.NUMBER)}


def test_equal_candidates_stay_unpaired_and_are_told() -> None:
    """One local document against two equal ones in the books is an ambiguity, not a pair."""
    pairing = pair([BILL], [copy_of(BILL, "101"), copy_of(BILL, "102")], [])
    assert joined(pairing) == {}
    [group] = pairing.ambiguous
    assert group.is_alike
    assert {each.document_id for each in group.books} == {"101", "102"}


def test_a_pair_that_is_made_frees_others_from_their_tie() -> None:
    """Where one of two candidates is another's for certain, the other is no longer tied."""
    certain = replace(BILL, document_id="l2", number="B-2")
    books = [copy_of(BILL, "101", number=None), copy_of(certain, "102", number=None)]
    pairing = pair([BILL, certain], books, [link(certain, "done", "102")])
    assert joined(pairing)["l1"] == ("101", PairedBy.SIMILARITY)


@given(st.integers(0, 2**63), st.integers(2, 4))
@settings(max_examples=500, deadline=None)
def test_ties_are_never_paired(seed: int, copies: int) -> None:
    """Whatever a world holds, documents of the books that are equal but for their ids stay unpaired."""
    world = wild(seed)
    free = [each for each in world.books if each.number]
    if not free:
        return
    clones = [replace(free[0], document_id=f"clone-{number}") for number in range(copies)]
    pairing = pair(world.local, [*world.books, *clones], world.links)
    assert not any(each.books.document_id.startswith("clone-") for each in pairing.pairs)


def test_a_crowd_of_look_alikes_costs_no_square() -> None:
    """Hundreds of documents that agree in all but their amount pair, without comparing each with each."""
    count = 20 * CANDIDATES_MAX
    local = [
        replace(
            BILL, document_id=f"l{each}", number=None, total_minor=1000 + each, issued_on=date(2026, 1, 1)
        )
        for each in range(count)
    ]
    books: list[Document] = [
        copy_of(each, f"b{each.document_id}", issued_on=date(2026, 1, 1) + timedelta(days=1))
        for each in local
    ]
    assert joined(pair(local, books, [])) == {
        each.document_id: (f"b{each.document_id}", PairedBy.SIMILARITY) for each in local
    }
