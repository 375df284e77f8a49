"""Reading back: what the books say about a push of which nobody knows whether it landed.

Presence is easy: the document stands in the books, by its record's id or as the only one with its number,
party, currency, total and date. Then it is never pushed again.

Absence permits a second push, so every one of these must hold, else the answer is *not yet*:

- **Quiet**: `evidence_seconds` have passed since our last attempt and the record's last version; what the hub
  carries out late has had its time.
- **Pulls**: since then the hub has told so many newer values of `last_pull`, each seen by us afterwards. The
  first may have begun before the attempt; the list that is judged is of a pull later than the quiet time.
- **A certified scan** of that pull, in which every row of the books could be read.
- **A list of its time**: of the documents that landed since, as their records tell, it shows at least one. A
  list that lacks them all comes from a cache that is older than it is told to be.
- **The record was read again** after the quiet time, and still failed.
- **The books are not suddenly empty**: a list without any row certifies itself, and where there were some, an
  answer that lost them is likelier than books that did. A person looks.
- **Nothing resembles it**: no free document in the books with its number, none that could be its copy, none
  that was its copy and has been deleted. A likeness is *unclear*: a person looks.
- **Nothing could have been it**: no document that it was paired with once, and none of its party and day, or
  of its party and amount, that nothing here explains. People renumber, correct, date anew and void, and what
  was changed twice resembles nothing. A document that another one merely resembles is explained by nothing.
  Of the same amount counts only what was not in the books before the document was made.

All instants are of our own clock, but for `last_pull` and the record's version, which are the hub's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from service.domain.causes.facts import Owner
from service.domain.comparing.difference_kind import Kind
from service.domain.comparing.difference_pair import money_verdict
from service.domain.comparing.pairing import Pair, PairedBy, same_party
from service.domain.document import Document, DocumentKind, number_key
from service.domain.pushing.attempt import Attempt, EvidenceKind, Outcome
from service.domain.pushing.decision import Decision, Verdict
from service.domain.pushing.policy import Policy
from service.domain.pushing.readback_books import Books, Pull
from service.domain.record import Record

ASK_SECONDS: Final = 600.0
"""Not more often: a pull that was asked for takes minutes."""

CLOCKS_APART: Final = timedelta(hours=1)
"""So far the hub's clock may be from ours, with room to spare."""

_BY_RECORD: Final = frozenset({PairedBy.RECORD, PairedBy.PROVIDER})


