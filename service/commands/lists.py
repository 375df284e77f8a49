"""How lists are printed: columns as wide as what they hold, a heading an organization, and how to go on.

What does not fit a column (reasons, ids) stands below its line, so that 80 columns are enough for all lists.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from rich.console import Console
from rich.text import Text

from service.commands.asking import Answers, opened_answers, write_json
from service.commands.telling import tell
from service.commands.terminal import answers, plain
from service.settings import Settings
from service.web.route import Route

GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Lines:
    """A list as lines: its heading, and one for each row."""

    head: Text
    rows: Sequence[str]


def columns(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
) -> Lines:
    """Align cells, those of the columns in `right` at their ends."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return GAP.join(aligned).rstrip()

    return Lines(Text(line(headings), "dim"), [line(row) for row in rows])


def heading(console: Console, organization_id: UUID, names: Mapping[UUID, str]) -> None:
    """Begin the rows of an organization: its name, and the id that options take."""
    name = plain(names.get(organization_id, "unknown organization"), "bold")
    console.print()
    console.print(Text.assemble(name, GAP, (str(organization_id), "dim")))


Show = Callable[[Console, Answers, Sequence[Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a list is asked for, and how it is to be told."""

    filters: Mapping[str, object]
    after: str | None
    rows_max: int | None
    as_json: bool


async def tell_list(settings: Settings, route: Route, wanted: Wanted, noun: str, show: Show) -> None:
    """Print a list page by page, as JSON or for people, and say beside it how to have more."""
    async with opened_answers(settings) as asked:
        pages = asked.pages(route, wanted.filters, after=wanted.after, rows_max=wanted.rows_max)
        if wanted.as_json:
            await write_json(pages)
            return
        console, count, token = answers(), 0, None
        async for page in pages:
            await show(console, asked, page.data)
            count, token = count + len(page.data), page.next
    if not count:
        tell(f"No {noun} fits.")
    elif token is not None:
        tell("", f"{count:,} shown, and there are more: --all shows all, --limit as many as you like.")
    else:
        tell("", f"{count:,} {noun}{'' if count == 1 else 's'}.")
