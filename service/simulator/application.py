"""The application: the hub API under `/v1`, the form-encoded token call at its place, `/control`.

Requests to the hub API go straight to the gateway. A ticker runs while the application does, so that pushes
finish and webhooks leave although nobody asks; without it (in process, without lifespan) each request settles
the world first, and deliveries wait for `Simulator.deliver_webhooks`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from starlette.applications import Starlette

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.routing import Route
    from starlette.types import Receive, Scope, Send

    from service.simulator.delivery import Postman
    from service.simulator.gateway import Gateway
    from service.simulator.world import World

PREFIXES = ("/finops/v1", "/v1")
"""Both documented bases of the sandbox."""

CONNECT = "/openid/connect/token"
TICK_SECONDS = 0.1
"""How long something due may wait when nothing wakes the ticker earlier."""


class Application:
    """The ASGI application of a simulated hub."""

    def __init__(self, world: World, gateway: Gateway, postman: Postman, routes: Sequence[Route]) -> None:
        self._world = world
        self._gateway = gateway
        self._postman = postman
        self._woken: asyncio.Event | None = None
        self._rest = Starlette(routes=list(routes), lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope."""
        if scope["type"] == "http":
            path: str = scope["path"]
            if path == CONNECT:
                await self._gateway(scope, receive, send, path)
                return
            for prefix in PREFIXES:
                if path.startswith(prefix + "/"):
                    await self._gateway(scope, receive, send, path[len(prefix) :])
                    return
        await self._rest(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._woken = asyncio.Event()
        self._world.wake = self._woken.set
        ticker = asyncio.create_task(self._tick(self._woken))
        try:
            yield
        finally:
            self._world.wake = lambda: None
            ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticker
            await self._postman.close()

    async def _tick(self, woken: asyncio.Event) -> None:
        """Do what is due, as it falls due."""
        while True:
            self._world.settle()
            self._postman.start_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), TICK_SECONDS)
            woken.clear()
