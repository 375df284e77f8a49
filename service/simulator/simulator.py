"""The simulated hub as one object: a generated world, its API as an application, the hand that moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.simulator.application import Application
from service.simulator.behaviour import Behaviour
from service.simulator.chance import Chance
from service.simulator.clock import Clock
from service.simulator.control_api import routes_of
from service.simulator.controls.turmoil import TurmoilControls
from service.simulator.delivery import Postman
from service.simulator.dialects import SPELLINGS, Dialect
from service.simulator.faults import Faults
from service.simulator.gateway import Gateway
from service.simulator.generator import generate
from service.simulator.limits import Limiter
from service.simulator.situations import weights_of
from service.simulator.tokens import Tokens
from service.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

BUDGET_PER_SECOND = 30
"""Documented budget of one partner."""


class _Controls(TurmoilControls):
    """All controls; a class of its own so that only they are callable by name from outside."""

    def __init__(self, world: World, faults: Faults, tokens: Tokens) -> None:
        self.world = world
        self.faults = faults
        self.tokens = tokens


class Simulator(_Controls):
    """One simulated hub. In process: `httpx.AsyncClient(transport=SimulatorTransport(simulator.app), …)`."""

    def __init__(
        self,
        *,
        dialect: str = "tesouro",
        seed: int = 1,
        organizations: int = 3,
        documents: int = 20,
        clock: Clock | None = None,
        rate_per_second: int = BUDGET_PER_SECOND,
        rate_clock: Callable[[], float] | None = None,
        pull_seconds: float = 3600.0,
        push_seconds: tuple[float, float] = (1.0, 5.0),
        sync_seconds: tuple[float, float] = (0.2, 1.0),
        situations: str | Mapping[str, float] = "mixed",
        behaviour: Behaviour | None = None,
        webhook_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Generate a world from the seed; `rate_per_second` 0 lifts the budget."""
        chance = Chance(seed)
        world = World(
            clock or Clock(),
            chance,
            behaviour or Behaviour(),
            pull_seconds,
            push_seconds,
            sync_seconds,
        )
        faults = Faults(Chance(f"{seed}/faults"))
        super().__init__(world, faults, Tokens(Chance(f"{seed}/tokens")))
        self.dialect = Dialect(dialect)
        spelling = SPELLINGS[self.dialect]
        limiter = Limiter(rate_per_second, rate_clock)
        self._postman = Postman(world, faults, spelling, webhook_transport)
        gateway = Gateway(world, self.tokens, limiter, faults, self.dialect)
        controls = _Controls(world, faults, self.tokens)
        self.app = Application(world, gateway, self._postman, routes_of(controls))
        generate(world, organizations, documents, weights_of(situations))

    @property
    def client_id(self) -> str:
        """The partner's client id."""
        return self.tokens.client_id

    @property
    def client_secret(self) -> str:
        """The partner's client secret."""
        return self.tokens.client_secret

    async def deliver_webhooks(self) -> int:
        """Post all webhooks that are due; needed only where the application runs without its lifespan."""
        return await self._postman.deliver_due()

    async def close(self) -> None:
        """Stop deliveries under way and close what they used."""
        await self._postman.close()
