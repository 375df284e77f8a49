"""Neighbourhoods: comparing those of what changed, and keeping the rest, is comparing everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from random import Random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.comparing.difference import Comparison, compare
from service.domain.comparing.difference_kind import Difference
from service.domain.comparing.entry import Entry, months_of
from service.domain.comparing.neighbourhood import Asks, Facts, Neighbourhood, Seat
from service.domain.comparing.pairing import PairedBy
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, Link
from service.domain.comparing.pairing_similarity import similarity_keys
from service.domain.document import Document, Side, newest, number_key
from tests.domain.worlds import World
from tests.domain.worlds_edited import KINDS, edited

SEEDS = st.integers(min_value=0, max_value=2**63)
WORLDS_EACH_COMMIT = 400
WORLDS_EACH_NIGHT = 50_000

LEFT_OVER = frozenset({None, PairedBy.SIMILARITY})


def mark(number: str | None) -> int | None:
    """Mark a number as the store does: one mark for all that are compared as equal, rarely for others."""
    key = number_key(number)
    return crc32(key.encode()) % 1000 if key else None


class Ledger:
    """A ledger in memory that answers a neighbourhood: the world as it is, and how it was compared last."""

    def __init__(self, world: World, before: World, compared: Comparison) -> None:
        self.world = world
        self.documents = {Side.LOCAL: newest(world.local), Side.BOOKS: newest(world.books)}
        then = {Side.LOCAL: newest(before.local), Side.BOOKS: newest(before.books)}
        self.seats = [
            seat(each, then[Side.LOCAL], then[Side.BOOKS], before.links) for each in compared.entries
        ]

    def answer(self, asks: Asks) -> Facts:
        """Tell what is asked."""
        wanted = {Side.LOCAL: asks.local_ids, Side.BOOKS: asks.books_ids}
        types = DOCUMENT_TYPES[self.world.ledger]
        return Facts(
            documents=[
                (each, mark(each.number))
                for side, known in self.documents.items()
                for name, each in known.items()
                if name in wanted[side]
            ],
            mates=[
                (side, name)
                for side, known in self.documents.items()
                for name, each in known.items()
                if mark(each.number) in asks.numbers
            ],
            links=[
                each
                for each in self.world.links
                if (
                    each.object_type in types
                    and (each.object_id in asks.local_ids or asks.books_ids & set(each.books_ids))
                )
                or (each.object_type not in types and each.object_id in asks.party_ids)
            ],
            once_paired={
                local_id: books_id
                for local_id, books_id in self.world.context.once_paired.items()
                if local_id in asks.local_ids or books_id in asks.books_ids
            },
            seats=[
                each
                for each in self.seats
                if each.local_id in asks.local_ids
                or each.books_id in asks.books_ids
                or asks.members & (each.local_keys | each.books_keys)
            ],
        )

    def count(self, keys: Iterable[int]) -> dict[int, int]:
        """Count the documents of the books that were left over, by key."""
        return {key: sum(key in each.books_keys for each in self.seats) for key in keys}


def seat(
    entry: Entry, local: Mapping[str, Document], books: Mapping[str, Document], links: Sequence[Link]
) -> Seat:
    """Keep an entry as the store does."""
    ours, theirs = local.get(entry.local_id or ""), books.get(entry.books_id or "")
    numbers = {mark(each.number) for each in (ours, theirs) if each is not None}
    is_left_over = entry.paired_by in LEFT_OVER
    return Seat(
        local_id=entry.local_id,
        books_id=entry.books_id,
        numbers=frozenset(each for each in numbers if each is not None),
        claims=frozenset(
            name for each in links if each.object_id == entry.local_id for name in each.books_ids
        ),
        local_keys=similarity_keys(ours) if ours and is_left_over else frozenset(),
        books_keys=similarity_keys(theirs) if theirs and is_left_over else frozenset(),
    )


def neighbourhood(ledger: Ledger, local_ids: Iterable[str], books_ids: Iterable[str]) -> Neighbourhood:
    """Close the neighbourhood of some documents."""
    found = Neighbourhood(ledger.world.ledger)
    found.want(local_ids=local_ids, books_ids=books_ids)
    while asks := found.asks():
        found.learn(ledger.answer(asks))
        found.count(ledger.count(asks.keys))
    return found


def check(world: World, changed: World) -> None:
    """Compare the neighbourhoods of what changed, keep the rest, and hold it against the whole."""
    before, after = world.compared(), changed.compared()
    local_ids = changed_ids(world.local, changed.local)
    books_ids = changed_ids(world.books, changed.books)
    links = set(world.links) ^ set(changed.links)
    local_ids |= {each.object_id for each in links if each.object_id is not None}
    # A record of an object that is no document here has no seat: what was told with it is looked at again.
    record_ids = {each.record_id for each in links}
    told = [each for each in before.differences if each.record_id in record_ids]
    local_ids |= {each.local_id for each in told if each.local_id is not None}
    books_ids |= {each.books_id for each in told if each.books_id is not None}
    parties = {each.object_id for each in links if each.object_type not in DOCUMENT_TYPES[world.ledger]}
    local_ids |= {each.document_id for each in changed.local if each.party_id in parties}
    part = neighbourhood(Ledger(changed, world, before), local_ids, books_ids)
    found = compare(
        ledger=changed.ledger,
        local=list(part.local.values()),
        books=list(part.books.values()),
        links=list(part.links.values()),
        context=changed.context,
        crowded=part.crowded,
    )
    kept = [each for each in before.differences if not touches(each, part)]
    assert Counter([*kept, *found.differences]) == Counter(after.differences)
    entries = [
        each
        for each in before.entries
        if each.local_id not in part.local_ids and each.books_id not in part.books_ids
    ]
    assert months_of([*entries, *found.entries]) == after.months
    assert Counter([*entries, *found.entries]) == Counter(after.entries)


def changed_ids(before: Sequence[Document], after: Sequence[Document]) -> set[str]:
    """Tell which documents are new, gone or different."""
    then, now = newest(before), newest(after)
    return {name for name in then.keys() | now.keys() if then.get(name) != now.get(name)}


def touches(difference: Difference, part: Neighbourhood) -> bool:
    """Say whether a difference is about the part; one that is, is so with all of its documents."""
    local = None if difference.local_id is None else difference.local_id in part.local_ids
    books = None if difference.books_id is None else difference.books_id in part.books_ids
    assert {local, books} != {True, False}, f"half of {difference} is in the part"
    return True in (local, books)


def check_seed(seed: int) -> None:
    """Check a world where all collide, one where most stand apart, and two in between."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    make = KINDS[seed % len(KINDS)]
    world = make(seed)
    world = replace(world, local=list(newest(world.local).values()), books=list(newest(world.books).values()))
    for step in range(3):
        changed = edited(world, make(seed + 1 + step), random)
        check(world, changed)
        world = changed


@given(SEEDS)
@settings(max_examples=WORLDS_EACH_COMMIT, deadline=None)
def test_comparing_what_changed_is_comparing_everything(seed: int) -> None:
    """After any edits: differences, entries and months of part and rest are those of the whole."""
    check_seed(seed)


@pytest.mark.night
@pytest.mark.timeout(3600)
def test_comparing_what_changed_is_comparing_everything_in_many_worlds() -> None:
    """The same of many more worlds, with seeds that count up so that a failing one is named."""
    for seed in range(WORLDS_EACH_NIGHT):
        check_seed(seed)
