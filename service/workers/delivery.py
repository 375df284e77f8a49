"""One run of one channel: messages claimed, sent and settled one after the other, at the channel's pace.

- A message is claimed and committed before it is sent. Should we die in between, it is due again and goes
  out marked as a possible repeat, as does one whose outcome is unknown; receivers fold both by the
  message's key.
- What came of a send is written even when the claim on the channel was lost meanwhile: the message's own
  count of attempts tells whether somebody else has taken it up.
- What a receiver refuses for good is kept as refused, and shown; everything else is tried again, later and
  later, for a week. Two failures in a row end a run: the channel is down, not the message.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from service import metrics
from service.channels.channel import SENT, Channel, Fate, Message, Outcome
from service.channels.heartbeat import KIND as HEARTBEAT
from service.domain.backoff import doubled
from service.store import alerts as store
from service.store.alerts import Notification
from service.store.database import Database
from service.store.telemetry import get_alerting
from service.workers.work import Tally, Work

SEND_LEASE_SECONDS: Final = 60.0
"""After this a message whose sender died is sent again: several times a channel's deadline."""

BATCH_MAX: Final = 50
"""Messages of one run; the rest is due at once, under a new claim."""

FAILURES_MAX: Final = 2

BACKOFF_SECONDS: Final = 5.0
BACKOFF_SECONDS_MAX: Final = 300.0
"""A receiver that was down for a night is tried every few minutes, and has its messages soon after it is
back."""

GIVE_UP_AFTER: Final = timedelta(days=7)
"""Nobody acts on an alert of last week; it stays in the list of alerts."""

REST_SECONDS: Final = 60.0
"""How long a channel rests where nothing waits; a new message wakes it at once."""

ALERTING_AGE_SECONDS_MAX: Final = 120.0
"""Alerts are decided every ten seconds; for how long they may not be before alerting counts as dead."""

STANDING_MAX: Final = 1_000
"""Alerts that a receiver with a short memory is told again in one request: about a megabyte. All of them
are told, in several."""

log = structlog.get_logger()


@dataclass(slots=True)
class Memory:
    """What this process remembers of a channel; losing it costs a message that comes too early."""

    sent_at: float = float("-inf")
    refreshed_at: float = float("-inf")
    silent_until: float = float("-inf")
    """Until when the receiver asked for silence."""


