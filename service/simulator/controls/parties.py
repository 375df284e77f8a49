"""Counterparts and products on the hub's side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.simulator import issuing
from service.simulator.controls.hold import Hold
from service.simulator.parties import Address

if TYPE_CHECKING:
    from service.simulator.organization import Organization


class PartyControls(Hold):
    """Changes of whom and what documents name."""

    def add_counterpart(
        self,
        organization_id: str,
        name: str,
        *,
        is_customer: bool = True,
        is_vendor: bool = False,
        city: str = "Springfield",
    ) -> str:
        """Create a counterpart, which is pushed for each side it is on."""
        organization, now = self.organization(organization_id), self._now()
        country = organization.address.country
        address = Address(self.world.chance.uuid(), country, city, "1 Main Street", "10001")
        return issuing.add_counterpart(
            self.world, organization, name, now, is_customer=is_customer, is_vendor=is_vendor, address=address
        ).id

    def rename_counterpart(self, organization_id: str, counterpart_id: str, name: str) -> None:
        """Rename a counterpart in the hub."""
        organization, now = self.organization(organization_id), self._now()
        counterpart = organization.counterparts[counterpart_id]
        counterpart.name, counterpart.updated_at = name, now
        self.world.tell(organization, "counterpart", "updated", counterpart.id, now)

    def add_product(
        self,
        organization_id: str,
        name: str,
        *,
        price_minor: int = 5_000,
        ledger_account_id: str | None = None,
    ) -> str:
        """Create a product, which is pushed."""
        organization, now = self.organization(organization_id), self._now()
        return issuing.add_product(
            self.world, organization, name, now, price=price_minor, ledger_account_id=ledger_account_id
        ).id

    def rename_product(self, organization_id: str, product_id: str, name: str) -> None:
        """Rename a product in the hub."""
        organization, now = self.organization(organization_id), self._now()
        product = organization.products[product_id]
        product.name, product.updated_at = name, now
        self.world.tell(organization, "product", "updated", product.id, now)

    def _party(self, organization: Organization, *, is_vendor: bool) -> str:
        """Return some customer or vendor, making one where there is none."""
        for counterpart in organization.counterparts.values():
            if counterpart.is_vendor if is_vendor else counterpart.is_customer:
                return counterpart.id
        name = "Supplies & Sons" if is_vendor else "Harbour Trading"
        return self.add_counterpart(organization.id, name, is_customer=not is_vendor, is_vendor=is_vendor)
