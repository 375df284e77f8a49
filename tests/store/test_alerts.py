"""Alerts and their outbox in Postgres: paged, walled, pruned, and one open alert per fingerprint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest

from service.domain.alerts.alert import Alert, Kind, Severity, Status
from service.domain.fleet import FLEET
from service.store import alerts as store
from service.store.alerts import NewNotification
from service.store.database import Connection, Database
from service.store.queries import QUERY
from tests.domain.alert_builders import START, at

ACME, OTHER = UUID(int=1), UUID(int=2)
ALERT_ID = UUID(int=5)


def alert(number: int, **changes: Any) -> Alert:
    """An alert that fires."""
    columns: dict[str, Any] = {
        "organization_id": FLEET,
        "alert_id": uuid5(FLEET, f"alert {number}"),
        "fingerprint": f"cause_failing:{number}",
        "kind": Kind.CAUSE_FAILING,
        "scope": str(number),
        "cause": None,
        "severity": Severity.WARNING,
        "status": Status.FIRING,
        "summary": "Something is wrong",
        "detail": "",
        "owner": "bookkeeper",
        "next_step": "Do it.",
        "members": tuple(UUID(int=each) for each in range(1, 31)),
        "organizations_count": 30,
        "records_count": 5,
        "money_at_risk": {"USD": 2**60},
        "started_at": at(number),
        "held_at": START,
        "grew_at": START,
        "changed_at": START,
    }
    return Alert(**columns | changes)


@pytest.fixture
async def fleet(database: Database) -> AsyncIterator[Connection]:
    """A transaction over the fleet."""
    async with database.fleet() as connection:
        yield connection


async def test_an_alert_comes_back_as_it_was_written(fleet: Connection) -> None:
    """Every field survives; a message names the first twenty of its organizations."""
    written = alert(1, notified_severity=Severity.INFO, snoozed_until=at(5), is_inhibited=True)
    await store.upsert_alerts(fleet, [written])
    assert await store.lock_alerts(fleet) == [written]
    assert len(await fleet.fetchval("SELECT organizations FROM alerts")) == 20


async def test_an_older_version_never_wins(fleet: Connection) -> None:
    """Writing a version that is not newer changes nothing."""
    await store.upsert_alerts(fleet, [alert(1, version=2)])
    await store.upsert_alerts(fleet, [alert(1, version=2, summary="late")])
    assert [each.summary for each in await store.lock_alerts(fleet)] == ["Something is wrong"]


async def test_a_fingerprint_is_open_once(fleet: Connection) -> None:
    """Postgres itself refuses a second open alert of one name."""
    await store.upsert_alerts(fleet, [alert(1)])
    with pytest.raises(asyncpg.UniqueViolationError):
        await store.upsert_alerts(fleet, [alert(1, alert_id=UUID(int=9))])


async def test_alerts_are_paged_newest_first(fleet: Connection) -> None:
    """All alerts but pending ones come once each, whatever the size of the page."""
    await store.upsert_alerts(fleet, [alert(number, started_at=at(number // 2)) for number in range(9)])
    await store.upsert_alerts(fleet, [alert(10, status=Status.PENDING)])
    found: list[asyncpg.Record] = []
    before = None
    while page := await store.list_alerts(fleet, before=before, limit=2):
        found += page
        before = (page[-1]["started_at"], page[-1]["alert_id"])
    assert len({row["alert_id"] for row in found}) == len(found) == 9
    assert [row["started_at"] for row in found] == sorted((row["started_at"] for row in found), reverse=True)


async def test_an_organization_sees_its_own_alerts_alone(database: Database) -> None:
    """The wall stands: neither the fleet's alerts nor another organization's are seen or acknowledged."""
    own, foreign = alert(1, organization_id=ACME), alert(2, organization_id=OTHER)
    async with database.fleet() as connection:
        await store.upsert_alerts(connection, [own, foreign, alert(3)])
    async with database.organization(ACME) as connection:
        rows = await store.list_alerts(connection, limit=10)
        assert [row["alert_id"] for row in rows] == [own.alert_id]
        assert await store.mark_alert_acknowledged(connection, foreign.alert_id, "ana") is None
        assert await store.mark_alert_acknowledged(connection, own.alert_id, "ana") is not None


async def test_only_what_fires_can_be_acknowledged_or_snoozed(fleet: Connection) -> None:
    """A resolved alert takes neither."""
    over = alert(1, status=Status.RESOLVED, ended_at=START)
    await store.upsert_alerts(fleet, [over])
    assert await store.mark_alert_acknowledged(fleet, over.alert_id, "ana") is None
    assert await store.mark_alert_snoozed(fleet, over.alert_id, at(9)) is None


async def test_firing_alerts_are_counted_by_severity(fleet: Connection) -> None:
    """Pending and resolved ones do not count."""
    await store.upsert_alerts(
        fleet,
        [
            alert(1),
            alert(2),
            alert(3, severity=Severity.CRITICAL),
            alert(4, status=Status.PENDING),
            alert(5, status=Status.RESOLVED, ended_at=START),
        ],
    )
    assert await store.count_firing_alerts(fleet) == {"warning": 2, "critical": 1}


async def test_only_recent_ends_are_remembered(fleet: Connection) -> None:
    """What ended within a day may come back; what ended before is not read again, and can be pruned."""
    now = await fleet.fetchval("SELECT tieout.now()")
    ends = [now - timedelta(hours=hours) for hours in (1, 23, 25, 1_000)]
    await store.upsert_alerts(
        fleet, [alert(number, status=Status.RESOLVED, ended_at=end) for number, end in enumerate(ends)]
    )
    assert len(await store.lock_alerts(fleet)) == 2
    assert await store.prune_alerts(fleet, timedelta(days=30), 100) == 1


async def put(connection: Connection, *sequences: int, channel: str = "c", alert_id: UUID = ALERT_ID) -> None:
    """Put messages of one alert into the outbox."""
    now = await connection.fetchval("SELECT tieout.now()")
    await store.insert_notifications(
        connection,
        [
            NewNotification(
                organization_id=FLEET,
                notification_id=uuid5(alert_id, f"{channel} {sequence}"),
                alert_id=alert_id,
                channel=channel,
                sequence=sequence,
                body={"reason": "first", "n": sequence},
            )
            for sequence in sequences
        ],
        now,
    )


async def claimed(connection: Connection, channel: str = "c") -> Sequence[int]:
    """Claim all that can be, and answer their sequences."""
    found = await store.claim_due_notifications(connection, channel, 60.0, 100)
    return [notification.sequence for notification in found]


async def test_a_message_is_put_once(fleet: Connection) -> None:
    """The same message, put again, is the same message."""
    await put(fleet, 1)
    await put(fleet, 1)
    assert await fleet.fetchval("SELECT count(*) FROM notifications") == 1


async def test_one_message_of_an_alert_is_claimed_at_a_time(fleet: Connection) -> None:
    """The next one can be claimed when the one before it is through, and not while it is being sent."""
    await put(fleet, 1, 2)
    (first,) = await store.claim_due_notifications(fleet, "c", 60.0, 100)
    assert first.sequence == 1
    assert await claimed(fleet) == []
    await store.mark_notification_sent(fleet, first)
    assert await claimed(fleet) == [2]


async def test_a_late_outcome_does_not_undo_a_newer_attempt(fleet: Connection) -> None:
    """What a sender that was given up for dead reports is not taken for the outcome of its successor."""
    await put(fleet, 1)
    (first,) = await store.claim_due_notifications(fleet, "c", 60.0, 1)
    await fleet.execute("UPDATE notifications SET due_at = tieout.now()")
    (second,) = await store.claim_due_notifications(fleet, "c", 60.0, 1)
    assert (second.attempts_count, second.is_repeat) == (2, True)
    await store.mark_notification_refused(fleet, first, "late")
    assert await fleet.fetchval("SELECT status FROM notifications") == "waiting"


async def test_a_channel_is_due_when_its_first_messages_are(fleet: Connection) -> None:
    """A message that waits for the one before it makes no channel due."""
    await put(fleet, 1, 2)
    (first,) = await store.claim_due_notifications(fleet, "c", 60.0, 1)
    await store.mark_notification_postponed(
        fleet, first, wait_seconds=500.0, is_repeat=False, error="HTTP 429"
    )
    now = await fleet.fetchval("SELECT tieout.now()")
    due_at = await store.get_next_notification(fleet, "c")
    assert due_at is not None
    assert 490 < (due_at - now).total_seconds() <= 500
    assert await store.list_waiting_channels(fleet) == {"c": due_at}


async def test_failing_channels_are_those_that_did_not_take_the_last_message(fleet: Connection) -> None:
    """Waiting after an error, or refused since the last success; what merely waits its turn is no failure."""
    for channel in ("waits", "fails", "refuses", "recovered"):
        await put(fleet, 1, 2, channel=channel)
    for channel in ("fails", "refuses", "recovered"):
        (first,) = await store.claim_due_notifications(fleet, channel, 60.0, 1)
        if channel == "fails":
            await store.mark_notification_postponed(
                fleet, first, wait_seconds=5, is_repeat=True, error="HTTP 500\0"
            )
        else:
            await store.mark_notification_refused(fleet, first, "HTTP 404")
    (second,) = await store.claim_due_notifications(fleet, "recovered", 60.0, 1)
    await fleet.execute("UPDATE notifications SET finished_at = finished_at - interval '1 second'")
    await store.mark_notification_sent(fleet, second)
    failing = await store.list_failing_channels(fleet, ["waits", "fails", "refuses", "recovered", "new"])
    assert [(each.channel, each.waiting_count, each.refused_count, each.error) for each in failing] == [
        ("fails", 2, 0, "HTTP 500\ufffd"),
        ("refuses", 0, 1, "HTTP 404"),
    ]
    assert set(await store.list_channel_successes(fleet, ["fails", "recovered"])) == {"recovered"}


async def test_the_error_of_a_failing_channel_is_its_last(fleet: Connection) -> None:
    """Of several messages that failed the last answer is told, not the one with the last letter."""
    for channel in ("waits", "refuses"):
        await put(fleet, 1, channel=channel)
        await put(fleet, 1, channel=channel, alert_id=UUID(int=6))
        for number, error in enumerate(("timeout", "HTTP 401")):
            (claimed,) = await store.claim_due_notifications(fleet, channel, 60.0, 1)
            if channel == "waits":
                await store.mark_notification_postponed(
                    fleet, claimed, wait_seconds=5 + number, is_repeat=True, error=error
                )
            else:
                await store.mark_notification_refused(fleet, claimed, error)
                await fleet.execute(
                    "UPDATE notifications SET finished_at = finished_at - interval '1 second'"
                )
    failing = await store.list_failing_channels(fleet, ["waits", "refuses"])
    assert {each.channel: each.error for each in failing} == {"waits": "HTTP 401", "refuses": "HTTP 401"}


async def test_finished_messages_are_pruned(fleet: Connection) -> None:
    """Old finished messages go, waiting ones stay however old."""
    await put(fleet, 1, 2)
    (first,) = await store.claim_due_notifications(fleet, "c", 60.0, 1)
    await store.mark_notification_sent(fleet, first)
    await fleet.execute(
        "UPDATE notifications SET created_at = created_at - interval '9 days', "
        "finished_at = finished_at - interval '9 days'"
    )
    assert await store.prune_notifications(fleet, timedelta(days=8), 100) == 1
    assert await claimed(fleet) == [2]


@pytest.mark.parametrize(
    ("name", "arguments", "index"),
    [
        ("list_stuck_organizations", (timedelta(hours=2), 10, []), "records_waiting"),
        ("list_unconfirmed_organizations", (timedelta(hours=2), 10, []), "records_unconfirmed"),
        # In an empty table Postgres 15 finds the index by kind as cheap as the one of the unexpected.
        ("list_differing_organizations", (10, []), "using differences_"),
        ("claim_due_notifications", ("c", timedelta(seconds=60), 1), "notifications_"),
    ],
)
async def test_what_is_asked_all_day_has_its_index(
    fleet: Connection, name: str, arguments: Sequence[Any], index: str
) -> None:
    """Questions that alerting asks several times a minute are answered from an index made for them."""
    await fleet.execute("SET LOCAL enable_seqscan = off")
    plan = "\n".join(row[0] for row in await fleet.fetch(f"EXPLAIN {QUERY[name]}", *arguments))
    assert index in plan
