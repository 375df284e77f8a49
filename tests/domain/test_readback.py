"""Reading back: presence confirms, absence needs everything, likeness needs a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec import structs

from service.domain.causes.cause import Cause
from service.domain.causes.facts import Owner
from service.domain.comparing.pairing import PairedBy
from service.domain.comparing.pairing_links import Link
from service.domain.document import Document, DocumentKind, Ledger, Side
from service.domain.pushing.attempt import Attempt, EvidenceKind, Outcome
from service.domain.pushing.cure import Conditions
from service.domain.pushing.decision import Verdict
from service.domain.pushing.push import decide
from service.domain.pushing.readback import Finding, Look, look, refined
from service.domain.pushing.readback_books import Books, Landed, Pull, Scanned
from service.domain.pushing.readback_part import Part
from service.domain.record import Record
from tests.domain.record_builders import POLICY, at, attempt, failed
from tests.domain.worlds import copy_of, document, link

HOUR = 3_600.0
QUIET = POLICY.evidence_seconds

RECORD = failed(Cause.TIMEOUT_AMBIGUOUS)
LOCAL = document(
    Side.LOCAL,
    Ledger.RECEIVABLE,
    str(RECORD.object_id),
    number="INV-7",
    party_name="Acme",
    party_id="p1",
    total_minor=12_345,
)
COPY = copy_of(LOCAL, "145", party_id=None)
NEIGHBOUR = document(
    Side.BOOKS,
    Ledger.RECEIVABLE,
    "99",
    number="INV-9",
    party_name="Other",
    total_minor=77_700,
    issued_on=date(2026, 3, 1),
)
ENOUGH: tuple[Pull, ...] = tuple(
    Pull(last_pull=at(hours * HOUR), seen_at=at(hours * HOUR + 60)) for hours in (0.5, 1.5, 2.5)
)
SCAN = Scanned(
    started_at=at(2.6 * HOUR),
    finished_at=at(2.6 * HOUR + 5),
    last_pull=at(2.5 * HOUR),
    is_certified=True,
    reason="complete",
)


def books(*there: Document, **changes: Any) -> Books:
    """Books that have been read well after the quiet time."""
    usual: dict[str, Any] = {
        "local": [LOCAL],
        "books": there,
        "removed": [],
        "links": [link(LOCAL, "error")],
        "unreadable": 0,
        "scan": SCAN,
        "pulls": ENOUGH,
        "records_read_at": at(2.8 * HOUR),
    }
    told = {**usual, **changes}
    return Books.build(**told, is_emptied=bool(told["removed"]) and not told["books"])


def looked(given: Books, record: Record = RECORD, attempts: Sequence[Attempt] = (), hours: float = 3) -> Look:
    """Look three hours after the failure."""
    return look(record, attempts, given, now=at(hours * HOUR), policy=POLICY)


def test_books_without_it_prove_absence() -> None:
    """After quiet time and pulls, a certified scan that holds nothing like it proves that it is not there."""
    found = looked(books(NEIGHBOUR))
    assert found.finding is Finding.ABSENT
    assert found.detail["looked_for"]["number"] == "INV-7"
    assert found.detail["pulls"] == [each.last_pull for each in ENOUGH]
    assert looked(books()).finding is Finding.ABSENT


@pytest.mark.parametrize(
    "lacking",
    [
        {"scan": None},
        {"scan": replace(SCAN, is_certified=False)},
        {"scan": replace(SCAN, last_pull=at(QUIET - 1), started_at=at(QUIET + 1))},
        {"scan": replace(SCAN, started_at=at(QUIET - 1))},
        {"scan": replace(SCAN, last_pull=None)},
        {"pulls": ENOUGH[2:]},
        {"pulls": ()},
        {"pulls": tuple(replace(each, seen_at=at(-60)) for each in ENOUGH)},
        {"pulls": tuple(replace(each, last_pull=at(-60)) for each in ENOUGH)},
        {"records_read_at": at(QUIET - 1)},
        {"records_read_at": None},
        {"unreadable": 1},
    ],
)
def test_absence_needs_everything(lacking: dict[str, Any]) -> None:
    """Whatever is lacking of quiet, pulls, a certified scan and a fresh record: nothing is concluded."""
    assert looked(books(NEIGHBOUR, **lacking)).finding is Finding.NOT_YET


def test_a_list_that_lacks_all_that_landed_since_proves_nothing() -> None:
    """What landed after the attempt stands in a list of its time; one that shows none of it is too old."""
    lacking = Landed(at=[at(-60), at(HOUR), at(1.5 * HOUR)], shown_at=at(-60))
    found = looked(books(NEIGHBOUR, landed=lacking))
    assert found.finding is Finding.NOT_YET
    assert "lacks all 2 landed since" in found.reason
    assert looked(books(NEIGHBOUR, landed=replace(lacking, shown_at=None))).finding is Finding.NOT_YET
    for shown in (replace(lacking, shown_at=at(HOUR)), Landed(at=[at(-60)])):
        assert looked(books(NEIGHBOUR, landed=shown)).finding is Finding.ABSENT


def test_quiet_begins_with_the_last_attempt() -> None:
    """An attempt of ours, whatever became of it, or a later word of the hub begins the quiet time anew."""
    late = attempt(seconds=1.5 * HOUR, outcome=None)
    assert looked(books(), attempts=[late]).finding is Finding.NOT_YET
    assert (
        looked(books(), record=structs.replace(RECORD, updated_at=at(1.5 * HOUR))).finding is Finding.NOT_YET
    )
    unsent = replace(late, outcome=Outcome.NOT_SENT)
    assert looked(books(), attempts=[unsent]).finding is Finding.ABSENT


def test_only_a_lacking_pull_is_asked_for() -> None:
    """A pull is wanted once the quiet time is over and none came since; before, and later, it is not."""
    assert not looked(books(), hours=1).wants_pull
    assert looked(books(pulls=ENOUGH[:2], scan=replace(SCAN, last_pull=at(1.5 * HOUR)))).wants_pull
    assert not looked(books(scan=replace(SCAN, last_pull=at(1.5 * HOUR)))).wants_pull


@pytest.mark.parametrize("hours", [0.1, 3])
def test_what_stands_there_is_found_at_any_time(hours: float) -> None:
    """Presence needs no certificate and no wait: by number, party, total and date, or by the record's id."""
    early: dict[str, Any] = {"scan": replace(SCAN, is_certified=False), "pulls": ()}
    found = looked(books(COPY, NEIGHBOUR, **early), hours=hours)
    assert (found.finding, found.detail["books_id"]) == (Finding.PRESENT, "145")
    told: list[Link] = [link(LOCAL, "error", "145")]
    assert looked(books(COPY, links=told, **early), hours=hours).finding is Finding.PRESENT


