"""What all controls stand on: the world and the reading of loosely typed arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from service.simulator.documents import Line

if TYPE_CHECKING:
    from service.simulator.organization import Organization
    from service.simulator.world import World

Lines = Sequence[Mapping[str, Any]]


class Hold:
    """Something that has a world and acts now."""

    world: World

    def organization(self, organization_id: str) -> Organization:
        """Return an organization of the world."""
        return self.world.organization(organization_id)

    def _now(self) -> datetime:
        return self.world.settle()

    def _lines(
        self,
        lines: Lines,
        net_minor: int,
        tax_rate: int,
        **references: str | None,
    ) -> tuple[Line, ...]:
        """Make lines: those given, else a single one."""
        if not lines:
            lines = [
                {
                    "name": "Services",
                    "quantity": 1,
                    "unit_price": net_minor,
                    "tax_rate": tax_rate,
                    **references,
                }
            ]
        return tuple(
            Line(
                self.world.chance.uuid(),
                str(line.get("name", "Services")),
                Decimal(str(line.get("quantity", 1))),
                int(line["unit_price"]),
                int(line.get("tax_rate", 0)),
                line.get("ledger_account_id"),
                line.get("accounting_tax_rate_id"),
                line.get("product_id"),
                int(line.get("discount", 0)),
            )
            for line in lines
        )


def day(value: date | str | None) -> date | None:
    """Read a date given as such or as text."""
    if isinstance(value, datetime):
        return value.date()
    return date.fromisoformat(value) if isinstance(value, str) else value


def noon(value: date | str | None) -> datetime | None:
    """Turn a day into an instant on it."""
    on = day(value)
    return None if on is None else datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
