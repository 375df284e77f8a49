"""Pulls: the hub reads the accounting side hourly and when asked, and serves what it saw until the next.

A pull takes everything in at one instant and moves `last_pull`, at once or, if so switched, when it ends. It
creates nothing but products that the hub lacks, and one is never started for an organization that is not
connected.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from service.simulator.books import BooksItem, Ledger
from service.simulator.connections import Connection, Status
from service.simulator.currencies import minor
from service.simulator.organization import Organization, Snapshot
from service.simulator.parties import Product
from service.simulator.pushing import new_record
from service.simulator.records import ObjectType, SyncStatus

if TYPE_CHECKING:
    from service.simulator.world import World


def schedule(world: World, organization: Organization, first_at: datetime) -> None:
    """Begin the hourly rhythm of an organization; a later beginning replaces an earlier one."""
    organization.next_pull_at = first_at
    world.agenda.add(first_at, lambda at: _hourly(world, organization, at))


def _hourly(world: World, organization: Organization, at: datetime) -> None:
    """Pull if this is still the organization's rhythm, and come again."""
    if organization.next_pull_at != at:
        return
    connection = organization.connection
    if connection is None or connection.status is Status.DISCONNECTED:
        organization.next_pull_at = None
        return
    pull(world, organization, at)
    schedule(world, organization, at + timedelta(seconds=world.pull_seconds))


def request(world: World, organization: Organization, connection: Connection, at: datetime) -> None:
    """Start a pull on demand; asking again while one runs changes nothing."""
    if connection.is_syncing:
        return
    connection.is_syncing = True

    def finish(then: datetime) -> None:
        connection.is_syncing = False
        pull(world, organization, then)

    world.agenda.add(world.later(at, world.sync_seconds), finish)


def pull(world: World, organization: Organization, at: datetime) -> bool:
    """Read the books now; say whether that worked."""
    connection, behaviour = organization.connection, world.behaviour
    if connection is None or connection.status is not Status.CONNECTED:
        return False
    outage = organization.outage
    if outage is not None and outage.stops_pulls and (outage.until is None or at < outage.until):
        connection.errors = [f"Pull failed: {outage.cause.value.replace('_', ' ')}"]
        connection.updated_at = at
        if behaviour.last_pull_moves == "tried":
            connection.last_pull = at
        return False
    if not behaviour.pull_takes_seconds:
        _show(world, organization, connection, _read(organization), at)
        return True
    seen, ends_at = _read(organization), at + timedelta(seconds=behaviour.pull_takes_seconds)
    world.agenda.add(ends_at, lambda then: _show(world, organization, connection, seen, then))
    return True


def _read(organization: Organization) -> Snapshot:
    """Take the books in as they are."""
    books = organization.books
    if organization.pulled.changes == books.changes:
        return organization.pulled
    live = books.documents.values()
    return Snapshot(
        tuple(document for document in live if document.ledger is Ledger.RECEIVABLE),
        tuple(document for document in live if document.ledger is Ledger.PAYABLE),
        dict(books.tax_rates),
        dict(books.ledger_accounts),
        books.changes,
    )


def _show(
    world: World, organization: Organization, connection: Connection, seen: Snapshot, at: datetime
) -> None:
    """Serve from now on what a pull saw."""
    if connection.status is not Status.CONNECTED:
        return
    connection.last_pull = at
    if connection.errors and not world.behaviour.connection_errors_stay:
        connection.errors, connection.updated_at = None, at
    if seen is not organization.pulled:
        organization.pulled = seen
        _adopt_products(world, organization, at)
    organization.touch()


def _adopt_products(world: World, organization: Organization, at: datetime) -> None:
    """Create the products that only the books have: with a price, and one of a name."""
    known = {product.name for product in organization.products.values()}
    for item in list(organization.books.items.values()):
        if item.name not in known and _is_adoptable(organization, item):
            product = Product(
                world.chance.uuid(),
                item.name,
                minor(item.price or Decimal(0), item.currency),
                item.currency,
                at,
                at,
            )
            organization.products[product.id] = product
            record = new_record(world, organization, ObjectType.PRODUCT, product.id, at)
            record.sync_status = SyncStatus.DONE
            record.platform_object_id = item.id
            record.errors = {}


def _is_adoptable(organization: Organization, item: BooksItem) -> bool:
    has_price = item.price is not None and item.price > 0
    return has_price and len(organization.books.items_named(item.name)) == 1
