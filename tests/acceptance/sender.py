"""A faithful sender of webhooks: signs each delivery, and sends it again until it is answered 2xx."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.acceptance.processes import WEBHOOK_SECRET

PARALLEL = 16
"""As many as the simulated hub has under way at once."""

AGAIN_SECONDS = 0.1
"""The hub waits a minute before it tries again; nothing here depends on how long."""

ANSWER_SECONDS = 15.0


@dataclass
class Sender:
    """Sends events to one address, and remembers what became of each."""

    url: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    """How often each event was answered 2xx."""

    answers: Counter[str] = field(default_factory=Counter)
    """Status codes, and the names of the troubles that came instead of one."""

    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, events: Sequence[Mapping[str, object]]) -> None:
        """Return once every event was answered 2xx."""
        queue = iter(events)
        async with (
            httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(PARALLEL):
                group.create_task(self._deliver(client, queue))

    async def until_acknowledged(self, count: int) -> None:
        """Return once so many deliveries were answered 2xx."""
        async with self._moved:
            await self._moved.wait_for(lambda: sum(self.acknowledged.values()) >= count)

    async def _deliver(self, client: httpx.AsyncClient, queue: Iterator[Mapping[str, object]]) -> None:
        for event in queue:
            while not await self._post(client, event):  # noqa: ASYNC110 - the hub waits too, and is not told
                await asyncio.sleep(AGAIN_SECONDS)
            event_id = str(event["id"])
            async with self._moved:
                self.acknowledged[event_id] = self.acknowledged.get(event_id, 0) + 1
                self._moved.notify_all()

    async def _post(self, client: httpx.AsyncClient, event: Mapping[str, object]) -> bool:
        body = json.dumps(event).encode()
        headers = {"content-type": "application/json", "tesouro-signature": sign(body, int(time.time()))}
        try:
            response = await client.post(f"{self.url}/webhooks/hub", content=body, headers=headers)
        except httpx.TransportError as error:
            self.answers[type(error).__name__] += 1
            return False
        self.answers[str(response.status_code)] += 1
        return response.is_success


def sign(body: bytes, timestamp: int) -> str:
    """The signature header of a body."""
    digest = hmac.new(WEBHOOK_SECRET.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"t={timestamp},v1={digest.hexdigest()}"


def make_events(organization_ids: Sequence[str], count: int) -> Sequence[Mapping[str, object]]:
    """Events about documents of some organizations, in turn."""
    subscription_id = str(uuid4())
    owners = itertools.cycle(organization_ids)
    return [
        {
            "id": str(uuid4()),
            "created_at": "2026-10-01T12:00:00+00:00",
            "entity_id": next(owners),
            "object_type": "receivable",
            "action": "issued",
            "object": {"id": str(uuid4())},
            "webhook_subscription_id": subscription_id,
        }
        for _ in range(count)
    ]
