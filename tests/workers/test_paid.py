"""What failed payments pay is asked of the hub: once where it tells, ever more seldom where it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from service.domain.record_state import State
from service.errors import Fate, HubError, HubFailure
from service.store.database import Database
from service.workers import paid
from service.workers.circuit import FAILURES_TO_OPEN, Circuit
from service.workers.paid import Payments
from tests.workers.healing import POLICY, Healing, healing
from tests.workers.test_pusher import HOUR, MINUTE, issue

DAY = 24 * HOUR


class Asked:
    """The hub's list of payments on the way to us: how often it is asked for, and what it tells."""

    def __init__(self, world: Healing) -> None:
        self.times = 0
        self.rows_told: Any = None
        self.long_before: datetime | None = None
        """Asked from an earlier time on, the list begins with others' payments, and goes on."""
        world.watch.way.tamper = self._tamper

    def _tamper(self, request: httpx.Request, body: Any) -> Any:
        if not request.url.path.endswith("/payment-records") or "data" not in body:
            return body
        self.times += 1
        since = datetime.fromisoformat(request.url.params["updated_at__gt"])
        if self.long_before and since < self.long_before:
            others = [{**row, "id": str(uuid4())} for row in body["data"]]
            return {**body, "data": others, "next_pagination_token": "more"}
        return {**body, "data": [self.rows_told(row) for row in body["data"]]} if self.rows_told else body


@pytest.fixture
async def world(database: Database) -> AsyncIterator[Healing]:
    """An organization with a payment that waits, because its invoice cannot be pushed."""
    async with healing(database) as opened:
        await opened.settle()
        organization_id = str(opened.organization_id)
        opened.simulator.remove_tax_rate(organization_id, 2000)
        opened.simulator.pull_now(organization_id)
        document_id = await issue(opened, tax_rate=2000)
        opened.simulator.pay(organization_id, document_id, 100)
        yield opened


async def waiting(world: Healing) -> Sequence[str]:
    """The ids of the payments that wait for a cure."""
    found = await world.records(object_type="payment_record", state=State.BLOCKED)
    assert {each.cause for each in found} <= {"reference_not_found"}
    return [str(each.object_id) for each in found]


async def pay_more(world: Healing) -> None:
    """Let another payment of the same invoice fail."""
    [document_id] = {each["document_id"] for each in world.watch.truth(world.organization_id)["payments"]}
    payment_id: str = world.simulator.pay(str(world.organization_id), document_id, 100)
    await world.live(20 * MINUTE, 10 * MINUTE)
    assert payment_id in await waiting(world)


async def ask(world: Healing, payments: Payments, seconds: float, step: float) -> int:
    """Let time pass, asking at each step; returns of how many payments it is known then what they pay."""
    found: Any = {}
    work: Any = _Run(world.organization_id)
    for _ in range(round(seconds / step)):
        world.watch.advance(step)
        work.now = await world.watch.database.now()
        found = await payments.read(work)
    return len(found)


@dataclass
class _Run:
    """A pusher's run, as far as asking reads it."""

    organization_id: UUID
    now: datetime | None = None


async def begin(world: Healing, circuit: Circuit | None = None) -> tuple[Payments, Asked]:
    """Let the payment fail, and begin to ask about it anew."""
    await world.live(20 * MINUTE, 10 * MINUTE)
    assert len(await waiting(world)) == 1
    return Payments(world.watch.database, world.watch.hub, POLICY, circuit or Circuit()), Asked(world)


async def test_what_a_payment_pays_is_asked_once(world: Healing) -> None:
    """A payment pays the same for ever: what the hub told is not asked again."""
    payments, asked = await begin(world)
    assert await ask(world, payments, DAY, 5 * MINUTE) == 1
    assert asked.times == 1


async def test_a_payment_of_a_bill_is_asked_about_once(world: Healing) -> None:
    """What pays no invoice is remembered too."""
    payments, asked = await begin(world)
    asked.rows_told = lambda row: {**row, "object": {**row["object"], "type": "payable"}}
    assert await ask(world, payments, DAY, 5 * MINUTE) == 0
    assert asked.times == 1


async def test_what_the_hub_does_not_list_is_asked_about_ever_more_seldom(world: Healing) -> None:
    """A payment that the hub does not list is looked for after twice as long each time, and found at last."""
    payments, asked = await begin(world)
    asked.rows_told = lambda row: {**row, "id": str(uuid4())}
    assert await ask(world, payments, DAY, 5 * MINUTE) == 0
    assert 5 <= asked.times <= 10
    asked.rows_told = None
    assert await ask(world, payments, DAY, HOUR) == 1


async def test_payments_that_the_hub_does_not_list_are_asked_about_together(world: Healing) -> None:
    """Payments that failed hours apart and are not listed come to be asked about in one question a day."""
    payments, asked = await begin(world)
    asked.rows_told = lambda row: {**row, "id": str(uuid4())}
    for _ in range(3):
        await ask(world, payments, 5 * HOUR, 5 * MINUTE)
        await pay_more(world)
    await ask(world, payments, 3 * DAY, 15 * MINUTE)
    asked.times = 0
    assert await ask(world, payments, 2 * DAY, 15 * MINUTE) == 0
    assert 1 <= asked.times <= 2


async def test_a_list_that_is_too_long_is_gone_through(
    world: Healing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment that is not listed keeps none from being found that lies beyond what one ask reads."""
    monkeypatch.setattr(paid, "PAGES_MAX", 1)
    payments, asked = await begin(world)
    world.watch.advance(DAY)
    asked.long_before = await world.watch.database.now() - timedelta(hours=2)
    await pay_more(world)
    assert await ask(world, payments, HOUR, 5 * MINUTE) == 1


async def test_a_hub_that_does_not_answer_is_asked_ever_more_seldom(world: Healing) -> None:
    """Asking in vain does not occupy the pusher for ever."""
    payments, _ = await begin(world)
    world.simulator.add_fault("server_error", "*payment*records*")
    before = world.watch.requests
    await ask(world, payments, DAY, 5 * MINUTE)
    assert world.watch.requests - before <= 40


async def test_nothing_is_asked_while_the_hub_counts_as_down(world: Healing) -> None:
    """While the circuit is open what payments pay is not asked, and at once when it is closed."""
    circuit = Circuit()
    payments, asked = await begin(world, circuit)
    for _ in range(FAILURES_TO_OPEN):
        away = HubError("away", failure=HubFailure.UNREACHABLE, fate=Fate.NOT_SENT)
        circuit.note_failure(uuid4(), away)
    assert await ask(world, payments, HOUR, 5 * MINUTE) == 0
    assert asked.times == 0
    circuit.note_ok()
    assert await ask(world, payments, 5 * MINUTE, 5 * MINUTE) == 1
