"""A client of the hub for a command, with a small budget of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import httpx

from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.signing_in import Credentials
from service.settings import Settings
from service.version import version

RATE_PER_SECOND_MAX: Final = 5.0
"""A command asks a few questions beside replicas that use the whole budget."""

Listener = Callable[[httpx.Response], Awaitable[None]]


@asynccontextmanager
async def opened_hub(settings: Settings, listeners: Sequence[Listener] = ()) -> AsyncIterator[Hub]:
    """Open a client; each listener is given every answer's headers."""
    http = open_http(
        base_url=settings.hub_url, timeout_seconds=settings.hub_timeout_seconds, service_version=version()
    )
    http.event_hooks["response"] = list(listeners)
    async with http:
        hub = Hub(
            http=http,
            dialect=Dialect(settings.hub_dialect.value),
            credentials=Credentials(
                client_id=settings.hub_client_id,
                client_secret=settings.hub_client_secret.reveal(),
                token_url=settings.hub_token_url,
            ),
            version=settings.hub_version,
            budget=Budget(single_process(min(settings.hub_rate_per_second, RATE_PER_SECOND_MAX))),
            timeout_seconds=settings.hub_timeout_seconds,
        )
        try:
            yield hub
        finally:
            await hub.aclose()
