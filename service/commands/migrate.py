"""`tieout migrate`: bring the schema up to date; any number of replicas may do so at once."""

from __future__ import annotations

import asyncio
import os

import click

from service.commands.postgres import database_url
from service.settings import Settings
from service.store.database import Server
from service.store.migrate import migrate


@click.command("migrate")
def command() -> None:
    """Bring the database's schema up to date, and tell what was applied."""
    asyncio.run(_migrate(Settings.from_environment(os.environ, require_hub=False)))


async def _migrate(settings: Settings) -> None:
    async with database_url(settings) as url:
        applied = await migrate(url)
        place = Server.parse(url).place
    for name in applied:
        click.echo(f"applied {name}")
    click.echo(f"Postgres at {place} is up to date" + ("" if applied else "; nothing was missing"))
