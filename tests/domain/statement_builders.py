"""Statements for tests, made from small worlds that are really compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from service.domain.comparing.difference import Comparison, Context
from service.domain.document import Document, Ledger, Side, Status
from service.domain.statements.marks import Reads
from service.domain.statements.period import Period
from service.domain.statements.statement import Facts, Named, Statement, state
from tests.domain.worlds import CONNECTED, NOW, World, copy_of, document, link

ORGANIZATION = UUID("0a000000-0000-4000-8000-000000000001")
SEPTEMBER, OCTOBER, NOVEMBER = (Period(date(2026, month, 1)) for month in (9, 10, 11))
AFTER = datetime(2026, 11, 3, 6, tzinfo=UTC)
READ = Reads(local_at=AFTER, books_at=AFTER, certified=True)


def small_world(ledger: Ledger = Ledger.RECEIVABLE) -> World:
    """An empty world whose books were read completely."""
    return World(ledger, Context(as_of=NOW, connected_at=CONNECTED, last_pull=NOW, scan_certified=True))


def invoice(world: World, name: str, minor: int, day: date, **fields: object) -> Document:
    """Add a local document to a world."""
    made = document(
        Side.LOCAL,
        world.ledger,
        name,
        total_minor=minor,
        issued_on=day,
        **{"number": name.upper(), "party_name": "Acme GmbH", **fields},
    )
    world.local.append(made)
    return made


def pushed(world: World, local: Document, **changes: object) -> Document:
    """Add the copy of a local document to the books, with its record."""
    copy = copy_of(local, f"b-{local.document_id}", **changes)
    world.books.append(copy)
    world.links.append(link(local, "done", copy.document_id))
    return copy


def facts_of(
    worlds: Sequence[World], reads: Reads | None = READ, *, name: str = "Kiln & Co"
) -> tuple[Facts, Sequence[Comparison]]:
    """Compare worlds of different ledgers, and gather what a statement is made from."""
    compared = {world.ledger: world.compared() for world in worlds}
    facts = Facts(
        organization_id=ORGANIZATION,
        organization_name=name,
        months={ledger: comparison.months for ledger, comparison in compared.items()},
        differences=[each for comparison in compared.values() for each in comparison.differences],
        names={
            (each.ledger, each.side, each.document_id): Named(number=each.number, party=each.party_name)
            for world in worlds
            for each in (*world.local, *world.books)
        },
        reads={} if reads is None else dict.fromkeys(Ledger, reads),
    )
    return facts, list(compared.values())


def statement_of(*worlds: World, period: Period = OCTOBER, reads: Reads | None = READ) -> Statement:
    """The statement of a month of compared worlds."""
    return state(facts_of(worlds, reads)[0], period)


def story() -> Statement:
    """October of an organization to which everything happened that a statement can tell."""
    world = small_world()
    for number, (minor, day) in enumerate(
        [(125_000, date(2026, 9, 14)), (98_050, date(2026, 10, 2)), (1_204_775, date(2026, 10, 20))]
    ):
        pushed(world, invoice(world, f"inv-10{number}", minor, day))
    pushed(world, invoice(world, "inv-110", 240_000, date(2026, 10, 6)), total_minor=210_000)
    pushed(world, invoice(world, "inv-111", 77_700, date(2026, 10, 31)), issued_on=date(2026, 11, 2))
    pushed(world, invoice(world, "inv-090", 61_000, date(2026, 9, 30)), issued_on=date(2026, 10, 1))
    failed = invoice(world, "inv-112", 48_000, date(2026, 10, 11), party_name="Bäckerei Öz & Söhne")
    world.links.append(link(failed, "error", cause="missing_tax_rate"))
    invoice(world, "inv-113", 15_000, date(2026, 10, 15))
    invoice(world, "inv-114", 9_900, date(2026, 10, 29), status=Status.DRAFT)
    pushed(world, invoice(world, "inv-115", 33_300, date(2026, 10, 9)), number="INV-0115")
    world.books.append(
        document(
            Side.BOOKS,
            Ledger.RECEIVABLE,
            "b-77",
            number="=cmd|' /C calc'!A0",
            party_name="+1 Typed by hand",
            total_minor=5_000,
            issued_on=date(2026, 10, 22),
        )
    )
    bills = small_world(Ledger.PAYABLE)
    pushed(bills, invoice(bills, "bill-1", 330_000, date(2026, 10, 3), party_name="Clayworks Ltd"))
    invoice(bills, "bill-2", 4_400, date(2026, 10, 30), party_name="Clayworks Ltd", currency="JPY")
    return statement_of(world, bills)
