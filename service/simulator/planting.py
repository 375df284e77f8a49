"""Planting one situation: a document with the history that its label promises, and the state behind it.

Failures are conditions, not flags, wherever the books can have the condition: a rate that is missing, an
archived account, a closed period. Curing the condition and pushing again then succeeds. Those that nothing
can show (a time-out, an outage that is over) fail once and pass the next time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from service.simulator import issuing, pushing
from service.simulator.books import BooksItem
from service.simulator.controls.books import BooksControls
from service.simulator.currencies import major
from service.simulator.documents import Document, Kind, Line
from service.simulator.entering import NUMBER_MAX
from service.simulator.failures import Cause
from service.simulator.founding import ARCHIVED, RATES, account_named
from service.simulator.issuing import Draft
from service.simulator.organization import Organization, Planted
from service.simulator.parties import Address, Counterpart
from service.simulator.situations import Situation

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.simulator.world import World

MISSING_RATE = 1375
"""A tax rate (13.75 %) that no generated chart has."""

LOCKED_FOR = timedelta(days=400)
BACKDATED_FOR = timedelta(days=420)
CONNECTED_FOR = timedelta(days=90)
SETTLING = timedelta(minutes=1)
STUCK_FOR = timedelta(days=30)
DUE_AFTER = timedelta(days=30)
FOREIGN_SHARE = 0.1
BILL_SHARE = 0.4
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "KWD")
WORK = ("Consulting hour", "Support plan", "Installation", "Paper", "Travel", "Spare parts")

TRANSIENT = {
    Situation.TIMED_OUT_LANDED: (Cause.TIMEOUT_AMBIGUOUS, True),
    Situation.TIMED_OUT_LOST: (Cause.TIMEOUT_AMBIGUOUS, False),
    Situation.RATE_LIMITED: (Cause.RATE_LIMITED, False),
    Situation.PLATFORM_UNAVAILABLE: (Cause.PLATFORM_UNAVAILABLE, False),
    Situation.PLATFORM_INTERNAL_ERROR: (Cause.PLATFORM_INTERNAL_ERROR, False),
    Situation.UNKNOWN: (Cause.UNKNOWN, False),
}
"""Failures that leave no condition behind: cause, and whether the document landed all the same."""


class Planter(BooksControls):
    """Plants in one world; the books are changed by the same controls that tests use."""

    def __init__(self, world: World) -> None:
        self.world = world


def plant(
    world: World, organization: Organization, situation: Situation, at: datetime, now: datetime
) -> None:
    """Bring a situation about, at an instant of the past."""
    special = _SPECIAL.get(situation)
    if special is not None:
        subject_id = special(world, organization, at)
    else:
        subject_id = _document(world, organization, situation, at, now)
    organization.labels[subject_id] = situation.value


def _document(
    world: World, organization: Organization, situation: Situation, at: datetime, now: datetime
) -> str:
    """Make a document and what happens to it."""
    if situation is Situation.BEFORE_CONNECTION:
        at -= CONNECTED_FOR
    made = _draft(world, organization, situation, at)
    document = issuing.draft(world, organization, made, at)
    if situation is Situation.DRAFT:
        return document.id
    if situation is Situation.PERIOD_LOCKED:
        organization.books.locked_until = (now - LOCKED_FOR).date()
    if situation in TRANSIENT:
        cause, has_landed = TRANSIENT[situation]
        pushing.plant(organization, Planted(cause, document.id, None, has_landed))
    _issue(world, organization, document, situation, at=at, now=now)
    after = _AFTER.get(situation)
    if after is not None:
        after(world, organization, document, at + SETTLING)
        world.agenda.run_due(at + 2 * SETTLING)
    return document.id


def _issue(
    world: World,
    organization: Organization,
    document: Document,
    situation: Situation,
    *,
    at: datetime,
    now: datetime,
) -> None:
    """Issue a document, and let its push happen, or not."""
    issued_at = at - BACKDATED_FOR if situation is Situation.PERIOD_LOCKED else at
    if situation in {Situation.BEFORE_CONNECTION, Situation.NEVER_ATTEMPTED}:
        issuing.issue_unattended(world, organization, document, at, issued_at=issued_at)
        return
    record = issuing.issue(world, organization, document, at, issued_at=issued_at)
    if situation is Situation.PENDING and record is not None:
        pushing.abandon(organization, record)
        again = pushing.new_record(world, organization, record.object_type, record.object_id, at)
        pushing.request(world, organization, again, at, trigger="issued", due_at=now + STUCK_FOR)
        return
    world.agenda.run_due(at + SETTLING)


def _draft(world: World, organization: Organization, situation: Situation, at: datetime) -> Draft:
    """Draw a document of a kind, party, currency and lines that fit the situation."""
    chance = world.chance
    kind = Kind.BILL if chance.happens(BILL_SHARE) else Kind.INVOICE
    if situation is Situation.CREDIT_NOTE:
        kind = Kind.CREDIT_NOTE
    elif situation in {Situation.PAID, Situation.MISSING_LEDGER_ACCOUNT}:
        kind = Kind.INVOICE
    parties = [
        entry
        for entry in organization.counterparts.values()
        if (entry.is_vendor if kind is Kind.BILL else entry.is_customer)
        and entry.id not in organization.labels
    ]
    currency = chance.pick(CURRENCIES) if chance.happens(FOREIGN_SHARE) else organization.currency
    number = None
    if situation is Situation.INVALID_FIELD:
        number = organization.next_document_number("LONG").ljust(
            NUMBER_MAX[organization.books.platform] + 4, "9"
        )
    lines = tuple(_line(world, organization, kind, situation) for _ in range(chance.whole(1, 3)))
    return Draft(kind, currency, chance.pick(parties).id, lines, number, (at + DUE_AFTER).date())


def _line(world: World, organization: Organization, kind: Kind, situation: Situation) -> Line:
    chance = world.chance
    account = None
    if kind is Kind.BILL:
        account = account_named(organization, "Office expenses").id
    if situation is Situation.MISSING_LEDGER_ACCOUNT:
        account = account_named(organization, ARCHIVED).id
    rate = MISSING_RATE if situation is Situation.MISSING_TAX_RATE else chance.pick(RATES)
    quantity = Decimal(chance.whole(1, 12)) if chance.happens(0.8) else Decimal(chance.whole(1, 99)) / 4
    return Line(chance.uuid(), chance.pick(WORK), quantity, chance.whole(150, 90_000), rate, account)


def _edited(world: World, organization: Organization, document: Document, _: datetime) -> None:
    Planter(world).edit_in_books(
        organization.id, document.id, net_minor=document.net + world.chance.whole(100, 5_000)
    )


def _voided(world: World, organization: Organization, document: Document, _: datetime) -> None:
    Planter(world).void_in_books(organization.id, document.id)


def _deleted(world: World, organization: Organization, document: Document, _: datetime) -> None:
    Planter(world).delete_in_books(organization.id, document.id)


def _duplicated(world: World, organization: Organization, document: Document, _: datetime) -> None:
    Planter(world).duplicate_in_books(organization.id, document.id)


def _edited_locally(world: World, organization: Organization, document: Document, at: datetime) -> None:
    first = document.lines[0]
    dearer = Line(
        world.chance.uuid(),
        first.name,
        first.quantity,
        first.unit_price + 100,
        first.tax_rate,
        first.ledger_account_id,
    )
    issuing.edit(world, organization, document, at, lines=(dearer, *document.lines[1:]))


def _paid(world: World, organization: Organization, document: Document, at: datetime) -> None:
    issuing.pay(world, organization, document, document.total, at)


def _canceled(world: World, organization: Organization, document: Document, at: datetime) -> None:
    issuing.cancel(world, organization, document, at)


_AFTER: dict[Situation, Callable[[World, Organization, Document, datetime], None]] = {
    Situation.EDITED_IN_BOOKS: _edited,
    Situation.VOIDED_IN_BOOKS: _voided,
    Situation.DELETED_IN_BOOKS: _deleted,
    Situation.DUPLICATE_IN_BOOKS: _duplicated,
    Situation.EDITED_LOCALLY: _edited_locally,
    Situation.PAID: _paid,
    Situation.CANCELED: _canceled,
}


def _only_in_books(world: World, organization: Organization, _: datetime) -> str:
    ledger = world.chance.pick(("receivable", "payable"))
    number = f"HAND-{organization.books.changes}"
    net = world.chance.whole(1_000, 90_000)
    return Planter(world).add_to_books(
        organization.id, ledger=ledger, number=number, net_minor=net, tax_rate=world.chance.pick(RATES)
    )


def _duplicate_name(world: World, organization: Organization, at: datetime) -> str:
    """A customer whose name somebody already has in the books."""
    name = f"Namesake {len(organization.counterparts)}"
    Planter(world).add_party_to_books(organization.id, name)
    country = organization.address.country
    address = Address(world.chance.uuid(), country, "Elsewhere", "5 Side Street", "30001")
    made: Counterpart = issuing.add_counterpart(
        world, organization, name, at, is_customer=True, is_vendor=False, address=address
    )
    world.agenda.run_due(at + SETTLING)
    return made.id


def _multiple_matches(world: World, organization: Organization, at: datetime) -> str:
    """A product whose name two items in the books have."""
    name, books = f"Twin item {len(organization.products)}", organization.books
    for _ in range(2):
        item = BooksItem(books.new_id(), name, major(5_000, organization.currency), organization.currency)
        books.items[item.id] = item
    product = issuing.add_product(world, organization, name, at, price=5_000, ledger_account_id=None)
    world.agenda.run_due(at + SETTLING)
    return product.id


_SPECIAL: dict[Situation, Callable[[World, Organization, datetime], str]] = {
    Situation.ONLY_IN_BOOKS: _only_in_books,
    Situation.DUPLICATE_NAME: _duplicate_name,
    Situation.MULTIPLE_MATCHES: _multiple_matches,
}
