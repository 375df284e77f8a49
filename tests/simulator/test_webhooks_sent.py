"""Webhooks: who hears what, signed how, tried again when, and what the logs of events and deliveries tell."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.simulator.caller import Caller, OpenHub

URL = "http://listener.example.com/hook"


class Listener(httpx.AsyncBaseTransport):
    """Takes deliveries and answers what it is told."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.statuses: list[int] = []
        self.arrived = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Take one."""
        await request.aread()
        self.requests.append(request)
        self.arrived.set()
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200, text="noted")

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was told, in the order of arrival."""
        return [json.loads(request.content) for request in self.requests]


async def subscribe(hub: Caller, object_type: str = "receivable", **more: Any) -> dict[str, Any]:
    """Subscribe and return the subscription with its secret."""
    body = {"object_type": object_type, "url": URL, **more}
    response = await hub.call("POST", "/webhook-subscriptions", json=body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


@pytest.mark.parametrize("dialect", ["tesouro", "monite"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
async def test_delivery_is_signed_over_the_raw_body(open_hub: OpenHub, dialect: str, digest: str) -> None:
    """The dialect's header holds a timestamp and the HMAC over timestamp, dot and body, by the secret."""
    listener = Listener()
    async with open_hub(dialect=dialect, webhook_transport=listener) as hub:
        hub.simulator.set_behaviour(signature_digest=digest)
        subscription = await subscribe(hub)
        invoice = hub.simulator.issue_invoice(hub.organization)
        await hub.simulator.deliver_webhooks()
        request = listener.requests[0]
        parts = dict(part.split("=") for part in request.headers[hub.spelling.signature_header].split(","))
        signed = f"{parts['t']}.".encode() + request.content
        expected = hmac.new(subscription["secret"].encode(), signed, getattr(hashlib, digest)).hexdigest()
        assert parts["v1"] == expected
        event = listener.events[0]
        assert (event["entity_id"], event["object"]) == (hub.organization, {"id": invoice})
        assert event["webhook_subscription_id"] == subscription["id"]


async def test_subscription_hears_its_type_and_actions_alone(open_hub: OpenHub) -> None:
    """A subscription hears its object type, of its event types if it names any, while it is enabled."""
    listener = Listener()
    async with open_hub(webhook_transport=listener) as hub:
        subscription = await subscribe(hub, "receivable", event_types=["issued"])
        hub.simulator.issue_invoice(hub.organization)
        hub.simulator.issue_bill(hub.organization)
        await hub.simulator.deliver_webhooks()
        assert [(event["object_type"], event["action"]) for event in listener.events] == [
            ("receivable", "issued")
        ]
        hub.simulator.issue_invoice(hub.organization)
        await hub.call("POST", f"/webhook-subscriptions/{subscription['id']}/disable")
        hub.simulator.issue_invoice(hub.organization)
        await hub.simulator.deliver_webhooks()
        assert len(listener.events) == 1  # what waited when it was disabled is not sent any more
        assert len(await hub.walk("/events")) == 2  # and what happened after that was nobody's event


@pytest.mark.parametrize("status", ["connected", "deauthorized", "disconnected", "pending_auth"])
async def test_connection_states_are_told(open_hub: OpenHub, status: str) -> None:
    """Each state of a connection has its event."""
    listener = Listener()
    async with open_hub(webhook_transport=listener) as hub:
        await subscribe(hub, "accounting_connection")
        hub.simulator.revoke_connection(hub.organization)
        hub.simulator.disconnect(hub.organization)
        await hub.call("POST", "/accounting-connections")
        hub.simulator.connect(hub.organization)
        await hub.simulator.deliver_webhooks()
        assert status in {event["action"] for event in listener.events}


async def test_event_may_carry_the_whole_object(open_hub: OpenHub) -> None:
    """Switched so, an event's object is the resource as its endpoint shows it."""
    async with open_hub(webhook_transport=Listener()) as hub:
        hub.simulator.set_behaviour(event_object="resource")
        for object_type in ("receivable", "payable", "counterpart", "product", "entity"):
            await subscribe(hub, object_type)
        made = {
            "/receivables": hub.simulator.issue_invoice(hub.organization),
            "/payables": hub.simulator.issue_bill(hub.organization),
            "/counterparts": hub.simulator.add_counterpart(hub.organization, "New"),
            "/products": hub.simulator.add_product(hub.organization, "New"),
            "/entities": hub.organization,
        }
        hub.simulator.set_status(hub.organization, "inactive")
        told = {row["object"]["id"]: row["object"] for row in await hub.walk("/events")}
        for path, object_id in made.items():
            assert told[object_id] == await hub.get(f"{path}/{object_id}")


async def test_unanswered_delivery_comes_again_until_taken(open_hub: OpenHub) -> None:
    """Anything but 2xx is tried again after one minute, then five, newly signed, with the same event id."""
    listener = Listener()
    listener.statuses = [500, 302, 200]
    async with open_hub(webhook_transport=listener) as hub:
        await subscribe(hub, event_types=["issued"])
        hub.simulator.issue_invoice(hub.organization)
        for wait in (0, 60, 300, 900):
            hub.simulator.advance(wait)
            await hub.simulator.deliver_webhooks()
        assert len(listener.requests) == 3
        assert len({event["id"] for event in listener.events}) == 1
        signatures = {request.headers[hub.spelling.signature_header] for request in listener.requests}
        assert len(signatures) == 3
        row = (await hub.get("/webhook-deliveries"))["data"][0]
        assert (row["requests_made_count"], row["was_successful"], row["response_status_code"]) == (
            3,
            True,
            200,
        )


async def test_delivery_is_given_up_after_the_schedule(open_hub: OpenHub) -> None:
    """A listener that never takes it is tried eleven times and no more; the event stays listed."""
    listener = Listener()
    listener.statuses = [500] * 100
    async with open_hub(webhook_transport=listener) as hub:
        await subscribe(hub, event_types=["issued"])
        hub.simulator.issue_invoice(hub.organization)
        for _ in range(20):
            await hub.simulator.deliver_webhooks()
            hub.simulator.advance(7200)
        assert len(listener.requests) == 11
        assert len((await hub.get("/events"))["data"]) == 1


async def test_events_are_listed_by_organization_and_time(open_hub: OpenHub) -> None:
    """`GET /events` gives what subscriptions caught, of one organization, since an instant."""
    async with open_hub(organizations=2, webhook_transport=Listener()) as hub:
        hub.simulator.issue_invoice(hub.organization)
        await subscribe(hub, event_types=["created"])
        first = hub.simulator.issue_invoice(hub.organization)
        since = hub.simulator.advance(60).isoformat()
        second = hub.simulator.issue_invoice(hub.organization)
        rows = await hub.walk("/events", limit=1)
        assert [row["object"]["id"] for row in rows] == [first, second]
        later = await hub.walk("/events", created_at__gte=since)
        assert [row["object"]["id"] for row in later] == [second]
        assert "webhook_subscription_id" not in rows[0]
        assert await hub.get(f"/events/{rows[0]['id']}") == rows[0]
        other = hub.simulator.organization_ids[1]
        assert (await hub.get("/events", organization=other))["data"] == []


async def test_secret_is_shown_once_and_replaced_at_once(open_hub: OpenHub) -> None:
    """Only creation and regeneration show the secret; deliveries are signed by the newest."""
    listener = Listener()
    async with open_hub(webhook_transport=listener) as hub:
        made = await subscribe(hub, event_types=["issued"])
        assert made["secret"].startswith("whsec_")
        assert "secret" not in (await hub.get("/webhook-subscriptions"))["data"][0]
        path = f"/webhook-subscriptions/{made['id']}"
        renewed = (await hub.call("POST", f"{path}/regenerate-secret")).json()
        assert renewed["secret"] != made["secret"]
        hub.simulator.issue_invoice(hub.organization)
        await hub.simulator.deliver_webhooks()
        request = listener.requests[0]
        timestamp, _, given = request.headers[hub.spelling.signature_header].partition(",v1=")
        signed = f"{timestamp.removeprefix('t=')}.".encode() + request.content
        assert hmac.new(renewed["secret"].encode(), signed, hashlib.sha256).hexdigest() == given
        assert (await hub.call("DELETE", path)).status_code == 204
        assert (await hub.call("GET", path)).status_code == 404


async def test_urls_are_judged(hub: Caller) -> None:
    """Only http and https URLs with a host are taken; only https where so switched."""

    async def status(url: str) -> int:
        body = {"object_type": "receivable", "url": url}
        return (await hub.call("POST", "/webhook-subscriptions", json=body)).status_code

    assert await status("ftp://x/y") == 422
    assert await status("https://") == 422
    assert await status(URL) == 201
    hub.simulator.set_behaviour(webhook_https_only=True)
    assert await status(URL) == 422


async def test_webhook_faults(open_hub: OpenHub) -> None:
    """A dropped delivery never comes but is listed, a doubled one comes twice, a held one comes last."""
    listener = Listener()
    async with open_hub(webhook_transport=listener) as hub:
        await subscribe(hub, event_types=["issued"])
        ids: list[str] = []
        for kind in ("drop_webhook", "duplicate_webhook", "reorder_webhook", None):
            if kind is not None:
                hub.simulator.add_fault(kind, count=1)
            ids.append(hub.simulator.issue_invoice(hub.organization))
            await hub.simulator.deliver_webhooks()
        hub.simulator.advance(5)
        await hub.simulator.deliver_webhooks()
        dropped, doubled, held, plain = ids
        assert [event["object"]["id"] for event in listener.events] == [doubled, doubled, plain, held]
        assert dropped in [row["object"]["id"] for row in await hub.walk("/events")]


async def test_ticker_delivers_and_settles_by_itself(open_hub: OpenHub) -> None:
    """With the application's lifespan running, webhooks leave and pushes finish although nobody asks."""
    listener = Listener()
    async with open_hub(webhook_transport=listener, push_seconds=(0.0, 0.0)) as hub:
        await subscribe(hub, event_types=["issued"])
        started, stop = asyncio.Event(), asyncio.Event()

        async def receive() -> dict[str, str]:
            if not started.is_set():
                return {"type": "lifespan.startup"}
            await stop.wait()
            return {"type": "lifespan.shutdown"}

        async def send(_: Any) -> None:
            started.set()

        life = asyncio.create_task(hub.simulator.app({"type": "lifespan", "state": {}}, receive, send))
        await asyncio.wait_for(started.wait(), 5)
        hub.simulator.issue_invoice(hub.organization)
        async with asyncio.timeout(5):
            await listener.arrived.wait()
        stop.set()
        await asyncio.wait_for(life, 5)
        assert len(listener.requests) == 1
