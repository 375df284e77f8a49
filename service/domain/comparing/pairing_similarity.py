"""Similarity: pairing what bears no record and is not equal, by a score of party, number, amount and date.

The score is out of a hundred points and its weights say what a bookkeeper would: number and amount tell most,
party and date confirm. The floor is set so that one of the four may be entirely different (a renumbered
invoice, a corrected amount) while the other three agree, and that two differing are too many: the same
customer's invoice of next month agrees in party and amount only. Numbers that merely look alike count for
nothing, because INV-0012 and INV-0013 look alike and are two invoices; only the same digits in another dress
count. And a number can have changed only if the old one is gone from the books and the new one is unknown
here: else the document is some other one, or its duplicate.

Pairing is one to one: the best candidate of both sides, ahead of every other by a margin; what is not ahead
ties, and ties are returned. A pair that is made frees others from their tie, so this repeats a bounded number
of times.

Candidates come from six indexes, each on two features, since nothing that agrees in fewer can reach the
floor. A key that many documents share says nothing about any of them and is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Final, TypeAlias

from rapidfuzz import fuzz

from service.domain.comparing.pairing_links import LinkIndex
from service.domain.document import Basis, Document, Side, digest, number_core, number_key, party_key

NUMBER_POINTS: Final = 30
AMOUNT_POINTS: Final = 30
PARTY_POINTS: Final = 20
DATE_POINTS: Final = 20

FLOOR_POINTS: Final = 70
"""All but the weightiest single feature: one may differ entirely, two may not."""

MARGIN_POINTS: Final = 5
"""Lead over every other candidate; less than the smallest step between two grades of one feature."""

CANDIDATES_MAX: Final = 32
"""Documents that may share an index key. Beyond, they tie anyway and work grows with the square."""

ROUNDS_MAX: Final = 8
"""Chains of ties that resolve one after the other; longer ones stay unpaired, which is the safe side."""

UNKNOWN_SHARE: Final = 3
"""A feature that one side lacks earns a third: it neither speaks for the pair nor against it."""

AMOUNT_NEAR_PERCENT: Final = 1
DATE_NEAR_DAYS: Final = 3
PARTY_NEAR_RATIO: Final = 90


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible pair and its score."""

    local: Document
    books: Document
    points: int

    @property
    def confidence(self) -> Decimal:
        """The score as a share of certainty."""
        return Decimal(self.points).scaleb(-2)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Every number in use on either side, paired or not."""

    local: frozenset[str]
    books: frozenset[str]

    @classmethod
    def of(cls, local: Iterable[Document], books: Iterable[Document]) -> Numbers:
        """Gather the numbers of all documents of a ledger."""
        return cls(
            frozenset(number_key(each.number) for each in local),
            frozenset(number_key(each.number) for each in books),
        )

    def allow(self, local: Document, books: Document) -> bool:
        """Say whether one may be the other: with different numbers only if both numbers are orphans."""
        ours, theirs = number_key(local.number), number_key(books.number)
        if not ours or not theirs or ours == theirs:
            return True
        return ours not in self.books and theirs not in self.local


Tie: TypeAlias = tuple[Sequence[Document], Sequence[Document]]


def assign(
    local: Sequence[Document],
    books: Sequence[Document],
    links: LinkIndex,
    numbers: Numbers,
    crowded: Collection[int] = frozenset(),
) -> tuple[Sequence[Candidate], Sequence[Tie]]:
    """Return the pairs that similarity makes, and the groups of documents that tie.

    `crowded` are index keys (`similarity_keys`) that too many documents share which are not given here.
    """
    open_candidates = _candidates(local, books, links, numbers, crowded)
    made: list[Candidate] = []
    for _ in range(ROUNDS_MAX):
        ahead = _ahead(open_candidates)
        if not ahead:
            break
        made += ahead
        taken_local = {each.local.document_id for each in ahead}
        taken_books = {each.books.document_id for each in ahead}
        open_candidates = [
            each
            for each in open_candidates
            if each.local.document_id not in taken_local and each.books.document_id not in taken_books
        ]
    return made, _ties(open_candidates)


def similarity_keys(document: Document) -> frozenset[int]:
    """Return the index keys of a document in 64 bits each: only who shares one may be similar."""
    keys = _keys(document, own_amount=document.side is Side.BOOKS)
    return frozenset(_numbered(key) for key in keys)


def _numbered(key: tuple[object, ...]) -> int:
    currency, one, other = key
    assert isinstance(one, tuple)
    assert isinstance(other, tuple)
    return int.from_bytes(digest((currency, *one, *other))[:8], "big", signed=True)


def _candidates(
    local: Sequence[Document],
    books: Sequence[Document],
    links: LinkIndex,
    numbers: Numbers,
    crowded: Collection[int],
) -> list[Candidate]:
    index: dict[tuple[object, ...], list[Document]] = {}
    for document in books:
        for key in _keys(document, own_amount=True):
            index.setdefault(key, []).append(document)
    found: list[Candidate] = []
    for document in local:
        near: dict[str, Document] = {}
        for key in _keys(document, own_amount=False):
            several = index.get(key, ())
            if several and len(several) <= CANDIDATES_MAX and not (crowded and _numbered(key) in crowded):
                near.update((each.document_id, each) for each in several)
        for books_id, other in near.items():
            if links.belongs_to_another(books_id, document.document_id) or not numbers.allow(document, other):
                continue
            points = score(document, other, links)
            if points >= FLOOR_POINTS:
                found.append(Candidate(document, other, points))
    return found


def _keys(document: Document, *, own_amount: bool) -> Iterable[tuple[object, ...]]:
    """Return the index keys: every two of number, party, amount and date, within the currency."""
    features: list[tuple[str, object]] = []
    if core := number_core(document.number):
        features.append(("number", core))
    if party := party_key(document.party_name):
        features.append(("party", party))
    if document.issued_on is not None:
        features.append(("date", document.issued_on))
    if own_amount:
        features.append(_own_amount(document))
        yield from ((document.currency, *both) for both in combinations(features, 2))
        return
    # A local document cannot know whether its copy is known gross or net of tax, so it asks for both.
    for amount in {("gross", document.total_minor), ("net", document.net_minor)}:
        yield from ((document.currency, *both) for both in combinations([*features, amount], 2))


def _own_amount(books: Document) -> tuple[str, object]:
    return ("net", books.net_minor) if books.basis is Basis.DERIVED_NET else ("gross", books.total_minor)


def score(local: Document, books: Document, links: LinkIndex) -> int:
    """Return how much speaks for one document in two places, out of 100."""
    return (
        _number_points(local, books)
        + _amount_points(local, books)
        + _party_points(local, books, links)
        + _date_points(local.issued_on, books.issued_on)
    )


def _number_points(local: Document, books: Document) -> int:
    ours, theirs = number_key(local.number), number_key(books.number)
    if not ours or not theirs:
        return NUMBER_POINTS // UNKNOWN_SHARE
    if ours == theirs:
        return NUMBER_POINTS
    core = number_core(ours)
    return NUMBER_POINTS * 9 // 10 if core and core == number_core(theirs) else 0


def _amount_points(local: Document, books: Document) -> int:
    net = books.basis is Basis.DERIVED_NET
    ours = local.net_minor if net else local.total_minor
    if ours is None:
        return AMOUNT_POINTS // UNKNOWN_SHARE
    gap = abs(ours - books.total_minor)
    if gap == 0:
        return AMOUNT_POINTS
    if 2 * gap <= max(local.rounded_lines, books.rounded_lines):
        return AMOUNT_POINTS * 9 // 10
    return AMOUNT_POINTS // 2 if gap * 100 <= AMOUNT_NEAR_PERCENT * abs(ours) else 0


def _party_points(local: Document, books: Document, links: LinkIndex) -> int:
    if links.parties_linked(local, books):
        return PARTY_POINTS
    ours, theirs = party_key(local.party_name), party_key(books.party_name)
    if not ours or not theirs:
        return PARTY_POINTS // UNKNOWN_SHARE
    if ours == theirs:
        return PARTY_POINTS
    return PARTY_POINTS * 3 // 4 if fuzz.token_sort_ratio(ours, theirs) >= PARTY_NEAR_RATIO else 0


def _date_points(ours: date | None, theirs: date | None) -> int:
    if ours is None or theirs is None:
        return DATE_POINTS // UNKNOWN_SHARE
    apart = abs((ours - theirs).days)
    if apart == 0:
        return DATE_POINTS
    return DATE_POINTS * 7 // 10 if apart <= DATE_NEAR_DAYS else 0


def _ahead(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return the candidates that are the best of both their documents, by the margin."""
    lead_local = _leads(candidates, lambda each: each.local.document_id)
    lead_books = _leads(candidates, lambda each: each.books.document_id)
    return [
        each
        for each in candidates
        if lead_local[each.local.document_id] is each and lead_books[each.books.document_id] is each
    ]


