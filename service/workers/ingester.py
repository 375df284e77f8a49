"""The ingester: works events off as hints.

It changes nothing but when things are read: streams are wished for, documents named, the poller nudged. An
event of an organization that we do not know makes the fleet be listed soon; when it is, everything of it is
read anyway.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from service.domain.cadence.hint import Hint, Wishes, wishes_of
from service.domain.fleet import FLEET, WorkKind
from service.store.awaited import insert_awaited
from service.store.database import Connection, Database
from service.store.events import list_unworked_events, mark_events_worked
from service.store.organizations import list_organization_hashes
from service.store.streams import insert_targets, nudge_streams
from service.store.work import nudge_work
from service.workers.claims import Claims
from service.workers.work import IDLE, Tally, Work

LANES: Final = 2
"""Hints are cheap: no call to the hub, one transaction for many."""

EVENTS_MAX: Final = 500
"""Events in one transaction."""

BATCHES_MAX: Final = 20
"""Transactions in one run; the organization's turn comes again at once for the rest."""

REST: Final = timedelta(hours=6)
"""Whoever stores an event nudges us in the same transaction, so this only guards against our own mistakes."""


class Ingester:
    """Works off the events of organizations."""

    kind = WorkKind.INGEST

    def __init__(self, *, database: Database, replica_id: str, lanes: int = LANES) -> None:
        self.lanes = lanes
        self._database = database
        self._claims = Claims(database, self.kind, replica_id)

    async def run_once(self, _now: datetime) -> Tally:
        """Work off what waits of the organization that has waited longest."""
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            counts: Counter[str] = Counter()
            worked = EVENTS_MAX
            for _ in range(BATCHES_MAX):
                worked = await _work_off(work)
                counts["events_worked"] += worked
                if worked < EVENTS_MAX:
                    break
            await work.finish(due_at=work.now + (REST if worked < EVENTS_MAX else timedelta(0)))
            return Tally(claimed=1, counts=counts)


async def _work_off(work: Work) -> int:
    """Work off one batch; returns how many events it held."""
    async with work.writing() as connection:
        events = await list_unworked_events(connection, work.organization_id, EVENTS_MAX)
        if not events:
            return 0
        hints = [
            Hint(
                object_type=event.object_type,
                object_id=event.object_id,
                received_at=event.received_at,
                created_at=event.created_at,
            )
            for event in events
        ]
        wishes = wishes_of(hints, work.now)
        is_known = await list_organization_hashes(connection, [work.organization_id])
        if is_known:
            await _wish(connection, work, wishes)
        await mark_events_worked(connection, work.organization_id, {event.event_id for event in events})
    if wishes.lists_organizations or not is_known:
        await _list_organizations(work)
    return len(events)


async def _wish(connection: Connection, work: Work, wishes: Wishes) -> None:
    if wishes.streams:
        await nudge_streams(connection, work.organization_id, wishes.streams)
    if wishes.targets:
        await insert_targets(connection, work.organization_id, wishes.targets)
    wanted = [at for _, at in wishes.streams] + [at for _, _, at in wishes.targets]
    if wishes.awaited:
        await insert_awaited(connection, work.organization_id, wishes.awaited)
        wanted.append(work.now)  # to decide when to look, not yet to look
    if wanted:
        await nudge_work(connection, [work.organization_id], WorkKind.POLL, min(wanted))


async def _list_organizations(work: Work) -> None:
    """Have the organizations listed soon; the fleet lists them now and then in any case."""
    async with work.database.organization(FLEET) as connection:
        await nudge_work(connection, [FLEET], WorkKind.FLEET, work.now)
