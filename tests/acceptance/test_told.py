"""Told once: 5,000 failures of one cause, every kind of channel at once, real processes that are killed.

Time is compressed by the settings alone: group wait, repeat and quiet time are all divided by one factor, so
that "the first hour" is so many seconds, in which the same rules decide the same. What is not compressed
makes it harder, not easier: how often is looked (every half second), each channel's own pace, and the
reading of the hub, by which failures come in piece by piece. They also come in waves, each larger than all
before it, since growth is what a message is told of.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from tests.acceptance.conftest import Stage
from tests.acceptance.listeners import MARK, Heard, Listeners, listening
from tests.acceptance.processes import Hub, Service, until
from tests.channels.fakes import THROTTLED
from tests.channels.receiver import Answer

GROUP, REPEAT, RESOLVE, HOUR = 30.0, 14_400.0, 300.0, 3_600.0
"""The waits as they come, and what they are measured by."""

CAUSE = "cause_failing:missing_tax_rate"
OTHER = "cause_failing:invalid_field"
RATE = 1_375
"""A tax rate that no books have."""

MESSAGES_MAX = 3
WAVES = ((0.0, 0.05), (0.2, 0.15), (0.4, 0.3), (0.6, 0.5))
"""When within the hour, and which share of the organizations."""

SETTLED_SECONDS = 200.0
OTHER_ORGANIZATIONS = 6

STONE = """
    CREATE FUNCTION tieout.stone() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no message is claimed now'; END $$;
    CREATE TRIGGER stone BEFORE UPDATE OF attempts_count ON tieout.notifications
    FOR EACH ROW EXECUTE FUNCTION tieout.stone();
"""
"""Lies between decision and send: what is decided is written, and nothing of it can be taken up."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large, and how compressed."""

    organizations: int
    failures_each: int
    factor: float
    read_seconds: float
    """How often an organization is read in which nothing happened for a day."""
    replicas: int

    @property
    def hour(self) -> float:
        """An hour of the service's waits, in seconds."""
        return HOUR / self.factor

    def settings(self, listeners: Listeners) -> Mapping[str, object]:
        """What a replica is given."""
        return {
            "alert_channels": listeners.setting,
            "alert_allow_private": "true",
            "alert_group_seconds": GROUP / self.factor,
            "alert_repeat_seconds": REPEAT / self.factor,
            "alert_resolve_seconds": RESOLVE / self.factor,
            "hub_rate_per_second": 2_000,
            "poll_seconds": 4,
            "connection_seconds": 4,
            "diff_seconds": self.read_seconds,
            "cure_seconds": 2,
            "retry_base_seconds": 1,
            "retry_cap_seconds": 5,
        }


SMALL = Size(organizations=12, failures_each=25, factor=240, read_seconds=4, replicas=1)
FULL = Size(organizations=200, failures_each=25, factor=15, read_seconds=15, replicas=2)


@pytest.mark.timeout(400)
async def test_one_cause_is_told_once_on_every_channel(stage: Stage) -> None:
    """300 failures in 12 organizations: three messages, none lost to a kill or a channel, none too early."""
    await tell(stage, SMALL)


@pytest.mark.night
@pytest.mark.timeout(1_800)
async def test_five_thousand_failures_are_told_once_on_every_channel(stage: Stage) -> None:
    """5,000 failures in 200 organizations, two replicas: the same."""
    await tell(stage, FULL)


async def tell(stage: Stage, size: Size) -> None:
    """The whole story, with its figures."""
    hub = await stage.simulator(
        organizations=size.organizations, documents=0, situations="healthy", seed=3, **{"push-seconds": "0 1"}
    )
    async with listening(stage.folder) as listeners:
        if listeners.alertmanager is None:
            sys.stdout.write("no Alertmanager is installed: told without one\n")
        else:
            await listeners.alertmanager.start()
        replicas = [stage.service(hub, **size.settings(listeners)) for _ in range(size.replicas)]
        story = Story(stage, size, hub, listeners, replicas)
        await story.starts()
        await story.first_hour()
        await story.killed_between_decision_and_send()
        await story.killed_while_channels_fail()
        await story.nothing_is_lost()
        await story.heals()