@pytest.mark.parametrize(
    "there",
    [
        [COPY, replace(COPY, document_id="146")],
        [replace(COPY, issued_on=date(2026, 1, 1))],
        [replace(COPY, total_minor=12_000)],
        [replace(COPY, number="7")],
    ],
    ids=["two alike", "another date", "another total", "another number"],
)
def test_likeness_is_for_a_person(there: Sequence[Document]) -> None:
    """What may be it and need not be is neither confirmed nor taken for absent."""
    found = looked(books(*there))
    assert found.finding is Finding.UNCLEAR
    assert "person must look" in found.reason or "by hand" in found.reason


CHANGED_TWICE = replace(COPY, number="X-1", total_minor=0)


def test_what_people_changed_twice_is_for_a_person() -> None:
    """A document of its party and day that nothing explains may be it, renumbered and voided."""
    found = looked(books(CHANGED_TWICE))
    assert found.finding is Finding.UNCLEAR
    assert "number X-1 of the same party and day" in found.reason
    for other in ({"currency": "GBP"}, {"issued_on": date(2026, 1, 1)}, {"party_name": "Other"}):
        assert looked(books(replace(CHANGED_TWICE, **other))).finding is Finding.ABSENT


def test_what_merely_resembles_another_may_be_it() -> None:
    """A copy that was renumbered, and so resembles another document more, is not taken for that one's."""
    renumbered = replace(COPY, number="X-1")
    other = replace(
        LOCAL, document_id="other", number="INV-00001", total_minor=12_300, issued_on=date(2026, 10, 3)
    )
    given = books(renumbered, local=[LOCAL, other], links=[link(LOCAL, "error"), link(other, "error")])
    [pair] = given.pairing.pairs
    assert (pair.local, pair.by) == (other, PairedBy.SIMILARITY)
    found = looked(given)
    assert found.finding is Finding.UNCLEAR
    assert "number X-1 of the same party and day" in found.reason


