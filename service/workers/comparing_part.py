"""What changed in a ledger since it was last compared, and all that has to be compared with it.

The seeds are documents and records that were written since, differences whose verdict time or a newer reading
may have turned, and documents whose remembered pair the last comparison replaced. Their neighbourhoods
(`domain.comparing.neighbourhood`) are read and compared; the rest of the ledger is as it was.

A transaction that began before the last reading may have ended after it. So changes are looked for from
`OVERLAP` before it, and what was counted in just this version is left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

from service.domain.comparing.neighbourhood import Asks, Facts, Neighbourhood
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, Link
from service.domain.document import Document, Ledger, Side
from service.store import counted as store
from service.store import neighbours
from service.store.counted import CountedUntil, Named
from service.store.database import Connection
from service.store.neighbours import Counted, Neighbour
from service.store.rows import named_in_turns
from service.workers.compared import Circumstances, link_of

T = TypeVar("T")

OVERLAP: Final = timedelta(minutes=5)
"""Longer than any transaction that writes documents or records: each of their few statements has 30 s."""

NO_ASKS: Final = Asks(**dict.fromkeys(Asks.__slots__, frozenset()))

PART_MAX: Final = 5_000
"""Documents compared as a part, some 20 MB of them; beyond, comparing everything costs hardly more."""

APART_FROM: Final = 2_000
"""Documents whose neighbourhood is thought about in a thread: of fewer it takes hundredths of a second."""


@dataclass(slots=True)
class Part:
    """Documents that are compared, and what is known of each."""

    local: Sequence[Document]
    books: Sequence[Document]
    links: Sequence[Link]
    once_paired: Mapping[str, str]
    gone: frozenset[str] = frozenset()
    """Ids of books documents that were there once."""
    crowded: frozenset[int] = frozenset()
    versions: dict[tuple[Side, str], int] = field(default_factory=dict)
    records_versions: dict[str, int] = field(default_factory=dict)
    """Of all records of a local document together."""
    local_ids: frozenset[str] = frozenset()
    books_ids: frozenset[str] = frozenset()
    before: Sequence[Counted] = ()
    """How they counted in the last comparison."""


async def read_part(
    connection: Connection,
    organization_id: UUID,
    ledger: Ledger,
    around: Circumstances,
    until: CountedUntil,
) -> Part | None:
    """Read what is to be compared again; None when that is so much that everything had better be."""
    reading = _Reading(connection, organization_id, ledger)
    if not await reading.seed(around, until):
        return None
    return await reading.close()


async def read_unpaired(
    connection: Connection, organization_id: UUID, ledger: Ledger, unpaired: Named
) -> Part:
    """Read all documents that no record pairs for certain, and whatever they reach into."""
    reading = _Reading(connection, organization_id, ledger, limit=None)
    reading.found.want(local_ids=unpaired.local_ids, books_ids=unpaired.books_ids)
    part = await reading.close()
    assert part is not None
    return part


async def read_certain_pairs(
    connection: Connection, organization_id: UUID, ledger: Ledger, pairs: Sequence[tuple[str, str]]
) -> Part:
    """Read pairs that a record makes for certain, and nothing else: they concern nobody.

    How they counted is not asked, since a whole comparison counts all anew.
    """
    reading = _Reading(connection, organization_id, ledger, limit=None)
    reading.found.want(local_ids=[each[0] for each in pairs], books_ids=[each[1] for each in pairs])
    return await reading.read_once()


@dataclass(slots=True)
class _Reading:
    """The neighbourhood of a ledger's changes, while it is being read."""

    connection: Connection
    organization_id: UUID
    ledger: Ledger
    limit: int | None = PART_MAX
    found: Neighbourhood = field(init=False)
    gone: set[str] = field(default_factory=set)
    versions: dict[tuple[Side, str], int] = field(default_factory=dict)
    record_versions: dict[str, tuple[str, int]] = field(default_factory=dict)
    before: dict[tuple[str | None, str | None], Counted] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = Neighbourhood(self.ledger)

    @property
    def _rows_max(self) -> int | None:
        return None if self.limit is None else self.limit + 1

    async def seed(self, around: Circumstances, until: CountedUntil) -> bool:
        """Want what changed; false when it is too much."""
        where = (self.connection, self.organization_id, self.ledger)
        since, limit = until.read_at - OVERLAP, PART_MAX + 1
        changed = await store.list_changed_documents(
            *where, since=since, looked_at=until.read_at, limit=limit
        )
        records = await store.list_changed_records(*where, since=since, limit=limit)
        turning = await store.list_turning_differences(
            *where,
            now=around.context.as_of,
            is_read_anew=(around.context.last_pull, around.context.records_read_at)
            != (until.last_pull, until.records_read_at),
            limit=limit,
        )
        types = DOCUMENT_TYPES[self.ledger]
        parties = {each.object_id for each in records if each.object_type not in types and each.object_id}
        named = [changed, turning]
        if parties:
            ids = await store.list_documents_of_parties(*where, sorted(parties), limit)
            named.append(Named(local_ids=ids))
        if records:
            told = await store.list_differences_of_records(*where, [each.record_id for each in records])
            named.append(told)
        for each in named:
            self.found.want(local_ids=each.local_ids, books_ids=each.books_ids)
        self.found.want(
            local_ids=[each.object_id for each in records if each.object_type in types],
        )
        self.found.want(local_ids=until.revisit_local, books_ids=until.revisit_books)
        return self.found.size <= PART_MAX

    async def close(self) -> Part | None:
        """Read until nobody else can matter; None when that never ends within bounds."""
        while asks := await self._apart(self.found.asks):
            facts = await self._answer(asks)
            await self._apart(partial(self.found.learn, facts))
            if asks.keys:
                where = (self.connection, self.organization_id, self.ledger)
                self.found.count(await neighbours.count_seats(*where, asks.keys))
            if self.limit is not None and self.found.size > self.limit:
                return None
        return self._part()

    async def _apart(self, think: Callable[[], T]) -> T:
        """Think; about so much that all others would wait for it, in a thread of its own."""
        return await asyncio.to_thread(think) if self.found.size > APART_FROM else think()

    async def read_once(self) -> Part:
        """Read what is wanted, and the links of its parties, without looking any further."""
        asks = self.found.asks()
        self.found.learn(await self._answer(asks, with_seats=False))
        parties = frozenset(each.party_id for each in self.found.local.values() if each.party_id is not None)
        self.found.learn(await self._answer(replace(NO_ASKS, party_ids=parties)))
        return self._part()

    def _part(self) -> Part:
        found = self.found
        records_versions: dict[str, int] = {}
        for object_id, version in self.record_versions.values():
            records_versions[object_id] = records_versions.get(object_id, 0) + version
        return Part(
            local=list(found.local.values()),
            books=list(found.books.values()),
            links=list(found.links.values()),
            once_paired=found.once_paired,
            gone=frozenset(self.gone),
            crowded=found.crowded,
            versions=self.versions,
            records_versions=records_versions,
            local_ids=found.local_ids,
            books_ids=found.books_ids,
            before=list(self.before.values()),
        )

    async def _answer(self, asks: Asks, *, with_seats: bool = True) -> Facts:
        """Read what is asked; what nobody asks is no round trip."""
        where = (self.connection, self.organization_id, self.ledger)
        documents: list[tuple[Document, int | None]] = []
        mates: list[tuple[Side, str]] = []
        once_paired: dict[str, str] = {}
        seats: list[Counted] = []
        for named in named_in_turns(asks.local_ids, asks.books_ids):
            documents += self._told(await neighbours.list_neighbours(*where, *named))
            remembered = await neighbours.list_remembered_pairs(*where, *named)
            once_paired |= {local_id: each.books_id for local_id, each in remembered.items()}
            if with_seats:
                seats += await neighbours.list_seats(*where, *named, limit=self._rows_max)
        self.before |= {(each.entry.local_id, each.entry.books_id): each for each in seats}
        if asks.numbers:
            mates += await neighbours.list_number_mates(*where, asks.numbers, self._rows_max)
        if asks.members:
            mates += await neighbours.list_key_members(*where, asks.members, self._rows_max)
        return Facts(
            documents=documents,
            mates=mates,
            links=await self._links(asks),
            once_paired=once_paired,
            seats=[each.seat for each in seats],
        )

    def _told(self, found: Sequence[Neighbour]) -> list[tuple[Document, int | None]]:
        told: list[tuple[Document, int | None]] = []
        for each in found:
            document = each.document
            if not each.is_gone:
                self.versions[document.side, document.document_id] = each.version
                told.append((document, each.number_mark))
            elif document.side is Side.BOOKS:
                self.gone.add(document.document_id)
        return told

    async def _links(self, asks: Asks) -> list[Link]:
        where = (self.connection, self.organization_id, self.ledger)
        links: list[Link] = []
        for named in named_in_turns(asks.local_ids | asks.party_ids, asks.books_ids):
            rows = await neighbours.list_links(*where, *named)
            for row in rows:
                if row["object_type"] in DOCUMENT_TYPES[self.ledger] and row["object_id"] is not None:
                    self.record_versions[str(row["record_id"])] = (str(row["object_id"]), row["version"])
            links += map(link_of, rows)
        return links
