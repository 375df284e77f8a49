"""Sending webhooks: what is due is posted, signed, a few at once; what was not answered 2xx comes again.

Redirects are not followed. A fault may drop a delivery, make it twice, or hold it back behind younger ones.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import msgspec

from service.simulator.faults import WEBHOOK_KINDS, FaultKind, Faults
from service.simulator.payloads.events import event_payload
from service.simulator.spelling import written
from service.simulator.webhooks import Delivery, sign

if TYPE_CHECKING:
    from service.simulator.dialects import Spelling
    from service.simulator.world import World

_ENCODER = msgspec.json.Encoder(decimal_format="number")

PARALLEL_MAX = 16
TIMEOUT_SECONDS = 30.0
HOLD_SECONDS = 5.0
ENDPOINT = "WEBHOOK"
"""What faults of deliveries are matched with: this word and the event's object type and action."""


class Postman:
    """Delivers what the webhooks of a world have due."""

    def __init__(
        self,
        world: World,
        faults: Faults,
        spelling: Spelling,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Post over the network, or through a transport given by a test."""
        self._world = world
        self._faults = faults
        self._spelling = spelling
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def deliver_due(self) -> int:
        """Start all deliveries that are due and wait for them; return how many there were."""
        started = self.start_due()
        if self._running:
            await asyncio.wait(set(self._running))
        return started

    def start_due(self) -> int:
        """Start deliveries that are due, as many as may run at once; return how many were started."""
        room = PARALLEL_MAX - len(self._running)
        deliveries = self._world.webhooks.take_due(self._world.clock.now(), room)
        for delivery in deliveries:
            task = asyncio.create_task(self._deliver(delivery))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(deliveries)

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _deliver(self, delivery: Delivery) -> None:
        event = delivery.event
        if delivery.subscription.status != "enabled":
            return
        name = f"{ENDPOINT} {event.object_type}.{event.action}"
        fault = self._faults.strike(name, event.entity_id, WEBHOOK_KINDS)
        if fault is not None and fault.kind is FaultKind.DROP_WEBHOOK:
            return
        if fault is not None and fault.kind is FaultKind.REORDER_WEBHOOK:
            held = self._world.clock.now() + timedelta(seconds=fault.seconds(HOLD_SECONDS))
            self._world.webhooks.enqueue(delivery, held)
            return
        await self._post(delivery)
        if fault is not None:
            await self._post(delivery)

    async def _post(self, delivery: Delivery) -> None:
        """Post once and note the outcome."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                transport=self._transport, timeout=TIMEOUT_SECONDS, trust_env=False
            )
        behaviour, now = self._world.behaviour, self._world.clock.now()
        told = event_payload(self._world, delivery.event, self._spelling.version)
        told = {**told, "webhook_subscription_id": delivery.subscription.id}
        body = _ENCODER.encode(written(told, behaviour))
        signature = sign(delivery.subscription.secret, int(now.timestamp()), body, behaviour.signature_digest)
        headers = {
            "content-type": "application/json",
            behaviour.signature_header or self._spelling.signature_header: signature,
        }
        status, text = None, ""
        try:
            response = await self._client.post(delivery.subscription.url, content=body, headers=headers)
            status, text = response.status_code, response.text
        except (httpx.HTTPError, httpx.InvalidURL) as trouble:
            text = f"{type(trouble).__name__}: {trouble}"
        self._world.webhooks.answered(delivery, status, text, self._world.clock.now())