def test_what_bears_its_amount_may_be_it() -> None:
    """Renumbered and dated anew, it has its party and amount; what had been there before it is another."""
    moved = replace(COPY, number="X-1", issued_on=date(2026, 1, 1))
    found = looked(books(moved))
    assert found.finding is Finding.UNCLEAR
    assert "number X-1 of the same party and amount" in found.reason
    made = replace(LOCAL, created_at=at(-HOUR))
    for hours, finding in ((-0.5, Finding.UNCLEAR), (-1.5, Finding.UNCLEAR), (-2.5, Finding.ABSENT)):
        given = books(moved, local=[made], first_seen_at={"145": at(hours * HOUR)})
        assert looked(given).finding is finding
    for other in ({"currency": "GBP"}, {"total_minor": 1}, {"party_name": "Other"}):
        assert looked(books(replace(moved, **other))).finding is Finding.ABSENT
    assert looked(replace(books(moved), explained=frozenset({"145"}))).finding is Finding.ABSENT


def test_what_it_was_paired_with_is_remembered() -> None:
    """What was its copy once is a person's to explain, whatever was made of it; what is another's is not."""
    unlike = replace(CHANGED_TWICE, issued_on=date(2026, 1, 1), party_name="Other")
    mine = replace(books(unlike), paired_once={LOCAL.document_id: "145"})
    assert looked(mine).finding is Finding.UNCLEAR
    others = replace(books(CHANGED_TWICE), explained=frozenset({"145"}))
    assert looked(others).finding is Finding.ABSENT
    named = link(replace(LOCAL, document_id="gone"), "done", "145")
    assert looked(books(CHANGED_TWICE, links=[link(LOCAL, "error"), named])).finding is Finding.ABSENT
    owner = replace(LOCAL, document_id="another", number="INV-8", party_name="Other")
    taken = books(unlike, local=[LOCAL, owner], links=[link(owner, "done", "145")])
    assert looked(replace(taken, paired_once={LOCAL.document_id: "145"})).finding is Finding.ABSENT


def test_what_its_record_points_to_must_be_equal() -> None:
    """A document with the record's id and another amount is a person's to compare, and never sent again."""
    edited = replace(COPY, total_minor=1)
    assert looked(books(edited, links=[link(LOCAL, "error", "145")])).finding is Finding.UNCLEAR


def test_what_was_there_and_is_gone_is_not_made_again() -> None:
    """A copy that has been seen and was deleted in the books is a person's to explain."""
    assert looked(books(NEIGHBOUR, removed=[COPY])).finding is Finding.UNCLEAR


def test_what_is_not_known_here_cannot_be_looked_for() -> None:
    """Without the document itself, and for credit notes, which no list holds, nothing is concluded."""
    assert looked(books(local=[])).finding is Finding.UNCLEAR
    note = replace(LOCAL, kind=DocumentKind.CREDIT_NOTE)
    assert looked(books(local=[note])).finding is Finding.UNCLEAR


def decided(found: Look) -> tuple[Verdict, str]:
    """A decision without evidence, with a look."""
    decision = decide(RECORD, [], [], Conditions(), now=at(3 * HOUR), policy=POLICY, random=0.5)
    refinement = refined(decision, found)
    return refinement.verdict, refinement.owner


