"""What stands on one side only: missing, surplus, twice in the books, or not to be told apart.

One local document against several equal ones in the books is a duplicate: whichever is the copy, the others
are surplus. Any other group of equal documents is left `unclassified`: to pair them would be to guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from service.domain.comparing.difference_kind import Kind, Verdict
from service.domain.comparing.difference_pair import books_amount
from service.domain.comparing.expectation import explain_local
from service.domain.comparing.expectation_context import Context
from service.domain.comparing.expectation_surplus import Surplus, explain_books
from service.domain.comparing.pairing import Ambiguity, Pairing
from service.domain.comparing.pairing_links import Link, LinkIndex
from service.domain.document import Document, number_key, party_key


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one or two documents, with the money and the count that it moves."""

    verdict: Verdict
    local: Document | None
    books: Document | None
    local_minor: int | None = None
    books_minor: int | None = None
    currency: str | None = None
    count: int = 0
    link: Link | None = None
    confidence: Decimal | None = None
    days: tuple[date, date] | None = None
    """The days on which both count, where they are a pair."""


def unpaired_local(
    pairing: Pairing, index: LinkIndex, context: Context, vanished: Mapping[str, str]
) -> Iterator[Finding]:
    """Explain each local document that has no copy in the books."""
    groups = {
        each.document_id: group for group in pairing.ambiguous if group.is_alike for each in group.local
    }
    for document in pairing.local_only:
        name = document.document_id
        group = groups.get(name)
        if group is None:
            verdict = explain_local(document, index.best(name), context, vanished.get(name))
            yield Finding(verdict, document, None, local_minor=document.total_minor, count=-1)
        elif len(group.local) > 1:
            yield Finding(_undecided(group), document, None, local_minor=document.total_minor, count=-1)
        # A single one is told with the first of its copies.


def unpaired_books(pairing: Pairing, index: LinkIndex, context: Context) -> Iterator[Finding]:
    """Explain each document of the books that has no local counterpart."""
    groups = {
        each.document_id: group for group in pairing.ambiguous if group.is_alike for each in group.books
    }
    if not pairing.books_only:
        return
    originals = _Originals.of(pairing)
    # Of several that were paired with one in the books, the first by id speaks, whatever their order.
    partners = {
        books_id: local_id for local_id, books_id in sorted(context.once_paired.items(), reverse=True)
    }
    for document in pairing.books_only:
        group = groups.get(document.document_id)
        if group is not None and len(group.local) == 1:
            yield _copy(group, document)
        elif group is not None:
            amount = document.total_minor
            yield Finding(_undecided(group), None, document, books_minor=amount, count=1)
        else:
            yield _surplus(document, originals, index, context, partners.get(document.document_id))


def _undecided(group: Ambiguity) -> Verdict:
    here, there = len(group.local), len(group.books)
    return Verdict(
        Kind.UNCLASSIFIED,
        f"{here} documents here and {there} in the books bear the same number, party and amount: "
        "which is whose copy cannot be told.",
    )


def _copy(group: Ambiguity, document: Document) -> Finding:
    local = group.local[0]
    copies = len(group.books)
    verdict = Verdict(
        Kind.DUPLICATE_IN_BOOKS, f"{local.number} stands in the books {copies} times: one is due."
    )
    amount = books_amount(local, document)
    first = min(group.books, key=lambda each: (str(each.issued_on), each.document_id))
    if document.document_id == first.document_id:
        return Finding(verdict, local, document, local_minor=local.total_minor, books_minor=amount)
    return Finding(verdict, local, document, books_minor=amount, count=1)


@dataclass(frozen=True, slots=True)
class _Originals:
    """Local documents whose copy is known, by what a second copy would show."""

    by_identity: Mapping[tuple[str, str], tuple[Document, Document]]
    paired: Mapping[str, Document]

    @classmethod
    def of(cls, pairing: Pairing) -> _Originals:
        by_identity: dict[tuple[str, str], tuple[Document, Document]] = {}
        for found in pairing.pairs:
            for each in (found.books, found.local):
                if number := number_key(each.number):
                    by_identity.setdefault((number, party_key(each.party_name)), (found.local, found.books))
        return cls(by_identity, {found.local.document_id: found.local for found in pairing.pairs})

    def original_of(self, document: Document, index: LinkIndex) -> Document | None:
        """Return the local document of which this is a second copy, by a record or by number and party."""
        for owner_id in sorted(index.owners_by_books_id.get(document.document_id, ())):
            if owner_id in self.paired:
                return self.paired[owner_id]
        number = number_key(document.number)
        if not number or (known := self.by_identity.get((number, party_key(document.party_name)))) is None:
            return None
        local, copy = known
        alike = document.currency == copy.currency and (
            document.total_minor == copy.total_minor
            or document.issued_on in (copy.issued_on, local.issued_on)
        )
        return local if alike else None


def _surplus(
    document: Document, originals: _Originals, index: LinkIndex, context: Context, partner_id: str | None
) -> Finding:
    original = originals.original_of(document, index)
    owners = index.owners_by_books_id.get(document.document_id, {})
    surplus = Surplus(duplicate_of=original, owner_id=min(owners, default=None), partner_id=partner_id)
    verdict = explain_books(document, surplus, context)
    if original is not None and verdict.kind is Kind.DUPLICATE_IN_BOOKS:
        return Finding(verdict, original, document, books_minor=books_amount(original, document), count=1)
    link = owners[min(owners)] if owners else None
    return Finding(verdict, None, document, books_minor=document.total_minor, count=1, link=link)