class Delivery:
    """One run of one channel."""

    def __init__(
        self,
        database: Database,
        work: Work,
        channel: Channel,
        memory: Memory,
        random: Callable[[], float],
    ) -> None:
        self._database = database
        self._work = work
        self._channel = channel
        self._memory = memory
        self._random = random
        self._failed: Outcome | None = None
        """The failure that the run ended with."""

    async def run(self) -> Tally:
        """Send what is due, tell again what stands, and say when the channel is due next."""
        counts: Counter[str] = Counter()
        if time.monotonic() >= self._memory.silent_until:
            await self._send_due(counts)
            if self._failed is None:
                await self._refresh()
        has_failed = self._failed is not None
        await self._work.finish(
            due_at=await self._next_due_at(),
            failures=self._work.claim.failures + 1 if has_failed else 0,
            error=self._failed.detail if self._failed else None,
        )
        return Tally(claimed=1, counts=counts)

    async def _send_due(self, counts: Counter[str]) -> None:
        failures = 0
        for _ in range(BATCH_MAX):
            notification = await self._claimed()
            if notification is None:
                return
            await self._keep_pace()
            outcome = await self._channel.send(
                Message(
                    alert_id=notification.alert_id,
                    sequence=notification.sequence,
                    body=notification.body,
                    is_repeat=notification.is_repeat,
                )
            )
            await self._settle(notification, outcome)
            counts[outcome.fate] += 1
            metrics.NOTIFICATIONS.labels(self._channel.kind, outcome.fate.value).inc()
            self._failed = outcome if outcome.fate in {Fate.LATER, Fate.UNKNOWN} else None
            failures = failures + 1 if self._failed else 0
            if outcome.retry_after_seconds is not None:
                self._memory.silent_until = time.monotonic() + outcome.retry_after_seconds
                return
            if failures >= FAILURES_MAX:
                return

    async def _claimed(self) -> Notification | None:
        async with self._work.writing_fleet() as connection:
            found = await store.claim_due_notifications(
                connection, self._channel.digest, SEND_LEASE_SECONDS, 1
            )
        return found[0] if found else None

    async def _keep_pace(self) -> None:
        wait = self._memory.sent_at + self._channel.pace_seconds - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        self._memory.sent_at = time.monotonic()

    async def _settle(self, notification: Notification, outcome: Outcome) -> None:
        """Write what became of a message."""
        fate, detail = outcome.fate, outcome.detail
        if fate in {Fate.LATER, Fate.UNKNOWN} and self._work.now - notification.created_at > GIVE_UP_AFTER:
            fate, detail = Fate.REFUSED, f"given up after {GIVE_UP_AFTER.days} days: {detail}"
        async with self._database.fleet() as connection:
            match fate:
                case Fate.SENT:
                    await store.mark_notification_sent(connection, notification)
                case Fate.REFUSED:
                    await store.mark_notification_refused(connection, notification, detail)
                case Fate.LATER | Fate.UNKNOWN:
                    await store.mark_notification_postponed(
                        connection,
                        notification,
                        wait_seconds=self._wait_seconds(notification.attempts_count, outcome),
                        is_repeat=notification.is_repeat or fate is Fate.UNKNOWN,
                        error=detail,
                    )
        if fate is not Fate.SENT:
            log.warning(
                "notification_not_sent",
                channel=self._channel.label,
                alert_id=str(notification.alert_id),
                sequence=notification.sequence,
                fate=fate.value,
                attempts=notification.attempts_count,
                error=detail,
            )

    def _wait_seconds(self, attempts: int, outcome: Outcome) -> float:
        """Twice as long each time, half of it by chance; never shorter than the receiver asked for."""
        longest = doubled(BACKOFF_SECONDS, attempts, BACKOFF_SECONDS_MAX)
        return max(longest * (0.5 + 0.5 * self._random()), outcome.retry_after_seconds or 0.0)

    async def _refresh(self) -> None:
        every = self._channel.refresh_seconds
        if every is None or time.monotonic() - self._memory.refreshed_at < every:
            return
        async with self._database.fleet(readonly=True) as connection:
            alerting = await get_alerting(connection)
        is_dead = alerting.age_seconds is None or alerting.age_seconds > ALERTING_AGE_SECONDS_MAX
        if self._channel.kind == HEARTBEAT and is_dead:
            return  # whoever keeps the watch hears our silence
        outcome = await self._tell_again()
        if outcome.fate is Fate.SENT:
            self._memory.refreshed_at = time.monotonic()
        else:
            self._failed = outcome
            log.warning("channel_not_refreshed", channel=self._channel.label, error=outcome.detail)

    async def _tell_again(self) -> Outcome:
        """Tell everything that stands, in as many requests as it takes; the first that fails is the last."""
        after: store.AlertKey | None = store.BEFORE_ALL
        outcome = SENT
        while after is not None and outcome.fate is Fate.SENT:
            async with self._database.fleet(readonly=True) as connection:
                bodies, after = await store.list_standing_notifications(
                    connection, self._channel.digest, after, STANDING_MAX
                )
            outcome = await self._channel.refresh(bodies)
        return outcome

    async def _next_due_at(self) -> datetime:
        """When the channel has something to do again."""
        now = self._work.now
        rest = self._channel.refresh_seconds or REST_SECONDS
        due_at = now + timedelta(seconds=rest)
        async with self._database.fleet(readonly=True) as connection:
            waiting_at = await store.get_next_notification(connection, self._channel.digest)
        if waiting_at is not None:
            due_at = min(due_at, max(waiting_at, now))
        silence = self._memory.silent_until - time.monotonic()
        if self._failed is not None:
            silence = max(silence, self._wait_seconds(self._work.claim.failures + 1, self._failed))
        return max(due_at, now + timedelta(seconds=silence)) if silence > 0 else due_at