def test_a_look_refines_the_decision() -> None:
    """What is unclear is a bookkeeper's; what is there is held, whatever was decided."""
    assert decided(looked(books(COPY, replace(COPY, document_id="146")))) == (
        Verdict.QUARANTINE,
        "bookkeeper",
    )
    assert decided(looked(books(COPY)))[0] is Verdict.QUARANTINE
    push = replace(
        decide(RECORD, [], [], Conditions(), now=at(3 * HOUR), policy=POLICY, random=0.5),
        verdict=Verdict.PUSH,
    )
    assert refined(push, looked(books(COPY))).verdict is Verdict.QUARANTINE


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (EvidenceKind.READ_BACK, Verdict.QUARANTINE),
        (EvidenceKind.REFUSED_BEFORE_CREATION, Verdict.PUSH),
        (EvidenceKind.NAMED_PERSON, Verdict.PUSH),
    ],
)
def test_a_likeness_outdates_an_absence(evidence: EvidenceKind, verdict: Verdict) -> None:
    """What was absent once and may be there now is not sent for that; a person's word stands."""
    waits = decide(RECORD, [], [], Conditions(), now=at(3 * HOUR), policy=POLICY, random=0.5)
    push = replace(waits, verdict=Verdict.PUSH, evidence=evidence)
    refinement = refined(push, looked(books(CHANGED_TWICE)))
    assert refinement.verdict is verdict
    assert (refinement.owner is Owner.BOOKKEEPER) == (verdict is Verdict.QUARANTINE)


INSTANTS = st.sampled_from([at(hours * HOUR) for hours in (-1, 0, 0.5, 1.9, 2.1, 3, 4, 5, 6)])


@settings(max_examples=400)
@given(
    now=INSTANTS,
    begun=INSTANTS,
    scan_at=INSTANTS,
    pulled=INSTANTS,
    read_at=INSTANTS,
    certified=st.booleans(),
    pulls=st.lists(st.builds(Pull, last_pull=INSTANTS, seen_at=INSTANTS), max_size=4),
)
def test_absence_is_never_early(
    *,
    now: datetime,
    begun: datetime,
    scan_at: datetime,
    pulled: datetime,
    read_at: datetime,
    certified: bool,
    pulls: Sequence[Pull],
) -> None:
    """Absence implies, whatever came when: quiet, two later pulls, and a certified scan after all that."""
    given = books(
        scan=replace(SCAN, started_at=scan_at, last_pull=pulled, is_certified=certified),
        pulls=pulls,
        records_read_at=read_at,
    )
    tried = attempt(outcome=Outcome.UNCERTAIN, started_at=begun)
    found = look(RECORD, [tried], given, now=now, policy=POLICY)
    event(found.finding)
    if found.finding is Finding.ABSENT:
        since = max(begun, RECORD.updated_at)
        quiet_at = since + timedelta(seconds=QUIET)
        assert certified
        assert min(now, scan_at, pulled, read_at) >= quiet_at
        assert len({each.last_pull for each in pulls if min(each.last_pull, each.seen_at) > since}) >= 2


def test_books_that_are_suddenly_empty_prove_nothing() -> None:
    """A list without any row, where there were documents, does not prove absence; one with a row may."""
    assert looked(books(removed=[NEIGHBOUR])).finding is Finding.UNCLEAR
    assert looked(books()).finding is Finding.ABSENT
    other = replace(NEIGHBOUR, document_id="100", number="INV-10")
    assert looked(books(other, removed=[NEIGHBOUR])).finding is Finding.ABSENT


def test_whatever_is_of_its_day_is_kept_of_a_large_ledger() -> None:
    """Of the books all of the day that is looked at is read, however little else it shares; no other day."""
    part = Part.of([RECORD])
    part.take(LOCAL, is_named=False)
    other = replace(CHANGED_TWICE, party_name="Somebody", party_id="b-p1", total_minor=1)
    part.take(other, is_named=False)
    part.take(replace(other, document_id="146", issued_on=date(2026, 1, 1)), is_named=False)
    assert [each.document_id for each in part.books] == ["145"]
