"""Alerting: what is wrong now, against what was told; what follows goes into the outbox of every channel.

One transaction holds it all: the open alerts are locked, the facts counted, the domain decides, and alerts
and messages are written together. Whoever dies before the commit has told nothing and remembers nothing;
after it, every message is in the outbox and will be sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from service.channels.channel import Channel
from service.channels.heartbeat import KIND as HEARTBEAT
from service.channels.log import Log
from service.domain.alerts.alert import Alert, Kind, Policy
from service.domain.alerts.body import body
from service.domain.alerts.channel_rules import EVERY_CHANNEL, deaf_channels
from service.domain.alerts.facts import ChannelFact
from service.domain.alerts.reconcile import Changes, Notice, reconcile
from service.domain.alerts.rules import conditions
from service.domain.alerts.telling import Reason
from service.domain.fleet import WorkKind
from service.settings import Settings
from service.store import alerts as store
from service.store.alerts import NewNotification
from service.store.database import Connection, Database
from service.store.work import nudge_work
from service.workers.alert_reading import AlertReading
from service.workers.claims import Claims
from service.workers.notifier import channel_work
from service.workers.work import IDLE, Tally

LOOK_SECONDS_MAX: Final = 10.0
"""How often everything is looked at: a third of the group wait as it comes, so that the wait is kept well."""

LOOK_SECONDS_MIN: Final = 0.5
"""Looking costs a dozen queries; shorter settings than a test's gain nothing."""

LOOKS_PER_WAIT: Final = 3

TELLING_NOBODY: Final = frozenset({Log.kind, HEARTBEAT})
"""Kinds of channels that take everything and wake nobody."""

INSTANCE_MAX: Final = 120
"""Characters of the installation's name: the longest fingerprint fits behind it into every receiver's key."""

PATIENCE_STEPS: Final = 15
"""A failure that time cures is waited out for the first four retries: 1 + 2 + 4 + 8 first steps of the
backoff."""


class Alerter:
    """Decides what people are told."""

    kind = WorkKind.ALERT
    lanes = 1

    def __init__(
        self, database: Database, settings: Settings, channels: Sequence[Channel], replica_id: str
    ) -> None:
        """`channels` are those that `service.channels.registry.open_channels` opened."""
        self._database = database
        self._channels = channels
        self._claims = Claims(database, self.kind, replica_id)
        self._public_url = settings.public_url
        self._instance = instance_of(settings)
        self._policy = policy_of(settings)
        self._look_seconds = look_seconds(self._policy)
        self._reading = AlertReading(
            policy=self._policy,
            label_by_channel={
                channel.digest: channel.label for channel in channels if channel.kind not in TELLING_NOBODY
            },
            expects_webhooks=bool(settings.webhook_secrets),
        )

    async def run_once(self, _now: datetime) -> Tally:
        """Look once at everything."""
        async with self._claims.working() as work:
            if work is None:
                return IDLE
            async with work.writing_fleet() as connection:
                changes = await self._look(connection, work.now)
            await work.finish(due_at=work.now + timedelta(seconds=self._look_seconds))
            return Tally(
                claimed=1,
                counts={"changed": len(changes.upserts), "told": len(changes.notices)},
            )

    async def _look(self, connection: Connection, now: datetime) -> Changes:
        alerts = await store.lock_alerts(connection)
        open_alerts = [alert for alert in alerts if alert.is_open]
        facts = await self._reading.facts(connection, open_alerts, now)
        wrong = conditions(facts, open_alerts, self._policy, now)
        names = {condition.fingerprint for condition in wrong}
        absent = [alert for alert in open_alerts if alert.fingerprint not in names]
        evidence = await self._reading.evidence(connection, absent, facts, now)
        changes = reconcile(alerts, wrong, evidence, now=now, policy=self._policy)
        deaf = {each.channel: each for each in deaf_channels(facts, self._policy, now)}
        await self._write(connection, changes, deaf, now)
        return changes

    async def _write(
        self, connection: Connection, changes: Changes, deaf: Mapping[str, ChannelFact], now: datetime
    ) -> None:
        await store.upsert_alerts(connection, changes.upserts)
        await store.mark_alerts_held(connection, _ids(changes.held), now)
        await store.delete_pending_alerts(connection, _ids(changes.dropped))
        messages = await self._messages(connection, changes.notices, deaf)
        if messages:
            await store.insert_notifications(connection, messages, now)
            wanted = sorted({channel_work(message.channel) for message in messages})
            await nudge_work(connection, wanted, WorkKind.NOTIFY, now)

    async def _messages(
        self, connection: Connection, notices: Sequence[Notice], deaf: Mapping[str, ChannelFact]
    ) -> Sequence[NewNotification]:
        """What is told to each channel; of what it was told already, under the name that it knows it by."""
        told = [notice.alert for notice in notices if notice.told_severity is not None]
        known = await store.list_told_instances(connection, told) if told else {}
        return [
            self._message(notice, channel, known.get(notice.alert.alert_id, self._instance))
            for notice in notices
            for channel in self._channels
            if not _is_lost(notice, channel, deaf)
        ]

    def _message(self, notice: Notice, channel: Channel, instance: str | None) -> NewNotification:
        alert = notice.alert
        return NewNotification(
            organization_id=alert.organization_id,
            notification_id=uuid5(alert.alert_id, f"{notice.sequence} {channel.digest}"),
            alert_id=alert.alert_id,
            channel=channel.digest,
            sequence=notice.sequence,
            body=body(notice, public_url=self._public_url, instance=instance),
        )


def instance_of(settings: Settings) -> str | None:
    """What receivers tell this installation by from others: its public address, where it was given one."""
    if settings.public_url == f"http://{settings.listen}":
        return None
    return settings.public_url.partition("://")[2][:INSTANCE_MAX]


def policy_of(settings: Settings) -> Policy:
    """The waits, as the settings give them."""
    return Policy(
        group_seconds=settings.alert_group_seconds,
        repeat_seconds=settings.alert_repeat_seconds,
        resolve_seconds=settings.alert_resolve_seconds,
        stale_seconds=settings.stale_seconds,
        stuck_seconds=settings.stuck_seconds,
        poll_seconds=settings.poll_seconds,
        patience_seconds=PATIENCE_STEPS * settings.retry_base_seconds,
    )


def look_seconds(policy: Policy) -> float:
    """How often to look, so that the waits that were set are kept."""
    wanted = min(policy.group_seconds, policy.resolve_seconds, policy.repeat_seconds) / LOOKS_PER_WAIT
    return min(max(wanted, LOOK_SECONDS_MIN), LOOK_SECONDS_MAX)


def _is_lost(notice: Notice, channel: Channel, deaf: Mapping[str, ChannelFact]) -> bool:
    """Whether it says of channels that they take nothing, and this is one: it would only wait there.

    The end goes to all but the channel that it is about: a receiver that heard the beginning would hold it
    open for ever.
    """
    alert = notice.alert
    if alert.kind is not Kind.CHANNEL_FAILING:
        return False
    if alert.scope == channel.digest:
        return True
    fact = deaf.get(channel.digest)
    return alert.is_open and fact is not None and not _is_probe(notice, fact)


def _is_probe(notice: Notice, fact: ChannelFact) -> bool:
    """Whether it is to show that a channel takes messages again: nothing that waits there would show it."""
    return (
        notice.alert.scope == EVERY_CHANNEL and notice.reason is Reason.REMINDER and fact.waiting_count == 0
    )


def _ids(alerts: Sequence[Alert]) -> Sequence[UUID]:
    return [alert.alert_id for alert in alerts]
