"""No combination of object and cause waits for what nobody looks at."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from service.domain.causes.cause import Cause
from service.domain.causes.facts import Owner
from service.domain.document import Document, DocumentKind, Ledger, Line, Side
from service.domain.pushing.attempt import Evidence
from service.domain.pushing.cure import Conditions, PaidInvoice
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.push import decide, settle
from service.domain.pushing.trials import trials_due
from service.domain.record import LISTED_TYPES, Record
from service.store.known import Known
from service.store.reference_objects import ReferenceKind, ReferenceObject
from tests.domain.record_builders import POLICY, START, at, failed, read_back

OBJECT, PARTY, PRODUCT, INVOICE = (UUID(int=each) for each in (2, 3, 4, 5))
TYPES = ("receivable", "bill", "payment_record", "customer", "vendor", "product", "something_new")
LATER = 9_000.0
CURED_AT = at(8_000)


def document(ledger: Ledger, updated_at: datetime) -> Document:
    """A document with one line, of a product that has no account of its own."""
    line = Line(net_minor=100, tax_rate=2_000, product_id=str(PRODUCT), product_name="Hammer")
    kind = DocumentKind.INVOICE if ledger is Ledger.RECEIVABLE else DocumentKind.BILL
    return Document(
        side=Side.LOCAL,
        ledger=ledger,
        kind=kind,
        document_id=str(OBJECT),
        currency="EUR",
        total_minor=120,
        number="INV-1",
        party_id=str(PARTY),
        lines=(line,),
        updated_at=updated_at,
    )


def related(object_id: UUID, object_type: str, *, status: str, seconds: float) -> Record:
    """The record of something that a document names."""
    return replace(
        failed(Cause.UNKNOWN, object_type=object_type, object_id=object_id),
        sync_status=status,
        platform_object_id="9" if status == "done" else None,
        updated_at=at(seconds),
    )


def known(record: Record, *, is_cured: bool) -> Known:
    """All that is read of an organization, before and after everything in it was put right."""
    when = CURED_AT if is_cured else START
    status = "done" if is_cured else "pending"
    ledger = {"receivable": Ledger.RECEIVABLE, "bill": Ledger.PAYABLE}.get(record.object_type)
    objects = {PARTY: ReferenceKind.COUNTERPART, PRODUCT: ReferenceKind.PRODUCT}
    if record.object_type in {"customer", "vendor"}:
        objects[OBJECT] = ReferenceKind.COUNTERPART
    if record.object_type == "product":
        objects[OBJECT] = ReferenceKind.PRODUCT
    references = {
        (kind, str(key)): ReferenceObject(
            kind=kind, reference_id=str(key), name="Hammer", payload={}, hub_updated_at=when
        )
        for key, kind in objects.items()
    }
    kinds = [("customer", PARTY), ("vendor", PARTY), ("product", PRODUCT), ("receivable", INVOICE)]
    records: dict[UUID, list[Record]] = {}
    for object_type, key in kinds:
        records.setdefault(key, []).append(related(key, object_type, status=status, seconds=8_000))
    return Known(
        general=Conditions(
            connection_status="connected",
            connected_at=when if is_cured else at(-90_000),
            last_pull=when,
            external_tax_rates=frozenset({2_000} if is_cured else ()),
            active_ledger_accounts=frozenset({"4000"} if is_cured else ()),
            settings={"payments": "1", "products": "4000"} if is_cured else {},
            settings_at=when,
        ),
        documents={OBJECT: document(ledger, when)} if ledger else {},
        records_by_object=records,
        products={},
        names={kind: Counter({"Hammer": 1 if is_cured else 2}) for kind in ReferenceKind},
        references=references,
        numbered={} if is_cured or not ledger else {ledger: [document(ledger, when)]},
        payments={OBJECT: PaidInvoice(invoice_id=INVOICE, amount_minor=100)}
        if record.object_type == "payment_record"
        else {},
    )


def asked(record: Record, *, is_cured: bool, proof: tuple[Evidence, ...] = ()) -> Decision:
    """What is decided, with its turn as a trial if it gets one."""
    around = known(record, is_cured=is_cured)
    trials = trials_due([(record, (), around.conditions_of(record))], {}, POLICY, at(LATER))
    conditions = around.conditions_of(record, canary_turn=record.record_id in trials)
    return decide(record, (), proof, conditions, now=at(LATER), policy=POLICY, random=0.5)


@pytest.mark.parametrize("object_type", TYPES)
@pytest.mark.parametrize("cause", sorted(Cause))
def test_nothing_waits_for_what_nobody_looks_at(cause: Cause, object_type: str) -> None:
    """Whatever fails for whatever cause goes once all is put right, or in its turn, or is some person's."""
    record = replace(failed(Cause.RATE_LIMITED, object_type=object_type), cause=cause, currency="EUR")
    is_listed = object_type in LISTED_TYPES
    proof = (read_back(LATER - 1),) if is_listed else ()
    before = asked(record, is_cured=False, proof=proof)
    assert before.deadline_at > at(LATER)
    record = settle(record, before)
    decisions = [asked(record, is_cured=is_cured, proof=proof) for is_cured in (False, True)]
    verdicts = {each.verdict for each in (before, *decisions)}
    if Verdict.PUSH in verdicts or before.verdict is Verdict.WAIT:
        return
    assert verdicts <= {Verdict.NEEDS_PERSON, Verdict.QUARANTINE}
    assert {each.owner for each in (before, *decisions)}.isdisjoint({Owner.NOBODY})