class Finding(StrEnum):
    """What a look at the books came to."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCLEAR = "unclear"
    """Something in the books may be it: a person must look."""
    NOT_YET = "not_yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the books for one record."""

    finding: Finding
    reason: str
    again_at: datetime
    wants_pull: bool = False
    """Whether only a pull is lacking, which may be asked for."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """What was looked for and where, to be kept with the evidence."""
    is_kept: bool = False
    """Whether it was taken in an earlier run, at the same list: enough to wait on, not to send on."""


def look(record: Record, attempts: Sequence[Attempt], books: Books, *, now: datetime, policy: Policy) -> Look:
    """Look for the document of a record that failed, of which an attempt may have landed."""
    local = books.local.get(str(record.object_id))
    again_at = now + timedelta(seconds=policy.evidence_seconds)
    if local is None or local.kind is DocumentKind.CREDIT_NOTE:
        reason = (
            "An attempt may have landed, and the document itself is not known here, so a person must look."
        )
        return Look(finding=Finding.UNCLEAR, reason=reason, again_at=again_at)
    return (
        _present(local, books, now, again_at)
        or _unclear(record, local, books, again_at)
        or _too_early(record, attempts, books, now, policy)
        or _emptied(books, again_at)
        or _absent(record, local, attempts, books, again_at)
    )


def not_looked(*, now: datetime, policy: Policy) -> Look:
    """What is found where more documents than may be held at once could be the one that is looked for."""
    return Look(
        finding=Finding.UNCLEAR,
        reason=(
            "An attempt may have landed, and too many documents of its ledger are joined by no record to "
            "look among them, so a person must look before it is sent again."
        ),
        again_at=now + timedelta(seconds=policy.evidence_seconds),
    )


def refined(decision: Decision, found: Look | None) -> Decision:
    """A decision, with what the books said of the record.

    What is there is not sent, whoever wants it; what may be there is not sent because it was absent once.
    """
    if found is None:
        return decision
    is_outdated = found.finding is Finding.UNCLEAR and decision.evidence is EvidenceKind.READ_BACK
    if found.finding is Finding.PRESENT or is_outdated:
        decision = replace(
            decision,
            verdict=Verdict.QUARANTINE,
            reason=found.reason,
            deadline_at=found.again_at,
            next_attempt_at=None,
            trigger=None,
            evidence=None,
            attempt_number=None,
        )
    if found.finding is Finding.PRESENT or decision.verdict is not Verdict.QUARANTINE:
        return decision
    if found.finding is Finding.UNCLEAR:
        return replace(decision, reason=found.reason, owner=Owner.BOOKKEEPER, deadline_at=found.again_at)
    return replace(decision, deadline_at=min(decision.deadline_at, found.again_at))


def ask_seconds(policy: Policy) -> float:
    """How often a pull is asked for, and a look that lacks one repeated."""
    return min(ASK_SECONDS, policy.evidence_seconds / max(policy.evidence_pulls, 1))


def since(record: Record, attempts: Sequence[Attempt]) -> datetime:
    """From when on the books must be quiet: our last attempt, or what the hub told later."""
    begun = [each.started_at for each in attempts if each.outcome is not Outcome.NOT_SENT]
    return max([record.updated_at, *begun])


def _present(local: Document, books: Books, now: datetime, again_at: datetime) -> Look | None:
    found = next((each for each in books.pairing.pairs if each.local is local), None)
    if found is None or found.by is PairedBy.SIMILARITY:
        return None
    contradiction = _contradiction(found, books)
    place = f"number {found.books.number}" if found.books.number else f"document {found.books.document_id}"
    if contradiction is not None:
        reason = f"It seems to be in the books as {place}, but {contradiction}; compare both sides by hand."
        return Look(finding=Finding.UNCLEAR, reason=reason, again_at=again_at)
    return Look(
        finding=Finding.PRESENT,
        reason=f"Read back from the books as {place}: it had landed, although its push was told as failed.",
        again_at=now,
        detail={"books_id": found.books.document_id, "paired_by": found.by} | _told(local, books),
    )


def _contradiction(found: Pair, books: Books) -> str | None:
    """What speaks against a pair being the same document."""
    local, there = found.local, found.books
    if local.currency != there.currency:
        return "in another currency"
    money = money_verdict(local, there)
    if money is not None and money.kind is not Kind.ROUNDING:
        return "its amount differs or it was voided there"
    if number_key(local.number) != number_key(there.number) and local.number and there.number:
        return "under another number"
    if local.party_name and there.party_name and not same_party(local, there, books.links):
        return "for another party"
    if (
        found.by not in _BY_RECORD
        and local.issued_on
        and there.issued_on
        and local.issued_on != there.issued_on
    ):
        return "with another date"
    return None


def _unclear(record: Record, local: Document, books: Books, again_at: datetime) -> Look | None:
    likeness = _likeness(record, local, books)
    if likeness is None:
        return None
    reason = f"An attempt may have landed: {likeness}. A person must look before it is sent again."
    return Look(finding=Finding.UNCLEAR, reason=reason, again_at=again_at)


def _likeness(record: Record, local: Document, books: Books) -> str | None:
    """What in the books may be the document, or may have been."""
    pairing = books.pairing
    if any(local in each.local for each in pairing.ambiguous):
        return "several documents in the books could be it"
    if any(each.local is local for each in pairing.pairs):
        return "a document in the books resembles it"
    ids = {record.platform_object_id, record.provider_object_id} - {None}
    for gone in books.removed:
        if gone.document_id in ids or (_same_number(local, gone) and same_party(local, gone, books.links)):
            return "it was in the books and has been deleted there"
    for free in pairing.books_only:
        if _same_number(local, free) and same_party(local, free, books.links):
            return f"the books hold a document of the same party with its number {free.number}"
    return _what_it_became(local, books)


def _what_it_became(local: Document, books: Books) -> str | None:
    """What in the books may have been the document before people there changed it."""
    there = books.paired_once.get(local.document_id)
    if there is not None and not _is_anothers(there, local, books):
        return f"it was in the books as document {there}, which people there have changed"
    of_its_money = [each for each in books.free_of_its_money(local) if _may_be_later(each, local, books)]
    for free, shared in (
        *((each, "day") for each in books.free_on_its_day(local)),
        *((each, "amount") for each in of_its_money),
    ):
        is_explained = free.document_id in books.explained or _is_anothers(free.document_id, local, books)
        if not is_explained and same_party(local, free, books.links):
            named = f"number {free.number}" if free.number else f"document {free.document_id}"
            return f"the books hold {named} of the same party and {shared}, which nothing here explains"
    return None


def _may_be_later(there: Document, local: Document, books: Books) -> bool:
    """Whether it may have come into the books after the document was made; last month's had come before."""
    seen_at = books.first_seen_at.get(there.document_id)
    return seen_at is None or local.created_at is None or seen_at > local.created_at - CLOCKS_APART


