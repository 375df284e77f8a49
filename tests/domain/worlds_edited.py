"""Worlds where documents meet some others, and edits of any world: what comparing a part is tested on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from service.domain.document import Side
from service.domain.pairing_links import Link
from service.domain.pairing_similarity import CANDIDATES_MAX
from tests.domain.worlds import NOW, RECORD_TYPE, World, document, labelled, wild


def sparse(seed: int) -> World:
    """Make a world where documents meet a few others, by records, numbers and similarity."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    world = replace(labelled(seed), local=[], books=[], links=[])
    for side, documents in ((Side.LOCAL, world.local), (Side.BOOKS, world.books)):
        for number in range(random.randint(3, 20)):
            documents.append(
                document(
                    side,
                    world.ledger,
                    f"{side[0]}{number}",
                    number=random.choice((None, f"N-{random.randint(1, 60)}")),
                    party_name=f"Party {random.randint(1, 9)}",
                    total_minor=random.randint(1, 9) * 1000,
                    issued_on=date(2026, 10, random.randint(1, 9)),
                )
            )
    for each in world.local:
        if random.random() < 0.4:
            books_id = random.choice(world.books).document_id
            kind = RECORD_TYPE[world.ledger]
            link = Link(record_id=f"r{each.document_id}", object_type=kind, object_id=each.document_id)
            done = replace(link, sync_status="done", platform_object_id=books_id, updated_at=NOW)
            world.links.append(done)
    return world


def crowded(seed: int) -> World:
    """Make a world of rents, alike in party and amount: as many as similarity looks at, or some more."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    world = replace(labelled(seed), local=[], books=[], links=[])
    rent = {"party_name": "Landlord", "total_minor": 5000}
    for number in range(CANDIDATES_MAX + random.randint(-2, 3)):
        day = date(2024, 1, 1) + timedelta(days=10 * number + random.randint(0, 1))
        world.books.append(document(Side.BOOKS, world.ledger, f"b{number}", issued_on=day, **rent))
    for number in range(4):
        day = date(2024, 1, 2) + timedelta(days=10 * (number + CANDIDATES_MAX - 5))
        world.local.append(document(Side.LOCAL, world.ledger, f"l{number}", issued_on=day, **rent))
    return world


def edited(world: World, other: World, random: Random) -> World:
    """Change a few things: documents and links go, come and are exchanged for ones of another world."""
    local = {each.document_id: each for each in world.local}
    books = {each.document_id: each for each in world.books}
    links = {each.record_id: each for each in world.links}
    for _ in range(random.randint(1, 3)):
        match random.randint(0, 5):
            case 0 if local:
                del local[random.choice(list(local)[-6:])]
            case 1 if books:
                del books[random.choice(list(books)[-6:])]
            case 2 if links:
                del links[random.choice(sorted(links))]
            case 3 if other.local:
                each = replace(random.choice(other.local[-6:]), ledger=world.ledger)
                local[each.document_id] = each
            case 4 if other.books:
                each = replace(random.choice(other.books[-6:]), ledger=world.ledger)
                books[each.document_id] = each
            case 5 if other.links:
                link = random.choice(other.links)
                links[link.record_id] = link
    return replace(world, local=list(local.values()), books=list(books.values()), links=list(links.values()))


KINDS = (wild, labelled, sparse, crowded)
"""Worlds where all collide, where most stand apart, and two in between."""
