"""A look rests on a part of the ledger, and says what it would say of the whole: on a real Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID, uuid5

import msgspec
import pytest
from msgspec import structs

from service.domain.causes.cause import Cause
from service.domain.comparing.pairing import PairedBy
from service.domain.comparing.pairing_links import DOCUMENT_TYPES, DONE, PARTY_TYPE, Link
from service.domain.document import Document, Ledger, Origin, Side, newest
from service.domain.pushing import readback_part
from service.domain.pushing.readback import Finding, Look, look, not_looked, since
from service.domain.pushing.readback_books import Books, Landed, Pull
from service.domain.record import Record
from service.store.database import Connection, Database
from service.store.neighbours import list_remembered_pairs
from service.store.partner_documents import put_documents
from service.store.records import list_record_links
from service.workers.compared import link_of
from service.workers.readback_books import Told, read_books
from tests.domain.record_builders import POLICY, failed
from tests.domain.worlds import NOW, World, copy_of, document, labelled, link
from tests.domain.worlds_edited import KINDS, edited
from tests.workers.compared_world import ORGANIZATION, ComparedLedger, name_of, named

STEPS = 6
LOOKS = 8
PULLS = [Pull(last_pull=NOW - timedelta(minutes=each), seen_at=NOW) for each in range(40)]
HUB_DOCUMENTS = """
    SELECT body, removed_at FROM documents WHERE ledger = $1 AND origin = 'hub'
    UNION ALL SELECT body, removed_at FROM superseded_documents WHERE ledger = $1
"""

FIRST_SEEN = """
    SELECT document_id, first_seen_at FROM documents
    WHERE organization_id = $1 AND ledger = $2 AND side = 'books' AND origin = 'hub'
