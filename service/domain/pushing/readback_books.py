"""What is known of one ledger's books when a push is looked for there: both sides paired, scans and pulls."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from service.domain.comparing.pairing import Pairing, pair
from service.domain.comparing.pairing_links import DONE, Link, LinkIndex
from service.domain.document import Document

Day: TypeAlias = tuple[str | None, date | None]
"""Currency and date of a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A completed pull: its `last_pull`, and when we first saw that value."""

    last_pull: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """The latest reading of a list of the books."""

    started_at: datetime
    finished_at: datetime
    last_pull: datetime | None
    is_certified: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything that a look needs of one ledger; `build` pairs it once for all its records."""

    pairing: Pairing
    links: LinkIndex
    local: Mapping[str, Document]
    removed: Sequence[Document]
    """Documents of the books that have been seen and are gone."""
    unreadable: int
    scan: Scanned | None
    pulls: Sequence[Pull]
    records_read_at: datetime | None
    landed_at: Sequence[datetime] = ()
    """When documents landed before the list's pull, as their records tell, in order."""
    shown_at: datetime | None = None
    """When the last of those landed that the list shows, or an older list lacked already."""
    taken: frozenset[str] = frozenset()
    """Documents of the books that are paired."""
    free_by_day: Mapping[Day, Sequence[Document]] = field(default_factory=dict)
    """The others, by their currency and date."""
    paired_once: Mapping[str, str] = field(default_factory=dict)
    """Which document of the books a local one was paired with by the last comparison that paired it: of the
    local ones that are looked for, and of what is free on their days."""

    def free_on_its_day(self, local: Document) -> Sequence[Document]:
        """What nothing is paired with, of the local document's currency and date."""
        return self.free_by_day.get((local.currency, local.issued_on), ())

    def missing_since(self, begun_at: datetime) -> int:
        """How many documents landed after that while the list shows none of them; else 0.

        A list that was read whole and lacks all of them was made before they landed, whatever pull it is told
        to be of. One that shows any of them is at least as new; the others may have been deleted meanwhile.
        """
        if self.shown_at is not None and self.shown_at > begun_at:
            return 0
        return len(self.landed_at) - bisect_right(self.landed_at, begun_at)

    @classmethod
    def build(
        cls,
        *,
        local: Sequence[Document],
        books: Sequence[Document],
        removed: Sequence[Document],
        links: Sequence[Link],
        unreadable: int,
        scan: Scanned | None,
        pulls: Sequence[Pull],
        records_read_at: datetime | None,
        lost_now: Collection[str] = (),
    ) -> Books:
        """Pair both sides; `books` holds what is there, `removed` what was.

        `lost_now` are those of the removed that only the latest list lacks: it may be too old to have them.
        """
        ledgers = {each.ledger for each in (*local, *books, *removed)}
        index = LinkIndex.build(ledgers.pop(), links) if ledgers else LinkIndex()
        landed = _landed(index, scan)
        known = {each.document_id for each in (*books, *removed)}.difference(lost_now)
        pairing = pair(local, books, index)
        free_by_day: dict[Day, list[Document]] = defaultdict(list)
        for each in pairing.books_only:
            if each.issued_on is not None:
                free_by_day[each.currency, each.issued_on].append(each)
        return cls(
            pairing=pairing,
            links=index,
            local={each.document_id: each for each in local},
            removed=removed,
            unreadable=unreadable,
            scan=scan,
            pulls=pulls,
            records_read_at=records_read_at,
            landed_at=sorted(at for at, _ in landed),
            shown_at=max((at for at, ids in landed if known.intersection(ids)), default=None),
            taken=frozenset(each.books.document_id for each in pairing.pairs),
            free_by_day=free_by_day,
        )


def _landed(index: LinkIndex, scan: Scanned | None) -> Sequence[tuple[datetime, Sequence[str]]]:
    """What landed before the pull that the list is told to be of: when, and under which ids."""
    if scan is None or scan.last_pull is None:
        return ()
    return [
        (link.updated_at, link.books_ids)
        for several in index.by_object.values()
        for link in several
        if link.sync_status == DONE
        and link.books_ids
        and link.updated_at is not None
        and link.updated_at < scan.last_pull
    ]
