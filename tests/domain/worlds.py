"""Small worlds to compare, made from a seed: labelled ones of planted situations, and wild ones.

In a labelled world each situation has a number, party and amount of its own, so that what must be found is
known. A wild world draws everything from a handful of values, so that ids, numbers, amounts and records
collide in every way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from service.domain.comparing.difference import Comparison, Context, compare
from service.domain.comparing.pairing_links import Link
from service.domain.document import Basis, Document, DocumentKind, Ledger, Side, Status

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
CONNECTED = NOW - timedelta(days=90)
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
RECORD_TYPE = {Ledger.RECEIVABLE: "receivable", Ledger.PAYABLE: "bill"}


@dataclass(slots=True)
class World:
    """Both sides of a ledger; `labels` holds what must be found: kind, local id and books id."""

    ledger: Ledger
    context: Context
    local: list[Document] = field(default_factory=list)
    books: list[Document] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    labels: set[tuple[str, str | None, str | None]] = field(default_factory=set)

    def compared(self) -> Comparison:
        """Compare the two sides."""
        return compare(
            ledger=self.ledger, local=self.local, books=self.books, links=self.links, context=self.context
        )


def document(side: Side, ledger: Ledger, document_id: str, **fields: object) -> Document:
    """Make a document; what is not said is usual."""
    kind = DocumentKind.BILL if ledger is Ledger.PAYABLE else DocumentKind.INVOICE
    usual: dict[str, object] = {
        "kind": kind,
        "currency": "USD",
        "total_minor": 10000,
        "issued_on": date(2026, 10, 5),
        "status": Status.OPEN if side is Side.LOCAL or ledger is Ledger.PAYABLE else None,
    }
    if side is Side.LOCAL:
        usual |= {"created_at": NOW - timedelta(days=15), "updated_at": NOW - timedelta(days=15)}
    return Document(side=side, ledger=ledger, document_id=document_id, **usual | fields)  # type: ignore[arg-type]


def copy_of(local: Document, books_id: str, **changes: object) -> Document:
    """Return the document as the books would have it."""
    status = local.status if local.ledger is Ledger.PAYABLE else None
    return replace(
        local,
        side=Side.BOOKS,
        document_id=books_id,
        status=status,
        created_at=None,
        updated_at=None,
        issued_at=None,
        **changes,  # type: ignore[arg-type]
    )


def link(local: Document, sync_status: str, books_id: str | None = None, **fields: object) -> Link:
    """Return a synced record of a document."""
    at = NOW - timedelta(days=10)
    usual: dict[str, object] = {"created_at": at, "updated_at": at}
    return Link(
        record_id=f"r-{local.document_id}-{books_id}",
        object_type=RECORD_TYPE[local.ledger],
        object_id=local.document_id,
        platform_object_id=books_id,
        sync_status=sync_status,
        **usual | fields,  # type: ignore[arg-type]
    )


def labelled(seed: int) -> World:
    """Make a world of planted situations."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    ledger = random.choice(list(Ledger))
    world = World(
        ledger,
        Context(
            as_of=NOW, connected_at=CONNECTED, last_pull=NOW - timedelta(minutes=20), scan_certified=True
        ),
    )
    for number in range(random.randint(0, 14)):
        local = document(
            Side.LOCAL,
            ledger,
            f"l{number}",
            number=f"{random.choice(('INV', 'B', ''))}-{number:04}",
            party_name=f"Party {number % 5}",
            currency=random.choice(CURRENCIES),
            total_minor=random.randint(1, 10**7) * 100 + number,
            issued_on=date(2026, 9, 1) + timedelta(days=random.randint(0, 30)),
        )
        random.choice(SITUATIONS)(world, local, f"b{number}", random)
    random.shuffle(world.local)
    random.shuffle(world.books)
    random.shuffle(world.links)
    return world


def _healthy(world: World, local: Document, books_id: str, random: Random) -> None:
    world.local.append(local)
    world.books.append(copy_of(local, books_id))
    if random.random() < 0.7:
        world.links.append(link(local, "done", books_id))


def _failed(world: World, local: Document, _books_id: str, _random: Random) -> None:
    world.local.append(local)
    world.links.append(link(local, "error", cause="period_locked"))
    world.labels.add(("push_failed", local.document_id, None))


def _pending(world: World, local: Document, _books_id: str, random: Random) -> None:
    world.local.append(local)
    world.links.append(link(local, "pending", updated_at=NOW - timedelta(hours=random.choice((1, 9)))))
    world.labels.add(("push_pending", local.document_id, None))


def _never_attempted(world: World, local: Document, _books_id: str, _random: Random) -> None:
    world.local.append(local)
    world.labels.add(("never_attempted", local.document_id, None))


def _not_pushed(world: World, local: Document, _books_id: str, random: Random) -> None:
    old = CONNECTED - timedelta(days=1)
    changes: Sequence[Mapping[str, object]] = (
        {"status": Status.DRAFT},
        {"status": Status.VOID},
        {"created_at": old, "updated_at": old},
    )
    if world.ledger is Ledger.RECEIVABLE:
        changes = (*changes, {"kind": DocumentKind.CREDIT_NOTE, "total_minor": -local.total_minor})
    world.local.append(replace(local, **random.choice(changes)))  # type: ignore[arg-type]
    world.labels.add(("not_pushed", local.document_id, None))


def _amount(world: World, local: Document, books_id: str, random: Random) -> None:
    world.local.append(local)
    world.books.append(
        copy_of(local, books_id, total_minor=local.total_minor + random.choice((-1, 1, 12345)))
    )
    world.links.append(link(local, "done", books_id))
    world.labels.add(("amount", local.document_id, books_id))