"""


async def whole(connection: Connection, ledger: Ledger, told: Told, sought: Sequence[Record]) -> Books:
    """The books as they are when everything of the ledger is read and held."""
    rows = [
        (msgspec.convert(row["body"], Document), row["removed_at"])
        for row in await connection.fetch(HUB_DOCUMENTS, ledger)
    ]
    types = [*DOCUMENT_TYPES[ledger], PARTY_TYPE[ledger]]
    links = [link_of(row) for row in await list_record_links(connection, ORGANIZATION, types)]
    there = [each for each, removed_at in rows if each.side is Side.BOOKS and removed_at is None]
    gone = {
        each.document_id: (each, removed_at)
        for each, removed_at in rows
        if each.side is Side.BOOKS and removed_at is not None
    }
    scan = told["scan"]
    assert scan is not None
    assert scan.last_pull is not None
    known = {each.document_id for each in there} | {
        name for name, (_, removed_at) in gone.items() if removed_at < scan.started_at
    }
    landed = [
        each
        for each in links
        if each.object_type in DOCUMENT_TYPES[ledger] and each.object_id and each.sync_status == DONE
        if each.books_ids and each.updated_at and each.updated_at < scan.last_pull
    ]
    shown = [each.updated_at for each in landed if each.updated_at and known.intersection(each.books_ids)]
    books = Books.build(
        local=[each for each, removed_at in rows if each.side is Side.LOCAL and removed_at is None],
        books=there,
        removed=[each for each, _ in gone.values()],
        links=links,
        is_emptied=bool(gone) and not there,
        unreadable=told["unreadable"],
        scan=scan,
        pulls=told["pulls"],
        records_read_at=told["records_read_at"],
        landed=Landed(
            at=sorted(each.updated_at for each in landed if each.updated_at),
            shown_at=max(shown, default=None),
        ),
    )
    ids = [str(each.object_id) for each in sought]
    once = await list_remembered_pairs(connection, ORGANIZATION, ledger, ids, ())
    remembered = await list_remembered_pairs(
        connection, ORGANIZATION, ledger, (), [each.document_id for each in there]
    )
    return replace(
        books,
        paired_once={local_id: each.books_id for local_id, each in once.items()},
        explained=frozenset(each.books_id for each in remembered.values() if each.by != PairedBy.SIMILARITY),
        first_seen_at={row[0]: row[1] for row in await connection.fetch(FIRST_SEEN, ORGANIZATION, ledger)},
    )


async def read(ledger: ComparedLedger, records: Sequence[Record]) -> Told | None:
    """Read what looking for these rests on."""
    sought = [(each, since(each, ())) for each in records]
    async with ledger.database.organization(ORGANIZATION, readonly=True) as connection:
        return await read_books(connection, ORGANIZATION, ledger.ledger, PULLS, sought)


async def looks(ledger: ComparedLedger, records: Sequence[Record]) -> tuple[Sequence[Look], Sequence[Look]]:
    """What looking says of these, resting on the part that is read, and on everything."""
    told = await read(ledger, records)
    assert told is not None
    told["records_read_at"] = NOW
    async with ledger.database.organization(ORGANIZATION, readonly=True) as connection:
        everything = await whole(connection, ledger.ledger, told, records)
    part = Books.build(**told)

    def of(books: Books) -> Sequence[Look]:
        return [look(each, (), books, now=NOW, policy=POLICY) for each in records]

    return of(part), of(everything)


def sought_among(world: World, random: Random) -> Sequence[Record]:
    """Records of some documents, as failed since some time; one may be of a document that is not there."""
    ids = [each.document_id for each in world.local] + ["l77"]
    object_type = min(DOCUMENT_TYPES[world.ledger])
    return [
        structs.replace(
            failed(Cause.TIMEOUT_AMBIGUOUS),
            record_id=uuid5(ORGANIZATION, name),
            object_type=object_type,
            object_id=UUID(name_of(name)),
            platform_object_id=random.choice((None, None, f"b{random.randint(0, 10)}")),
            updated_at=began(random),
        )
        for name in random.sample(ids, random.randint(1, min(3, len(ids))))
    ]


def began(random: Random) -> datetime:
    """When it failed: most long enough ago."""
    return NOW - timedelta(hours=random.choice((1, 9, 90, 2000)))


def tangled(seed: int) -> World:
    """Make a world of few parties, days and amounts, where records name what others name, and two at once."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    world = replace(labelled(seed), local=[], books=[], links=[])
    size = random.randint(2, 9)
    for side, documents in ((Side.LOCAL, world.local), (Side.BOOKS, world.books)):
        documents += [
            document(
                side,
                world.ledger,
                f"{side[0]}{number}",
                number=random.choice((None, f"N-{number}", f"N-{random.randint(0, size)}")),
                party_id=random.choice((None, f"{side[0]}p")),
                party_name=random.choice(("Acme", "Acme", "Zed")),
                total_minor=random.choice((100, 100, 200 + number)),
                issued_on=date(2026, 10, random.randint(1, 3)),
            )
            for number in range(size)
        ]
    for number, local in enumerate(world.local):
        for _ in range(random.choice((0, 1, 1, 1, 2))):
            ids = [f"b{random.choice((number, number, random.randint(0, size)))}" for _ in range(2)]
            made = link(local, random.choice(("done", "done", "error", "pending")), ids[0])
            hours = random.choice((0.5, 2, 50, 500))
            world.links.append(
                replace(
                    made,
                    record_id=f"{made.record_id}-{len(world.links)}",
                    provider_object_id=random.choice((None, None, ids[1])),
                    updated_at=NOW - timedelta(hours=hours),
                )
            )
    party = Link(
        record_id="rp", object_type=PARTY_TYPE[world.ledger], object_id="lp", platform_object_id="bp"
    )
    world.links += random.choice(([], [party]))
    once = {f"l{number}": f"b{random.randint(0, size)}" for number in range(0, size, 2)}
    world.context = replace(world.context, once_paired=once)
    return world


async def supersede(ledger: ComparedLedger, world: World, random: Random) -> None:
    """Let the partner's own system put another word above some documents of the hub."""
    own = [
        replace(named(each), origin=Origin.PARTNER, number="P-1", total_minor=1)
        for each in newest(world.local).values()
        if random.random() < 0.2
    ]
    async with ledger.database.organization(ORGANIZATION) as connection:
        await put_documents(connection, ORGANIZATION, own, NOW)


MAKERS = (*KINDS, *([tangled] * len(KINDS)))


