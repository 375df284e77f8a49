"""Who plays: four organizations, each with some weeks of ordinary business behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from service.demo.world import Organization, World

RATE: Final = 2000
"""Every book begins with a rate of 20 %, in the hub's hundredths of a percent."""

CITY_RATE: Final = 725
"""The rate that goes missing: 7.25 %."""

_INVOICES: Final = (128_000, 46_500, 310_000, 9_900, 72_000)
_BILLS: Final = (54_000, 18_750, 220_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """One organization for each beat."""

    coffee: Organization
    cycles: Organization
    dental: Organization
    press: Organization

    @property
    def all(self) -> tuple[Organization, ...]:
        """Everybody."""
        return (self.coffee, self.cycles, self.dental, self.press)


def assemble(world: World) -> Cast:
    """Found the organizations and let them do business."""
    quickbooks, xero = "quickbooks_online", "xero"
    return Cast(
        coffee=_found(
            world, "Harbour Coffee", "US", quickbooks, customer="Bluebird Hotels", vendor="Alto Roasters"
        ),
        cycles=_found(
            world, "Pennine Cycles", "GB", xero, customer="Dales Touring Club", vendor="Sprocket & Sons"
        ),
        dental=_found(
            world, "Brightside Dental", "US", quickbooks, customer="Maple Insurance", vendor="Enamel Labs"
        ),
        press=_found(world, "Linden Press", "DE", xero, customer="Elbe Bookshops", vendor="Altona Paper"),
    )


def _found(
    world: World, name: str, country: str, platform: str, *, customer: str, vendor: str
) -> Organization:
    organization_id = world.do("add_organization", name=name, country=country, platform=platform)
    for party, is_vendor in ((customer, False), (vendor, True)):
        world.do(
            "add_counterpart",
            organization_id=organization_id,
            name=party,
            is_customer=not is_vendor,
            is_vendor=is_vendor,
        )
    world.do("add_tax_rate", organization_id=organization_id, rate=CITY_RATE)
    invoice = ""
    for net_minor in _INVOICES:
        invoice = world.do(
            "issue_invoice", organization_id=organization_id, net_minor=net_minor, tax_rate=RATE
        )
    for net_minor in _BILLS:
        world.do("issue_bill", organization_id=organization_id, net_minor=net_minor, tax_rate=RATE)
    truth = world.ask("truth", organization_id=organization_id)["organizations"][organization_id]
    currency = next(each["currency"] for each in truth["documents"] if each["id"] == invoice)
    books = "Xero" if platform == "xero" else "QuickBooks"
    return Organization(id=organization_id, name=name, books=books, currency=currency)
