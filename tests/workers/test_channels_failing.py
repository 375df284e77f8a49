"""Channels that all fail: told once, where it can be heard, and not by each to all the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pytest

from service.channels.channel import Channel
from service.channels.log import Log
from service.domain.alerts.alert import Severity, Status
from service.domain.alerts.channel_rules import EVERY_CHANNEL
from service.store.alerts import get_firing_since
from service.store.database import Database
from service.workers.delivery import BACKOFF_SECONDS_MAX
from tests.channels.receiver import Answer, Receiver, receiving
from tests.workers.alert_world import Watch, World
from tests.workers.test_notifier import Outbox, outbox_to

EVERY = f"channel_failing:{EVERY_CHANNEL}"
DAY_SECONDS = 86_400.0

DOWN = Answer(status=500)
GONE = Answer(status=404)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A fleet with something to tell, the log, and three channels."""

    world: World
    outbox: Outbox
    watch: Watch
    receivers: Sequence[Receiver]

    @property
    def channels(self) -> Sequence[Channel]:
        """The three; the log is told apart."""
        return self.outbox.channels[1:]

    async def live(self, seconds: float, step: float) -> None:
        """Look and send for a while."""
        for _ in range(int(seconds / step)):
            await self.watch.look(step)
            await self.outbox.run()

    async def unheard_since(self) -> datetime | None:
        """Since when people are told nothing, as `/status` has it."""
        async with self.world.database.fleet() as connection:
            return await get_firing_since(connection, EVERY)

    async def told(self, channel: str) -> Sequence[tuple[str, str]]:
        """What one channel's outbox has about channels: of which alert, and why."""
        bodies = await self.world.outbox(channel)
        return [(body["fingerprint"], body["reason"]) for body in bodies if body["kind"] == "channel_failing"]

    async def told_to_channels(self) -> Sequence[tuple[str, str]]:
        """The same of all three."""
        return [each for channel in self.channels for each in await self.told(channel.digest)]


@asynccontextmanager
async def scene_of(database: Database) -> AsyncIterator[Scene]:
    """A scene in which a cause fails records, and nobody has been told yet."""
    async with (
        receiving() as first,
        receiving() as second,
        receiving() as third,
        outbox_to(database, first, second, third) as opened,
    ):
        outbox = Outbox(database, [Log(), *opened.channels])
        world = World(database)
        await world.add(1)
        watch = Watch(world, outbox.channels)
        yield Scene(world=world, outbox=outbox, watch=watch, receivers=[first, second, third])


@pytest.fixture
async def scene(database: Database) -> AsyncIterator[Scene]:
    """The scene."""
    async with scene_of(database) as found:
        await found.world.fail(1)
        yield found


@pytest.mark.parametrize("answer", [DOWN, GONE], ids=["down", "gone"])
async def test_channels_that_all_fail_do_not_tell_each_other(scene: Scene, answer: Answer) -> None:
    """For a day no channel takes anything: one alert says so, in the log, with reminders; no outbox fills."""
    for receiver in scene.receivers:
        receiver.answer(answer)
    await scene.live(900, 30)
    alerts = await scene.world.alerts()
    assert (alerts[EVERY].status, alerts[EVERY].severity) == (Status.FIRING, Severity.CRITICAL)
    assert await scene.told("log") == [(EVERY, "first")]
    for channel in scene.channels:
        one = alerts[f"channel_failing:{channel.digest}"]
        assert one.is_inhibited, "it is shown"
        assert channel.label in alerts[EVERY].detail
    await scene.live(DAY_SECONDS, 1_800)
    probes = Counter(await scene.told_to_channels())
    if answer is DOWN:
        assert not probes, "what waits there shows by itself when they are back"
    else:
        assert probes.keys() == {(EVERY, "reminder")}
        assert probes.total() <= 3 * 6
    told = Counter(await scene.told("log"))
    assert told[EVERY, "first"] == 1
    assert 5 <= told[EVERY, "reminder"] <= 6
    assert told.total() == 1 + told[EVERY, "reminder"]


async def test_when_they_are_back_each_hears_once_that_nobody_was_told(scene: Scene) -> None:
    """The end goes to all, with the time for which nobody heard anything; what waited goes out as ever."""
    for receiver in scene.receivers:
        receiver.answer(DOWN)
    await scene.live(900, 30)
    assert await scene.unheard_since() is not None
    for receiver in scene.receivers:
        receiver.received.clear()
        receiver.answer(Answer())
    await scene.live(BACKOFF_SECONDS_MAX, 30)
    assert (await scene.world.alerts())[EVERY].status is Status.FIRING, "it is quiet, not over"
    assert await scene.unheard_since() is None, "people are told again"
    await scene.live(BACKOFF_SECONDS_MAX + 600, 30)
    alerts = await scene.world.alerts()
    assert {alert.status for name, alert in alerts.items() if name.startswith("channel")} == {Status.RESOLVED}
    for receiver in scene.receivers:
        heard = [(request.body["fingerprint"], request.body["status"]) for request in receiver.received]
        assert heard == [("cause_failing:missing_tax_rate", "firing"), (EVERY, "resolved")]


