"""What stands in the books already under a document's number: entered by hand while its push kept failing.

A cure frees what was blocked, perhaps for weeks. Whoever could not wait has typed the document into the books
meanwhile, and a push would double it. So before any push the books that we hold are asked, however old they
are: to stop a push a likeness is enough. It stands there when the number and the currency are the same, and
the party or the amount is too. What belongs to a record of ours is not asked about: a push changes that one.

Held like this a record is quarantined: found equal it is confirmed, proven absent it goes by itself, and a
person who has seen the document there may want it sent nevertheless, naming it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from service.domain.causes.facts import Owner, object_name, platform_name
from service.domain.comparing.difference_kind import Kind
from service.domain.comparing.difference_pair import money_verdict
from service.domain.document import Document, DocumentKind, Status, number_key, party_key
from service.domain.money import format_minor
from service.domain.pushing.decision import Decision, Verdict
from service.domain.record import Record


def standing(local: Document, books: Sequence[Document]) -> Sequence[Document]:
    """Which of these documents of the books, each of no record, may be the local one."""
    return [there for there in books if _may_be(local, there)]


def held(record: Record, decision: Decision, found: Sequence[Document], despite: frozenset[str]) -> Decision:
    """The decision, or quarantine where a push would double what stands there; `despite` was seen there.

    What is quarantined anyway gets the sentence that helps: which document is in the way.
    """
    unseen = [each for each in found if each.document_id not in despite]
    if not unseen or not may_double(decision):
        return decision
    return replace(
        decision,
        verdict=Verdict.QUARANTINE,
        reason=reason_of(record, unseen[0]),
        owner=Owner.BOOKKEEPER,
        next_attempt_at=None,
        trigger=None,
        evidence=None,
        attempt_number=None,
    )


def may_double(decision: Decision) -> bool:
    """Whether it matters to a decision what stands in the books."""
    return decision.verdict in {Verdict.PUSH, Verdict.QUARANTINE}


def reason_of(record: Record, there: Document) -> str:
    """Which document stands there, and what to do."""
    platform, kind = platform_name(record.platform), object_name(record.object_type)
    party = f" of {there.party_name}" if there.party_name else ""
    amount = format_minor(there.total_minor, there.currency)
    dated = f", dated {there.issued_on.isoformat()}" if there.issued_on else ""
    return (
        f"Number {there.number}{party} over {amount}{dated} stands in {platform} already (id "
        f"{there.document_id}), and sending this {kind} would double it; if it was entered by hand, keep it, "
        f"or delete it there and have this one sent; if it is another {kind}, change the number of one."
    )


def _may_be(local: Document, there: Document) -> bool:
    key = number_key(local.number)
    if not key or key != number_key(there.number) or local.currency != there.currency:
        return False
    if DocumentKind.CREDIT_NOTE in {local.kind, there.kind} or there.status is Status.VOID:
        return False
    if (party := party_key(local.party_name)) and party == party_key(there.party_name):
        return True
    money = money_verdict(local, there)
    return money is None or money.kind is Kind.ROUNDING
