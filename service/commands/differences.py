"""`tieout differences`: what differs between both sides, as `GET /v1/differences` has it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import groupby

import click
from rich.console import Console
from rich.text import Text

from service.commands.asking import Answers, listing, route_of
from service.commands.lists import Wanted, columns, heading, tell_list
from service.commands.terminal import below, plain
from service.domain.document import Origin
from service.domain.money import format_minor
from service.settings import Settings
from service.web.api.differences import Difference

ROUTE = route_of("/v1/differences")

_HEADINGS = ("kind", "ledger", "difference", "local", "books")
_RIGHT = frozenset({2, 3, 4})


@click.command("differences")
@listing(ROUTE)
def command(*, rows_max: int, is_all: bool, after: str | None, as_json: bool, **filters: object) -> None:
    """List what differs between local documents and the books, each with a reason.

    What a rule of the platform explains is expected: --not-expected leaves it out. --open leaves out what is
    resolved.
    """
    settings = Settings.from_environment(os.environ, require_hub=False)
    wanted = Wanted(filters=filters, after=after, rows_max=None if is_all else rows_max, as_json=as_json)
    asyncio.run(tell_list(settings, ROUTE, wanted, "difference", _show))


async def _show(console: Console, asked: Answers, found: Sequence[Difference]) -> None:
    names = await asked.names({each.organization_id for each in found})
    lines = columns(_HEADINGS, [_cells(each) for each in found], right=_RIGHT)
    by_organization = groupby(zip(found, lines.rows, strict=True), lambda pair: pair[0].organization_id)
    for organization_id, pairs in by_organization:
        heading(console, organization_id, names)
        console.print(lines.head, soft_wrap=True)
        for each, line in pairs:
            console.print(Text(line, "dim" if each.resolved_at or each.expected else ""), soft_wrap=True)
            below(console, _reason(each))


def _cells(each: Difference) -> Sequence[str]:
    return (
        plain(each.kind.replace("_", " ")).plain,
        plain(each.ledger).plain,
        format_minor(each.delta_minor, each.currency),
        _amount(each.local_minor, each.currency),
        _amount(each.books_minor, each.currency),
    )


def _amount(minor: int | None, currency: str) -> str:
    """Write an amount without its currency, which stands beside it."""
    return "-" if minor is None else format_minor(minor, currency).removeprefix(f"{currency} ")


def _reason(each: Difference) -> Text:
    """Say why, by which rule it is expected, since when, and which documents these are."""
    told = plain(": ".join(filter(None, (", ".join(filter(None, (each.number, each.party))), each.reason))))
    if each.expected:
        told.append(f" Expected: {plain((each.rule or 'a rule of the platform').replace('_', ' '))}.")
    if each.resolved_at is not None:
        told.append(f" Resolved {each.resolved_at:%Y-%m-%d %H:%M}.")
    for side, given in (("local", each.local_id), ("books", each.books_id)):
        if given:
            own = "  (your own document)" if side == "local" and each.origin == Origin.PARTNER else ""
            told.append(f"\n{side}  {plain(given)}{own}", "dim")
    return told
