"""The outbox on real Postgres, with real receivers: nothing lost, repeats marked, no channel in the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from service.channels.channel import Channel
from service.channels.log import Log
from service.channels.registry import open_channels
from service.domain.alerts.alert import Status
from service.domain.fleet import FLEET, WorkKind
from service.domain.record_state import State
from service.store.alerts import (
    NewNotification,
    claim_due_notifications,
    insert_notifications,
    upsert_alerts,
)
from service.store.database import Database
from service.store.work import ensure_work
from service.workers.delivery import (
    ALERTING_AGE_SECONDS_MAX,
    BACKOFF_SECONDS_MAX,
    GIVE_UP_AFTER,
    SEND_LEASE_SECONDS,
    STANDING_MAX,
)
from service.workers.notifier import ABANDONED_AFTER, Notifier, channel_work
from tests.channels.receiver import Answer, Received, Receiver, receiving
from tests.channels.samples import message
from tests.store.test_alerts import alert
from tests.workers.alert_world import Watch, World

DEADLINE_SECONDS = 30.0
ALERT = UUID(int=77)


class Outbox:
    """An outbox with one channel or several, and a notifier that runs when it is told to."""

    def __init__(self, database: Database, channels: Sequence[Channel]) -> None:
        self.database = database
        self.channels = channels
        self.notifier = Notifier(database, channels, "replica", random=lambda: 1.0)

    async def put(
        self, *sequences: int, alert_id: UUID = ALERT, channel: Channel | None = None, **body: Any
    ) -> None:
        """Put messages of an alert into the outbox."""
        async with self.database.fleet() as connection:
            now = await connection.fetchval("SELECT tieout.now()")
            for each in [channel] if channel else self.channels:
                await insert_notifications(
                    connection,
                    [
                        NewNotification(
                            organization_id=FLEET,
                            notification_id=uuid5(alert_id, f"{sequence} {each.digest}"),
                            alert_id=alert_id,
                            channel=each.digest,
                            sequence=sequence,
                            body=message(sequence=sequence, **({"id": str(alert_id)} | body)).body,
                        )
                        for sequence in sequences
                    ],
                    now,
                )

    async def run(self) -> None:
        """Run until nothing is due."""
        async with self.database.fleet() as connection:
            ids = [channel_work(channel.digest) for channel in self.channels]
            await ensure_work(connection, ids, [WorkKind.NOTIFY])
            await connection.execute(
                "UPDATE work SET due_at = tieout.now() WHERE kind = 'notify' AND lease_by IS NULL"
            )
        while not (await self.notifier.run_once(datetime.now().astimezone())).is_idle:
            pass

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.database.clock_offset += timedelta(seconds=seconds)

    async def rows(self, channel: Channel) -> Sequence[Any]:
        """The messages of a channel, as they are stored."""
        async with self.database.fleet() as connection:
            return await connection.fetch(
                "SELECT *, extract(epoch FROM due_at - tieout.now())::float8 AS wait FROM notifications "
                "WHERE channel = $1 ORDER BY alert_id, sequence",
                channel.digest,
            )


@asynccontextmanager
async def outbox_to(database: Database, *receivers: Receiver) -> AsyncIterator[Outbox]:
    """An outbox with a signed webhook to each receiver."""
    urls = [
        f"webhook+http://127.0.0.1:{receiver.port}/?secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        for receiver in receivers
    ]
    channels = open_channels(urls, allow_private=True)[1:]
    try:
        yield Outbox(database, channels)
    finally:
        for channel in channels:
            await channel.close()


async def test_messages_go_out_once_and_in_order(database: Database) -> None:
    """What waits is sent, each message once, an alert's messages one after the other."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        await outbox.put(1, 2, 3)
        await outbox.put(1, alert_id=UUID(int=78))
        await outbox.run()
        await outbox.run()
    of_alert = [request.body["sequence"] for request in receiver.received if request.body["id"] == str(ALERT)]
    assert of_alert == [1, 2, 3]
    assert len(receiver.keys) == len(set(receiver.keys)) == 4
    assert not any(request.body["is_repeat"] for request in receiver.received)
    assert {row["status"] for row in await outbox.rows(outbox.channels[0])} == {"sent"}


