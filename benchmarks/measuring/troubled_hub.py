"""Serves a world in which the first organization has many errors.

    troubled_hub.py ORGANIZATIONS ERRORS WEBHOOK_URL WEBHOOK_SECRET

Half of them wait for a tax rate that nobody makes, so that they are looked at and not pushed; the other half
failed by passing trouble, and are pushed again, as long as the budget lasts.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop

from service.simulator.serve import serve_world
from service.simulator.simulator import Simulator
from service.simulator.webhooks import Subscription

DOCUMENTS = 10
MISSING_RATE = 1375
TYPES = ("receivable", "payable", "product", "counterpart", "accounting_connection")


async def main(organizations: int, errors: int, url: str, secret: str) -> None:
    """Make the world, let the pushes fail, and serve it."""
    simulator = Simulator(
        organizations=organizations, documents=DOCUMENTS, situations="healthy", push_seconds=(1.0, 3.0)
    )
    first = simulator.organization_ids[0]
    for number in range(errors):
        if number % 2:
            simulator.issue_invoice(first, fails="platform_unavailable")
        else:
            simulator.issue_invoice(first, tax_rate=MISSING_RATE)
    webhooks, now = simulator.world.webhooks, simulator.now()
    for name in TYPES:
        made = Subscription(simulator.world.chance.uuid(), name, (), url, secret, now, now)
        webhooks.subscriptions[made.id] = made
    await serve_world(simulator)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