def _currency(world: World, local: Document, books_id: str, _random: Random) -> None:
    world.local.append(local)
    world.books.append(copy_of(local, books_id, currency="GBP"))
    world.links.append(link(local, "done", books_id))
    world.labels.add(("currency", local.document_id, books_id))


def _fields(world: World, local: Document, books_id: str, random: Random) -> None:
    changes: Mapping[str, Mapping[str, object]] = {
        "number": {"number": f"other {books_id}"},
        "counterparty": {"party_name": "Somebody"},
        "issue_date": {"issued_on": date(2026, 1, 1)},
    }
    kind = random.choice(sorted(changes))
    world.local.append(local)
    world.books.append(copy_of(local, books_id, **changes[kind]))
    world.links.append(link(local, "done", books_id))
    world.labels.add((kind, local.document_id, books_id))


def _deleted(world: World, local: Document, books_id: str, random: Random) -> None:
    world.local.append(local)
    world.links.append(link(local, "done", books_id))
    if random.random() < 0.5:
        world.context = replace(
            world.context, ever_seen_books_ids=world.context.ever_seen_books_ids | {books_id}
        )
    world.labels.add(("deleted_in_books", local.document_id, None))


def _only_in_books(world: World, local: Document, books_id: str, _random: Random) -> None:
    world.books.append(copy_of(local, books_id))
    world.labels.add(("only_in_books", None, books_id))


def _duplicate(world: World, local: Document, books_id: str, _random: Random) -> None:
    world.local.append(local)
    world.books += [copy_of(local, books_id), copy_of(local, f"{books_id}'")]
    world.links.append(link(local, "done", books_id))
    world.labels.add(("duplicate_in_books", local.document_id, f"{books_id}'"))


Situation = Callable[[World, Document, str, Random], None]
SITUATIONS: Sequence[Situation] = (
    _healthy,
    _healthy,
    _failed,
    _pending,
    _never_attempted,
    _not_pushed,
    _amount,
    _currency,
    _fields,
    _deleted,
    _only_in_books,
    _duplicate,
)


def wild(seed: int) -> World:
    """Make a world where everything may collide with everything."""
    random = Random(seed)  # noqa: S311 - a test repeats itself by its seed
    ledger = random.choice(list(Ledger))
    size = random.randint(0, 9)
    local = [_anything(random, Side.LOCAL, ledger, f"l{random.randint(0, size)}") for _ in range(size)]
    books = [
        _anything(random, Side.BOOKS, ledger, f"b{random.randint(0, 9)}") for _ in range(random.randint(0, 9))
    ]
    ids = [f"b{number}" for number in range(11)]
    links = [
        Link(
            record_id=f"r{number}",
            object_type=random.choice(("receivable", "bill", RECORD_TYPE[ledger], "customer", "vendor")),
            object_id=random.choice((None, *(f"l{each}" for each in range(size + 2)))),
            platform_object_id=random.choice((None, *ids)),
            provider_object_id=random.choice((None, None, *ids)),
            sync_status=random.choice((None, "done", "done", "pending", "error", "strange")),
            updated_at=random.choice((None, NOW, NOW - timedelta(hours=random.randint(0, 90)))),
        )
        for number in range(random.randint(0, 9))
    ]
    context = Context(
        as_of=NOW,
        connected_at=random.choice((None, CONNECTED, CONNECTED, NOW - timedelta(days=2))),
        disconnected_at=random.choice((None, None, NOW - timedelta(days=1))),
        last_pull=random.choice((None, NOW - timedelta(hours=1), NOW - timedelta(days=9))),
        scan_certified=random.random() < 0.5,
        local_complete=random.random() < 0.8,
        ever_seen_books_ids=frozenset(random.sample(ids, random.randint(0, 4))),
        absent_books_ids=frozenset(random.sample(ids, random.randint(0, 2))),
        once_paired={f"l{each}": random.choice(ids) for each in range(random.randint(0, 3))},
        unreadable_books={random.choice(ids): "it is torn"} if random.random() < 0.3 else {},
        unreadable_local={"l1": "it is torn"} if random.random() < 0.3 else {},
    )
    return World(ledger, context, local, books, links)


def _anything(random: Random, side: Side, ledger: Ledger, document_id: str) -> Document:
    total = random.choice((0, 1, 100, 100, 101, 12000))
    tax = random.choice((None, 0, total // 6))
    is_credit_note = side is Side.LOCAL and ledger is Ledger.RECEIVABLE and random.random() < 0.15
    is_net = side is Side.BOOKS and ledger is Ledger.RECEIVABLE and random.random() < 0.4
    base = document(side, ledger, document_id)
    return replace(
        base,
        kind=DocumentKind.CREDIT_NOTE if is_credit_note else base.kind,
        number=random.choice((None, "", "1", "1", "2", "INV-2")),
        party_id=random.choice((None, "b1", "l1")),
        party_name=random.choice((None, "Acme", "Acme", "ACME_VENDOR", "Acme Inc", "Zed")),
        currency=random.choice(("USD", "USD", "USD", "EUR")),
        total_minor=-total if is_credit_note else total,
        tax_minor=None if is_net else tax,
        net_minor=total if is_net else None if tax is None else total - tax,
        basis=Basis.DERIVED_NET if is_net else Basis.STATED,
        status=random.choice((None, *Status)),
        issued_on=random.choice((None, date(2026, 10, 5), date(2026, 10, 6), date(2026, 1, 1))),
        rounded_lines=random.choice((0, 0, 1, 3)),
        remainder=random.choice((Decimal(0), Decimal("0.5"))),
        created_at=random.choice((None, NOW - timedelta(days=15), NOW - timedelta(days=300), NOW)),
        updated_at=random.choice((None, NOW, NOW - timedelta(days=15))),
    )
