"""`tieout status`: how it is, from the database, by the very function that answers `GET /status`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping

import click
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from service.commands.postgres import opened_database
from service.commands.terminal import answers, instant, money, plain, print_json
from service.domain.status import State
from service.settings import Settings
from service.version import version
from service.web.api.status import Status, load
from service.web.authentication import Authenticator
from service.web.route import Service

_STYLES = {State.OK: "bold green", State.DEGRADED: "bold yellow", State.DOWN: "bold red"}


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Exactly what GET /status answers.")
def command(*, as_json: bool) -> None:
    """Tell how it is: state and reasons, causes and whose turn it is, money at risk.

    Reads the database, so it needs no key and answers also while the service is down.
    """
    found = asyncio.run(_load(Settings.from_environment(os.environ, require_hub=False)))
    if as_json:
        print_json(found)
        return
    console = answers()
    for part in _parts(found):
        console.print(part)


async def _load(settings: Settings) -> Status:
    async with opened_database(settings) as database:
        service = Service(
            settings=settings,
            database=database,
            authenticator=Authenticator(database, settings.api_keys),
            replica_id="",
            version=version(),
            description={},
        )
        async with database.fleet(readonly=True) as connection:
            return await load(connection, service, None)


def _parts(found: Status) -> Iterator[RenderableType]:
    """Write the answer for people, the most important first."""
    yield Text.assemble(
        "tieout is ",
        (found.state.value, _STYLES[found.state]),
        (f"   as of {instant(found.as_of)}, version {found.version}", "dim"),
    )
    for reason in found.reasons:
        yield Text.assemble("  • ", plain(reason.message))
    yield ""
    yield _counts(found)
    if found.causes:
        yield ""
        yield from _causes(found)


def _counts(found: Status) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_row("hub", _hub(found))
    table.add_row("organizations", _listed(found.organizations.connections, found.organizations.total))
    table.add_row("records", _listed(found.records.state, found.records.total))
    differences = _listed(found.differences.kinds, found.differences.open)
    if found.differences.expected:
        differences += f"; {found.differences.expected:,} expected"
    table.add_row("differences", differences)
    if any(found.differences.unclassified.values()):
        table.add_row("unexplained", plain(money(found.differences.unclassified), "bold red"))
    webhooks = found.webhooks
    table.add_row(
        "webhooks",
        f"{webhooks.received:,} received, {webhooks.backlog:,} waiting, "
        f"{webhooks.missing:,} fetched from the log",
    )
    firing = {"critical": found.alerts.critical, "warning": found.alerts.warning, "info": found.alerts.info}
    table.add_row("alerts", _listed(firing, found.alerts.firing))
    return table


def _hub(found: Status) -> Text:
    hub = found.hub
    if not hub.reachable and hub.last_ok_at is None:
        return plain("has not answered yet")
    if not hub.reachable:
        return plain(f"not reachable; last answered {instant(hub.last_ok_at)}", "bold red")
    return plain(f"answers; {hub.used_per_second:g} of {hub.rate_per_second:g} requests a second in use")


def _listed(counts: Mapping[str, int], total: int) -> str:
    """Write `7: 4 confirmed, 3 blocked`, leaving out what there is none of."""
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    return f"{total:,}" + (f": {', '.join(parts)}" if parts else "")


def _causes(found: Status) -> Iterator[RenderableType]:
    """Write each cause in a line, and below it what to do: that is too long for a column."""
    names = {cause.cause: plain(cause.cause.replace("_", " ")).plain for cause in found.causes}
    owners = {cause.owner: plain(cause.owner.replace("_", " ")).plain for cause in found.causes}
    widths = max(map(len, names.values())), max(len("whose turn"), *map(len, owners.values()))
    yield _line(("cause", "whose turn", "records", "at risk"), widths, "dim")
    for cause in found.causes:
        name, owner = names[cause.cause], owners[cause.owner]
        at_risk = money(cause.money_at_risk)
        yield _line((name, owner, f"{cause.records:,}", at_risk), widths, "bold")
        if cause.set_aside < cause.records:
            yield Padding(plain(cause.next_step, "dim"), (0, 0, 0, 2))
        if cause.set_aside:
            told = f"{cause.set_aside:,} set aside by a person: nobody has to act on that."
            yield Padding(plain(told, "dim"), (0, 0, 0, 2))


def _line(cells: tuple[str, str, str, str], widths: tuple[int, int], style: str) -> RenderableType:
    """Write one line of the list of causes."""
    name, owner, records, at_risk = cells
    first, second = widths
    return Text.assemble((f"{name:<{first}}", style), f"  {owner:<{second}}  {records:>7}  {at_risk}")
