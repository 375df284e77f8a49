"""What must be known around two lists of documents before anything may be concluded from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from service.domain.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The organization's connection, the reads behind the lists, and what earlier comparisons knew."""

    as_of: datetime
    connected_at: datetime | None
    """When the organization's first connection began; None: there never was one. Another in its place makes
    nothing older: what was due stays due."""
    disconnected_at: datetime | None = None
    """When the last one ended; None while one is up, and also when nobody knows."""

    last_pull: datetime | None = None
    """The state of the books that the scan shows."""
    scan_certified: bool = False
    """Only a certified scan may prove absence."""
    scan_reason: str | None = None
    local_complete: bool = True
    """The local documents were read to the end; if not, one that seems to lack may merely be unread."""
    records_read_at: datetime | None = None
    """When the synced records were last read to the end; None means at `as_of`."""

    ever_seen_books_ids: frozenset[str] = frozenset()
    """Every id that any scan of the books has ever shown."""
    absent_books_ids: frozenset[str] = frozenset()
    """Ids that an earlier certified scan proved absent; an uncertified one does not bring them back."""
    once_paired: Mapping[str, str] = field(default_factory=dict)
    """Local id to the books id that it was last paired with, by whatever evidence."""
    unreadable_local: Mapping[str, str] = field(default_factory=dict)
    """Documents that are there but could not be read, with the reason: they are not absent."""
    unreadable_books: Mapping[str, str] = field(default_factory=dict)
    ledger_account_ids: frozenset[str] = frozenset()
    """The hub's ledger accounts. Lines compare their accounts only where both sides name one of these."""

    stuck_seconds: float = 7200
    """A push that runs longer is no longer merely under way."""
    stale_seconds: float = 7200
    """A read of the books that is longer in coming is late."""
    pull_span_seconds: float = 900
    """How long the hub may take to read the books: what was pushed meanwhile may or may not be in."""
    attempt_grace_seconds: float = 60
    """How long the hub may take to make the synced record of a document that was issued."""

    @property
    def pull_span(self) -> timedelta:
        """Time a pull may take."""
        return timedelta(seconds=self.pull_span_seconds)

    @property
    def stale_after(self) -> timedelta:
        """Time after which a read of the books is late."""
        return timedelta(seconds=self.stale_seconds)


def eligible_at(document: Document) -> datetime | None:
    """Return when the document could first be pushed: created and issued, whichever was later."""
    known = [instant for instant in (document.created_at, document.issued_at) if instant is not None]
    return max(known) if known else None


def is_before(document: Document, instant: datetime) -> bool:
    """Say whether the document is older than an instant, by its times, else its date; unknown is not."""
    since = eligible_at(document)
    if since is not None:
        return since < instant
    return document.issued_on is not None and document.issued_on < instant.date()


def is_dated_before(issued_on: date | None, instant: datetime) -> bool:
    """Say whether a date lies wholly before an instant."""
    return issued_on is not None and issued_on < instant.date()


def spoken(instant: datetime | None) -> str:
    """Write an instant for people."""
    return f"{instant:%Y-%m-%d %H:%M} UTC" if instant else "an unknown time"
