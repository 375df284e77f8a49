"""Worlds where documents meet some others, and edits of any world: what comparing a part is tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from service.domain.comparing.pairing_links import Link
from service.domain.comparing.pairing_similarity import CANDIDATES_MAX
from service.domain.document import Basis, Line, Side
from tests.domain.worlds import NOW, RECORD_TYPE, World, copy_of, document, labelled, link, wild


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


def recorded(seed: int) -> World:
    """Make a world where records join most documents, by either id, some twice or to one copy."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    world = replace(labelled(seed), local=[], books=[], links=[])
    for number in range(random.randint(5, 20)):
        lines = tuple(
            Line(
                description=random.choice(("Freight", "Goods", None)),
                quantity=Decimal(random.randint(1, 2)),
                net_minor=net,
                ledger_account_id=random.choice(("a-1", "a-2", None)),
            )
            for net in random.choice(((), (1000,), (400, 600), (500, 500)))
        )
        local = document(
            Side.LOCAL,
            world.ledger,
            f"l{number}",
            number=f"{random.choice(('N-', 'n', 'Nº '))}{random.randint(1, 40)}",
            party_name=f"Party {random.randint(1, 4)}",
            total_minor=1000,
            net_minor=1000,
            tax_minor=random.choice((0, None)),
            issued_on=random.choice((None, date(2026, 9, 30), date(2026, 10, 1))),
            due_on=random.choice((None, *(date(2026, 11, 1),) * 3)),
            lines=lines,
        )
        world.local.append(local)
        world.books.append(copy_of(local, f"b{number}", **random.choice(CHANGES)))
        ids = {"platform": f"b{number}"}
        match random.randint(0, 9):
            case 0:
                ids = {"provider": f"b{number}"}
            case 1:
                ids["provider"] = f"b{random.randint(0, 20)}"
            case 2:
                ids = {"platform": f"b{random.randint(0, 30)}", "provider": f"b{number}"}
            case 3:
                world.links.append(link(local, "error", f"b{random.randint(0, 20)}"))
            case 4:
                continue
        done = link(local, "done")
        world.links.append(
            replace(done, platform_object_id=ids.get("platform"), provider_object_id=ids.get("provider"))
        )
    return world


CHANGES: Sequence[Mapping[str, object]] = (
    *({},) * 4,
    {"due_on": date(2026, 11, 2)},
    {"total_minor": 1001},
    {"tax_minor": 7},
    {"number": "X-1"},
    {"currency": "EUR"},
    {"party_name": "Somebody"},
    {"issued_on": date(2026, 10, 2)},
    {"due_on": date(2026, 11, 2)},
    {"stated_status": "Voided", "total_minor": 0},
    {"remainder": Decimal("0.5"), "rounded_lines": 1},
    {"lines": (Line(description="Goods", quantity=Decimal(1), net_minor=1000),)},
    {"basis": Basis.DERIVED_NET},
)
"""How a copy in the books may differ; most do not."""


KINDS = (wild, labelled, sparse, crowded, recorded)
"""Worlds where all collide, where most stand apart, two in between, and one as it mostly is."""
