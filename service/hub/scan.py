"""A list of the books read whole, with a certificate that it was.

The accounting lists are a cache of the last pull, paged by offset, without total, filter or promised order. A
list counts as complete only when nothing speaks against it, because *absent* permits a second push, and
*deleted* accuses:

- One and the same connection was `connected`, with the same `last_pull`, before and after, which was
  a pull and not the creation of the connection. It told of errors neither time: whether a pull that failed
  moves `last_pull` too is not documented.
- Every page begins with the last rows of the one before, unchanged: had the list shifted, they would not
  agree.
- No id came twice, every row could be read, none was another organization's.
- The end was seen twice: a short page is not believed (the hub may give fewer rows than asked), so what
  follows it is asked for, and must be nothing beyond the rows already known. An empty list, too, is asked for
  twice.

A scan that fails is begun again a bounded number of times; the last attempt is read to its end all the same,
since what it found *is* there. Only a certified one may say what is not.

Rows are handed through `keep` as they come, so that a long list need not be held in the hub's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar, overload
from uuid import UUID

from service.domain.cadence.pulled import pulled_at
from service.hub.client import BooksLedger
from service.hub.exchange import AnswerTooLarge
from service.hub.paging import Page
from service.hub.payloads import Connection, Payload, RawDocument
from service.hub.rows import Refused

ItemT = TypeVar("ItemT")

LIMIT_MAX: Final = 500
"""The largest page that the hub documents: calls are what is scarce."""

LIMIT_MIN: Final = 25
"""Pages are halved when an answer is too large; rows of which so few exceed the bound cannot be read at
all."""

OVERLAP: Final = 10
"""Rows that neighbouring pages share: 2 % more reading, against one swap of two rows going unnoticed."""

PULL_MAY_HAVE_FAILED: Final = "the connection tells of errors, so its last pull may have failed"
"""The list may be older than it is told to be; what it holds was in the books then, all the same."""

ATTEMPTS_MAX: Final = 3
"""A pull takes minutes and comes hourly: a second attempt usually meets calm, a third one settles it."""

PAGES_MAX: Final = 500
"""Of one list: 245,000 documents. A list that does not end there goes in circles, or needs another way."""


class Books(Protocol):
    """What a scan asks of the hub."""

    async def connections(self, organization_id: UUID) -> Sequence[Connection]:
        """Every connection of an organization."""

    async def accounting_page(
        self, organization_id: UUID, ledger: BooksLedger, *, offset: int, limit: int
    ) -> Page[RawDocument]:
        """Some rows of a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Generic[ItemT]):
    """What a list held. `reason` says why it is not certified; `last_pull` is as of when all of it holds."""

    documents: Sequence[ItemT]
    refused: Sequence[Refused]
    certified: bool
    reason: str | None
    connection: Connection | None
    last_pull: datetime | None
    started_at: datetime
    finished_at: datetime
    calls: int


@overload
async def scan(
    books: Books,
    organization_id: UUID,
    ledger: BooksLedger,
    *,
    before: Connection | None = None,
    attempts_max: int = ATTEMPTS_MAX,
    now: Callable[[], datetime] = ...,
) -> Scan[RawDocument]: ...


@overload
async def scan(
    books: Books,
    organization_id: UUID,
    ledger: BooksLedger,
    *,
    keep: Callable[[RawDocument], ItemT],
    before: Connection | None = None,
    attempts_max: int = ATTEMPTS_MAX,
    now: Callable[[], datetime] = ...,
) -> Scan[ItemT]: ...


