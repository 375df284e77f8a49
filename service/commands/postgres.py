"""The database of a command: the one that the settings name, or the one that comes along.

The one that comes along is ours alone, so it is brought up to date without asking; a server that others run
is migrated by `tieout migrate` only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service import embedded
from service.settings import Settings
from service.store.database import Database
from service.store.migrate import migrate, require_migrated

NAME = "tieout command"
"""How Postgres' list of sessions shows us."""

POOL_SIZE = 4
"""A command asks little; the replicas need the connections."""


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """Give the address, and keep an embedded server running meanwhile."""
    if settings.database_url is not None:
        yield settings.database_url.reveal()
        return
    async with embedded.start(settings.data_dir) as server:
        yield server.url


@asynccontextmanager
async def opened_database(settings: Settings, *, pool_size: int = POOL_SIZE) -> AsyncIterator[Database]:
    """Open the database, as the service does."""
    async with database_url(settings) as url:
        await (migrate(url) if settings.database_url is None else require_migrated(url))
        async with await Database.open(url, pool_size=pool_size, application_name=NAME) as database:
            yield database
