"""`tieout statement`: the month-end tie-out of an organization as a file, from the database.

Where the output goes to a program or a file, it goes there whatever its format. On a terminal, a format that
people cannot read becomes a file in this folder instead, whose name is told.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from stat import S_IMODE
from uuid import UUID

import click

from service.commands.postgres import opened_database
from service.commands.telling import tell
from service.domain.statements.figures import covered
from service.domain.statements.period import Period
from service.domain.statements.sign_off import Signature, as_it_stands, signature_of
from service.domain.statements.statement import Statement, state
from service.errors import TieoutError
from service.settings import Settings
from service.statements import wording
from service.statements.formats import Format, file_name, render
from service.store.statements import (
    DIFFERENCES_MAX,
    count_statement_differences,
    get_facts,
    list_sign_offs,
)

READABLE = frozenset({Format.CSV, Format.JSON})
STDOUT = "-"


def _month(_ctx: click.Context, _parameter: click.Parameter, value: str) -> Period:
    """Read a month such as `2026-10`."""
    try:
        return Period.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("statement")
@click.argument("organization", type=click.UUID, metavar="ORG")
@click.option(
    "--period", callback=_month, required=True, metavar="YYYY-MM", help="The month, such as 2026-10."
)
@click.option(
    "--format",
    "form",
    type=click.Choice([each.value for each in Format]),
    default=Format.PDF.value,
    show_default=True,
)
@click.option("--output", metavar="FILE", help="Where to write it; - for standard output.")
def command(*, organization: UUID, period: Period, form: str, output: str | None) -> None:
    """Write the month-end tie-out of an organization: opening, movements, closing, and what is between.

    Reads the database, so it needs no key and answers also while the service is down.
    """
    settings = Settings.from_environment(os.environ, require_hub=False)
    statement, signature = asyncio.run(_load(settings, organization, period))
    kind = Format(form)
    content = render(statement, signature, kind)
    if output is None:
        is_shown = kind in READABLE or not sys.stdout.isatty()
        output = STDOUT if is_shown else file_name(statement, kind)
    _write(content, output)
    if output != STDOUT:
        told = f"{wording.completeness(statement)}, {wording.status(signature).lower()}"
        tell(f"Wrote {output} ({told}).")


async def _load(settings: Settings, organization_id: UUID, period: Period) -> tuple[Statement, Signature]:
    async with (
        opened_database(settings) as database,
        database.organization(organization_id, readonly=True) as connection,
    ):
        if await count_statement_differences(connection, organization_id) > DIFFERENCES_MAX:
            raise TieoutError(
                f"more than {DIFFERENCES_MAX:,} differences are open, which no statement can list; "
                "look at the organization's connection first"
            )
        facts = await get_facts(connection, organization_id)
        if facts is None:
            raise TieoutError(
                f"there is no organization {organization_id}; its id is on the page and in the API"
            )
        acts = await list_sign_offs(connection, organization_id, period)
    statement = state(facts, period)
    return statement, as_it_stands(signature_of(acts), covered(statement))


def _write(content: bytes, output: str) -> None:
    if output == STDOUT:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        _replace(Path(output), content)
    except OSError as error:
        raise TieoutError(
            f"cannot write {output}: {error.strerror or error}; choose another place with --output"
        ) from None


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole, or leave what was there; devices and pipes are written as they are."""
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path = path.resolve()
    fresh = path.with_name(f".tieout-{os.getpid()}.part")
    try:
        fresh.write_bytes(content)
        if path.exists():
            fresh.chmod(S_IMODE(path.stat().st_mode))
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
