"""`tieout subscribe`: have the hub send its webhooks here, one subscription for each type of object."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import click

from service.commands.hub import opened_hub
from service.commands.subscriptions import Act, Step, carry_out, list_all, plan, webhook_url
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it, so far as it went; `trouble` is what ended it early."""

    url: str
    steps: Sequence[Step]
    trouble: HubError | None = None

    @property
    def secrets(self) -> Sequence[str]:
        """The secrets that the hub told, which it will not tell again."""
        return [step.secret for step in self.steps if step.secret is not None]


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
    outcome = asyncio.run(_subscribe(settings, address, is_dry=dry_run, is_renewing=renew))
    if as_json:
        print_json(_told(outcome))
    else:
        _show(outcome, settings, is_dry=dry_run)
    if outcome.trouble is not None:
        done = f"{len(outcome.steps)} of {len(plan([], address))} were seen to"
        raise TieoutError(f"{outcome.trouble}; {done}, run `tieout subscribe` again for the others")


def _require_reachable(address: str, settings: Settings, *, is_by_setting: bool) -> None:
    """Refuse what the hub would not send to; one that speaks plain HTTP itself is the simulated one."""
    if urlsplit(address).scheme == "https" or settings.hub_url.startswith("http:"):
        return
    whose = f"TIEOUT_PUBLIC_URL is {settings.public_url}" if is_by_setting else f"{address} is not https"
    raise TieoutError(
        f"{whose}, and the hub sends webhooks to public https:// addresses alone; "
        "name yours: tieout subscribe https://…"
    )


async def _subscribe(settings: Settings, url: str, *, is_dry: bool, is_renewing: bool) -> Outcome:
    done: list[Step] = []
    async with opened_hub(settings) as hub:
        steps = plan(await list_all(hub), url, is_renewing=is_renewing)
        if is_dry:
            return Outcome(url=url, steps=steps)
        try:
            async for step in carry_out(hub, steps, url):
                done.append(step)  # noqa: PERF401 - what was done before trouble must not be lost
        except HubError as trouble:
            # Secrets that were told are told on, whatever happened afterwards.
            return Outcome(url=url, steps=done, trouble=trouble)
    return Outcome(url=url, steps=done)


def _told(outcome: Outcome) -> Mapping[str, object]:
    return {
        "url": outcome.url,
        "subscriptions": [
            {
                "object_type": step.object_type,
                "act": step.act.name.lower(),
                "id": step.subscription_id,
                "secret": step.secret,
            }
            for step in outcome.steps
        ],
    }


def _show(outcome: Outcome, settings: Settings, *, is_dry: bool) -> None:
    from rich.table import Table  # noqa: PLC0415 - slow to import

    console = answers()
    console.print(plain(f"Webhooks to {outcome.url}", "bold"))
    table = Table.grid(padding=(0, 2))
    for step in outcome.steps:
        told = f"would be {step.act}" if is_dry and step.act is not Act.KEPT else step.act
        table.add_row("", plain(step.object_type), plain(told, _STYLES[step.act]))
    console.print(table)
    if outcome.secrets:
        _show_secrets(outcome.secrets, is_first=not settings.webhook_secrets)
    elif not is_dry and not settings.webhook_secrets:
        tell(
            "",
            "TIEOUT_WEBHOOK_SECRETS is not set, so every delivery is answered 503. The secrets were",
            "shown when the subscriptions were made; if they are lost, --renew makes new ones.",
        )


def _show_secrets(secrets: Sequence[str], *, is_first: bool) -> None:
    """Print the setting as it is to be pasted: in one line, however long."""
    kept = "" if is_first else ", beside the secrets that it holds"
    tell("", f"Give these to the service{kept}; they are shown this once:")
    click.echo(f"TIEOUT_WEBHOOK_SECRETS={','.join(secrets)}")
