"""A client of the hub for a command, with a small budget of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.hub.opening import Listener, open_client
from service.settings import Settings
from service.version import version

RATE_PER_SECOND_MAX: Final = 5.0
"""A command asks a few questions beside replicas that use the whole budget."""


@asynccontextmanager
async def opened_hub(settings: Settings, listeners: Sequence[Listener] = ()) -> AsyncIterator[Hub]:
    """Open a client; each listener is given every answer's headers."""
    budget = Budget(single_process(min(settings.hub_rate_per_second, RATE_PER_SECOND_MAX)))
    async with open_client(settings, budget, version(), listeners=listeners) as hub:
        yield hub