@dataclass
class Story:
    """What happens, one thing after the other."""

    stage: Stage
    size: Size
    hub: Hub
    listeners: Listeners
    replicas: Sequence[Service]

    async def starts(self) -> None:
        """Everybody runs, and has read everything once."""
        for replica in self.replicas:
            await replica.start()

        async def is_swept() -> bool:
            status = await self.replicas[0].get("/status")
            return status["polling"]["last_full_sweep_at"] is not None

        await until("everything was read once", is_swept, SETTLED_SECONDS)

    async def first_hour(self) -> None:
        """Failures come in waves; at the hour's end each channel has heard of them three times at most."""
        began = time.monotonic()
        waiting = list(self.hub.organization_ids)
        for at, share in WAVES:
            await asyncio.sleep(max(0.0, began + at * self.size.hour - time.monotonic()))
            count = max(1, round(share * self.size.organizations))
            wave, waiting = waiting[:count], waiting[count:]
            await self._fail(wave, self.size.failures_each, tax_rate=RATE)
        await self._fail(waiting, self.size.failures_each, tax_rate=RATE)
        total = self.size.organizations * self.size.failures_each

        async def all_are_known() -> bool:
            causes = (await self.replicas[0].get("/v1/causes"))["data"]
            return any(row["cause"] == "missing_tax_rate" and row["records"] == total for row in causes)

        await until(f"all {total} failures are known", all_are_known, SETTLED_SECONDS, step=0.5)
        known_after = time.monotonic() - began
        await asyncio.sleep(max(0.0, began + self.size.hour - time.monotonic()))
        lasted = time.monotonic() - began
        told = await self.of(CAUSE)
        counts = {channel: len(heard) for channel, heard in told.items()}
        sys.stdout.write(
            f"{total} failures of one cause in {self.size.organizations} organizations, known after "
            f"{known_after:.1f} s; within {lasted:.1f} s, {lasted * self.size.factor / 60:.0f} minutes "
            f"of the waits as they come, messages by channel: {counts}\n"
        )
        hours = lasted / self.size.hour
        for channel, heard in told.items():
            # Where the machine took longer than the hour, what the hours after it allow is allowed.
            assert 1 <= len(heard) <= MESSAGES_MAX + 2 * max(0.0, hours - 1), (channel, heard)
            assert not any(each.is_end for each in heard), channel
        self.has_one_identity()

    async def killed_between_decision_and_send(self) -> None:
        """What was decided and not yet claimed is in the outbox of every channel when all die."""
        await self._sql(STONE)
        await self._fail(self.hub.organization_ids[:OTHER_ORGANIZATIONS], 2, fails="invalid_field")
        digests = {channel.digest for channel in self.listeners.channels}

        async def is_decided() -> bool:
            rows = await self._outbox(OTHER)
            return {row["channel"] for row in rows} == digests

        await until("the second cause is decided for every channel", is_decided, SETTLED_SECONDS)
        self._kill()
        assert {row["attempts_count"] for row in await self._outbox(OTHER)} == {0}
        assert not any((await self.of(OTHER)).values())
        await self._sql("DROP FUNCTION tieout.stone CASCADE")

    async def killed_while_channels_fail(self) -> None:
        """Every channel fails in its own way, is tried again and again, and all die in the middle of it."""
        listeners = self.listeners
        listeners.webhook.trouble = lambda _: Answer(status=500)
        listeners.slack.trouble = lambda _: THROTTLED
        listeners.teams.trouble = lambda _: Answer(stay_silent=True)
        listeners.pagerduty.trouble = lambda _: Answer(hang_up=True)
        listeners.opsgenie.trouble = lambda _: Answer(status=503, headers={"retry-after": "1"})
        listeners.mail.refuse_with = b"451 try again later\r\n"
        if listeners.alertmanager is not None:
            listeners.alertmanager.stop()
        before = {kind: len(receiver.received) for kind, receiver in listeners.receivers.items()}
        await self._start_again()

        async def all_were_tried() -> bool:
            waiting = [row for row in await self._outbox(OTHER) if row["status"] == "waiting"]
            tried = {row["kind"] for row in waiting if row["attempts_count"] >= 2}
            begun = {row["kind"] for row in waiting if row["attempts_count"]}
            others = {channel.kind for channel in listeners.channels} - {"log", "teams"}
            heard = {
                kind: receiver.received[before[kind] :] for kind, receiver in listeners.receivers.items()
            }
            # A try is counted before it is sent, so that what was heard is asked, too.
            ids = Counter(request.headers["webhook-id"] for request in heard["webhook"])
            is_heard = (
                all(len(heard[kind]) >= 2 for kind in ("slack", "opsgenie"))
                and max(ids.values(), default=0) >= 2
            )
            return bool(heard["teams"]) and "teams" in begun and tried >= others and is_heard

        await until(
            "every channel was tried twice with one message, one of them hangs",
            all_were_tried,
            SETTLED_SECONDS,
        )
        self._kill()
        for kind in ("slack", "opsgenie"):
            tried = listeners.receivers[kind].received[before[kind] :]
            assert len(tried) >= 2, kind
            assert not any(MARK in each.content.decode() for each in tried), f"{kind}: refused, and marked"
        for fake in listeners.fakes.values():
            fake.trouble = type(fake).trouble
        listeners.mail.refuse_with = b""
        if listeners.alertmanager is not None:
            await listeners.alertmanager.start()
        await self._start_again()

    async def nothing_is_lost(self) -> None:
        """Every message arrives at every channel; those that may have arrived before say so, no others."""
        await until("both causes were sent", self._causes_are_sent, SETTLED_SECONDS, step=0.3)
        await self._assert_arrived()
        told = await self.of(OTHER)
        for channel in ("webhook", "teams", "pagerduty", "apprise"):
            assert any(each.is_marked for each in told[channel]), (channel, told[channel])
        deliveries = self.listeners.receivers["webhook"].received
        ids = Counter(request.headers["webhook-id"] for request in deliveries)
        assert max(ids.values()) >= 3, "the webhook was tried before, and again"
        for name in ids:
            marks = [
                request.body["is_repeat"] for request in deliveries if request.headers["webhook-id"] == name
            ]
            assert marks[1:] == [True] * len(marks[1:]), "a repeat is marked"
        assert not any(each.is_end for heard in (await self.of(CAUSE)).values() for each in heard)
        self.has_one_identity()
        sys.stdout.write(
            f"killed twice amid 500, 429, 503, silence, hang-ups and a dead Alertmanager: "
            f"{len(await self._rows())} messages, all arrived; "
            f"{sum(each.is_marked for heard in self.listeners.heard().values() for each in heard)} marked\n"
        )

    async def heals(self) -> None:
        """The missing rate appears everywhere: pushed once each, read, quiet, and then told as over, once."""
        for organization_id in self.hub.organization_ids:
            await self.hub.control("add_tax_rate", organization_id=organization_id, rate=RATE)
            await self.hub.control("pull_now", organization_id=organization_id)
        began = time.monotonic()

        async def is_told() -> bool:
            told = await self.of(CAUSE)
            return all(any(each.is_end for each in heard) for heard in told.values())

        await until("the end is told everywhere", is_told, 2 * SETTLED_SECONDS, step=0.5)
        causes = (await self.replicas[0].get("/v1/causes"))["data"]
        assert not any(row["cause"] == "missing_tax_rate" for row in causes)
        # What channels are told of each other's failing takes each its pace; it is waited for by night.
        is_sent = self._all_is_sent if self.size is FULL else self._causes_are_sent
        await until("everything was sent", is_sent, SETTLED_SECONDS, step=0.3)
        await self._assert_arrived()
        assert CAUSE in self.listeners.pagerduty.resolved
        assert self.listeners.opsgenie.standing(CAUSE) is None
        sys.stdout.write(
            f"healed, and told as over on every channel after {time.monotonic() - began:.1f} s\n"
        )

    async def of(self, fingerprint: str) -> Mapping[str, Sequence[Heard]]:
        """What each channel heard of one alert, by its fingerprint or by the words of its messages."""
        words = [_inert(row["summary"]) for row in await self._outbox(fingerprint)]
        return {
            channel: [
                each
                for each in heard
                if each.fingerprint == fingerprint
                or (each.summary and any(word.startswith(_inert(each.summary)[:100]) for word in words))
            ]
            for channel, heard in self.listeners.heard().items()
        }

    def has_one_identity(self) -> None:
        """Where alerts have an identity, there is one of each, however often it was told."""
        assert self.listeners.pagerduty.incidents.count(CAUSE) == 1
        assert len(self.listeners.opsgenie.alerts[CAUSE]) == 1

    async def _fail(self, organization_ids: Sequence[str], count: int, **details: Any) -> None:
        for organization_id in organization_ids:
            await asyncio.gather(
                *(
                    self.hub.control(
                        "issue_invoice", organization_id=organization_id, net_minor=40_000, **details
                    )
                    for _ in range(count)
                )
            )

    def _kill(self) -> None:
        for replica in self.replicas:
            replica.running.kill()

    async def _start_again(self) -> None:
        """Start everybody; the leases of the dead, a minute each, are let end at once."""
        await self._sql("UPDATE tieout.work SET due_at = tieout.now() WHERE lease_by IS NOT NULL")
        await self._sql("UPDATE tieout.notifications SET due_at = tieout.now() WHERE status = 'waiting'")
        for replica in self.replicas:
            await replica.start()

    async def _causes_are_sent(self) -> bool:
        """Whether nothing of the two causes waits; about failing channels there is more to tell."""
        rows = await self._rows()
        return all(row["status"] == "sent" for row in rows if row["fingerprint"] in {CAUSE, OTHER})

    async def _all_is_sent(self) -> bool:
        return {row["status"] for row in await self._rows()} == {"sent"}

    async def _assert_arrived(self) -> None:
        """Each message of the outbox is with its receiver, by the words that it was sent with."""
        heard = self.listeners.heard()
        for row in await self._rows():
            if row["status"] != "sent":
                continue
            if row["kind"] in {"log", "alertmanager"} or (row["kind"] == "pagerduty" and row["is_end"]):
                continue  # one folds, the other's end has no words: they are looked at by identity
            assert any(
                _inert(row["summary"]).startswith(_inert(each.summary)[:100])
                for each in heard[row["kind"]]
                if each.summary
            ), row

    async def _outbox(self, fingerprint: str) -> Sequence[Mapping[str, Any]]:
        return [row for row in await self._rows() if row["fingerprint"] == fingerprint]

    async def _rows(self) -> Sequence[Mapping[str, Any]]:
        kinds = {channel.digest: channel.kind for channel in self.listeners.channels}
        connection = await asyncpg.connect(self.stage.database_url)
        try:
            rows = await connection.fetch(
                "SELECT channel, status, attempts_count, body::jsonb ->> 'fingerprint' AS fingerprint, "
                "body ->> 'summary' AS summary, body ->> 'status' = 'resolved' AS is_end "
                "FROM tieout.notifications ORDER BY created_at, sequence"
            )
        finally:
            await connection.close()
        return [{**row, "kind": kinds[row["channel"]]} for row in rows]

    async def _sql(self, text: str) -> None:
        connection = await asyncpg.connect(self.stage.database_url)
        try:
            await connection.execute(text)
        finally:
            await connection.close()


def _inert(text: str) -> str:
    """A summary as channels may have changed it: compared without what they take out."""
    return "".join(character for character in text if character.isalnum())
