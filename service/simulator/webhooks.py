"""Subscriptions, events and deliveries: what is told, to whom, signed how, and tried again when.

An event is kept only if an enabled subscription covered it when it happened, as `GET /events` documents. A
delivery is one event for one subscription; it is signed when sent, tried again on a fixed schedule, and
counted. Sending itself is `delivery`'s business: nothing here touches the network.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from service.simulator.listings import Versioned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.simulator.behaviour import Behaviour
    from service.simulator.chance import Chance

EVENTS_MAX = 50_000
"""Events, and deliveries, kept of one organization; the hub keeps three months, which is less than this."""

RESPONSE_CHARACTERS_MAX = 1000
"""How much of a listener's answer the delivery log keeps."""


@dataclass(slots=True)
class Subscription:
    """Who wants to hear of one object type; no event types means all of them."""

    id: str
    object_type: str
    event_types: tuple[str, ...]
    url: str
    secret: str
    created_at: datetime
    updated_at: datetime
    status: str = "enabled"

    def wants(self, object_type: str, action: str) -> bool:
        """Say whether an event is for this subscription."""
        if self.status != "enabled" or self.object_type != object_type:
            return False
        return not self.event_types or action in self.event_types


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an object of an organization."""

    id: str
    created_at: datetime
    entity_id: str
    object_type: str
    action: str
    object_id: str
    sequence: int


@dataclass(slots=True)
class Delivery:
    """One event for one subscription."""

    id: str
    event: Event
    subscription: Subscription
    created_at: datetime
    requests_made_count: int = 0
    response: str | None = None
    response_status_code: int | None = None
    was_successful: bool | None = None


@dataclass(slots=True)
class Mailbag:
    """Events and deliveries of one organization, oldest first."""

    events: dict[str, Event] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)


def sign(secret: str, timestamp: int, body: bytes, digest: str) -> str:
    """Return the signature header's value: the timestamp, and an HMAC over timestamp, dot and raw body."""
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, getattr(hashlib, digest)).hexdigest()}"


class Webhooks(Versioned):
    """All subscriptions of the partner, and what became of events."""

    def __init__(self, chance: Chance, behaviour: Behaviour) -> None:
        super().__init__()
        self._chance = chance
        self._behaviour = behaviour
        self._queue: list[tuple[datetime, int, Delivery]] = []
        self._sequence = 0
        self.subscriptions: dict[str, Subscription] = {}
        self.mailbags: dict[str, Mailbag] = {}
        self.organization_by_event: dict[str, str] = {}

    def mailbag(self, organization_id: str) -> Mailbag:
        """Return the events and deliveries of an organization."""
        return self.mailbags.setdefault(organization_id, Mailbag())

    def happened(
        self, organization_id: str, object_type: str, action: str, object_id: str, at: datetime
    ) -> bool:
        """Store an event and queue its deliveries; say whether anybody asked for it."""
        wanting = [entry for entry in self.subscriptions.values() if entry.wants(object_type, action)]
        if not wanting:
            return False
        self._sequence += 1
        event = Event(
            self._chance.uuid(), at, organization_id, object_type, action, object_id, self._sequence
        )
        bag = self.mailbag(organization_id)
        bag.events[event.id] = event
        self.organization_by_event[event.id] = organization_id
        while len(bag.events) > EVENTS_MAX:
            del self.organization_by_event[next(iter(bag.events))]
            del bag.events[next(iter(bag.events))]
        for subscription in wanting:
            delivery = Delivery(self._chance.uuid(), event, subscription, at)
            bag.deliveries[delivery.id] = delivery
            self.enqueue(delivery, at)
        while len(bag.deliveries) > EVENTS_MAX:
            del bag.deliveries[next(iter(bag.deliveries))]
        self.touch()
        return True

    def enqueue(self, delivery: Delivery, due_at: datetime) -> None:
        """Let a delivery be sent at an instant."""
        self._sequence += 1
        heapq.heappush(self._queue, (due_at, self._sequence, delivery))

    def take_due(self, now: datetime, count_max: int) -> Sequence[Delivery]:
        """Take deliveries that are due, oldest first, at most `count_max`."""
        taken: list[Delivery] = []
        while self._queue and self._queue[0][0] <= now and len(taken) < count_max:
            taken.append(heapq.heappop(self._queue)[2])
        return taken

    def backlog(self) -> int:
        """Count deliveries that wait to be sent."""
        return len(self._queue)

    def answered(self, delivery: Delivery, status: int | None, text: str, at: datetime) -> None:
        """Note an attempt's outcome; anything but 2xx is tried again while the schedule lasts."""
        delivery.requests_made_count += 1
        delivery.response_status_code = status
        delivery.response = text[:RESPONSE_CHARACTERS_MAX]
        delivery.was_successful = status is not None and status // 100 == 2  # noqa: PLR2004 - 2xx
        self.touch()
        waits = self._behaviour.webhook_retry_seconds
        if not delivery.was_successful and delivery.requests_made_count <= len(waits):
            self.enqueue(delivery, at + timedelta(seconds=waits[delivery.requests_made_count - 1]))
