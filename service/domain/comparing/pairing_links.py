"""The synced records as pairing needs them: who points to whom.

A record joins a local object to its copy in the books by the platform's id and, as a second candidate, the
provider's (whether the accounting lists use the one or the other is not documented). Whether the hub keeps
one record per object or one per attempt is not documented either, so several records of one object are
expected, and the most telling one speaks for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from service.domain.document import Document, Ledger

DONE: Final = "done"
PENDING: Final = "pending"
ERROR: Final = "error"

DOCUMENT_TYPES: Final[Mapping[Ledger, frozenset[str]]] = {
    Ledger.RECEIVABLE: frozenset({"receivable"}),
    Ledger.PAYABLE: frozenset({"bill"}),
}
PARTY_TYPE: Final[Mapping[Ledger, str]] = {Ledger.RECEIVABLE: "customer", Ledger.PAYABLE: "vendor"}

_WEIGHT_BY_STATUS: Final = {DONE: 2, PENDING: 1}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A synced record, reduced to what joins the two sides and explains a gap between them."""

    record_id: str
    object_type: str
    object_id: str | None
    platform_object_id: str | None = None
    provider_object_id: str | None = None
    sync_status: str | None = None
    state: str | None = None
    cause: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def books_ids(self) -> tuple[str, ...]:
        """The ids under which the books may have the object, the better one first."""
        return tuple(books_id for books_id in (self.platform_object_id, self.provider_object_id) if books_id)


@dataclass(slots=True)
class LinkIndex:
    """The links of one ledger, by either end, and those of its parties."""

    by_object: dict[str, list[Link]] = field(default_factory=dict)
    owners_by_books_id: dict[str, dict[str, Link]] = field(default_factory=dict)
    books_parties_by_party: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def build(cls, ledger: Ledger, links: Iterable[Link]) -> LinkIndex:
        """Index the links; those of other object types are left aside."""
        index = cls()
        for link in links:
            if link.object_id is None:
                continue
            if link.object_type in DOCUMENT_TYPES[ledger]:
                index.by_object.setdefault(link.object_id, []).append(link)
            elif link.object_type == PARTY_TYPE[ledger]:
                index.books_parties_by_party.setdefault(link.object_id, set()).update(link.books_ids)
        for object_id, several in index.by_object.items():
            several.sort(key=_telling, reverse=True)
            for link in several:
                for books_id in link.books_ids:
                    index.owners_by_books_id.setdefault(books_id, {}).setdefault(object_id, link)
        return index

    def of(self, local_id: str) -> Sequence[Link]:
        """Return the links of a local document, the most telling first."""
        return self.by_object.get(local_id, ())

    def best(self, local_id: str) -> Link | None:
        """Return the link that speaks for a local document."""
        several = self.by_object.get(local_id)
        return several[0] if several else None

    def belongs_to_another(self, books_id: str, local_id: str) -> bool:
        """Say whether a record names another local document as the origin of this one in the books."""
        owners = self.owners_by_books_id.get(books_id)
        return owners is not None and local_id not in owners

    def parties_linked(self, local: Document, books: Document) -> bool | None:
        """Say whether the parties are joined by a record of their own; None when no record tells."""
        if local.party_id is None or books.party_id is None:
            return None
        linked = self.books_parties_by_party.get(local.party_id)
        return books.party_id in linked if linked else None


def _telling(link: Link) -> tuple[int, datetime, str]:
    # A success outweighs an attempt that still runs, that one a failure; among equals the latest speaks.
    seen_at = link.updated_at or link.created_at or _LONG_AGO
    return (_WEIGHT_BY_STATUS.get(link.sync_status or "", 0), seen_at, link.record_id)
