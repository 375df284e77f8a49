"""The part of a ledger that looking for some of its documents rests on.

What a look says of a document is said by how that one, and what is free on its day, are paired. Left out of
the ledger is, without changing any of it:

1. **A pair that a record makes for certain** (`list_unsettled_documents`): the only record that names its
   document in the books, and naming no other there. It is made before anything else is, whatever else there
   is, and neither of both is anybody else's candidate. Only its numbers speak of others, and those are kept.
   The pairs of documents that are looked for are not left out. What one of them was paired with once may be:
   the record that names it still tells that it is another's.
2. **A document of the books that nothing touches**: no record names it, it shares neither its number nor a
   key of similarity with any local document of what is left, and it is of no day that is looked at. It is
   free, whatever becomes of the others. What is of the party and amount of a local one shares such a key. All
   that share a key with a local document are here, so that a key is as crowded as it is in the whole.
3. **What has been deleted**, unless it is named by a record that is looked for, or bears such a number.

So the local documents are taken first, then those of the books, then the numbers of the whole ledger. How
much may be kept is bounded: beyond, nothing is concluded at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from service.domain.comparing.pairing_similarity import Numbers, similarity_keys
from service.domain.document import Document, Side, number_key
from service.domain.pushing.readback_books import Day
from service.domain.record import Record

DOCUMENTS_MAX: Final = 20_000
"""Of both sides; some 45 MB while they are paired, and four organizations may be looked at at once."""


@dataclass(slots=True)
class Part:
    """What has been kept so far, of one ledger."""

    looked_for: Collection[str]
    """The ids of the local documents."""
    named: Collection[str]
    """The ids of the books that their records name."""
    local: list[Document] = field(default_factory=list)
    books: list[Document] = field(default_factory=list)
    books_named: list[str] = field(default_factory=list)
    """Those of the books that any record names."""
    removed: list[Document] = field(default_factory=list)
    first_seen_at: dict[str, datetime] = field(default_factory=dict)
    """When those of the books were first read."""
    _keys: set[int] = field(default_factory=set)
    _days: set[Day] = field(default_factory=set)
    _numbers_looked_for: set[str] = field(default_factory=set)
    _numbers: Mapping[Side, set[str]] = field(default_factory=lambda: {side: set() for side in Side})
    _numbers_in_use: Mapping[Side, set[str]] = field(default_factory=lambda: {side: set() for side in Side})

    @classmethod
    def of(cls, records: Collection[Record]) -> Part:
        """Nothing yet, of what looking for these records rests on."""
        return cls(
            looked_for={str(each.object_id) for each in records},
            named={
                name
                for each in records
                for name in (each.platform_object_id, each.provider_object_id)
                if name is not None
            },
        )

    @property
    def is_too_large(self) -> bool:
        """Whether there is more to keep than may be."""
        return len(self.local) + len(self.books) + len(self.removed) > DOCUMENTS_MAX

    @property
    def numbers(self) -> Numbers:
        """Which of the numbers of what is kept are in use on either side, anywhere in the ledger."""
        return Numbers(
            local=frozenset(self._numbers_in_use[Side.LOCAL]),
            books=frozenset(self._numbers_in_use[Side.BOOKS]),
        )

    def take(self, document: Document, *, is_named: bool, first_seen_at: datetime | None = None) -> None:
        """Take in a document that no record pairs for certain; all local ones come first."""
        if document.side is Side.BOOKS:
            if is_named or self._is_touched(document):
                self._keep(document, self.books)
                if first_seen_at is not None:
                    self.first_seen_at[document.document_id] = first_seen_at
                if is_named:
                    self.books_named.append(document.document_id)
            return
        assert not self.books, "the local documents say which of the books are kept"
        self._keep(document, self.local)
        self._keys |= similarity_keys(document)
        if document.document_id in self.looked_for:
            self._days.add((document.currency, document.issued_on))
            self._numbers_looked_for.add(number_key(document.number))

    def take_removed(self, document: Document) -> None:
        """Take in a document of the books that was there; those that are come before."""
        number = number_key(document.number)
        if document.document_id in self.named or (number and number in self._numbers_looked_for):
            self.removed.append(document)

    def take_number(self, side: Side, number: str) -> None:
        """Take in the number of any document that is there, once all documents have been taken in."""
        other = Side.BOOKS if side is Side.LOCAL else Side.LOCAL
        if (key := number_key(number)) in self._numbers[other]:
            self._numbers_in_use[side].add(key)

    def _keep(self, document: Document, kept: list[Document]) -> None:
        kept.append(document)
        if number := number_key(document.number):
            self._numbers[document.side].add(number)

    def _is_of_a_day(self, document: Document) -> bool:
        return document.issued_on is not None and (document.currency, document.issued_on) in self._days

    def _is_touched(self, document: Document) -> bool:
        return (
            self._is_of_a_day(document)
            or number_key(document.number) in self._numbers[Side.LOCAL]
            or not self._keys.isdisjoint(similarity_keys(document))
        )