def _is_anothers(books_id: str, local: Document, books: Books) -> bool:
    return books_id in books.taken or books.links.belongs_to_another(books_id, local.document_id)


def _same_number(local: Document, there: Document) -> bool:
    return bool(key := number_key(local.number)) and key == number_key(there.number)


def _too_early(
    record: Record, attempts: Sequence[Attempt], books: Books, now: datetime, policy: Policy
) -> Look | None:
    """Why the books prove nothing yet; None when they do."""
    begun_at = since(record, attempts)
    quiet_at = begun_at + timedelta(seconds=policy.evidence_seconds)
    if now < quiet_at:
        return _not_yet(f"the books are read from {quiet_at:%Y-%m-%d %H:%M} UTC on", quiet_at)
    soon = now + timedelta(seconds=ask_seconds(policy))
    if books.records_read_at is None or books.records_read_at <= quiet_at:
        return _not_yet("its record is read again first", soon)
    pulls = _pulls_since(books.pulls, begun_at)
    scan = books.scan
    is_late_enough = scan is not None and scan.last_pull is not None and scan.last_pull > quiet_at
    if len(pulls) < policy.evidence_pulls or not is_late_enough:
        reason = f"{len(pulls)} of {policy.evidence_pulls} pulls from the books have ended since"
        if len(pulls) >= policy.evidence_pulls:
            reason = "a pull from the books after the quiet time is awaited"
        lacks_pull = len(pulls) < policy.evidence_pulls or max(pulls) <= quiet_at
        return _not_yet(reason, soon, wants_pull=lacks_pull)
    assert scan is not None
    if not scan.is_certified or scan.started_at <= quiet_at:
        return _not_yet(f"the list of the books proves nothing ({scan.reason})", soon)
    if books.unreadable:
        return _not_yet(f"{books.unreadable} documents of the books cannot be read", soon)
    if missing := books.landed.missing_since(begun_at):
        return _not_yet(
            f"the list of the books is older than its pull, it lacks all {missing} landed since", soon
        )
    return None


def _emptied(books: Books, again_at: datetime) -> Look | None:
    if not books.is_emptied:
        return None
    reason = (
        "An attempt may have landed, and the list of the books, which held documents before, is empty. "
        "A person must look before it is sent again."
    )
    return Look(finding=Finding.UNCLEAR, reason=reason, again_at=again_at)


def _not_yet(what: str, again_at: datetime, *, wants_pull: bool = False) -> Look:
    reason = f"An earlier attempt may have landed in the books; {what}."
    return Look(finding=Finding.NOT_YET, reason=reason, again_at=again_at, wants_pull=wants_pull)


def _pulls_since(pulls: Sequence[Pull], begun_at: datetime) -> frozenset[datetime]:
    """The pulls that ended later by the hub's clock, and that we saw later by ours."""
    return frozenset(
        each.last_pull for each in pulls if each.last_pull > begun_at and each.seen_at > begun_at
    )


def _absent(
    record: Record, local: Document, attempts: Sequence[Attempt], books: Books, again_at: datetime
) -> Look:
    begun_at = since(record, attempts)
    return Look(
        finding=Finding.ABSENT,
        reason="The books were read whole, late enough, and do not hold it.",
        again_at=again_at,
        detail=_told(local, books)
        | {
            "looked_since": begun_at,
            "pulls": sorted(_pulls_since(books.pulls, begun_at)),
            "record_read_at": books.records_read_at,
        },
    )


def _told(local: Document, books: Books) -> dict[str, Any]:
    """What was looked for, and in which list."""
    scan = books.scan
    return {
        "looked_for": {
            "number": local.number,
            "party": local.party_name,
            "currency": local.currency,
            "total_minor": local.total_minor,
            "issued_on": local.issued_on,
        },
        "scan": scan
        and {
            "started_at": scan.started_at,
            "finished_at": scan.finished_at,
            "last_pull": scan.last_pull,
            "certified": scan.is_certified,
        },
    }
