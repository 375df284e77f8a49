"""`tieout subscribe`: have the hub send its webhooks here, one subscription for each type of object."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import click

from service.commands.hub import opened_hub
from service.commands.subscriptions import OBJECT_TYPES, Act, Step, carry_out, list_all, plan, webhook_url
from service.commands.telling import tell
from service.commands.terminal import answers, plain, print_json
from service.errors import HubError, TieoutError
from service.settings import Settings
from service.settings.parsers import http_url

_STYLES = {
    Act.MADE: "green",
    Act.KEPT: "dim",
    Act.ENABLED: "green",
    Act.RENEWED: "yellow",
    Act.ENABLED_ANEW: "yellow",
}


def _address(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        return None if value is None else http_url(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("subscribe")
@click.argument("url", required=False, callback=_address, metavar="[URL]")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and do nothing.")
@click.option(
    "--renew",
    is_flag=True,
    help="Make new secrets for what is subscribed already, when the old ones are lost: they end at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Tell it as JSON, secrets included.")
def command(*, url: str | None, dry_run: bool, renew: bool, as_json: bool) -> None:
    """Have the hub send its webhooks to URL, or to TIEOUT_PUBLIC_URL.

    What is subscribed already is kept, what is disabled is enabled again, and what is missing is made. The
    hub tells a secret once: it is printed here, for TIEOUT_WEBHOOK_SECRETS, and kept nowhere.
    """
    settings = Settings.from_environment(os.environ)
    address = webhook_url(url or settings.public_url)
    _require_reachable(address, settings, is_by_setting=url is None)
    done: list[Step] = []
    try:
        asyncio.run(_subscribe(settings, address, done, is_dry=dry_run, is_renewing=renew))
    except BaseException as trouble:
        # Secrets that were told are told on, whatever happened afterwards: nobody can ask for them again.
        if not done:
            raise
        _tell(address, done, settings, as_json=as_json)
        rest = _rest(done, is_renewing=renew)
        if isinstance(trouble, HubError):
            raise TieoutError(f"{trouble}; {rest}") from trouble
        tell(f"tieout: {rest}")
        raise
    _tell(address, done, settings, as_json=as_json, is_dry=dry_run)


def _require_reachable(address: str, settings: Settings, *, is_by_setting: bool) -> None:
    """Refuse what the hub would not send to; one that speaks plain HTTP itself is the simulated one."""
    if urlsplit(address).scheme == "https" or settings.hub_url.startswith("http:"):
        return
    whose = f"TIEOUT_PUBLIC_URL is {settings.public_url}" if is_by_setting else f"{address} is not https"
    raise TieoutError(
        f"{whose}, and the hub sends webhooks to public https:// addresses alone; "
        "name yours: tieout subscribe https://…"
    )


async def _subscribe(
    settings: Settings, url: str, done: list[Step], *, is_dry: bool, is_renewing: bool
) -> None:
    """Do what is to be done; each step is put into `done` at once, for whatever may break the others off."""
    async with opened_hub(settings) as hub:
        steps = plan(await list_all(hub), url, is_renewing=is_renewing)
        if is_dry:
            done.extend(steps)
            return
        async for step in carry_out(hub, steps, url):
            done.append(step)  # noqa: PERF401 - what was done before trouble must not be lost


def _rest(done: Sequence[Step], *, is_renewing: bool) -> str:
    again = "tieout subscribe --renew" if is_renewing else "tieout subscribe"
    return f"{len(done)} of {len(OBJECT_TYPES)} were seen to, run `{again}` again for the others"


def _tell(
    url: str, steps: Sequence[Step], settings: Settings, *, as_json: bool, is_dry: bool = False
) -> None:
    if as_json:
        print_json({"url": url, "subscriptions": [_told(step) for step in steps]})
    else:
        _show(url, steps, settings, is_dry=is_dry)


def _told(step: Step) -> Mapping[str, object]:
    return {
        "object_type": step.object_type,
        "act": step.act.name.lower(),
        "id": step.subscription_id,
        "secret": step.secret,
    }


def _show(url: str, steps: Sequence[Step], settings: Settings, *, is_dry: bool) -> None:
    from rich.table import Table  # noqa: PLC0415 - slow to import

    console = answers()
    console.print(plain(f"Webhooks to {url}", "bold"))
    table = Table.grid(padding=(0, 2))
    for step in steps:
        told = f"would be {step.act}" if is_dry and step.act is not Act.KEPT else step.act
        table.add_row("", plain(step.object_type), plain(told, _STYLES[step.act]))
    console.print(table)
    if is_dry:
        return
    held = len(settings.webhook_secrets)
    _tell_unshown([step.object_type for step in steps if step.secret is None], held)
    secrets = [step.secret for step in steps if step.secret is not None]
    if secrets:
        _show_secrets(secrets, is_first=not held)


def _tell_unshown(object_types: Sequence[str], held: int) -> None:
    """Name what is kept with secrets that the setting cannot hold all: each subscription has its own."""
    if held >= len(object_types):
        return
    setting = f"holds {held} for these {len(object_types)}" if held else "is not set"
    tell(
        "",
        f"Kept, with secrets that are not shown again: {', '.join(object_types)}.",
        f"TIEOUT_WEBHOOK_SECRETS {setting}, and what is signed with another secret is turned away.",
        "They were shown when the subscriptions were made; if they are lost, --renew makes new ones of all.",
    )


def _show_secrets(secrets: Sequence[str], *, is_first: bool) -> None:
    """Print the setting as it is to be pasted: in one line, however long."""
    kept = "" if is_first else ", beside the secrets that it holds"
    tell("", f"Give these to the service{kept}; they are shown this once:")
    click.echo(f"TIEOUT_WEBHOOK_SECRETS={','.join(secrets)}")