async def scan(
    books: Books,
    organization_id: UUID,
    ledger: BooksLedger,
    *,
    keep: Callable[[RawDocument], Any] = lambda document: document,
    before: Connection | None = None,
    attempts_max: int = ATTEMPTS_MAX,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Scan[Any]:
    """Read a list whole; raises `HubError` where it cannot be read at all.

    `keep` makes of each document what is kept of it. `before` is the connection as it was read earlier, which
    saves a call: the certificate then covers the time since. Give it `Scan.connection` to scan one ledger
    after another.
    """
    started_at, calls = now(), 0
    if before is None:
        before, calls = _active(await books.connections(organization_id)), 1
    attempts = attempts_max if before is not None else 1
    for number in range(1, attempts + 1):
        is_last = number == attempts
        attempt = _Attempt(books, organization_id, ledger, keep, is_patient=is_last)
        await attempt.run()
        after = _active(await books.connections(organization_id))
        calls += attempt.calls + 1
        doubt = attempt.doubt or _change(before, after)
        if doubt in {None, PULL_MAY_HAVE_FAILED} or is_last:
            break
        before = after or before
    return Scan(
        documents=attempt.documents,
        refused=attempt.refused,
        certified=doubt is None,
        reason=doubt,
        connection=after,
        last_pull=_as_of(before, after),
        started_at=started_at,
        finished_at=now(),
        calls=calls,
    )


def _active(connections: Sequence[Connection]) -> Connection | None:
    """Give the one connection through which data flows; None where there is none, or more than one."""
    connected = [connection for connection in connections if connection.is_connected]
    return connected[0] if len(connected) == 1 else None


def _change(before: Connection | None, after: Connection | None) -> str | None:
    """Say what happened to the connection meanwhile that makes the list doubtful."""
    if before is None or after is None:
        return "the organization is not connected"
    if before.id != after.id:
        return "the connection was replaced while the list was read"
    if pulled_at(after.last_pull, after.created_at) is None:
        return "nothing was ever pulled"
    if before.last_pull != after.last_pull:
        return "a pull ended while the list was read"
    if before.errors or after.errors:
        return PULL_MAY_HAVE_FAILED
    return None


def _as_of(before: Connection | None, after: Connection | None) -> datetime | None:
    """Give the last pull that all of the list shows: of two that it may show, the older."""
    if before is None or after is None or before.id != after.id:
        return None
    pulls = (before.last_pull, after.last_pull)
    return None if None in pulls else min(each for each in pulls if each is not None)


class _Attempt:
    """One reading of the list from its beginning to its end, or to the first doubt."""

    def __init__(
        self,
        books: Books,
        organization_id: UUID,
        ledger: BooksLedger,
        keep: Callable[[RawDocument], Any],
        *,
        is_patient: bool,
    ) -> None:
        self.documents: list[Any] = []
        self.refused: list[Refused] = []
        self.doubt: str | None = None
        self.calls = 0
        self._books = books
        self._organization_id = organization_id
        self._ledger = ledger
        self._keep = keep
        self._is_patient = is_patient
        self._limit = LIMIT_MAX
        self._seen: set[str] = set()
        self._count = 0
        self._largest = 0
        # The last rows, as the hub told them.
        self._tail: list[Payload] = []

    async def run(self) -> None:
        """Read until a page brings nothing new, or there is reason to begin again."""
        for number in range(PAGES_MAX):
            # Half a page at most: were pages cut to the overlap, each would look like the end.
            overlap = min(OVERLAP, max(self._largest // 2, min(1, self._count)))
            page = await self._page(self._count - overlap)
            known = len(self._seen)
            self._take(page, overlap)
            if page.count <= overlap and number > 0:
                await self._look_beyond_one()
                return
            if self.doubt is not None and (not self._is_patient or len(self._seen) == known):
                return
        self._doubt(f"it has more than {PAGES_MAX} pages")

    async def _look_beyond_one(self) -> None:
        """Make sure that a list of one row is none of many that are given one by one."""
        if self._largest == 1 and (await self._page(self._count)).count:
            self._doubt("pages hold one row each")

    async def _page(self, offset: int) -> Page[RawDocument]:
        while True:
            self.calls += 1
            try:
                return await self._books.accounting_page(
                    self._organization_id, self._ledger, offset=offset, limit=self._limit
                )
            except AnswerTooLarge:
                if self._limit <= LIMIT_MIN:
                    raise
                self._limit = max(LIMIT_MIN, self._limit // 2)

    def _take(self, page: Page[RawDocument], overlap: int) -> None:
        """Take in a page of which the first `overlap` rows should be known already."""
        if page.refused:
            self.refused += page.refused
            self._doubt(f"a row cannot be read: {page.refused[0].reason}")
        agrees = [row.payload for row in page.items[:overlap]] == self._tail[len(self._tail) - overlap :]
        if not agrees:
            self._doubt("the list shifted between two pages")
        for row in page.items[overlap if agrees else 0 :]:
            if row.id in self._seen:
                self._doubt("an id came twice")
            else:
                self._seen.add(row.id)
                self.documents.append(self._keep(row))
        self._tail = [*self._tail, *(row.payload for row in page.items[overlap:])][-OVERLAP:]
        self._count += max(0, page.count - overlap)
        self._largest = max(self._largest, page.count)

    def _doubt(self, reason: str) -> None:
        """Keep the first reason: those after it may follow from it."""
        self.doubt = self.doubt or reason
