"""Neighbourhoods: which documents must be compared together so that the rest of the ledger changes nothing.

What comparing says of a document depends on few others. Two documents touch each other only if

- a synced record joins them, or names both: it pairs, owns, and explains a gap;
- they were a pair in the last comparison, or are remembered as one that no record told;
- they bear one number: it pairs by equality, makes duplicates, and says whether a number is orphaned;
- both are left over by record and number, now or in the last comparison, and share a key of similarity.
  A key that more documents share than similarity looks at joins nobody; it is `crowded`.

A set of documents that is closed under these four is a whole neighbourhood. Then, with the links of its
documents and parties: **comparing the neighbourhoods of all that changed, and keeping what the last
comparison said of everything else, is comparing everything.** Every index that pairing and explaining use is
one of the four, and every choice that they make is made within one of its buckets.

This is the closing of such a set, without any reading: it says what it needs to know next (`asks`), and is
told (`learn`, `count`), until it asks no more. What seeds it is the shell's to say: documents and records
that changed since, and whatever a change of time or of the connection concerns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from service.domain.comparing.pairing import left_over
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, Link, LinkIndex
from service.domain.comparing.pairing_similarity import CANDIDATES_MAX, similarity_keys
from service.domain.document import Document, Ledger, Side

NOTHING: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Where the last comparison left a pair or a lone document, and what that touched."""

    local_id: str | None = None
    books_id: str | None = None
    numbers: frozenset[int] = NOTHING
    """Marks of their numbers; documents of one number bear one mark, and hardly any others do."""
    claims: frozenset[str] = frozenset()
    """The ids of the books that its links named."""
    local_keys: frozenset[int] = NOTHING
    """Keys of similarity, of a document that was left over by record and number."""
    books_keys: frozenset[int] = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An answer: everything that is known of what was asked."""

    documents: Iterable[tuple[Document, int | None]] = ()
    """Those that are there, each with the mark of its number."""
    mates: Iterable[tuple[Side, str]] = ()
    """Who bears the numbers that were asked for."""
    links: Iterable[Link] = ()
    once_paired: Mapping[str, str] = field(default_factory=dict)
    seats: Iterable[Seat] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What has to be known next."""

    local_ids: frozenset[str]
    """Their documents, seats, links, and the pairs that are remembered of them."""
    books_ids: frozenset[str]
    """Likewise, with every link that names one of them."""
    party_ids: frozenset[str]
    """The links of these local parties."""
    numbers: frozenset[int]
    """Who bears a number of this mark."""
    keys: frozenset[int]
    """How many seats have each of these among their `books_keys`; to be told to `count`."""
    members: frozenset[int]
    """The seats that have one of these keys, on either side."""

    def __bool__(self) -> bool:
        return bool(
            self.local_ids or self.books_ids or self.party_ids or self.numbers or self.keys or self.members
        )


