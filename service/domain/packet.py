"""A fix packet: what somebody needs who is to end a cause, ready to be forwarded to them.

It says in words of bookkeeping who must act, what is wrong, what exactly to do, organization by organization,
and lists the very documents that wait. Nothing in it asks for knowledge of the hub or of this service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from service.domain.causes.facts import Cure, Facts, Owner, Retry, facts_of, object_name
from service.domain.causes.names import Cause
from service.domain.packet_steps import Section, Totals, Waiting, steps

DOCUMENTS_MAX: Final = 1_000
"""Documents listed in one packet; its totals count all of them."""

ORGANIZATIONS_MAX: Final = 50
"""Organizations told in one packet: one that concerns more is sent to each by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketDocument:
    """One document that waits; products, customers and vendors have a name instead of a number."""

    record_id: UUID
    document_id: UUID | None
    kind: str
    number: str | None
    party: str | None
    amount_minor: int | None
    currency: str | None
    issued_on: date | None
    due_on: date | None
    told: str
    """The accounting system's own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketOrganization:
    """One organization: who acts there, what to do, and what waits for it."""

    organization_id: UUID
    name: str
    platform: str
    who: str
    steps: Sequence[str]
    connection_url: str | None
    """Where to connect again, when that is what is needed."""
    money: Mapping[str, int]
    """Of all its documents, listed or not."""
    documents: Sequence[PacketDocument]
    not_listed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The whole of it."""

    cause: str
    title: str
    owner: str
    who: str
    what: str
    afterwards: str
    totals: Totals
    organizations: Sequence[PacketOrganization]
    not_listed: int
    """Documents that are counted above and not listed here; `rest` says what to do about them."""
    set_aside: int
    """Documents that fail for it as well and that a person has set aside: nobody has to act on them."""

    @property
    def rest(self) -> str | None:
        """A sentence about those that are not listed; None when all are."""
        if not self.not_listed:
            return None
        count = "1 more is" if self.not_listed == 1 else f"{self.not_listed:,} more are"
        if self.totals.organizations == 1:
            return f"{count} not listed here, and may need something else: ask again once these are done."
        return f"{count} not listed here; ask for each organization by itself."


def share(counts: Sequence[int]) -> int:
    """How many documents each organization may list that has so many: nobody crowds out those with few."""
    left = DOCUMENTS_MAX
    for others, count in zip(range(len(counts), 0, -1), sorted(counts), strict=True):
        if count > left // others:
            return left // others
        left -= count
    return DOCUMENTS_MAX


def packet(cause: Cause, sections: Sequence[Section], totals: Totals, *, set_aside: int = 0) -> Packet:
    """Put a packet together."""
    facts = facts_of(cause)
    listed = sum(len(section.waiting) for section in sections)
    names = {section.name for section in sections}
    platforms = {section.platform for section in sections}
    platform = platforms.pop() if len(platforms) == 1 else "the accounting system"
    return Packet(
        cause=cause.value,
        title=facts.title,
        owner=facts.owner.value,
        who=_who(facts.owner, names.pop() if len(names) == 1 else "each organization", platform),
        what=_what(facts, sections, platform),
        afterwards=_afterwards(facts),
        totals=totals,
        organizations=[_organization(cause, facts, section) for section in sections],
        not_listed=max(totals.documents - listed, 0),
        set_aside=set_aside,
    )


_WHO: Final[Mapping[Owner, str]] = {
    Owner.NOBODY: "Nobody: it cures itself",
    Owner.BOOKKEEPER: "The bookkeeper of {organization}",
    Owner.ACCOUNTING_ADMIN: "An administrator of {platform} at {organization}",
    Owner.ORGANIZATION_OWNER: "Whoever pays for {platform} at {organization}",
    Owner.PARTNER_ENGINEER: "The engineers who run the integration",
    Owner.PLATFORM_SUPPORT: "The support of the integration or of {platform}",
}

_RECONNECTED: Final = frozenset({Cure.CONNECTION_CONNECTED, Cure.CONNECTION_RENEWED})


def _who(owner: Owner, organization: str, platform: str) -> str:
    return _WHO[owner].replace("{platform}", platform).replace("{organization}", organization)


def _what(facts: Facts, sections: Sequence[Section], platform: str) -> str:
    kinds = {each.record.object_type for section in sections for each in section.waiting}
    kind = object_name(kinds.pop()) if len(kinds) == 1 else "document"
    texts = {each.record.cause_text for section in sections for each in section.waiting}
    detail = (texts.pop() or "no text was given") if len(texts) == 1 else "see below"
    sentence = facts.reason.replace("{platform}", platform).replace("{object}", kind)
    sentence = sentence.replace("{detail}", detail.strip().rstrip("."))
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _afterwards(facts: Facts) -> str:
    """What happens once it is done."""
    match facts.retry:
        case Retry.BACKOFF:
            return "Nothing else is to be done: each is sent again by itself."
        case Retry.AFTER_LOOK:
            return (
                "Nothing is sent twice: the books are looked through first, and only what is proven not to "
                "be there goes again."
            )
        case Retry.NEVER:
            return "It is not sent again by itself; once it is put right, have it sent from its page."
    if set(facts.cures) <= {Cure.TRIAL, Cure.OBJECT_CHANGED}:
        return "Once it is done they go by themselves: one is tried from time to time, and the others follow."
    return (
        "Nothing else is to be done: once that is seen in the books, which are read every hour, each goes by "
        "itself, once."
    )


def _organization(cause: Cause, facts: Facts, section: Section) -> PacketOrganization:
    return PacketOrganization(
        organization_id=section.organization_id,
        name=section.name,
        platform=section.platform,
        who=_who(facts.owner, section.name, section.platform),
        steps=steps(cause, section),
        connection_url=section.reconnect_url if not _RECONNECTED.isdisjoint(facts.cures) else None,
        money=section.totals.money,
        documents=[_document(each) for each in section.waiting],
        not_listed=max(section.totals.documents - len(section.waiting), 0),
    )


def _document(waiting: Waiting) -> PacketDocument:
    record, document = waiting.record, waiting.document
    return PacketDocument(
        record_id=record.record_id,
        document_id=record.object_id,
        kind=object_name(record.object_type),
        number=document.number if document else None,
        party=document.party_name if document else waiting.name,
        amount_minor=record.amount_minor,
        currency=record.currency,
        issued_on=document.issued_on if document else None,
        due_on=document.due_on if document else None,
        told=record.cause_text or "",
    )
