"""However the hub behaves where its documents are silent, each document enters the books once."""

from __future__ import annotations

from typing import Any

import pytest

from service.domain.record_state import State
from service.hub.scan import PULL_MAY_HAVE_FAILED
from service.simulator import Behaviour
from service.store.database import Database
from tests.workers.healing import healing

MINUTE = 60.0
HOUR = 3_600.0

ANSWERS: dict[str, dict[str, Any]] = {
    "strange": {
        "accounting_id": "provider",
        "accounting_order": "newest",
        "books_due": "instant",
        "conflict_status": 400,
        "has_webhooks": False,
        "omits_nulls": True,
        "pull_takes_seconds": 10 * MINUTE,
        "push_clears_errors": True,
        "push_on_done": "ignore",
        "push_on_pending": "ignore",
        "receivable_totals": True,
        "times": "naive",
        "unknown_id_status": 400,
    },
    "stranger": {
        "accounting_without_connection": "empty",
        "conflict_status": 422,
        "errors_shape": "bare_list",
        "lists_old_connections": False,
        "push_on_done": "accept",
        "push_on_pending": "accept",
        "records_default_limit": 100,
        "tax_reference_is_code": False,
        "throttled_shape": "error",
        "times": "zulu",
        "unknown_id_status": 422,
    },
}


@pytest.mark.parametrize("switches", ANSWERS.values(), ids=ANSWERS)
async def test_each_document_enters_the_books_once(database: Database, switches: dict[str, Any]) -> None:
    """What landed is found, what may have and did not is sent again, and all end confirmed."""
    async with healing(database, behaviour=Behaviour(**switches)) as world:
        await world.settle()
        organization_id, simulator = str(world.organization_id), world.simulator
        landed, lost = (
            simulator.issue_invoice(organization_id, net_minor=net, fails="timeout_ambiguous", landed=landed)
            for net, landed in ((10_000, True), (20_000, False))
        )
        bill = simulator.issue_bill(organization_id, fails="rate_limited")
        simulator.advance(MINUTE)
        await world.live(7 * HOUR, 30 * MINUTE)
        for document_id, pushes in ((landed, 0), (lost, 1), (bill, 1)):
            record = await world.record_of(document_id)
            assert record.state is State.CONFIRMED, record.reason
            assert (world.pushes_of(document_id), world.copies()[document_id]) == (pushes, 1)


async def test_a_pull_that_failed_proves_no_absence(database: Database) -> None:
    """Where failed pulls move `last_pull` too, what landed before them is not sent again."""
    switches = Behaviour(last_pull_moves="tried", push_on_done="accept", push_on_pending="accept")
    async with healing(database, behaviour=switches) as world:
        await world.settle()
        organization_id, simulator = str(world.organization_id), world.simulator
        landed = simulator.issue_invoice(organization_id, fails="timeout_ambiguous", landed=True)
        simulator.advance(MINUTE)
        simulator.break_platform(organization_id=organization_id)
        await world.live(4 * HOUR, 30 * MINUTE)
        assert (await world.record_of(landed)).state is State.QUARANTINED
        simulator.mend_platform(organization_id)
        await world.live(2 * HOUR, 30 * MINUTE)
        assert (await world.record_of(landed)).state is State.CONFIRMED
        assert (world.pushes_of(landed), world.copies()[landed]) == (0, 1)


async def test_what_a_connection_with_errors_shows_is_there(database: Database) -> None:
    """Where errors stay on a connection, its lists prove what is in the books, not what is not."""
    async with healing(database, behaviour=Behaviour(connection_errors_stay=True)) as world:
        await world.settle()
        organization_id, simulator = str(world.organization_id), world.simulator
        simulator.break_platform(organization_id=organization_id)
        simulator.pull_now(organization_id)
        simulator.mend_platform(organization_id)
        landed, lost = (
            simulator.issue_invoice(organization_id, net_minor=net, fails="timeout_ambiguous", landed=landed)
            for net, landed in ((10_000, True), (20_000, False))
        )
        simulator.advance(MINUTE)
        await world.live(4 * HOUR, 30 * MINUTE)
        assert (await world.record_of(landed)).state is State.CONFIRMED
        waiting = await world.record_of(lost)
        assert (waiting.state, world.pushes_of(lost)) == (State.QUARANTINED, 0)
        last = max(await world.watch.rows(world.organization_id, "scans"), key=lambda row: row["finished_at"])
        assert (last["certified"], last["reason"]) == (False, PULL_MAY_HAVE_FAILED)
