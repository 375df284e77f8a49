"""`tieout retry`: plan a retry of many, show it, ask, apply exactly that, and follow it to its end.

By the very functions that answer `/v1/retries`. What applies a plan is its hash, so what was looked at is
what is sent; the sending itself is the service's, by the same gate as everything else.
"""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import click
import msgspec

from service.commands.asking import Answers, Decorator, opened_answers, option_of, route_of
from service.commands.retry_shown import show_heads, show_outcome, show_plan
from service.commands.telling import tell
from service.commands.terminal import answers, asides, confirm, print_json
from service.errors import TieoutError
from service.settings import Role, Settings
from service.web.api.retries import Apply, Ask, Retry, RetryState
from service.web.authentication import Caller
from service.web.parameters import AFTER, AS_OF, LIMIT
from service.web.retrying import Filter

RECORDS: Final = route_of("/v1/records")
LIST: Final = route_of("/v1/retries")
GET: Final = route_of("/v1/retries/{retry_id:uuid}")
PLAN: Final = route_of("/v1/retries", "POST")
APPLY: Final = route_of("/v1/retries/{retry_id:uuid}/apply", "POST")
CANCEL: Final = route_of("/v1/retries/{retry_id:uuid}", "DELETE")

LOOK_SECONDS: Final = 0.5
"""Between two looks at how far it has come."""

STILL_SECONDS: Final = 30.0
"""Without any progress for so long nobody waits at a terminal: the service goes on, or is not running."""

NONE_MAY: Final = "none of it may be sent now; the plan above says why"

ALL: Final = "all"
LISTED_MAX: Final = 20
"""Retries listed: the last days' of a busy operator."""


def _filters(function: Any) -> Any:  # noqa: ANN401 - a command, before and after
    """Give it the filters of `GET /v1/records`."""
    options: list[Decorator] = [
        option_of(each) for each in RECORDS.parameters if each not in (LIMIT, AFTER, AS_OF)
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command("retry")
@_filters
@click.option(
    "--record", "records", type=click.UUID, multiple=True, metavar="RECORD", help="Only this one; repeatable."
)
@click.option("--yes", is_flag=True, help="Apply the plan unasked.")
@click.option("--json", "as_json", is_flag=True, help="As the API answers; without --yes the plan alone.")
@click.option(
    "--status",
    is_flag=False,
    flag_value=ALL,
    metavar="[RETRY]",
    help="What became of one, or of the last ones; plans nothing.",
)
@click.option("--cancel", type=click.UUID, metavar="RETRY", help="Take back what was not sent yet.")
def command(
    *,
    records: tuple[UUID, ...],
    yes: bool,
    as_json: bool,
    status: str | None,
    cancel: UUID | None,
    **filters: Any,  # noqa: ANN401 - as their parameters parse them
) -> None:
    """Send again what failed: plan, look, apply.

    The plan tells what may be sent now, what not and why, how much money and how many calls of the hub. An
    operator's retry skips waits and cures, never the proof that nothing would be doubled.
    """
    settings = Settings.from_environment(os.environ, require_hub=False)
    given = {name: value for name, value in filters.items() if value is not None}
    if (status or cancel) and (given or records or yes or (status and cancel)):
        raise click.UsageError("--status and --cancel are about a retry that exists, and stand alone")
    if status:
        asyncio.run(_tell_status(settings, status, as_json=as_json))
    elif cancel:
        asyncio.run(_cancel(settings, cancel, as_json=as_json))
    else:
        ids = list(records) or None
        wanted = msgspec.convert({**given, "record_ids": ids}, Filter, strict=False)
        asyncio.run(_retry(settings, wanted, is_asked=not yes, as_json=as_json))


def _operator() -> Caller:
    """Whoever sits at this terminal, as the paper trail names them."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown user"
    return Caller(name=f"command line: {name}", role=Role.OPERATOR, organization_id=None)


async def _retry(settings: Settings, wanted: Filter, *, is_asked: bool, as_json: bool) -> None:
    async with opened_answers(settings, _operator()) as asked:
        plan: Retry = await asked.ask(PLAN, {}, body=Ask(filter=wanted))
        if as_json:
            is_applied = bool(plan.eligible) and not is_asked
            print_json(await _apply(asked, plan) if is_applied else plan)
            if plan.excluded and not plan.eligible and not is_asked:
                raise TieoutError(NONE_MAY)
            return
        if not plan.eligible and not plan.excluded:
            tell("Nothing that failed fits.")
            return
        console = answers()
        show_plan(console, plan, await asked.names({each.organization_id for each in _all(plan)}))
        if not plan.eligible:
            raise TieoutError(NONE_MAY)
        count = len(plan.eligible)
        if is_asked and not confirm(f"Send {count:,} record{'' if count == 1 else 's'} again?"):
            tell("Nothing was sent.")
            return
        await _apply(asked, plan)
        ended = await _watch(asked, plan.id)
        show_outcome(console, ended)
        if ended.state is RetryState.RUNNING:
            tell(f"It goes on by itself; look again with: tieout retry --status {plan.id}")


async def _apply(asked: Answers, plan: Retry) -> Retry:
    applied: Retry = await asked.ask(APPLY, {}, _path(plan.id), body=Apply(hash=plan.hash))
    return applied


async def _watch(asked: Answers, retry_id: UUID) -> Retry:
    """Follow one, and say how to go on if that ends before it does: what was applied goes on all the same."""
    try:
        return await _follow(asked, retry_id)
    except (asyncio.CancelledError, Exception):
        tell(
            "Stopped watching; it goes on by itself.",
            f"  what became of it: tieout retry --status {retry_id}",
            f"  take the rest back: tieout retry --cancel {retry_id}",
        )
        raise


async def _follow(asked: Answers, retry_id: UUID) -> Retry:
    """Show how far it has come, until it is done or nothing moves."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - slow to load

    console = asides()
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        done, still_seconds = -1, 0.0
        while True:
            retry: Retry = await asked.ask(GET, {}, _path(retry_id))
            total = retry.progress.eligible
            now_done = total - retry.progress.queued
            bar.update(task, total=total, completed=now_done)
            still_seconds = 0.0 if now_done != done else still_seconds + LOOK_SECONDS
            done = now_done
            if retry.state is not RetryState.RUNNING or still_seconds >= STILL_SECONDS:
                return retry
            await asyncio.sleep(LOOK_SECONDS)


async def _tell_status(settings: Settings, status: str, *, as_json: bool) -> None:
    async with opened_answers(settings) as asked:
        if status == ALL:
            page = await asked.ask(LIST, {"limit": LISTED_MAX, "after": None})
            if as_json:
                print_json(page)
            elif page.data:
                show_heads(answers(), page.data)
            else:
                tell("No retry was planned so far.")
            return
        try:
            retry_id = UUID(status)
        except ValueError:
            raise click.BadParameter(f"{status} is no id of a retry", param_hint="--status") from None
        retry: Retry = await asked.ask(GET, {}, _path(retry_id))
    if as_json:
        print_json(retry)
    else:
        show_outcome(answers(), retry)


async def _cancel(settings: Settings, retry_id: UUID, *, as_json: bool) -> None:
    async with opened_answers(settings, _operator()) as asked:
        retry: Retry = await asked.ask(CANCEL, {}, _path(retry_id))
    if as_json:
        print_json(retry)
    else:
        show_outcome(answers(), retry)


def _all(plan: Retry) -> list[Any]:
    return [*plan.eligible, *plan.excluded]


def _path(retry_id: UUID) -> Mapping[str, Any]:
    return {"retry_id": retry_id}
