"""The simulated world: one partner, its organizations, one clock, one die, one agenda.

Everything that happens goes through functions of this package that take the world and an instant; nothing
reads the clock twice within one happening.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from service.simulator.agenda import Agenda
from service.simulator.behaviour import Behaviour
from service.simulator.chance import Chance
from service.simulator.journal import Journal
from service.simulator.listings import Versioned
from service.simulator.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.simulator.clock import Clock
    from service.simulator.organization import Organization


@dataclass
class World(Versioned):
    """All that the hub knows, and the books behind it."""

    clock: Clock
    chance: Chance
    behaviour: Behaviour = field(default_factory=Behaviour)
    pull_seconds: float = 3600.0
    push_seconds: tuple[float, float] = (1.0, 5.0)
    sync_seconds: tuple[float, float] = (0.2, 1.0)
    agenda: Agenda = field(default_factory=Agenda)
    journal: Journal = field(default_factory=Journal)
    organizations: dict[str, Organization] = field(default_factory=dict)
    wake: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        Versioned.__init__(self)
        self.webhooks = Webhooks(self.chance, self.behaviour)
        self.request_ids = Chance(f"{self.chance.seed}/requests")

    def settle(self) -> datetime:
        """Do all work that has fallen due and return the present."""
        now = self.clock.now()
        self.agenda.run_due(now)
        return now

    def organization(self, organization_id: str) -> Organization:
        """Return an organization that must exist."""
        try:
            return self.organizations[organization_id]
        except KeyError:
            raise KeyError(f"no organization {organization_id}") from None

    def later(self, at: datetime, seconds: tuple[float, float]) -> datetime:
        """Return an instant within a span after `at`."""
        return at + timedelta(seconds=self.chance.between(*seconds))

    def tell(
        self, organization: Organization, object_type: str, action: str, object_id: str, at: datetime
    ) -> None:
        """Let an event happen: stored and delivered if an enabled subscription asks for it."""
        organization.touch()
        if self.webhooks.happened(organization.id, object_type, action, object_id, at):
            self.wake()
