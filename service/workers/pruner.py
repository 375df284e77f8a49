"""The pruner: makes room, makes the months of history before they begin, and checks the counts that are kept.

Everything is deleted in bounded portions, each in a transaction of its own: one long deletion holds back
vacuum and with it every queue in the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from service.domain.fleet import WorkKind
from service.store.access import prune_sessions
from service.store.alerts import prune_alerts, prune_notifications
from service.store.database import Connection, Database
from service.store.events import prune_events
from service.store.fleet_counts import correct_fleet_counts
from service.store.fleet_samples import prune_fleet_samples
from service.store.history import (
    drop_history_before,
    empty_history_before,
    ensure_history_month,
    return_history,
)
from service.store.replicas import prune_replicas
from service.store.retries import prune_retries
from service.store.scans import prune_scans
from service.workers.claims import Claims
from service.workers.work import IDLE, Tally, Work

PRUNE_SECONDS: Final = 3600.0

PORTION: Final = 5_000
"""Rows deleted in one transaction: some tenths of a second."""

PORTIONS_MAX: Final = 100
"""Of each table in one run; the rest has its turn an hour later."""

EVENTS_KEPT_MIN: Final = timedelta(days=100)
"""An event is known, and counts once, for at least so long."""

HISTORY_KEPT_MIN: Final = timedelta(days=31)
"""What a statement of the month that ended is made from; Postgres itself refuses to forget more."""

SCANS_KEPT: Final = timedelta(days=30)
"""Scans explain balances of the last weeks; statements keep what they were signed with. What the last ones of
a list proved is kept without end: nobody may read the books again, as after a disconnection."""

SAMPLES_KEPT: Final = timedelta(days=14)
"""What the page draws is younger; twenty thousand narrow rows."""

REPLICAS_KEPT_SECONDS: Final = 86_400.0


class Pruner:
    """Deletes what is older than it is kept."""

    kind = WorkKind.PRUNE
    lanes = 1

    def __init__(self, *, database: Database, replica_id: str, retention: timedelta) -> None:
        self._database = database
        self._claims = Claims(database, self.kind, replica_id)
        self._retention = retention

    async def run_once(self, _now: datetime) -> Tally:
        """Prune everything once, when it is time to."""
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            counts: Counter[str] = Counter()
            await self._prune(work, counts)
            await work.finish(due_at=work.now + timedelta(seconds=PRUNE_SECONDS))
            return Tally(claimed=1, counts=counts)

    async def _prune(self, work: Work, counts: Counter[str]) -> None:
        async with work.writing_fleet() as connection:
            await ensure_months(connection, work.now)
            await prune_scans(connection, SCANS_KEPT)
            await prune_sessions(connection)
            await prune_fleet_samples(connection, SAMPLES_KEPT)
            await prune_replicas(connection, REPLICAS_KEPT_SECONDS)
        async with work.writing_fleet() as connection:
            counts["counts_corrected"] = await correct_fleet_counts(connection)
        await self._prune_history(work, counts)
        kept = max(self._retention, EVENTS_KEPT_MIN)
        portions: dict[str, Callable[[Connection], Awaitable[int]]] = {
            "events_pruned": lambda connection: prune_events(connection, kept, PORTION),
            "retries_pruned": lambda connection: prune_retries(connection, self._retention, PORTION),
            "alerts_pruned": lambda connection: prune_alerts(connection, self._retention, PORTION),
            "notifications_pruned": lambda connection: prune_notifications(
                connection, self._retention, PORTION
            ),
        }
        for name, prune in portions.items():
            counts[name], _ = await _in_portions(work, prune)

    async def _prune_history(self, work: Work, counts: Counter[str]) -> None:
        """Drop months that are older than history is kept, but for the last version of what still stands."""
        day = (work.now - max(self._retention, HISTORY_KEPT_MIN)).date()
        counts["versions_pruned"], is_empty = await _in_portions(
            work, lambda connection: empty_history_before(connection, day, PORTION)
        )
        if not is_empty:
            return
        async with work.writing_fleet() as connection:
            counts["months_dropped"] = await drop_history_before(connection, day)
        counts["versions_kept"], _ = await _in_portions(
            work, lambda connection: return_history(connection, PORTION)
        )


async def ensure_months(connection: Connection, now: datetime) -> None:
    """Make the partitions of history for this month and the next."""
    this_month = now.date().replace(day=1)
    await ensure_history_month(connection, this_month)
    await ensure_history_month(connection, this_month + timedelta(days=31))


async def _in_portions(work: Work, prune: Callable[[Connection], Awaitable[int]]) -> tuple[int, bool]:
    """Prune portion by portion; returns how many rows went, and whether that was all of them."""
    pruned = 0
    for _ in range(PORTIONS_MAX):
        async with work.writing_fleet() as connection:
            count = await prune(connection)
        pruned += count
        if count < PORTION:
            return pruned, True
    return pruned, False