@pytest.mark.parametrize(
    ("cause", "object_type"),
    [
        *((cause, "customer") for cause in (Cause.MISSING_REQUIRED_FIELD, Cause.DUPLICATE_NAME)),
        *((cause, "vendor") for cause in (Cause.INVALID_FIELD, Cause.CURRENCY_MISMATCH)),
        *((cause, "product") for cause in (Cause.MULTIPLE_MATCHES, Cause.MISSING_LEDGER_ACCOUNT)),
        *((cause, "payment_record") for cause in (Cause.REFERENCE_NOT_FOUND, Cause.PAYMENT_NOT_APPLICABLE)),
        *((cause, "bill") for cause in (Cause.MISSING_TAX_RATE, Cause.DUPLICATE_DOCUMENT_NUMBER)),
    ],
)
def test_what_can_be_seen_needs_no_trial(cause: Cause, object_type: str) -> None:
    """Contacts, products and payments whose cure is told wait for it, and go when it is there."""
    record = replace(failed(Cause.RATE_LIMITED, object_type=object_type), cause=cause)
    proof = (read_back(LATER - 1),) if object_type in LISTED_TYPES else ()
    waiting = asked(record, is_cured=False, proof=proof)
    assert waiting.verdict is Verdict.BLOCK
    record = settle(record, waiting)
    assert asked(record, is_cured=False, proof=proof).verdict is Verdict.BLOCK
    cured = asked(record, is_cured=True, proof=proof)
    assert (cured.verdict, cured.trigger) == (Verdict.PUSH, "cure")


def test_a_vendor_holds_up_no_invoice() -> None:
    """Of a counterpart that is both, an invoice waits for the customer, a bill for the vendor."""
    for object_type, mine in (("receivable", "customer"), ("bill", "vendor")):
        record = failed(Cause.REFERENCE_NOT_FOUND, object_type=object_type)
        found = known(record, is_cured=False).conditions_of(record).dependencies
        assert {each.object_type for each in found} == {mine, "product"}


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ([("error", 100), ("done", 8_000)], Verdict.PUSH),
        ([("done", 8_000), ("error", 8_500)], Verdict.PUSH),
        ([("error", 100), ("pending", 8_000)], Verdict.BLOCK),
    ],
)
def test_of_several_records_of_a_customer_the_one_that_landed_counts(
    told: list[tuple[str, float]], verdict: Verdict
) -> None:
    """A customer that one of its records brought to the books holds nothing up, whatever became of others."""
    record = failed(Cause.REFERENCE_NOT_FOUND)
    blocked = settle(record, asked(record, is_cured=False))
    customers = [related(PARTY, "customer", status=status, seconds=seconds) for status, seconds in told]
    around = dataclasses.replace(
        known(blocked, is_cured=False),
        records_by_object={
            PARTY: customers,
            PRODUCT: [related(PRODUCT, "product", status="done", seconds=1)],
        },
    )
    conditions = around.conditions_of(blocked)
    assert decide(blocked, (), (), conditions, now=at(LATER), policy=POLICY, random=0.5).verdict is verdict
    assert len(conditions.dependencies) == 2
