"""`tieout records`: synced records, or one with its whole story, as `GET /v1/records` has them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

import click
from rich.console import Console
from rich.text import Text

from service.commands.asking import Answers, listing, opened_answers, route_of
from service.commands.lists import GAP, Wanted, columns, heading, tell_list
from service.commands.terminal import answers, below, instant, plain, print_json
from service.domain.money import format_minor
from service.domain.record_state import FAILED, State
from service.settings import Settings
from service.web.api.records import GAVE_BACK, Attempt, Record, Story

ROUTE: Final = route_of("/v1/records")
STORY: Final = route_of("/v1/records/{record_id:uuid}")

_HEADINGS: Final = ("state", "what", "amount", "record")
_RIGHT: Final = frozenset({2})
_STYLES: Final = {
    State.CONFIRMED: "green",
    State.NEEDS_PERSON: "bold red",
    State.GIVEN_UP: "bold red",
    State.QUARANTINED: "yellow",
    State.BLOCKED: "yellow",
    State.RETRYING: "yellow",
}


@click.command("records")
@click.argument("record", type=click.UUID, required=False, metavar="[RECORD]")
@listing(ROUTE)
def command(
    *, record: UUID | None, rows_max: int, is_all: bool, after: str | None, as_json: bool, **filters: object
) -> None:
    """List synced records: where each is on its way into the books, and why not there yet.

    With RECORD, the id of one, its whole story: attempts, what permitted them, and each change of state.
    """
    settings = Settings.from_environment(os.environ, require_hub=False)
    if record is not None:
        asyncio.run(_tell_story(settings, record, filters, as_json=as_json))
    else:
        wanted = Wanted(filters=filters, after=after, rows_max=None if is_all else rows_max, as_json=as_json)
        asyncio.run(tell_list(settings, ROUTE, wanted, "record", _show))


async def _show(console: Console, asked: Answers, found: Sequence[Record]) -> None:
    names = await asked.names({each.organization_id for each in found})
    lines = columns(_HEADINGS, [_cells(each) for each in found], right=_RIGHT)
    by_organization = groupby(zip(found, lines.rows, strict=True), lambda pair: pair[0].organization_id)
    for organization_id, pairs in by_organization:
        heading(console, organization_id, names)
        console.print(lines.head, soft_wrap=True)
        for each, line in pairs:
            console.print(Text(line, _STYLES.get(State(each.state), "")), soft_wrap=True)
            if each.state in FAILED or each.state == State.WAITING:
                below(console, _why(each))


def _cells(each: Record) -> Sequence[str]:
    return (_words(each.state), _words(each.object_type), _amount(each), str(each.id))


def _amount(each: Record) -> str:
    if each.amount_minor is None or each.currency is None:
        return ""
    return format_minor(each.amount_minor, each.currency)


def _words(text: str) -> str:
    return plain(text.replace("_", " ")).plain


def _why(each: Record) -> Text:
    """Say the cause, whose turn it is and what to do, in one line or two."""
    parts = [_words(part) for part in (each.cause, each.owner) if part]
    return Text.assemble((f"{', '.join(parts)}: " if parts else "", "bold"), plain(each.reason, "dim"))


async def _tell_story(
    settings: Settings, record_id: UUID, filters: Mapping[str, object], *, as_json: bool
) -> None:
    others = sorted(name for name, value in filters.items() if value is not None and name != "as_of")
    if others:
        raise click.UsageError(f"one record is not filtered: leave out {', '.join(others)}, or RECORD")
    async with opened_answers(settings) as asked:
        query = {parameter.name: filters.get(parameter.name) for parameter in STORY.parameters}
        story: Story = await asked.ask(STORY, query, {"record_id": record_id})
        if as_json:
            print_json(story)
            return
        names = await asked.names({story.organization_id})
    console = answers()
    heading(console, story.organization_id, names)
    _show_story(console, story)


def _show_story(console: Console, story: Story) -> None:
    """Write what it is, what was tried, and how it came to be as it is."""
    state = State(story.state)
    head = (_words(story.object_type), GAP, (_words(state), _STYLES.get(state, "bold")), GAP, _amount(story))
    console.print(Text.assemble(*head))
    below(console, _why(story))
    console.print()
    for name, value in _facts(story):
        console.print(Text.assemble((f"{name:<15}", "dim"), plain(value)))
    if story.attempts:
        console.print()
        console.print(Text("attempts", "bold"))
        for attempt in story.attempts:
            _show_attempt(console, attempt)
    console.print()
    console.print(Text("history, the newest first", "bold"))
    for step in story.history:
        console.print(Text.assemble(f"  {instant(step.known_at)}  ", (_words(step.state), "bold")))
        below(console, plain(step.reason, "dim"), len(f"  {instant(step.known_at)}  "))


def _facts(story: Story) -> Iterator[tuple[str, str]]:
    """What there is to know of it beside the reason."""
    facts = (
        ("record", str(story.id)),
        ("in the hub", str(story.object_id or "")),
        ("in the books", story.platform_object_id or ""),
        ("the hub says", story.cause_text or ""),
        ("failing since", instant(story.first_failed_at) if story.first_failed_at else ""),
        ("next attempt", instant(story.next_attempt_at) if story.next_attempt_at else ""),
        ("looked at by", instant(story.deadline_at) if story.deadline_at else ""),
    )
    return (fact for fact in facts if fact[1])


def _show_attempt(console: Console, attempt: Attempt) -> None:
    """Write one push: when, what came of it, and what permitted it."""
    began = f"  {instant(attempt.started_at)}  "
    outcome = _words(attempt.outcome if attempt.was_sent else "not_sent")
    console.print(Text.assemble(began, (outcome, "bold"), f" ({_words(attempt.trigger)})"))
    told = (attempt.why, attempt.error, GAVE_BACK if attempt.gave_back else None)
    below(console, plain(" ".join(filter(None, told)), "dim"), len(began))
