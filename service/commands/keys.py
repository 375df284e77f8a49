"""`tieout keys`: make, list and revoke the keys of programs and people; stored as digests only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import click
import msgspec

from service.commands.postgres import opened_database
from service.commands.telling import tell
from service.commands.terminal import answers, confirm, plain, print_json
from service.errors import TieoutError
from service.settings import Role, Settings
from service.settings.parsers import caller_name
from service.store.access import StoredKey, list_api_keys, mark_api_key_revoked
from service.store.database import Database
from service.store.organizations import list_organizations
from service.web.keys import LOGIN_CODE_NAME, create_key

RESERVED: Final = frozenset({LOGIN_CODE_NAME})
"""Names that the paper trail knows others by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """A key as it is listed: everything but itself."""

    name: str
    role: str
    organization_id: UUID | None
    source: str
    created_at: datetime | None
    revoked_at: datetime | None


def _name(_ctx: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return caller_name(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.group("keys")
def command() -> None:
    """Make, list and revoke keys of the API and the page.

    A key is shown once, when it is made; the database holds its digest. Keys that stand in TIEOUT_API_KEYS
    are listed too, and are revoked by taking them out of there.
    """


@command.command("make")
@click.argument("name", callback=_name, metavar="NAME")
@click.option(
    "--role", type=click.Choice([each.value for each in Role]), default=Role.VIEWER.value, show_default=True,
    help="viewer looks, operator also acts on records and alerts, approver also approves statements.",
)  # fmt: skip
@click.option(
    "--organization",
    type=click.UUID,
    metavar="ORG",
    help="Bind it to one organization; it sees no other.",
)
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON, the key included.")
def make(*, name: str, role: str, organization: UUID | None, as_json: bool) -> None:
    """Make a key for NAME, under which the paper trail will know who holds it."""
    settings = Settings.from_environment(os.environ, require_hub=False)
    key = asyncio.run(_make(settings, name, Role(role), organization))
    if as_json:
        told = {"name": name, "role": role, "organization_id": organization, "key": key}
        print_json(told)
        return
    sight = "everything" if organization is None else f"organization {organization} alone"
    tell(f"{name} has the role {role} and sees {sight}. The key is shown this once:", "")
    click.echo(key)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="List them as JSON.")
def list_them(*, as_json: bool) -> None:
    """List keys: who has which role, and since when; never the keys themselves."""
    settings = Settings.from_environment(os.environ, require_hub=False)
    found = list(_shown(settings, asyncio.run(_list(settings))))
    if as_json:
        print_json({"data": found, "next": None})
    else:
        _show(found)


@command.command("revoke")
@click.argument("name", callback=_name, metavar="NAME")
@click.option("--yes", "is_agreed", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON.")
def revoke(*, name: str, is_agreed: bool, as_json: bool) -> None:
    """Revoke the key of NAME; it opens nothing any more, and page sessions opened with it end."""
    settings = Settings.from_environment(os.environ, require_hub=False)
    if any(key.name == name for key in settings.api_keys):
        raise TieoutError(f"{name} stands in TIEOUT_API_KEYS; take it out there and start the service anew")
    asyncio.run(_revoke(settings, name, is_dry=True))
    if not is_agreed and not confirm(f"Revoke the key of {name}?"):
        answers().print("Nothing was changed.")
        return
    asyncio.run(_revoke(settings, name, is_dry=False))
    if as_json:
        click.echo(msgspec.json.encode({"name": name, "revoked": True}).decode())
    else:
        answers().print(plain(f"The key of {name} opens nothing any more."))


async def _make(settings: Settings, name: str, role: Role, organization_id: UUID | None) -> str:
    if name in RESERVED or any(key.name == name for key in settings.api_keys):
        raise TieoutError(f"{name} is taken: the paper trail must tell callers apart; choose another name")
    async with opened_database(settings) as database:
        if organization_id is not None:
            await _require_organization(database, organization_id)
        key = await create_key(database, name=name, role=role, organization_id=organization_id)
    if key is None:
        raise TieoutError(
            f"{name} has a key already; choose another name, or revoke it first: tieout keys revoke {name}"
        )
    return key


async def _require_organization(database: Database, organization_id: UUID) -> None:
    async with database.fleet(readonly=True) as connection:
        if not await list_organizations(connection, limit=1, organization_id=organization_id):
            raise TieoutError(
                f"there is no organization {organization_id}; its id is on the page and in the API"
            )


async def _list(settings: Settings) -> list[StoredKey]:
    async with opened_database(settings) as database, database.fleet(readonly=True) as connection:
        return [*await list_api_keys(connection)]


async def _revoke(settings: Settings, name: str, *, is_dry: bool) -> None:
    """Revoke it, or only see that there is one to revoke."""
    async with opened_database(settings) as database, database.fleet() as connection:
        if is_dry:
            is_there = any(
                key.name == name and key.revoked_at is None for key in await list_api_keys(connection)
            )
        else:
            is_there = await mark_api_key_revoked(connection, name)
    if not is_there:
        raise TieoutError(f"no live key bears the name {name}; `tieout keys list` shows those that do")


def _shown(settings: Settings, stored: list[StoredKey]) -> Iterator[ShownKey]:
    for key in settings.api_keys:
        yield ShownKey(
            name=key.name,
            role=key.role.value,
            organization_id=key.organization_id,
            source="settings",
            created_at=None,
            revoked_at=None,
        )
    for each in stored:
        yield ShownKey(
            name=each.name,
            role=each.role,
            organization_id=each.organization_id,
            source="database",
            created_at=each.created_at,
            revoked_at=each.revoked_at,
        )


def _show(found: list[ShownKey]) -> None:
    """Print a line each, and below it the organization where it is bound to one."""
    from rich.table import Table  # noqa: PLC0415 - slow to import

    if not found:
        answers().print("There is no key yet; `tieout keys make NAME --role operator` makes one.")
        return
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("name", "role", "sees", "since"):
        table.add_column(heading, overflow="fold")
    for key in found:
        sees = "everything" if key.organization_id is None else str(key.organization_id)
        style = "dim" if key.revoked_at else ""
        table.add_row(
            plain(key.name, style), plain(key.role, style), plain(sees, style), plain(_since(key), style)
        )
    answers().print(table)


def _since(key: ShownKey) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    return "settings" if key.created_at is None else f"{key.created_at:%Y-%m-%d}"
