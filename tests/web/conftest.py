"""The web side over a fresh database, and a client for each kind of caller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from starlette.types import ASGIApp

from service.store.database import Database
from service.web.routes import build
from tests.web.builders import KEYS, Fleet, client, fill, settings

ClientOf = Callable[[str], httpx.AsyncClient]


@pytest.fixture
def app(database: Database) -> ASGIApp:
    """The web side as the service builds it."""
    return build(settings=settings(), database=database, replica_id="web-1", version="1.2.3")


@pytest.fixture
async def client_of(app: ASGIApp) -> AsyncIterator[ClientOf]:
    """Clients by the name of their key; the name `nobody` has none."""
    async with AsyncExitStack() as opened:
        clients = {
            name: await opened.enter_async_context(client(app, authorization=f"Bearer {key}"))
            for name, key in KEYS.items()
        }
        clients["nobody"] = await opened.enter_async_context(client(app))
        yield clients.__getitem__


@pytest.fixture
def viewer(client_of: ClientOf) -> httpx.AsyncClient:
    """Whoever may look at the whole fleet."""
    return client_of("viewer")


@pytest.fixture
def operator(client_of: ClientOf) -> httpx.AsyncClient:
    """Whoever may act on the whole fleet."""
    return client_of("operator")


@pytest.fixture
def bound(client_of: ClientOf) -> httpx.AsyncClient:
    """An operator of one organization."""
    return client_of("bound")


@pytest.fixture
def nobody(client_of: ClientOf) -> httpx.AsyncClient:
    """Somebody without a key."""
    return client_of("nobody")


@pytest.fixture
async def filled(database: Database) -> Fleet:
    """Two organizations with something of everything."""
    return await fill(database)
