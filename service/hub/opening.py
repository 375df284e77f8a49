"""A client of the hub as the settings name it, under whatever budget it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import httpx

from service.hub.budget import Budget
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import open_http
from service.hub.sending import Observer
from service.hub.signing_in import Credentials
from service.settings import Settings

Listener = Callable[[httpx.Response], Awaitable[None]]


@asynccontextmanager
async def open_client(
    settings: Settings,
    budget: Budget,
    version: str,
    *,
    observe: Observer | None = None,
    listeners: Sequence[Listener] = (),
) -> AsyncIterator[Hub]:
    """Open a client, which says `version` of us; each listener is given every answer's headers."""
    async with open_http(
        base_url=settings.hub_url, timeout_seconds=settings.hub_timeout_seconds, service_version=version
    ) as http:
        http.event_hooks["response"] = list(listeners)
        hub = Hub(
            http=http,
            dialect=Dialect(settings.hub_dialect.value),
            credentials=Credentials(
                client_id=settings.hub_client_id,
                client_secret=settings.hub_client_secret.reveal(),
                token_url=settings.hub_token_url,
            ),
            version=settings.hub_version,
            budget=budget,
            timeout_seconds=settings.hub_timeout_seconds,
            observe=observe,
        )
        try:
            yield hub
        finally:
            await hub.aclose()