async def test_a_later_message_waits_for_an_earlier_one(database: Database) -> None:
    """While the first message of an alert is not through, none after it is sent; other alerts go on."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        receiver.decide = lambda request: Answer(status=429 if request.body["id"] == str(ALERT) else 200)
        await outbox.put(1, 2)
        await outbox.put(1, alert_id=UUID(int=78))
        await outbox.run()
        assert {(request.body["id"], request.body["sequence"]) for request in receiver.received} == {
            (str(ALERT), 1),
            (str(UUID(int=78)), 1),
        }
        assert (await outbox.notifier.run_once(datetime.now().astimezone())).is_idle
        receiver.answer(Answer())
        outbox.pass_time(60)
        await outbox.run()
    assert [
        request.body["sequence"] for request in receiver.received if request.body["id"] == str(ALERT)
    ] == [
        1,
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("answer", "is_marked"),
    [
        (Answer(status=500), True),
        (Answer(hang_up=True), True),
        (Answer(status=429), False),
        (Answer(status=503), False),
    ],
)
async def test_only_what_may_have_arrived_is_marked_as_a_repeat(
    database: Database, answer: Answer, *, is_marked: bool
) -> None:
    """An unknown outcome marks the next send; a clear refusal does not. The key stays the same."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        receiver.answer(answer, answer, Answer())
        await outbox.put(1)
        for _ in range(3):
            await outbox.run()
            outbox.pass_time(60)
    assert len(receiver.received) == 3
    assert len(receiver.folded) == 1
    assert [request.body["is_repeat"] for request in receiver.received] == [False, is_marked, is_marked]
    assert ("tieout-repeat" in receiver.received[1].headers) == is_marked


