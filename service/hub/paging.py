"""Walks over the hub's lists, page by page, with an end to each.

A walk stops at a null token only: a short page is not the end. The hub may lie, so a token that comes twice,
a page that repeats the one before, or too many pages end the walk with an error. Whoever asked knows then
that the list was not read whole; the pages given until there were still good.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from service.errors import Fate, HubError, HubFailure
from service.hub.reading import Json, Unreadable
from service.hub.rows import Refused, RowT, read

ItemT = TypeVar("ItemT")

PAGES_MAX: Final = 10_000
"""2.5 million records, or five minutes of the whole partner's budget; a longer list is a loop."""

EMPTY_PAGES_MAX: Final = 10
"""In a row: filters may leave a page empty, but not for ever."""

TOKEN_CHARACTERS_MAX: Final = 4000
"""Tokens travel in the address, and gateways cut addresses off at 8 kB; the documented example has 250
characters."""


@dataclass(frozen=True, slots=True)
class Page(Generic[ItemT]):
    """What one page held: the rows that could be read, those that could not, and how to go on."""

    items: Sequence[ItemT] = ()
    refused: Sequence[Refused] = ()
    next_token: str | None = None

    @property
    def count(self) -> int:
        """How many rows it held, of whatever use."""
        return len(self.items) + len(self.refused)


def read_page(kind: type[RowT], body: Json, organization_id: UUID | None = None) -> Page[RowT]:
    """Read the envelope of a list; `Unreadable` where there is none: an absent list is no empty one."""
    rows = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(rows, list):
        raise Unreadable("the answer holds no list")
    token = body.get("next_pagination_token")
    if token is not None and not (isinstance(token, str) and len(token) <= TOKEN_CHARACTERS_MAX):
        raise Unreadable("the answer's next_pagination_token is none")
    items: list[RowT] = []
    refused: list[Refused] = []
    for row in rows:
        found = read(kind, row, organization_id)
        if isinstance(found, Refused):
            refused.append(found)
        else:
            items.append(found)
    return Page(items, refused, token or None)


@dataclass(slots=True)
class _Course:
    """Where a walk has been, to notice when it goes in circles."""

    doing: str
    pages: int = 0
    empty_in_a_row: int = 0
    tokens: set[str] = field(default_factory=set)
    last: Sequence[Any] = ()

    def note(self, page: Page[Any]) -> None:
        """Take in a page that is not the last, or raise where it shows that there will be no end."""
        self.pages += 1
        self.empty_in_a_row = 0 if page.count else self.empty_in_a_row + 1
        rows = [item.payload for item in page.items]
        if page.next_token is None:
            return
        if page.next_token in self.tokens:
            raise self._endless("the hub gave the same token twice")
        if rows and rows == self.last:
            raise self._endless("the hub gave the same page twice")
        if self.empty_in_a_row >= EMPTY_PAGES_MAX:
            raise self._endless(f"{EMPTY_PAGES_MAX} pages in a row were empty")
        if self.pages >= PAGES_MAX:
            raise self._endless(f"there are more than {PAGES_MAX} pages")
        self.tokens.add(page.next_token)
        self.last = rows

    def _endless(self, what: str) -> HubError:
        return HubError(
            f"{self.doing}: {what}; the list was not read to its end",
            failure=HubFailure.UNREADABLE,
            fate=Fate.UNCERTAIN,
        )


async def walk(
    doing: str, fetch: Callable[[str | None], Awaitable[Page[ItemT]]]
) -> AsyncIterator[Page[ItemT]]:
    """Give every page that `fetch`, of a token or None, leads to; `HubError` where that never ends."""
    course = _Course(doing)
    token: str | None = None
    while True:
        page = await fetch(token)
        course.note(page)
        yield page
        token = page.next_token
        if token is None:
            return


async def gather(pages: AsyncIterator[Page[ItemT]]) -> Page[ItemT]:
    """Put all pages together; for lists that are known to be short."""
    items: list[ItemT] = []
    refused: list[Refused] = []
    async for page in pages:
        items += page.items
        refused += page.refused
    return Page(items, refused)
