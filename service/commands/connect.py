"""`tieout connect ORG`: begin a connection to the books, and wait until somebody has signed in there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import click

from service.commands.connecting import (
    DEAUTHORIZED,
    DISCONNECTED,
    PENDING,
    active,
    authorisation_url,
    books_of,
    name_of,
)
from service.commands.hub import opened_hub
from service.commands.telling import tell
from service.commands.terminal import answers, asides, plain, print_json
from service.errors import Fate, HubError, HubFailure, TieoutError
from service.hub.client import Hub
from service.hub.payloads import Connection
from service.settings import Settings

LOOK_SECONDS: Final = 3.0
"""Twenty calls a minute of the partner's 1,800, while a person waits."""

WAIT_MINUTES_DEFAULT: Final = 15
WAIT_MINUTES_MAX: Final = 24 * 60


@click.command("connect")
@click.argument("organization", type=click.UUID, metavar="ORG")
@click.option(
    "--minutes", type=click.IntRange(0, WAIT_MINUTES_MAX), default=WAIT_MINUTES_DEFAULT, show_default=True,
    metavar="N", help="How long to wait until somebody has signed in; 0 does not wait.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Tell the connection as JSON, once it is as it ends.")
def command(*, organization: UUID, minutes: int, as_json: bool) -> None:
    """Connect an organization to QuickBooks Online or Xero.

    Prints the address where its accounting admin signs in, and waits until that is done. Interrupt it when
    you like: the connection goes on waiting, and so does this command when it is called again.
    """
    settings = Settings.from_environment(os.environ)
    name, connection = asyncio.run(_connect(settings, organization, minutes))
    if as_json:
        print_json(_told(organization, name, connection))
    elif connection.is_connected:
        answers().print(plain(f"{name} is connected to {books_of(connection)}.", "bold green"))


async def _connect(settings: Settings, organization_id: UUID, minutes: int) -> tuple[str, Connection]:
    async with opened_hub(settings) as hub:
        name = await name_of(hub, organization_id)
        connection = await _begin(hub, organization_id, name)
        url = authorisation_url(connection)
        tell(f"The accounting admin of {plain(name)} signs in here:", "", f"  {url}", "")
        if minutes == 0:
            return name, connection
        try:
            async with asyncio.timeout(minutes * 60):
                return name, await _until_settled(hub, organization_id, connection)
        except TimeoutError:
            raise TieoutError(
                f"nobody has signed in within {minutes} min; the address stays good, and "
                f"`tieout connect {organization_id}` waits on"
            ) from None
        except asyncio.CancelledError:
            tell("", "Stopped waiting. The address stays good; connect again to wait on.")
            raise


async def _begin(hub: Hub, organization_id: UUID, name: str) -> Connection:
    """Make a connection, or take the one that waits to be authorised already; refuse any other."""
    present = active(await hub.connections(organization_id))
    if present is None:
        try:
            return await hub.create_connection(organization_id)
        except HubError as error:
            if error.fate is not Fate.UNCERTAIN and error.failure is not HubFailure.REFUSED:
                raise
            # Perhaps it was made and the answer lost, or somebody else was quicker: what is there tells.
            present = active(await hub.connections(organization_id))
            if present is None:
                raise
    if present.status == PENDING:
        tell("A connection waits to be authorised already.")
        return present
    ending = f"end it first with `tieout disconnect {organization_id}`"
    if present.status == DEAUTHORIZED:
        raise TieoutError(
            f"{name} has a connection whose consent was withdrawn; authorise it again at "
            f"{authorisation_url(present)}, or {ending}"
        )
    state = f"connected to {books_of(present)}" if present.is_connected else f"{present.status}"
    raise TieoutError(f"{name} is {state} already, and one connection is all there may be; {ending}")


async def _until_settled(hub: Hub, organization_id: UUID, connection: Connection) -> Connection:
    """Look until it is connected; one that ended meanwhile is told."""
    console = asides()
    if not console.is_terminal:
        tell("Waiting until that is done …")
    with console.status(plain("waiting until that is done, Ctrl-C stops waiting …", "dim")):
        while _is_pending(connection):
            await asyncio.sleep(LOOK_SECONDS)
            connection = await hub.connection(organization_id, connection.id)
    if connection.status in {DISCONNECTED, DEAUTHORIZED}:
        raise TieoutError(
            f"the connection is {connection.status} before anybody signed in; "
            f"begin again with `tieout connect {organization_id}`"
        )
    return connection


def _is_pending(connection: Connection) -> bool:
    """Whether somebody has yet to sign in; a new one may come without a status."""
    return connection.status in {PENDING, None}


def _told(organization_id: UUID, name: str, connection: Connection) -> Mapping[str, object]:
    return {
        "organization_id": organization_id,
        "name": name,
        "id": connection.id,
        "status": connection.status,
        "platform": connection.platform,
        # Once that is done nobody needs the address, and a hub that gives none any more is no trouble.
        "connection_url": authorisation_url(connection) if _is_pending(connection) else None,
    }
