"""Pairing: which document of the books is which local one.

Three stages, each on what the one before left over:

1. **record**: a synced record says so (by the platform's id, else the provider's).
2. **number**: number, party, currency and total are equal, and no other document on either side is as equal.
3. **similarity**: a score of party, number, amount and date (`pairing_similarity`), with a floor and a stated
   confidence.

Rules that matter:

- Two candidates that tie are never paired. They are returned as an `Ambiguity`, so that nothing is claimed of
  them.
- A document in the books that a record gives to one local document is never given to another.
- A credit note pairs by record only: the books' lists hold none, so whatever looks like one there is
  something else.
- A local document whose copy in the books vanished pairs by equality (it was entered anew) but never by mere
  similarity, which would hide the deletion behind next month's invoice.
- Everything is joined by dictionaries: linear in the number of documents.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from service.domain.comparing.pairing_links import DONE, Link, LinkIndex
from service.domain.comparing.pairing_similarity import Candidate, Numbers, assign
from service.domain.document import Basis, Document, DocumentKind, Status, newest, number_key, party_key

CERTAIN: Final = Decimal(1)
EQUAL: Final = Decimal("0.99")
"""Number, party, currency and total agree and nothing else does as well; only a record could say more."""


class PairedBy(StrEnum):
    """What a pair rests on."""

    RECORD = "record"
    PROVIDER = "provider"
    NUMBER = "number"
    SIMILARITY = "similarity"


@dataclass(frozen=True, slots=True)
class Pair:
    """A local document and its copy in the books."""

    local: Document
    books: Document
    by: PairedBy
    confidence: Decimal = CERTAIN


@dataclass(frozen=True, slots=True)
class Ambiguity:
    """Documents that could be each other's copies in more than one way, so that none is paired."""

    local: tuple[Document, ...]
    books: tuple[Document, ...]

    @property
    def is_alike(self) -> bool:
        """All of them bear one number, party, currency and total: the money is the same either way."""
        documents = (*self.local, *self.books)
        keys = {(number_key(each.number), party_key(each.party_name), each.currency) for each in documents}
        nets = any(each.basis is Basis.DERIVED_NET for each in documents)
        totals = {each.net_minor if nets else each.total_minor for each in documents}
        return len(keys) == 1 and len(totals) == 1 and bool(number_key(documents[0].number))


@dataclass(frozen=True, slots=True)
class Pairing:
    """Every document of both sides, exactly once: in a pair, alone, or alone and in an ambiguity as well."""

    pairs: Sequence[Pair]
    local_only: Sequence[Document]
    books_only: Sequence[Document]
    ambiguous: Sequence[Ambiguity]


@dataclass(slots=True)
class _Free:
    """What no stage has paired yet, by id, in a stable order."""

    local: dict[str, Document]
    books: dict[str, Document]

    def take(self, pair: Pair) -> Pair:
        del self.local[pair.local.document_id]
        del self.books[pair.books.document_id]
        return pair


def pair(
    local: Sequence[Document],
    books: Sequence[Document],
    links: Sequence[Link] | LinkIndex,
    *,
    vanished: frozenset[str] = frozenset(),
    crowded: Collection[int] = frozenset(),
    numbers: Numbers | None = None,
) -> Pairing:
    """Pair the documents of one ledger; `vanished` are local ids whose copy in the books is gone.

    For a part of a ledger there are `crowded`, keys of similarity that say nothing in the whole (`assign`),
    and `numbers`, which of its numbers are in use in the whole.
    """
    free = _Free(_in_order(local), _in_order(books))
    if not isinstance(links, LinkIndex):
        ledgers = {document.ledger for document in (*local, *books)}
        assert len(ledgers) <= 1, "a pairing is of one ledger"
        links = LinkIndex.build(ledgers.pop(), links) if ledgers else LinkIndex()
    pairs = _certain(free, links)
    likely = [each for each in free.local.values() if _may_be_similar(each, vanished)]
    if not likely or not free.books:
        return Pairing(pairs, tuple(free.local.values()), tuple(free.books.values()), ())
    if numbers is None:
        numbers = Numbers.of(local, books)
    similar, ties = assign(likely, list(free.books.values()), links, numbers, crowded)
    pairs += [free.take(_similar(candidate)) for candidate in similar]
    ambiguous = [Ambiguity(tuple(tied_local), tuple(tied_books)) for tied_local, tied_books in ties]
    return Pairing(pairs, tuple(free.local.values()), tuple(free.books.values()), ambiguous)


