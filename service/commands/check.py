"""`tieout check`: look at everything that the service needs, and tell what to mend."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import click

from service.commands import inspection
from service.commands.inspection import Finding, Mark
from service.commands.telling import REFUSED
from service.commands.terminal import answers, plain
from service.settings import Settings

_STYLES = {Mark.FINE: "green", Mark.UNWISE: "yellow", Mark.WRONG: "bold red"}


@click.command("check")
def command() -> int:
    """Try settings, database, clocks, hub, rate budget, webhooks and alert channels.

    Each finding that is wrong comes with its remedy; the exit code is then 1. Nothing is changed or sent.
    """
    findings = asyncio.run(_inspect(Settings.from_environment(os.environ)))
    _show(findings)
    counts = {mark: sum(each.mark is mark for each in findings) for mark in Mark}
    if counts[Mark.WRONG]:
        count = counts[Mark.WRONG]
        click.echo(f"\n{count} {'thing is' if count == 1 else 'things are'} wrong.")
        return REFUSED
    unwise = f", {counts[Mark.UNWISE]} to see to" if counts[Mark.UNWISE] else ""
    click.echo(f"\nReady to serve{unwise}.")
    return 0


async def _inspect(settings: Settings) -> Sequence[Finding]:
    database, hub, channels = await asyncio.gather(
        inspection.inspect_database(settings),
        inspection.inspect_hub(settings),
        inspection.inspect_channels(settings),
    )
    return [*inspection.inspect_settings(settings), *database, *hub, *channels]


def _show(findings: Sequence[Finding]) -> None:
    """Print one line each, and the remedy below where there is one."""
    from rich.padding import Padding  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415

    console = answers()
    table = Table.grid(padding=(0, 2))
    for each in findings:
        table.add_row(plain(each.mark, _STYLES[each.mark]), plain(each.subject, "bold"), plain(each.told))
        if each.remedy:
            table.add_row("", "", plain(f"→ {each.remedy}", _STYLES[each.mark]))
    console.print(Padding(table, (0, 0)))