@pytest.mark.parametrize("seed", range(10))
async def test_a_part_says_what_the_whole_says(database: Database, seed: int) -> None:
    """Whatever collides with whatever: each look is the same as it is with the whole ledger before it."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    make = MAKERS[seed % len(MAKERS)]
    world = make(seed)
    world = replace(world, local=list(newest(world.local).values()), books=list(newest(world.books).values()))
    ledger = await ComparedLedger.plant(database, world)
    for step in range(STEPS):
        if seed % 2 and step == STEPS // 2:
            await supersede(ledger, world, random)
        for _ in range(LOOKS):
            by_part, by_whole = await looks(ledger, sought_among(world, random))
            assert by_part == by_whole
        await ledger.pass_time(timedelta(minutes=3), is_read=random.random() < 0.5)
        changed = edited(world, make(seed + 100 + step), random)
        changed = replace(
            changed, links=[*world.links, *(each for each in changed.links if each not in world.links)]
        )
        await ledger.edit(world, changed)
        if random.random() < 0.3:
            await ledger.compare()
        world = changed


SETTLED = 300
FREE = 50


async def test_only_what_can_matter_is_held(database: Database) -> None:
    """Of pairs that records make, and of what stands alone in the books, a look holds nothing."""
    world = replace(labelled(0), ledger=Ledger.RECEIVABLE, local=[], books=[], links=[])
    for number in range(SETTLED):
        own = document(Side.LOCAL, world.ledger, f"l{number}", number=f"N-{number}", party_name="Acme")
        own = replace(own, total_minor=number, issued_on=date(2025, 1, 1) + timedelta(days=number))
        world.local.append(own)
        if number:
            world.books.append(copy_of(own, f"b{number}"))
            world.links.append(link(own, "done", f"b{number}"))
    for number in range(FREE):
        world.books.append(
            document(Side.BOOKS, world.ledger, f"b-{number}", number=f"H-{number}", party_name="Before")
        )
    ledger = await ComparedLedger.plant(database, world)
    record = structs.replace(failed(Cause.TIMEOUT_AMBIGUOUS), object_id=UUID(name_of("l0")))
    told = await read(ledger, [record])
    assert told is not None
    assert [each.document_id for each in told["local"]] == [name_of("l0")]
    assert (told["books"], told["links"]) == ([], [])
    assert told["is_emptied"] is False


async def test_more_than_may_be_held_proves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more could be the document than may be held, nothing of it is concluded: a person looks."""
    monkeypatch.setattr(readback_part, "DOCUMENTS_MAX", 3)
    world = replace(labelled(0), ledger=Ledger.RECEIVABLE, local=[], books=[], links=[])
    world.local += [
        document(Side.LOCAL, world.ledger, f"l{number}", number=f"N-{number}") for number in range(4)
    ]
    ledger = await ComparedLedger.plant(database, world)
    record = structs.replace(failed(Cause.TIMEOUT_AMBIGUOUS), object_id=UUID(name_of("l0")))
    assert await read(ledger, [record]) is None
    found = not_looked(now=NOW, policy=POLICY)
    assert found.finding is Finding.UNCLEAR
    assert "person must look" in found.reason


async def test_what_another_was_paired_with_once_is_explained(database: Database) -> None:
    """What is free on its day, and was another's copy before people changed it, is not taken for it."""
    world = replace(labelled(0), ledger=Ledger.RECEIVABLE, local=[], books=[], links=[])
    world.local += [
        document(Side.LOCAL, world.ledger, f"l{number}", number=f"N-{number}", party_name="Acme")
        for number in range(2)
    ]
    world.local[1] = replace(world.local[1], issued_on=date(2026, 1, 1), total_minor=5)
    world.books.append(copy_of(world.local[0], "b1", number="X-1", total_minor=7))
    world.context = replace(world.context, once_paired={"l1": "b1"})
    ledger = await ComparedLedger.plant(database, world)
    updated_at = NOW - timedelta(hours=90)
    record = structs.replace(
        failed(Cause.TIMEOUT_AMBIGUOUS), object_id=UUID(name_of("l0")), updated_at=updated_at
    )
    [by_part], [by_whole] = await looks(ledger, [record])
    assert by_part == by_whole
    assert "nothing here explains" not in by_part.reason
