"""`tieout migrate`: bring the schema up to date; any number of replicas may do so at once."""

from __future__ import annotations

import asyncio
import os

import click

from service.commands.postgres import database_url
from service.commands.terminal import print_json
from service.settings import Settings
from service.store.database import Server
from service.store.migrate import migrate


@click.command("migrate")
@click.option("--json", "as_json", is_flag=True, help="Tell the migrations that were applied as JSON.")
def command(*, as_json: bool) -> None:
    """Bring the database's schema up to date, and tell what was applied."""
    asyncio.run(_migrate(Settings.from_environment(os.environ, require_hub=False), as_json=as_json))


async def _migrate(settings: Settings, *, as_json: bool) -> None:
    async with database_url(settings) as url:
        applied = await migrate(url)
        place = Server.parse(url).place
    if as_json:
        print_json({"postgres": place, "applied": applied})
        return
    for name in applied:
        click.echo(f"applied {name}")
    click.echo(f"Postgres at {place} is up to date" + ("" if applied else "; nothing was missing"))
