"""Walks give every page, and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from service.errors import HubError
from service.hub import paging
from service.hub.paging import Page, gather, read_page, walk
from service.hub.payloads import RawDocument
from service.hub.reading import Unreadable
from service.hub.rows import Refused
from tests.hub.scripted_hub import ORGANIZATION, OTHER_ORGANIZATION


def page(ids: Sequence[int], token: str | None) -> Page[RawDocument]:
    """Give a page of documents."""
    return Page([RawDocument(id=str(i), payload={"id": i}) for i in ids], (), token)


async def ids_of(*pages: Page[RawDocument]) -> list[str]:
    """Walk over these pages, whatever their tokens."""
    left = list(pages)

    async def fetch(_: str | None) -> Page[RawDocument]:
        return left.pop(0)

    return [document.id async for found in walk("list x", fetch) for document in found.items]


async def test_a_walk_follows_the_tokens() -> None:
    """The first page is asked for without a token, each other with the one before's, until there is none."""
    asked: list[str | None] = []
    pages = {None: page([1, 2], "a"), "a": page([], "b"), "b": page([3], None)}

    async def fetch(token: str | None) -> Page[RawDocument]:
        asked.append(token)
        return pages[token]

    everything = await gather(walk("list x", fetch))
    assert [document.id for document in everything.items] == ["1", "2", "3"]
    assert asked == [None, "a", "b"]


async def test_a_short_page_is_not_the_end() -> None:
    """Only a null token ends a walk."""
    assert await ids_of(page([1], "a"), page([2, 3, 4], "b"), page([], None)) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("pages", "what"),
    [
        ([page([1], "a"), page([2], "b"), page([3], "a")], "the same token twice"),
        ([page([1, 2], "a"), page([1, 2], "b")], "the same page twice"),
        ([page([], str(n)) for n in range(20)], "10 pages in a row were empty"),
    ],
)
async def test_a_circle_is_noticed(pages: Sequence[Page[RawDocument]], what: str) -> None:
    """A hub that leads in circles is an error, not an endless walk."""
    with pytest.raises(HubError, match=what):
        await ids_of(*pages)


async def test_a_walk_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that always goes on is not followed for ever."""
    monkeypatch.setattr(paging, "PAGES_MAX", 7)
    with pytest.raises(HubError, match="more than 7 pages"):
        await ids_of(*(page([n], str(n)) for n in range(20)))
    assert len(await ids_of(*(page([n], str(n) if n < 6 else None) for n in range(7)))) == 7


def test_a_page_keeps_what_cannot_be_read() -> None:
    """Good rows are items, the others stand beside them with their reasons."""
    body = {
        "data": [{"id": "1"}, {}, 7, {"id": "2", "entity_id": str(OTHER_ORGANIZATION)}],
        "next_pagination_token": "",
    }
    found = read_page(RawDocument, body, ORGANIZATION)
    assert [item.id for item in found.items] == ["1"]
    assert [refused.reason for refused in found.refused] == [
        "its id is absent",
        "it is no object",
        "it belongs to another organization",
    ]
    assert all(isinstance(refused, Refused) for refused in found.refused)
    assert (found.count, found.next_token) == (4, None)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": {}},
        {"error": {"message": "with a 200"}},
        {"data": [], "next_pagination_token": 7},
        {"data": [], "next_pagination_token": "x" * 5000},
    ],
)
def test_an_absent_list_is_not_an_empty_one(body: Any) -> None:
    """What holds no list is no page, and certainly not an empty one."""
    with pytest.raises(Unreadable):
        read_page(RawDocument, body)
