"""What stands on one side only: missing, surplus, twice in the books, or not to be told apart.

One local document against several equal ones in the books is a duplicate: whichever is the copy, the others
are surplus. Any other group of equal documents is left `unclassified`: to pair them would be to guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from service.domain.comparing.difference_kind import Kind, Verdict
from service.domain.comparing.difference_pair import books_amount
from service.domain.comparing.expectation import explain_local
from service.domain.comparing.expectation_context import Context
from service.domain.comparing.expectation_surplus import Surplus, explain_books
from service.domain.comparing.pairing import Ambiguity, Pair, Pairing
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
    originals = _Originals.of(pairing, context)
    for document in pairing.books_only:
        group = groups.get(document.document_id)
        if group is not None and len(group.local) == 1:
            yield _copy(group, document)
        elif group is not None:
            amount = document.total_minor
            yield Finding(_undecided(group), None, document, books_minor=amount, count=1)
        else:
            yield _surplus(document, originals, index, context)


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


_Sign: TypeAlias = tuple[str, str, str, int | None, date | None]
"""Number, party, currency, and a total, a date, or both: what a second copy shares with the first."""


@dataclass(frozen=True, slots=True)
class _Originals:
    """What a document that stands in the books only may be another copy of."""

    by_sign: Mapping[_Sign, Document]
    """Local documents whose copy is known, by what a second one would show."""
    paired: Mapping[str, Document]
    lone_ids: Collection[str]
    """Local documents that have no copy in the books."""
    partners: Mapping[str, Sequence[str]]
    """Local ids that one in the books was paired with, in a settled order."""

    @classmethod
    def of(cls, pairing: Pairing, context: Context) -> _Originals:
        partners: dict[str, list[str]] = {}
        for local_id, books_id in sorted(context.once_paired.items()):
            partners.setdefault(books_id, []).append(local_id)
        wanted = {_identity(each) for each in pairing.books_only}
        by_sign: dict[_Sign, Document] = {}
        for found in sorted(pairing.pairs, key=lambda each: each.local.document_id):
            for each in (found.books, found.local):
                if each.number and _identity(each) in wanted:
                    for sign in _signs_of_copies(each, found):
                        by_sign.setdefault(sign, found.local)
        return cls(
            by_sign,
            {found.local.document_id: found.local for found in pairing.pairs},
            frozenset(each.document_id for each in pairing.local_only),
            partners,
        )

    def original_of(self, document: Document, origins: Iterable[str]) -> Document | None:
        """Return the local document of which this is a second copy: by its origins, else by what it shows."""
        for origin_id in origins:
            if origin_id in self.paired:
                return self.paired[origin_id]
        if not number_key(document.number):
            return None
        name = (*_identity(document), document.currency)
        total, day = document.total_minor, document.issued_on
        signs: list[_Sign] = [(*name, total, day), (*name, total, None), (*name, None, day)]
        if day is None:
            # Two that tell no date are not of one day.
            signs = signs[1:2]
        return next((self.by_sign[sign] for sign in signs if sign in self.by_sign), None)


def _identity(document: Document) -> tuple[str, str]:
    return number_key(document.number), party_key(document.party_name)


def _signs_of_copies(named: Document, found: Pair) -> Iterator[_Sign]:
    """Yield what another copy of a pair shows, that bears the number and party of one of the two."""
    name = (*_identity(named), found.books.currency)
    total = found.books.total_minor
    yield (*name, total, None)
    for day in {found.books.issued_on, found.local.issued_on} - {None}:
        yield (*name, total, day)
        yield (*name, None, day)


def _surplus(document: Document, originals: _Originals, index: LinkIndex, context: Context) -> Finding:
    owners = index.owners_by_books_id.get(document.document_id, {})
    origins = (*sorted(owners), *originals.partners.get(document.document_id, ()))
    original = originals.original_of(document, origins)
    origin_id = next(iter(origins), None)
    surplus = Surplus(
        duplicate_of=original, origin_id=origin_id, is_origin_listed=origin_id in originals.lone_ids
    )
    verdict = explain_books(document, surplus, context)
    if original is not None and verdict.kind is Kind.DUPLICATE_IN_BOOKS:
        return Finding(verdict, original, document, books_minor=books_amount(original, document), count=1)
    link = owners[min(owners)] if owners else None
    return Finding(verdict, None, document, books_minor=document.total_minor, count=1, link=link)
