"""Traces of the real service: what it did is told to a collector, and nothing that it should keep."""

from __future__ import annotations

import json

from tests.acceptance.conftest import Stage
from tests.acceptance.processes import KEY, WEBHOOK_SECRET, until
from tests.acceptance.sender import Sender, make_events
from tests.channels.receiver import receiving
from tests.collector import spans

TOLD_SECONDS = 60.0
"""Spans are sent every five seconds, and a push follows a reading."""

RATE = 1_375


async def test_units_of_work_are_traced_and_secrets_are_not(stage: Stage) -> None:
    """Work, calls, a push and a batch of webhooks arrive as spans; no secret, name or document id does."""
    hub = await stage.simulator(organizations=2, documents=2, situations="healthy", **{"push-seconds": "0 1"})
    async with receiving() as collector:
        service = stage.service(
            hub,
            hub_rate_per_second=200,
            poll_seconds=2,
            connection_seconds=2,
            diff_seconds=2,
            cure_seconds=1,
            telemetry_otlp_url=f"http://127.0.0.1:{collector.port}",
        )
        await service.start()
        organization_id = hub.organization_ids[0]
        invoice = await hub.control("issue_invoice", organization_id=organization_id, tax_rate=RATE)
        await Sender(service.url).send(make_events(hub.organization_ids, 3))

        async def is_blocked() -> bool:
            rows = await service.all("/v1/records", state="blocked")
            return bool(rows)

        await until("the invoice without a rate is blocked", is_blocked, TOLD_SECONDS)
        await hub.control("add_tax_rate", organization_id=organization_id, rate=RATE)
        await hub.control("pull_now", organization_id=organization_id)
        wanted = {"work poll", "work push", "push", "hub list_records", "hub push_record", "webhooks commit"}

        async def all_are_told() -> bool:
            return wanted <= {each.name for each in spans(collector)}

        await until("every kind of span arrived", all_are_told, TOLD_SECONDS, step=0.3)
        assert await service.running.end() == 0
        found = spans(collector)
        raw = b"".join(request.content for request in collector.received)
    pushed = next(each for each in found if each.name == "push")
    assert pushed.attributes["tieout.outcome"] == "accepted"
    by_id = {each.id: each for each in found}
    assert by_id[pushed.parent].attributes["tieout.organization_id"] == organization_id
    sent = next(each for each in found if each.name == "hub push_record")
    assert sent.parent == pushed.id
    truth = await hub.truth()
    kept = [KEY, WEBHOOK_SECRET, hub.told["client_secret"], hub.told["client_id"], invoice]
    kept += [told.name for told in truth.organizations.values()]
    kept += [record["id"] for told in truth.organizations.values() for record in told.records]
    assert [text for text in kept if text.encode() in raw] == [], json.dumps(sorted({s.name for s in found}))