async def test_a_sender_killed_in_between_has_its_message_sent_again_and_marked(database: Database) -> None:
    """Whoever claimed a message and died leaves it due: it goes out after the lease, as a possible repeat."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        await outbox.put(1)
        async with database.fleet() as connection:
            (claimed,) = await claim_due_notifications(
                connection, outbox.channels[0].digest, SEND_LEASE_SECONDS, 1
            )
        assert not claimed.is_repeat
        await outbox.run()
        assert receiver.received == []
        outbox.pass_time(SEND_LEASE_SECONDS + 1)
        await outbox.run()
    (request,) = receiver.received
    assert request.body["is_repeat"]


async def test_a_cancelled_send_loses_nothing(database: Database) -> None:
    """A service that stops in the middle of a send sends again, marked, when it is back."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        receiver.answer(Answer(stay_silent=True), Answer())
        await outbox.put(1)
        running = asyncio.create_task(outbox.run())
        await receiver.wait_for(lambda: len(receiver.received) == 1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        outbox.pass_time(SEND_LEASE_SECONDS + 1)
        await outbox.run()
    assert [request.body["is_repeat"] for request in receiver.received] == [False, True]
    assert len(receiver.folded) == 1


async def test_waits_grow_and_are_bounded(database: Database) -> None:
    """Each failure doubles the wait, up to five minutes."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        receiver.answer(Answer(status=500))
        await outbox.put(1)
        waits = []
        for _ in range(9):
            await outbox.run()
            (row,) = await outbox.rows(outbox.channels[0])
            waits.append(row["wait"])
            outbox.pass_time(row["wait"] + 1)
    assert waits == pytest.approx([5, 10, 20, 40, 80, 160, *[BACKOFF_SECONDS_MAX] * 3], abs=2)


async def test_the_receiver_is_left_alone_for_as_long_as_it_asked(database: Database) -> None:
    """Retry-After holds for the whole channel, not for the message alone."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        receiver.answer(Answer(status=429, headers={"retry-after": "1000"}))
        await outbox.put(1)
        await outbox.put(1, alert_id=UUID(int=78))
        await outbox.run()
        await outbox.put(1, alert_id=UUID(int=79))
        await outbox.run()
        assert len(receiver.received) == 1
        async with database.fleet() as connection:
            due_in = await connection.fetchval(
                "SELECT extract(epoch FROM due_at - tieout.now()) FROM work WHERE organization_id = $1",
                channel_work(outbox.channels[0].digest),
            )
    assert 990 < due_in <= 1_000


async def test_a_refusal_for_good_is_kept_and_shown(database: Database) -> None:
    """A message that the receiver will never take is not sent again, and the next one is."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        receiver.answer(Answer(status=400, text=b"no such team"), Answer())
        await outbox.put(1, 2)
        await outbox.run()
        rows = await outbox.rows(outbox.channels[0])
    assert [(row["status"], row["error"]) for row in rows] == [
        ("refused", "HTTP 400 no such team"),
        ("sent", None),
    ]


async def test_a_week_is_enough(database: Database) -> None:
    """A message that could not be sent for a week is given up, and says so."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        receiver.answer(Answer(status=500))
        await outbox.put(1)
        outbox.pass_time(GIVE_UP_AFTER.total_seconds() + 1)
        await outbox.run()
        (row,) = await outbox.rows(outbox.channels[0])
    assert (row["status"], row["error"]) == ("refused", "given up after 7 days: HTTP 500 ok")


async def test_a_channel_that_hangs_delays_no_other(database: Database) -> None:
    """With one receiver silent, the others have their messages while it is still being waited for."""
    async with receiving() as silent, receiving() as well, outbox_to(database, silent, well) as outbox:
        silent.answer(Answer(stay_silent=True))
        await outbox.put(1, 2, 3)
        async with database.fleet() as connection:
            ids = [channel_work(channel.digest) for channel in outbox.channels]
            await ensure_work(connection, ids, [WorkKind.NOTIFY])
        lanes = [
            asyncio.create_task(outbox.notifier.run_once(datetime.now().astimezone()))
            for _ in outbox.channels
        ]
        await silent.wait_for(lambda: len(silent.received) == 1)
        await well.wait_for(lambda: len(well.received) == 3)
        assert not all(lane.done() for lane in lanes)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


async def test_two_replicas_send_nothing_twice(database: Database) -> None:
    """However many replicas run, a message is sent once."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        for number in range(10):
            await outbox.put(1, 2, alert_id=UUID(int=1_000 + number))
        others = [Outbox(database, outbox.channels) for _ in range(3)]
        await asyncio.gather(*(each.run() for each in others))
        await outbox.run()
    assert len(receiver.keys) == len(set(receiver.keys)) == 20


async def test_a_channel_of_other_settings_is_left_to_others(database: Database) -> None:
    """In a rolling restart a replica that does not know a channel neither sends nor refuses its messages."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        await outbox.put(1)
        stranger = Outbox(database, [Log()])
        async with database.fleet() as connection:
            await ensure_work(connection, [FLEET, channel_work(outbox.channels[0].digest)], [WorkKind.NOTIFY])
        await stranger.run()
        assert [row["status"] for row in await outbox.rows(outbox.channels[0])] == ["waiting"]
        outbox.pass_time(60)
        await outbox.run()
    assert len(receiver.received) == 1


async def test_what_waits_for_a_channel_that_is_gone_is_given_up_after_a_day(database: Database) -> None:
    """A channel that nobody has any more does not wait for ever."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        await outbox.put(1)
        outbox.pass_time(ABANDONED_AFTER.total_seconds() + 1)
        stranger = Outbox(database, [Log()])
        async with database.fleet() as connection:
            await ensure_work(connection, [FLEET], [WorkKind.NOTIFY])
        await stranger.run()
        (row,) = await outbox.rows(outbox.channels[0])
    assert (row["status"], row["error"]) == ("refused", "the channel is no longer configured")


async def test_the_nil_row_wakes_channels_whose_messages_were_left_lying(database: Database) -> None:
    """Should a wish for a channel's work be lost, the look at all of them finds what waits."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        await outbox.put(1)
        async with database.fleet() as connection:
            await ensure_work(connection, [FLEET], [WorkKind.NOTIFY])
        while not (await outbox.notifier.run_once(datetime.now().astimezone())).is_idle:
            pass
    assert len(receiver.received) == 1


async def test_a_reminder_is_left_out_where_the_channel_lags_behind(database: Database) -> None:
    """A channel that was down for a day hears of each alert once, not six times."""
    async with receiving() as receiver, outbox_to(database, receiver) as outbox:
        await outbox.put(1)
        await outbox.put(2, 3, 4, reason="reminder")
        await outbox.put(5, reason="resolved", status="resolved")
        await outbox.run()
    assert [request.body["sequence"] for request in receiver.received] == [1, 5]


async def test_a_failing_channel_is_told_on_the_others(database: Database) -> None:
    """An alert about a channel goes to all but that channel, and ends when it takes messages again."""
    async with receiving() as broken, receiving() as well, outbox_to(database, broken, well) as outbox:
        broken.answer(Answer(status=500))
        world = World(database)
        watch = Watch(world, outbox.channels)
        await world.add(1)
        await world.fail(1)
        await watch.look()
        await watch.look(30)
        for _ in range(6):
            await outbox.run()
            await watch.look(60)
        await outbox.run()
        name = f"channel_failing:{outbox.channels[0].digest}"
        assert (await world.alerts())[name].status is Status.FIRING
        assert {request.body["kind"] for request in broken.received} == {"cause_failing"}
        (told,) = [request.body for request in well.received if request.body["kind"] == "channel_failing"]
        assert f"127.0.0.1:{broken.port}" in told["summary"]
        assert "HTTP 500" in told["detail"]
        broken.answer(Answer())
        outbox.pass_time(BACKOFF_SECONDS_MAX)
        await outbox.run()
        await watch.look(10)
        await watch.look(300)
        assert (await world.alerts())[name].status is Status.RESOLVED


async def test_a_receiver_with_a_short_memory_is_told_again_what_stands(database: Database) -> None:
    """Alertmanager hears of every alert that fires each minute, and of none that ended."""
    async with receiving() as receiver:
        channels = open_channels([f"alertmanager+http://127.0.0.1:{receiver.port}"], allow_private=True)[1:]
        outbox = Outbox(database, channels)
        outbox.notifier._memories[channels[0].digest].refreshed_at = float("-inf")
        world = World(database)
        watch = Watch(world, channels)
        await world.add(1)
        records = await world.fail(1)
        await watch.look()
        await watch.look(30)
        await outbox.run()
        first, again = receiver.received
        assert first.body[0]["labels"] == again.body[0]["labels"]

        await world.move(1, records, State.ACKNOWLEDGED)
        outbox.pass_time(1)
        await world.read(1)
        await watch.look(10)
        await watch.look(300)
        outbox.notifier._memories[channels[0].digest].refreshed_at = float("-inf")
        await outbox.run()
        await channels[0].close()
    assert len(receiver.received) == 3
    assert receiver.received[-1].body[0]["endsAt"] < first.body[0]["endsAt"]


async def test_everything_that_stands_is_told_again_however_much_it_is(database: Database) -> None:
    """More than goes into one request is told in several: what nobody repeats ends by itself, unhealed."""
    organizations = (FLEET, UUID(int=1))
    alerts = [
        alert(
            number,
            organization_id=organizations[number % 2],
            alert_id=UUID(int=number),
            acknowledged_at=datetime(2026, 11, 20, tzinfo=UTC),
        )
        for number in range(1, STANDING_MAX + 2)
    ]
    async with receiving() as receiver:
        channels = open_channels([f"alertmanager+http://127.0.0.1:{receiver.port}"], allow_private=True)[1:]
        outbox = Outbox(database, channels)
        async with database.fleet() as connection:
            await upsert_alerts(connection, alerts)
            await insert_notifications(
                connection,
                [
                    NewNotification(
                        organization_id=each.organization_id,
                        notification_id=each.alert_id,
                        alert_id=each.alert_id,
                        channel=channels[0].digest,
                        sequence=1,
                        body=message(fingerprint=each.fingerprint).body,
                    )
                    for each in alerts
                ],
                await connection.fetchval("SELECT tieout.now()"),
            )
            await connection.execute("UPDATE notifications SET status = 'sent', finished_at = tieout.now()")
        outbox.notifier._memories[channels[0].digest].refreshed_at = float("-inf")
        await outbox.run()
        await channels[0].close()
    told = [[each["labels"]["fingerprint"] for each in request.body] for request in receiver.received]
    assert [len(each) for each in told] == [STANDING_MAX, 1]
    assert {each for request in told for each in request} == {each.fingerprint for each in alerts}


async def test_a_heartbeat_beats_while_alerts_are_decided_and_stops_when_they_are_not(
    database: Database,
) -> None:
    """A watch is called each minute, hears no alert, and is left in silence when nobody decides any more."""
    async with receiving() as receiver:
        channels = open_channels([f"heartbeat+http://127.0.0.1:{receiver.port}/beat"], allow_private=True)[1:]
        outbox = Outbox(database, channels)
        watch = Watch(World(database), channels)
        memory = outbox.notifier._memories[channels[0].digest]

        async def beats() -> int:
            memory.refreshed_at = float("-inf")
            await outbox.run()
            return len(receiver.received)

        assert await beats() == 0
        await watch.look()
        await outbox.put(1)
        assert await beats() == 1
        assert await beats() == 2
        outbox.pass_time(ALERTING_AGE_SECONDS_MAX + 1)
        assert await beats() == 2
        await watch.look()
        assert await beats() == 3
        await channels[0].close()
    assert {request.content for request in receiver.received} == {b""}
    assert [row["status"] for row in await outbox.rows(channels[0])] == ["sent"]


async def test_each_channel_is_sent_to_at_its_own_pace(database: Database) -> None:
    """Two messages of different alerts go out at least the channel's pace apart, each in its turn."""
    async with receiving() as receiver:
        channels = open_channels([f"slack+http://127.0.0.1:{receiver.port}/x"], allow_private=True)[1:]
        arrived: list[float] = []

        def take(_: Received) -> Answer:
            arrived.append(time.monotonic())
            return Answer()

        receiver.decide = take
        outbox = Outbox(database, channels)
        await outbox.put(1)
        await outbox.put(1, alert_id=UUID(int=78))
        await outbox.run()
        await channels[0].close()
    first, second = arrived
    assert second - first >= 0.9 * channels[0].pace_seconds
