"""`tieout disconnect ORG`: end an organization's connection to its books, once a person has agreed."""

from __future__ import annotations

import asyncio
import os
from uuid import UUID

import click

from service.commands.connecting import PENDING, active, books_of, name_of
from service.commands.hub import opened_hub
from service.commands.terminal import answers, confirm, plain, print_json
from service.errors import TieoutError
from service.hub.payloads import Connection
from service.settings import Settings


@click.command("disconnect")
@click.argument("organization", type=click.UUID, metavar="ORG")
@click.option("--yes", "is_agreed", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Tell the connection as JSON.")
def command(*, organization: UUID, is_agreed: bool, as_json: bool) -> None:
    """End an organization's connection to QuickBooks Online or Xero.

    Nothing is pushed or read from then on, and what is issued while no connection is there is never pushed by
    the hub afterwards. Documents stay where they are.
    """
    settings = Settings.from_environment(os.environ)
    name, connection = asyncio.run(_find(settings, organization))
    if not is_agreed and not confirm(_question(name, connection)):
        answers().print("Nothing was changed.")
        return
    ended = asyncio.run(_disconnect(settings, organization, connection))
    if as_json:
        told = {"organization_id": organization, "name": name, "id": ended.id, "status": ended.status}
        print_json(told)
    else:
        answers().print(plain(f"{name} is disconnected from {books_of(connection)}."))


def _question(name: str, connection: Connection) -> str:
    shown = plain(name).plain
    if connection.status == PENDING:
        return f"Withdraw the connection of {shown} that waits to be authorised?"
    return (
        f"End the connection of {shown} to {books_of(connection)}? What it issues until it is connected anew "
        "is never pushed."
    )


async def _find(settings: Settings, organization_id: UUID) -> tuple[str, Connection]:
    async with opened_hub(settings) as hub:
        name = await name_of(hub, organization_id)
        connection = active(await hub.connections(organization_id))
    if connection is None:
        raise TieoutError(
            f"{name} has no connection to end; `tieout connect {organization_id}` would begin one"
        )
    return name, connection


async def _disconnect(settings: Settings, organization_id: UUID, connection: Connection) -> Connection:
    async with opened_hub(settings) as hub:
        return await hub.disconnect(organization_id, connection.id)