@dataclass(slots=True)
class Neighbourhood:
    """A set of documents that grows until it is closed."""

    ledger: Ledger
    local: dict[str, Document] = field(default_factory=dict)
    books: dict[str, Document] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    once_paired: dict[str, str] = field(default_factory=dict)
    seats: dict[tuple[str | None, str | None], Seat] = field(default_factory=dict)
    _wanted: dict[str, set[object]] = field(default_factory=dict)
    _asked: dict[str, set[object]] = field(default_factory=dict)
    _lone_books_by_key: dict[int, int] = field(default_factory=dict)
    _seated_by_key: Counter[int] = field(default_factory=Counter)
    _keys_by_document: dict[tuple[Side, str], frozenset[int]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many documents it has, or asks for."""
        return sum(
            len(self._wanted.get(name, ())) + len(self._asked.get(name, ()))
            for name in ("local_ids", "books_ids")
        )

    @property
    def local_ids(self) -> frozenset[str]:
        """Every local document that it is about, those that are gone included."""
        return frozenset(str(each) for each in self._asked.get("local_ids", ()))

    @property
    def books_ids(self) -> frozenset[str]:
        """Likewise in the books."""
        return frozenset(str(each) for each in self._asked.get("books_ids", ()))

    @property
    def crowded(self) -> frozenset[int]:
        """Keys that say nothing, because too many in the whole ledger share them."""
        return frozenset(key for key in self._lone_books_by_key if self._is_crowded(key))

    def want(
        self,
        *,
        local_ids: Iterable[str | None] = (),
        books_ids: Iterable[str | None] = (),
        numbers: Iterable[int | None] = (),
    ) -> None:
        """Take documents into it: what changed, to begin with."""
        self._want("local_ids", local_ids)
        self._want("books_ids", books_ids)
        self._want("numbers", numbers)

    def asks(self) -> Asks:
        """Tell what has to be known next; nothing when the neighbourhood is whole."""
        if not any(self._wanted.values()):
            self._look_around()
        asked = {name: frozenset(values) for name, values in self._wanted.items()}
        for name, values in asked.items():
            self._asked.setdefault(name, set()).update(values)
        self._wanted.clear()
        return Asks(**{name: asked.get(name, frozenset()) for name in Asks.__slots__})  # type: ignore[arg-type]

    def learn(self, facts: Facts) -> None:
        """Take in an answer."""
        for document, number in facts.documents:
            self._add(document)
            self.want(numbers=[number])
        for side, document_id in facts.mates:
            if side is Side.LOCAL:
                self.want(local_ids=[document_id])
            else:
                self.want(books_ids=[document_id])
        for link in facts.links:
            self.links[link.record_id] = link
            if link.object_type in DOCUMENT_TYPES[self.ledger] and link.object_id is not None:
                self.want(local_ids=[link.object_id], books_ids=link.books_ids)
        for local_id, books_id in facts.once_paired.items():
            self.once_paired[local_id] = books_id
            self.want(local_ids=[local_id], books_ids=[books_id])
        for seat in facts.seats:
            if (seat.local_id, seat.books_id) not in self.seats:
                self._seated_by_key.update(seat.books_keys)
            self.seats[seat.local_id, seat.books_id] = seat
            self.want(local_ids=[seat.local_id], books_ids=[seat.books_id], numbers=seat.numbers)
            self.want(books_ids=seat.claims)

    def count(self, lone_books_by_key: Mapping[int, int]) -> None:
        """Take in how many seats have each key among their `books_keys`."""
        self._lone_books_by_key |= lone_books_by_key

    def _want(self, name: str, values: Iterable[object]) -> None:
        asked = self._asked.get(name, ())
        self._wanted.setdefault(name, set()).update(
            each for each in values if each is not None and each not in asked
        )

    def _add(self, document: Document) -> None:
        if document.side is Side.LOCAL:
            self.local[document.document_id] = document
            self._want("party_ids", [document.party_id])
        else:
            self.books[document.document_id] = document

    def _look_around(self) -> None:
        """Tell, once records and numbers are closed, who is left over, and whom that could resemble."""
        index = LinkIndex.build(self.ledger, self.links.values())
        local, books = left_over(tuple(self.local.values()), tuple(self.books.values()), index)
        keys_now = self._keys_of(books)
        keys_then = self._seated_by_key.keys()
        local_keys = self._keys_of(local) | {key for seat in self.seats.values() for key in seat.local_keys}
        keys = keys_now | keys_then | local_keys
        self._want("keys", keys - self._lone_books_by_key.keys())
        self._want(
            "members",
            [
                key
                for key in keys & self._lone_books_by_key.keys()
                if not self._is_crowded(key)
                and (self._lone_books_by_key[key] or key in keys_now or key in keys_then)
            ],
        )

    def _is_crowded(self, key: int) -> bool:
        """Whether more documents than similarity looks at share a key, all of them outside."""
        return self._lone_books_by_key.get(key, 0) - self._seated_by_key[key] > CANDIDATES_MAX

    def _keys_of(self, documents: Collection[Document]) -> set[int]:
        """All keys of similarity of these; one that is left over stays so for some rounds."""
        keys: set[int] = set()
        for document in documents:
            name = (document.side, document.document_id)
            if name not in self._keys_by_document:
                self._keys_by_document[name] = similarity_keys(document)
            keys |= self._keys_by_document[name]
        return keys
