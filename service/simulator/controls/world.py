"""The world at large: organizations, connections, time, outages, tokens, faults, switches, the truth."""

from __future__ import annotations

import copy
from dataclasses import fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from service.simulator import connecting, pulling
from service.simulator.connections import Platform, Status
from service.simulator.controls.hold import Hold
from service.simulator.failures import Cause
from service.simulator.faults import Fault, FaultKind, Faults
from service.simulator.founding import found_organization
from service.simulator.journal import Push, Request
from service.simulator.organization import Organization, Outage, Settings
from service.simulator.parties import Address
from service.simulator.truth import truth_of_world

if TYPE_CHECKING:
    from service.simulator.tokens import Tokens

JOURNAL_ROWS_MAX = 5_000
"""Rows of a journal answered at once; the newest."""


class WorldControls(Hold):
    """Changes of everything else, and reading of all."""

    faults: Faults
    tokens: Tokens

    @property
    def organization_ids(self) -> list[str]:
        """All organizations, in the order in which they were made."""
        return list(self.world.organizations)

    def now(self) -> datetime:
        """Return the hub's present."""
        return self.world.clock.now()

    def advance(self, seconds: float) -> datetime:
        """Move time on, doing in order what falls due; return the new present."""
        self.world.clock.advance(seconds)
        self.world.wake()
        return self.world.settle()

    def add_organization(
        self,
        name: str,
        *,
        country: str = "US",
        platform: str = "quickbooks_online",
        is_connected: bool = True,
    ) -> str:
        """Found an organization, connected unless told otherwise; its first pull has happened."""
        now = self._now()
        address = Address(self.world.chance.uuid(), country, "Springfield", "1 Main Street", "10001")
        organization = found_organization(self.world, name, address, now, Platform(platform))
        if is_connected:
            self.connect(organization.id)
            pulling.pull(self.world, organization, now)
        return organization.id

    def connect(self, organization_id: str, platform: str | None = None) -> str:
        """Request a connection unless one waits, and let the user authorise it; return its id."""
        organization, now = self.organization(organization_id), self._now()
        present = organization.connection
        if present is None or present.status is Status.DISCONNECTED:
            connecting.request(self.world, organization, now)
        chosen = Platform(platform) if platform else None
        return connecting.authorize(self.world, organization, now, chosen).id

    def revoke_connection(self, organization_id: str) -> None:
        """Withdraw consent on the platform's side."""
        connecting.deauthorize(self.world, self.organization(organization_id), self._now())

    def reconnect(self, organization_id: str, *, is_new: bool = False) -> str:
        """Renew consent, on the same connection or (`is_new`) by ending it and making another."""
        organization, now = self.organization(organization_id), self._now()
        present = organization.connection
        if present is not None and present.status is not Status.DISCONNECTED and is_new:
            connecting.disconnect(self.world, organization, present, now)
        return self.connect(organization_id)

    def disconnect(self, organization_id: str) -> None:
        """End the connection on the hub's side."""
        organization, now = self.organization(organization_id), self._now()
        if organization.connection is not None:
            connecting.disconnect(self.world, organization, organization.connection, now)

    def set_status(self, organization_id: str, status: str) -> None:
        """Make an organization `active` or `inactive`."""
        organization, now = self.organization(organization_id), self._now()
        organization.status, organization.updated_at = status, now
        self.world.touch()
        self.world.tell(organization, "entity", "updated", organization.id, now)

    def set_setting(self, organization_id: str, name: str, value: str | None) -> None:
        """Set `payments_account_id`, `products_account_id`, `deductions_tax_id`, or another key."""
        organization = self.organization(organization_id)
        if name in {field.name for field in fields(Settings)} - {"other"}:
            setattr(organization.settings, name, value)
        else:
            organization.settings.other[name] = value
        self.world.tell(organization, "entity_settings", "updated", organization.id, self._now())

    def pull_now(self, organization_id: str) -> bool:
        """Let the hub read the books this instant; say whether it could."""
        return pulling.pull(self.world, self.organization(organization_id), self._now())

    def break_platform(
        self,
        cause: str = "platform_unavailable",
        *,
        organization_id: str | None = None,
        seconds: float | None = None,
        stops_pulls: bool = True,
    ) -> None:
        """Let every push (and pull) of an organization, or of all, fail until mended or the time is over."""
        until = None if seconds is None else self._now() + timedelta(seconds=seconds)
        for organization in self._those(organization_id):
            organization.outage = Outage(Cause(cause), until, stops_pulls)

    def mend_platform(self, organization_id: str | None = None) -> None:
        """End the outage."""
        for organization in self._those(organization_id):
            organization.outage = None

    def add_user(self, organization_id: str) -> str:
        """Make a user of an organization, whose tokens see that organization alone; return the user's id."""
        user_id = self.world.chance.uuid()
        self.tokens.organization_by_user[user_id] = self.organization(organization_id).id
        return user_id

    def revoke_tokens(self) -> None:
        """Make every token given so far worthless."""
        self.tokens.revoke_all()

    def set_behaviour(self, **switches: object) -> None:
        """Set switches of what the documentation leaves open."""
        self.world.behaviour.change(switches)

    def add_fault(
        self,
        kind: str,
        endpoint: str = "*",
        *,
        organization_id: str | None = None,
        count: int | None = None,
        probability: float = 1.0,
        **options: Any,  # noqa: ANN401 - each kind has its own
    ) -> str:
        """Switch a fault on; return its id.

        `stale` freezes the organization (or all) as it is now, for so many `seconds` of the hub's clock where
        they are given.
        """
        fault = Fault(
            self.world.chance.uuid(), FaultKind(kind), endpoint, organization_id, count, probability, options
        )
        if fault.kind is FaultKind.STALE:
            fault.frozen = {entry.id: copy.deepcopy(entry) for entry in self._those(organization_id)}
            if "seconds" in options:
                fault.frozen_until = self._now() + timedelta(seconds=fault.seconds(0))
        self.faults.add(fault)
        return fault.id

    def remove_fault(self, fault_id: str) -> None:
        """Switch a fault off."""
        self.faults.remove(fault_id)

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.faults.clear()

    def truth(self, organization_id: str | None = None) -> dict[str, Any]:
        """Tell everything as it is, of the world or of one organization."""
        self._now()
        return truth_of_world(self.world, organization_id)

    def requests(self, limit: int = JOURNAL_ROWS_MAX) -> dict[str, Any]:
        """Tell which requests arrived: counts, the busiest second, and the newest rows."""
        journal = self.world.journal
        rows = list(journal.requests)[-min(limit, JOURNAL_ROWS_MAX) :] if limit else []
        return {
            "count": journal.counts["requests"],
            "busiest_second": journal.busiest_second(),
            "per_second": {str(second): count for second, count in journal.per_second().items()},
            "requests": [_plain(row) for row in rows],
        }

    def pushes(self, limit: int = JOURNAL_ROWS_MAX) -> dict[str, Any]:
        """Tell which pushes were asked for and carried out, and which documents the books ever received."""
        self._now()
        journal = self.world.journal
        return {
            "requested": journal.counts["requested"],
            "carried_out": journal.counts["carried_out"],
            "pushes": [_plain(row) for row in list(journal.pushes)[-min(limit, JOURNAL_ROWS_MAX) :]]
            if limit
            else [],
            "documents_per_local": {
                organization.id: organization.books.documents_per_local()
                for organization in self.world.organizations.values()
            },
        }

    def _those(self, organization_id: str | None) -> list[Organization]:
        if organization_id is None:
            return list(self.world.organizations.values())
        return [self.organization(organization_id)]


def _plain(row: Request | Push) -> dict[str, Any]:
    """Turn a row of a journal into JSON."""
    plain = {entry.name: getattr(row, entry.name) for entry in fields(row)}
    if isinstance(row, Push):
        plain["at"] = row.at.isoformat()
    return plain