async def test_what_was_refused_for_good_is_probed(scene: Scene) -> None:
    """Where nothing else is told, each reminder is tried on every channel; one that takes it ends all."""
    for receiver in scene.receivers:
        receiver.answer(GONE)
    await scene.live(300, 30)
    await scene.world.heal(1)
    await scene.live(900, 30)
    assert (await scene.world.alerts())["cause_failing:missing_tax_rate"].status is Status.RESOLVED
    for receiver in scene.receivers:
        receiver.received.clear()
        receiver.answer(Answer())
    await scene.live(3_600, 600)
    assert (await scene.world.alerts())[EVERY].status is Status.FIRING, "nobody knows of it yet"
    await scene.live(4 * 3_600, 600)
    assert (await scene.world.alerts())[EVERY].status is Status.RESOLVED
    for receiver in scene.receivers:
        heard = [(request.body["fingerprint"], request.body["status"]) for request in receiver.received]
        assert heard == [(EVERY, "firing"), (EVERY, "resolved")]


async def test_one_that_stays_away_is_told_to_those_that_are_back(scene: Scene) -> None:
    """As soon as one takes messages again, the others are told there, each once."""
    for receiver in scene.receivers:
        receiver.answer(DOWN)
    await scene.live(900, 30)
    scene.receivers[0].answer(Answer())
    await scene.live(2 * BACKOFF_SECONDS_MAX + 900, 30)
    back, *away = scene.channels
    told = await scene.told(back.digest)
    assert sorted(told) == sorted(
        [(EVERY, "resolved"), *((f"channel_failing:{channel.digest}", "first") for channel in away)]
    )
    assert [each for channel in away for each in await scene.told(channel.digest)] == [
        (EVERY, "resolved")
    ] * 2


async def test_of_two_that_fail_neither_hears_of_the_other(scene: Scene) -> None:
    """Those that take messages are told of both, each once; the others are sent nothing to wait there."""
    well, failing, other = scene.channels
    scene.receivers[1].answer(DOWN)
    scene.receivers[2].answer(DOWN)
    await scene.live(900, 30)
    names = {f"channel_failing:{channel.digest}" for channel in (failing, other)}
    assert set(await scene.told(well.digest)) == {(name, "first") for name in names}
    assert await scene.told(failing.digest) == await scene.told(other.digest) == []
    assert EVERY not in await scene.world.alerts()


async def test_one_that_fails_on_one_message_hears_of_the_others(scene: Scene) -> None:
    """Where the only channel that takes messages fails on one, it is told that the others take none."""
    picky, *deaf = scene.channels
    scene.receivers[0].decide = lambda request: DOWN if "cause" in request.body["kind"] else Answer()
    scene.receivers[1].answer(DOWN)
    scene.receivers[2].answer(DOWN)
    for number in range(30):
        if number % 3 == 0:
            await scene.outbox.put(1, alert_id=UUID(int=number), channel=picky, kind="test")
        await scene.live(30, 30)
    alerts = await scene.world.alerts()
    assert EVERY not in alerts
    names = {f"channel_failing:{channel.digest}" for channel in deaf}
    assert set(await scene.told(picky.digest)) == {(name, "first") for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A channel that refuses all, an alert that nobody heard of for it, and who is to take its place."""

    world: World
    failed: Outbox
    successor: Receiver
    outbox: Outbox


@asynccontextmanager
async def replacing(database: Database) -> AsyncIterator[Replacement]:
    """A fleet whose only channel is to be replaced."""
    async with (
        receiving() as receiver,
        outbox_to(database, receiver) as failed,
        receiving() as successor,
        outbox_to(database, successor) as outbox,
    ):
        receiver.answer(GONE)
        world = World(database)
        watch = Watch(world, [Log(), *failed.channels])
        heard = Outbox(database, [Log(), *failed.channels])
        await world.add(1)
        await world.fail(1)
        for _ in range(6):
            await watch.look(30)
            await heard.run()
        yield Replacement(world=world, failed=failed, successor=successor, outbox=outbox)


async def test_a_single_channel_is_every_channel(database: Database) -> None:
    """Where there is only one, its failing means that nobody is told, until another takes its place."""
    async with replacing(database) as told:
        world, outbox = told.world, told.outbox
        assert (await world.alerts())[EVERY].severity is Severity.CRITICAL
        assert [body["kind"] for body in await world.outbox(told.failed.channels[0].digest)] == [
            "cause_failing"
        ]

        watch = Watch(world, [Log(), *outbox.channels])
        for _ in range(15):
            await watch.look(30)
            await outbox.run()
        assert (await world.alerts())[EVERY].status is Status.RESOLVED
        heard = [(request.body["fingerprint"], request.body["status"]) for request in told.successor.received]
        assert heard == [(EVERY, "resolved")]


async def test_a_new_channel_that_takes_nothing_either_ends_nothing(database: Database) -> None:
    """A channel that took the place of one that failed, and fails, leaves the alert as it is."""
    async with replacing(database) as told:
        told.successor.answer(DOWN)
        await told.outbox.put(1)
        patient = Watch(told.world, [Log(), *told.outbox.channels], ALERT_RESOLVE_SECONDS="60")
        for _ in range(15):
            await told.outbox.run()
            await patient.look(30)
        assert (await told.world.alerts())[EVERY].status is Status.FIRING
