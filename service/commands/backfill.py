"""`tieout backfill`: have everything read anew, and show how far it has come.

What is to be read stands in Postgres, so it goes on wherever it was interrupted, and by whichever replica:
where no worker runs, this command brings its own, which read and compare but push nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import click

from service import app, logs
from service.commands.telling import tell
from service.commands.terminal import asides, print_json
from service.domain.fleet import FLEET, WorkKind
from service.domain.status import WORKER_SILENT_SECONDS
from service.errors import TieoutError
from service.settings import Settings
from service.store.backfill import (
    Progress,
    begin_backfill,
    delete_backfills,
    get_backfill_progress,
    get_fleet_listing,
    list_backfill_organizations,
)
from service.store.database import Database
from service.store.replicas import list_replicas
from service.store.streams import ensure_streams, restart_streams
from service.store.work import get_now, nudge_work
from service.version import version
from service.workers.assembly import build_pacer, build_workers, open_hub, prepare
from service.workers.scheduler import Scheduler

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LOOK_SECONDS: Final = 0.5
RESTARTED_AT_ONCE: Final = 500
"""Organizations a transaction: some thousands of rows, locked for a moment."""

LIST_SECONDS_MAX: Final = 120.0
REPLICA: Final = "backfill"
READING: Final = frozenset({WorkKind.FLEET, WorkKind.POLL, WorkKind.COMPARE})


@click.command("backfill")
@click.argument("organizations", nargs=-1, type=click.UUID, metavar="[ORG]...")
@click.option("--anew", is_flag=True, help="Begin again, also where an earlier one did not end.")
@click.option("--json", "as_json", is_flag=True, help="Tell what was read as JSON.")
def command(*, organizations: tuple[UUID, ...], anew: bool, as_json: bool) -> None:
    """Read everything anew, of some organizations or of all, whatever the cursors say.

    Interrupt it when you like: the next one goes on where this one stopped. The pace is that of the hub's
    budget.
    """
    settings = Settings.from_environment(os.environ)
    # Progress is shown by a bar; of the log only what is wrong is worth reading beside it.
    logs.configure(logs.Masker(settings.secrets()), level=logging.WARNING)
    asyncio.run(backfill(settings, organizations or None, is_anew=anew, as_json=as_json))


async def backfill(settings: Settings, asked: Sequence[UUID] | None, *, is_anew: bool, as_json: bool) -> None:
    """Read some organizations or all anew, and say so; workers of its own read where none runs."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(app.open_database(settings))
        async with database.fleet(readonly=True) as connection:
            began_at = await get_now(connection)
        if not await _has_worker(database):
            tell("No worker is running, so this command reads by itself.")
            await stack.enter_async_context(_own_lanes(settings, database))
        organization_ids = await _organizations(database, asked)
        await _begin(database, organization_ids, began_at, is_anew=is_anew)
        last = await _follow(database, organization_ids)
    if as_json:
        told = {"organizations": len(organization_ids), "lists": last.streams, "failing": last.failing}
        print_json(told)
    else:
        count = f"{len(organization_ids):,} organization{'' if len(organization_ids) == 1 else 's'}"
        click.echo(f"Read {count}.")
    if last.failing:
        raise TieoutError(
            f"{last.failing:,} of them could not be read whole; they are tried again by the service, and "
            "`tieout status` tells why the hub refuses"
        )


async def _has_worker(database: Database) -> bool:
    async with database.fleet(readonly=True) as connection:
        replicas = await list_replicas(connection, WORKER_SILENT_SECONDS)
    return any("worker" in replica.roles for replica in replicas)


@asynccontextmanager
async def _own_lanes(settings: Settings, database: Database) -> AsyncIterator[None]:
    async with open_hub(settings, database, version()) as hub:
        await prepare(database)
        pacer = build_pacer(settings, database)
        await pacer.beat()
        workers = build_workers(settings, database, hub, [], REPLICA, pacer=pacer)
        scheduler = Scheduler(database, [worker for worker in workers if worker.kind in READING])
        scheduler.start()
        try:
            yield
        finally:
            await scheduler.stop()


async def _organizations(database: Database, asked: Sequence[UUID] | None) -> Sequence[UUID]:
    """Have the hub's list read, and give those of it that this is about."""
    async with database.fleet() as connection:
        began_at = await get_now(connection)
        await nudge_work(connection, [FLEET], WorkKind.FLEET, began_at)
    try:
        async with asyncio.timeout(LIST_SECONDS_MAX):
            while True:
                async with database.fleet(readonly=True) as connection:
                    listing = await get_fleet_listing(connection)
                    if listing is not None and listing.finished_at > began_at:
                        found = await list_backfill_organizations(connection, asked)
                        break
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise TieoutError(
            f"the list of organizations was not read within {LIST_SECONDS_MAX:g} s; run `tieout check`"
        ) from None
    if listing.error is not None:
        raise TieoutError(f"the list of organizations was not read: {listing.error}; run `tieout check`")
    unknown = sorted(set(asked or ()) - set(found))
    if unknown:
        raise TieoutError(f"the hub lists no organization {', '.join(map(str, unknown))}; check the id")
    if not found:
        raise TieoutError("the hub lists no organization yet; there is nothing to read")
    return found


async def _begin(
    database: Database, organization_ids: Sequence[UUID], began_at: datetime, *, is_anew: bool
) -> None:
    """Write down what is to be read before any of it is made due, so that none of it is passed over."""
    async with database.fleet() as connection:
        is_begun = await begin_backfill(connection, organization_ids, began_at, is_anew=is_anew)
    if not is_begun:
        tell("Going on where an earlier one stopped; --anew begins again.")
    await _make_due(database, organization_ids)


async def _make_due(database: Database, organization_ids: Sequence[UUID]) -> None:
    for start in range(0, len(organization_ids), RESTARTED_AT_ONCE):
        batch = organization_ids[start : start + RESTARTED_AT_ONCE]
        async with database.fleet() as connection:
            await ensure_streams(connection, batch)
            await restart_streams(connection, batch)
            await nudge_work(connection, batch, WorkKind.POLL, await get_now(connection))


async def _follow(database: Database, organization_ids: Sequence[UUID]) -> Progress:
    """Show how far it has come, until it is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as ProgressBar  # noqa: PLC0415

    console = asides()
    columns = (
        TextColumn("reading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("lists"),
        TimeElapsedColumn(),
    )
    with ProgressBar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        while True:
            async with database.fleet(readonly=True) as connection:
                progress = await get_backfill_progress(connection, organization_ids)
            _show(bar, task, progress)
            if not progress.remaining:
                break
            if progress.passed_over:
                await _make_due(database, organization_ids)
            await asyncio.sleep(LOOK_SECONDS)
    async with database.fleet() as connection:
        await delete_backfills(connection, organization_ids)
    return progress


def _show(bar: Bar, task: TaskID, progress: Progress) -> None:
    bar.update(task, total=progress.streams, completed=progress.streams - progress.remaining)