def _leads(candidates: Sequence[Candidate], key: Callable[[Candidate], str]) -> dict[str, Candidate | None]:
    """Return, for each document, the candidate that leads by the margin, or None where two are too close."""
    best: dict[str, Candidate] = {}
    second_points: dict[str, int] = {}
    for each in candidates:
        name = key(each)
        leader = best.get(name)
        if leader is None or each.points > leader.points:
            best[name] = each
            second_points[name] = leader.points if leader else 0
        else:
            second_points[name] = max(second_points[name], each.points)
    return {
        name: leader if leader.points - second_points[name] >= MARGIN_POINTS else None
        for name, leader in best.items()
    }


def _ties(candidates: Sequence[Candidate]) -> Sequence[Tie]:
    """Group what is left by who could be whose copy."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for each in candidates:
        parent[root(("local", each.local.document_id))] = root(("books", each.books.document_id))
    groups: dict[tuple[str, str], tuple[dict[str, Document], dict[str, Document]]] = {}
    for each in candidates:
        group_local, group_books = groups.setdefault(root(("local", each.local.document_id)), ({}, {}))
        group_local[each.local.document_id] = each.local
        group_books[each.books.document_id] = each.books
    return [(tuple(ours.values()), tuple(theirs.values())) for ours, theirs in groups.values()]