def left_over(
    local: Sequence[Document], books: Sequence[Document], links: LinkIndex
) -> tuple[Sequence[Document], Sequence[Document]]:
    """Return what neither a record nor equality pairs: the documents among which similarity looks."""
    free = _Free(_in_order(local), _in_order(books))
    _certain(free, links)
    return tuple(free.local.values()), tuple(free.books.values())


def _certain(free: _Free, links: LinkIndex) -> list[Pair]:
    pairs = [free.take(found) for found in _by_record(free, links)]
    pairs += [free.take(found) for found in _by_number(free, links)]
    return pairs


def _in_order(documents: Sequence[Document]) -> dict[str, Document]:
    return dict(sorted(newest(documents).items()))


def _by_record(free: _Free, links: LinkIndex) -> Sequence[Pair]:
    """Pair what records join; two local documents with equal claims on one in the books get nothing here."""
    claims: dict[str, list[tuple[Link, Pair]]] = {}
    for document in free.local.values():
        for link in links.of(document.document_id):
            found = _linked(free, document, link)
            if found is not None:
                claims.setdefault(found.books.document_id, []).append((link, found))
                break
    return [winner for several in claims.values() if (winner := _winner(several)) is not None]


def _linked(free: _Free, document: Document, link: Link) -> Pair | None:
    if link.platform_object_id in free.books:
        return Pair(document, free.books[link.platform_object_id], PairedBy.RECORD)
    if link.provider_object_id in free.books:
        return Pair(document, free.books[link.provider_object_id], PairedBy.PROVIDER)
    return None


def _winner(claims: Sequence[tuple[Link, Pair]]) -> Pair | None:
    if len(claims) == 1:
        return claims[0][1]
    done = [found for link, found in claims if link.sync_status == DONE]
    return done[0] if len(done) == 1 else None


def _by_number(free: _Free, links: LinkIndex) -> Sequence[Pair]:
    """Pair what agrees in number, party, currency and total, where the agreement is one to one."""
    books_by_key: dict[tuple[str, str, Basis, int | None], list[Document]] = {}
    for books in free.books.values():
        if number := number_key(books.number):
            key = (number, books.currency, _amount_basis(books), _amount(books, _amount_basis(books)))
            books_by_key.setdefault(key, []).append(books)
    candidates: list[tuple[Document, Sequence[Document]]] = []
    takers: dict[str, int] = {}
    for local in free.local.values():
        found = _equals(local, books_by_key, links)
        candidates.append((local, found))
        for books in found:
            takers[books.document_id] = takers.get(books.document_id, 0) + 1
    return [
        Pair(local, found[0], PairedBy.NUMBER, EQUAL)
        for local, found in candidates
        if len(found) == 1 and takers[found[0].document_id] == 1
    ]


def _equals(
    local: Document,
    books_by_key: Mapping[tuple[str, str, Basis, int | None], Sequence[Document]],
    links: LinkIndex,
) -> Sequence[Document]:
    number = number_key(local.number)
    if not number or local.kind is DocumentKind.CREDIT_NOTE:
        return ()
    found: list[Document] = []
    for basis in (Basis.STATED, Basis.DERIVED_NET):
        for books in books_by_key.get((number, local.currency, basis, _amount(local, basis)), ()):
            if same_party(local, books, links) and not links.belongs_to_another(
                books.document_id, local.document_id
            ):
                found.append(books)  # noqa: PERF401 - a comprehension would bury the two conditions that matter
    return found


def _amount_basis(books: Document) -> Basis:
    return Basis.DERIVED_NET if books.basis is Basis.DERIVED_NET else Basis.STATED


def _amount(document: Document, basis: Basis) -> int | None:
    return document.net_minor if basis is Basis.DERIVED_NET else document.total_minor


def same_party(local: Document, books: Document, links: LinkIndex) -> bool:
    """Say whether both documents name one party: joined by a record, or alike in name."""
    if links.parties_linked(local, books):
        return True
    return bool(key := party_key(local.party_name)) and key == party_key(books.party_name)


def _may_be_similar(local: Document, vanished: frozenset[str]) -> bool:
    return (
        local.kind is not DocumentKind.CREDIT_NOTE
        and local.status is not Status.DRAFT
        and local.document_id not in vanished
    )


def _similar(candidate: Candidate) -> Pair:
    return Pair(candidate.local, candidate.books, PairedBy.SIMILARITY, candidate.confidence)
