"""`tieout check`: look at everything that the service needs, and tell what to mend."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence

import click

from service.commands import inspection
from service.commands.inspection import Finding, Mark
from service.commands.telling import REFUSED
from service.commands.terminal import answers, plain, print_json
from service.settings import Settings

_STYLES = {Mark.FINE: "green", Mark.UNWISE: "yellow", Mark.WRONG: "bold red"}


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="Tell the findings as JSON.")
def command(*, as_json: bool) -> int:
    """Try settings, database, paper trail, clocks, hub, rate budget, webhooks and alert channels.

    Each finding that is wrong comes with its remedy; the exit code is then 1. Nothing is changed or sent.
    """
    findings = asyncio.run(_inspect(Settings.from_environment(os.environ)))
    if as_json:
        print_json(_told(findings))
        return REFUSED if any(each.mark is Mark.WRONG for each in findings) else 0
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
    settled = [*inspection.inspect_settings(settings), *inspection.inspect_traces(settings)]
    return [*settled, *database, *hub, *channels]


def _told(findings: Sequence[Finding]) -> Mapping[str, object]:
    told = [
        {
            "subject": each.subject,
            "outcome": each.mark.name.lower(),
            "told": each.told,
            "remedy": each.remedy or None,
        }
        for each in findings
    ]
    is_ready = all(each.mark is not Mark.WRONG for each in findings)
    return {"ready": is_ready, "findings": told}


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
