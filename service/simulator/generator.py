"""Generating worlds: organizations with three months behind them, each document a labelled situation.

The past is made by the same functions that make the present: documents are issued at instants gone by, and
their pushes carried out then, so that a generated record, book or cache is one that could have come about.
The same seed makes the same world, relative to the clock's present.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from service.simulator import connecting, issuing, pulling
from service.simulator.connections import Platform
from service.simulator.founding import CURRENCY_BY_COUNTRY, found_organization
from service.simulator.parties import Address
from service.simulator.planting import plant
from service.simulator.situations import (
    OrganizationSituation,
    Situation,
    deal_documents,
    deal_organizations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from service.simulator.organization import Organization
    from service.simulator.world import World

FOUNDED = timedelta(days=120)
CONNECTED = timedelta(days=90)
FIRST_DOCUMENT = timedelta(days=85)
LAST_DOCUMENT = timedelta(days=2)
TROUBLE = timedelta(days=1)
"""When connections that are no longer connected broke."""

SETTLING = timedelta(minutes=1)
"""More than any push takes."""

FIRST_WORDS = (
    "Alder", "Birch", "Cedar", "Copper", "Delta", "Ember", "Fjord", "Granite", "Harbour", "Iris",
    "Juniper", "Kestrel", "Linden", "Maple", "Nimbus", "Orchid", "Pioneer", "Quartz", "River", "Summit",
    "Tidal", "Umber", "Violet", "Willow",
)  # fmt: skip
SECOND_WORDS = (
    "Bakery", "Consulting", "Dental", "Electric", "Foods", "Garden", "Hardware", "Imports", "Joinery",
    "Kitchens", "Logistics", "Media", "Networks", "Optics", "Print", "Roofing", "Studio", "Textiles",
    "Works",
)  # fmt: skip
CITIES = {"US": "Springfield", "DE": "Hamburg", "GB": "Leeds", "JP": "Kobe", "KW": "Kuwait City"}
COUNTRY_WEIGHTS = {"US": 60, "DE": 15, "GB": 15, "JP": 6, "KW": 4}


def generate(world: World, organizations: int, documents: int, weights: Mapping[str, float]) -> None:
    """Fill a world with organizations of `documents` documents each."""
    now = world.clock.now()
    situations = deal_documents(weights, world.chance)
    for place, situation in enumerate(islice(deal_organizations(weights, world.chance), organizations)):
        organization = _organization(world, place, now - FOUNDED)
        organization.label = situation.value
        _fill(world, organization, situation, documents=documents, situations=situations, now=now)


def _organization(world: World, place: int, at: datetime) -> Organization:
    """Make one organization; every fifth country is another, every other platform Xero."""
    chance = world.chance
    country = (
        list(CURRENCY_BY_COUNTRY)[place % len(CURRENCY_BY_COUNTRY)]
        if place < len(CURRENCY_BY_COUNTRY)
        else (chance.weighted(list(COUNTRY_WEIGHTS), list(COUNTRY_WEIGHTS.values())))
    )
    platform = Platform.XERO if place % 2 else Platform.QUICKBOOKS
    first, second = (
        FIRST_WORDS[place % len(FIRST_WORDS)],
        SECOND_WORDS[place // len(FIRST_WORDS) % len(SECOND_WORDS)],
    )
    address = Address(
        chance.uuid(), country, CITIES[country], f"{place + 1} High Street", f"{10_000 + place % 90_000}"
    )
    organization = found_organization(world, f"{first} {second} {place + 1}", address, at, platform)
    organization.email = f"office{place + 1}@example.com"
    return organization


def _fill(
    world: World,
    organization: Organization,
    situation: OrganizationSituation,
    *,
    documents: int,
    situations: Iterator[Situation],
    now: datetime,
) -> None:
    """Give an organization its connection and its past."""
    was_connected = situation not in {OrganizationSituation.PENDING_AUTH, OrganizationSituation.NONE}
    if was_connected:
        connecting.request(world, organization, now - CONNECTED)
        connecting.authorize(world, organization, now - CONNECTED)
        organization.next_pull_at = None
        world.agenda.run_due(now - CONNECTED + SETTLING)
    _parties(world, organization, now - CONNECTED + SETTLING)
    span = FIRST_DOCUMENT - LAST_DOCUMENT
    for place in range(documents):
        at = now - FIRST_DOCUMENT + span * place / max(documents, 1)
        dealt = next(situations) if was_connected else Situation.UNCONNECTED
        is_after_trouble = (
            was_connected and situation is not OrganizationSituation.CONNECTED and place == documents - 1
        )
        if is_after_trouble:
            break
        plant(world, organization, dealt, at, now)
    _end(world, organization, situation, documents, now)


def _end(
    world: World, organization: Organization, situation: OrganizationSituation, documents: int, now: datetime
) -> None:
    """Bring the connection to its state, and pull for the last time."""
    broken_at = now - TROUBLE
    last_pull = now if situation is OrganizationSituation.CONNECTED else broken_at
    pulling.pull(world, organization, last_pull)
    match situation:
        case OrganizationSituation.CONNECTED:
            first_at = now + timedelta(seconds=world.pull_seconds * world.chance.between(0.02, 1.0))
            pulling.schedule(world, organization, first_at)
        case OrganizationSituation.PENDING_AUTH:
            connecting.request(world, organization, broken_at)
        case OrganizationSituation.DEAUTHORIZED:
            connecting.deauthorize(world, organization, broken_at)
            if documents:
                plant(world, organization, Situation.CONNECTION_REVOKED, broken_at + SETTLING, now)
        case OrganizationSituation.DISCONNECTED:
            assert organization.connection is not None
            connecting.disconnect(world, organization, organization.connection, broken_at)
            if documents:
                plant(world, organization, Situation.UNCONNECTED, broken_at + SETTLING, now)
        case OrganizationSituation.NONE:
            pass


def _parties(world: World, organization: Organization, at: datetime) -> None:
    """Give an organization two customers, a vendor, somebody who is both, and two products."""
    chance, country = world.chance, organization.address.country
    for place, (is_customer, is_vendor) in enumerate(
        ((True, False), (True, False), (False, True), (True, True))
    ):
        name = f"{chance.pick(FIRST_WORDS)} {chance.pick(SECOND_WORDS)} {'ABCD'[place]}"
        address = Address(chance.uuid(), country, CITIES[country], f"{place + 1} Market Square", "20001")
        issuing.add_counterpart(
            world, organization, name, at, is_customer=is_customer, is_vendor=is_vendor, address=address
        )
    for name, price in (("Consulting hour", 12_000), ("Support plan", 4_900)):
        issuing.add_product(world, organization, name, at, price=price, ledger_account_id=None)
    world.agenda.run_due(at + SETTLING)
