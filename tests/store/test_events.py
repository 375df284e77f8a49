"""Events of the hub's log beside those that were delivered: each is there once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from service.store.database import Database
from service.store.events import (
    LoggedEvent,
    delete_doubled_events,
    insert_logged_events,
    list_unworked_events,
    mark_events_worked,
    prune_events,
)
from service.store.received import store_deliveries

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Delivery:
    """A webhook as the receiver read it."""

    organization_id: str
    event_id: str
    subscription_id: str
    object_type: str | None = "payable"
    action: str | None = "created"
    object_id: str | None = "x"
    created_at: datetime | None = AT
    raw: bytes = b"{}"
    quarantined: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same delivery."""
        return self.organization_id, self.event_id, self.subscription_id


def logged(event_id: UUID) -> LoggedEvent:
    """The same event as the log tells it."""
    return LoggedEvent(
        event_id=event_id, object_type="pay\0able", action="created", object_id="x", created_at=AT, raw=b"\0"
    )


async def test_log_and_delivery_are_one_event(database: Database) -> None:
    """Whether the log or the delivery came first, and even at the same moment, the event is there once."""
    organization_id, subscription_id = uuid4(), uuid4()
    before, after, same = uuid4(), uuid4(), uuid4()

    async def deliver(event_id: UUID) -> None:
        delivery = Delivery(str(organization_id), str(event_id), str(subscription_id))
        async with database.fleet() as connection:
            await store_deliveries(connection, {delivery: 0}, shard=0)

    await deliver(before)
    async with database.organization(organization_id) as first:
        # This transaction has not seen the delivery that is stored meanwhile.
        assert await insert_logged_events(first, organization_id, [logged(same)]) == 1
        await deliver(same)
        assert await insert_logged_events(first, organization_id, [logged(before), logged(after)]) == 1
    await deliver(after)
    async with database.organization(organization_id) as connection:
        await delete_doubled_events(connection, organization_id)
        rows = await connection.fetch("SELECT event_id, source FROM events")
    assert sorted((row["event_id"], row["source"]) for row in rows) == sorted(
        (event_id, "webhook") for event_id in (before, after, same)
    )


async def test_worked_events_are_kept_for_a_while(database: Database) -> None:
    """An event waits until it is worked off, and is forgotten long after, and never before."""
    organization_id, event_id = uuid4(), uuid4()
    async with database.organization(organization_id) as connection:
        await insert_logged_events(connection, organization_id, [logged(event_id)])
        (waiting,) = await list_unworked_events(connection, organization_id, 10)
        assert (waiting.event_id, waiting.object_type) == (event_id, "pay\ufffdable")
    database.clock_offset += timedelta(days=200)
    async with database.fleet() as connection:
        assert await prune_events(connection, timedelta(days=100), 10) == 0, "it was never worked off"
        await mark_events_worked(connection, organization_id, [event_id])
        assert await list_unworked_events(connection, organization_id, 10) == []
        assert await prune_events(connection, timedelta(days=300), 10) == 0
        assert await prune_events(connection, timedelta(days=100), 10) == 1
