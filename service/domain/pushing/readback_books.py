"""What is known of one ledger's books when a push is looked for there: both sides paired, scans and pulls."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from service.domain.comparing.pairing import PairedBy, Pairing, pair
from service.domain.comparing.pairing_links import Link, LinkIndex
from service.domain.comparing.pairing_similarity import Numbers
from service.domain.document import Basis, Document

Day: TypeAlias = tuple[str | None, date | None]
"""Currency and date of a document."""

Money: TypeAlias = tuple[str | None, bool, int | None]
"""Currency of a document, whether its amount is known net of tax only, and that amount."""

NO_PAIRS: Final[Mapping[str, str]] = MappingProxyType({})
NEVER_SEEN: Final[Mapping[str, datetime]] = MappingProxyType({})


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
class Landed:
    """What landed before the pull that the latest list is told to be of, as the records tell."""

    at: Sequence[datetime] = ()
    """When each did, in order."""
    shown_at: datetime | None = None
    """When the last of those did that the list shows, or an older list lacked already."""

    def missing_since(self, begun_at: datetime) -> int:
        """How many documents landed after that while the list shows none of them; else 0.

        A list that was read whole and lacks all of them was made before they landed, whatever pull it is told
        to be of. One that shows any of them is at least as new; the others may have been deleted meanwhile.
        """
        if self.shown_at is not None and self.shown_at > begun_at:
            return 0
        return len(self.at) - bisect_right(self.at, begun_at)


NONE_LANDED: Final = Landed()


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything that a look needs of one ledger; `build` pairs it once for all its records."""

    pairing: Pairing
    links: LinkIndex
    local: Mapping[str, Document]
    removed: Sequence[Document]
    """Documents of the books that have been seen and are gone."""
    is_emptied: bool
    """Whether the list is empty, and held documents before."""
    unreadable: int
    scan: Scanned | None
    pulls: Sequence[Pull]
    records_read_at: datetime | None
    landed: Landed = NONE_LANDED
    taken: frozenset[str] = frozenset()
    """Documents of the books that are paired by a record, or by number, party and money: not by similarity,
    which may take the copy of one for that of another."""
    free_by_day: Mapping[Day, Sequence[Document]] = field(default_factory=dict)
    """The others, by their currency and date."""
    free_by_money: Mapping[Money, Sequence[Document]] = field(default_factory=dict)
    """The same, by their currency and amount: net of tax where the books tell no more."""
    first_seen_at: Mapping[str, datetime] = field(default_factory=dict)
    """When documents of the books were first read, by our clock."""
    paired_once: Mapping[str, str] = field(default_factory=dict)
    """Which document of the books a local one was paired with by the last comparison that paired it: of the
    local ones that are looked for."""
    explained: frozenset[str] = frozenset()
    """Documents of the books that were paired once, with whatever local one, by more than similarity."""

    def free_on_its_day(self, local: Document) -> Sequence[Document]:
        """What nothing is surely paired with, of the local document's currency and date."""
        return self.free_by_day.get((local.currency, local.issued_on), ())

    def free_of_its_money(self, local: Document) -> Sequence[Document]:
        """What nothing is surely paired with, of the local document's currency and amount."""
        gross = self.free_by_money.get((local.currency, False, local.total_minor), ())
        net = self.free_by_money.get((local.currency, True, local.net_minor), ())
        return (*gross, *net)

    @classmethod
    def build(
        cls,
        *,
        local: Sequence[Document],
        books: Sequence[Document],
        removed: Sequence[Document],
        links: Sequence[Link],
        is_emptied: bool,
        unreadable: int,
        scan: Scanned | None,
        pulls: Sequence[Pull],
        records_read_at: datetime | None,
        landed: Landed = NONE_LANDED,
        numbers: Numbers | None = None,
        paired_once: Mapping[str, str] = NO_PAIRS,
        explained: frozenset[str] = frozenset(),
        first_seen_at: Mapping[str, datetime] = NEVER_SEEN,
    ) -> Books:
        """Pair both sides; `books` holds what is there, `removed` what was.

        They may be a part of the ledger (`readback_part`); `numbers` are those of the whole then.
        """
        ledgers = {each.ledger for each in (*local, *books, *removed)}
        index = LinkIndex.build(ledgers.pop(), links) if ledgers else LinkIndex()
        pairing = pair(local, books, index, numbers=numbers)
        similar = [each.books for each in pairing.pairs if each.by is PairedBy.SIMILARITY]
        free_by_day: dict[Day, list[Document]] = defaultdict(list)
        free_by_money: dict[Money, list[Document]] = defaultdict(list)
        for each in (*pairing.books_only, *similar):
            if each.issued_on is not None:
                free_by_day[each.currency, each.issued_on].append(each)
            is_net = each.basis is Basis.DERIVED_NET
            amount = each.net_minor if is_net else each.total_minor
            free_by_money[each.currency, is_net, amount].append(each)
        return cls(
            pairing=pairing,
            links=index,
            local={each.document_id: each for each in local},
            removed=removed,
            is_emptied=is_emptied,
            unreadable=unreadable,
            scan=scan,
            pulls=pulls,
            records_read_at=records_read_at,
            landed=landed,
            taken=frozenset(
                each.books.document_id for each in pairing.pairs if each.by is not PairedBy.SIMILARITY
            ),
            free_by_day=free_by_day,
            free_by_money=free_by_money,
            first_seen_at=first_seen_at,
            paired_once=paired_once,
            explained=explained,
        )
