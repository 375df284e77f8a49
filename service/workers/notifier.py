"""Sending what waits in the outbox: each channel in a lane of its own, at its own pace, in order per alert.

A channel's work is a row of kind `notify` under an id made from its digest: one replica at a time sends to
it, and a channel that hangs holds one lane and delays no other. The nil organization's row looks after the
others. `delivery` is what happens to one channel in one run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Final
from uuid import UUID, uuid5

import structlog

from service.channels.channel import Channel
from service.domain.backoff import doubled
from service.domain.fleet import FLEET, WorkKind
from service.store import alerts as store
from service.store.database import Database
from service.store.work import ensure_work, nudge_work
from service.workers.claims import Claims
from service.workers.delivery import REST_SECONDS, Delivery, Memory
from service.workers.work import IDLE, Tally, Work

STRANGER_SECONDS: Final = 15.0
STRANGER_SECONDS_MAX: Final = 3_600.0
"""How soon a channel that is not in our settings is offered again: another replica may know it."""

ABANDONED_AFTER: Final = timedelta(days=1)
"""A rolling restart, in which some replicas know a channel and others do not, is long over by then."""

CHANCE: Final = SystemRandom()

_NAMESPACE: Final = UUID("1d3b5f0a-63c4-5c5c-8a53-6f7f4c1f3a10")


def channel_work(digest: str) -> UUID:
    """The id under which a channel's work is due."""
    return uuid5(_NAMESPACE, digest)


class Notifier:
    """Sends notifications."""

    kind = WorkKind.NOTIFY

    def __init__(
        self,
        database: Database,
        channels: Sequence[Channel],
        replica_id: str,
        *,
        random: Callable[[], float] = CHANCE.random,
    ) -> None:
        """`random` gives numbers from 0 to 1; waits are spread by it."""
        self._database = database
        self._channels = {channel_work(channel.digest): channel for channel in channels}
        self._claims = Claims(database, self.kind, replica_id)
        self._random = random
        self._memories = {channel.digest: Memory() for channel in channels}
        self.lanes = len(channels) + 1

    async def run_once(self, _now: datetime) -> Tally:
        """Send what is due on one channel."""
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            if work.organization_id == FLEET:
                return await self._look_after(work)
            channel = self._channels.get(work.organization_id)
            if channel is None:
                return await self._leave_to_others(work)
            # What the work is filed under is no organization, and would be taken for one in the log.
            structlog.contextvars.unbind_contextvars("organization_id")
            memory = self._memories[channel.digest]
            return await Delivery(self._database, work, channel, memory, self._random).run()

    async def _leave_to_others(self, work: Work) -> Tally:
        """Give back a channel that is not in our settings, for longer each time."""
        failures = work.claim.failures + 1
        wait = doubled(STRANGER_SECONDS, failures, STRANGER_SECONDS_MAX)
        await work.finish(due_at=work.now + timedelta(seconds=wait), failures=failures)
        return Tally(claimed=1)

    async def _look_after(self, work: Work) -> Tally:
        """See to it that every channel has its row, and that nothing waits for a channel that is gone."""
        digests = [channel.digest for channel in self._channels.values()]
        async with work.writing_fleet() as connection:
            await ensure_work(connection, list(self._channels), [self.kind])
            await store.mark_notifications_abandoned(connection, digests, ABANDONED_AFTER)
            for digest, due_at in (await store.list_waiting_channels(connection)).items():
                if digest in digests:
                    await nudge_work(connection, [channel_work(digest)], self.kind, due_at)
        await work.finish(due_at=work.now + timedelta(seconds=REST_SECONDS))
        return Tally(claimed=1)
