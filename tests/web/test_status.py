"""`/status`: figures that equal the tables, reasons that are true, an answer also without Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from service.domain.alerts.alert import Kind
from service.domain.alerts.channel_rules import EVERY_CHANNEL, EVERY_CHANNEL_ALERT
from service.domain.record_state import State
from service.store.database import Database
from service.store.hub_budget import mark_hub_failing, mark_hub_ok
from service.web.routes import build
from tests.web.builders import (
    KEYS,
    NOW,
    ORGANIZATION,
    OTHER,
    Fleet,
    add_alert,
    add_balance,
    add_event,
    add_organization,
    add_worker,
    client,
    set_connection,
    settings,
    sweep,
)
from tests.web.wire import open_wire

EVERY: Mapping[str, Any] = {
    "kind": Kind.CHANNEL_FAILING,
    "scope": EVERY_CHANNEL,
    "fingerprint": EVERY_CHANNEL_ALERT,
}
"""What makes an alert the one that no channel takes messages."""


async def codes(caller: httpx.AsyncClient) -> tuple[str, set[str]]:
    """The state and the codes of its reasons."""
    told = (await caller.get("/status")).json()
    assert all(reason["message"] for reason in told["reasons"])
    return told["state"], {reason["code"] for reason in told["reasons"]}


async def test_the_figures_are_those_of_the_tables(filled: Fleet, viewer: httpx.AsyncClient) -> None:
    """Records, organizations, differences, webhooks, causes and alerts are counted as they stand."""
    told = (await viewer.get("/status")).json()
    assert told["organizations"] == {
        "total": 2,
        "connections": {"connected": 2, "pending_auth": 0, "disconnected": 0, "deauthorized": 0, "none": 0},
        "stale": 0,
    }
    assert told["records"]["total"] == sum(len(rows) for rows in filled.records.values()) == 16
    assert told["records"]["state"] == {str(state): 2 for state in State}
    assert told["records"]["sync_status"] == {"pending": 2, "done": 4, "error": 10}
    assert [(cause["cause"], cause["records"]) for cause in told["causes"]] == [("missing_tax_rate", 10)]
    assert told["causes"][0]["money_at_risk"] == {"USD": 1250_00}
    assert (told["differences"]["open"], told["differences"]["expected"]) == (4, 2)
    assert told["differences"]["kinds"] == {"amount": 2, "not_pushed": 2}
    assert (told["webhooks"]["received"], told["webhooks"]["backlog"]) == (3, 2)
    assert told["alerts"] == {"firing": 3, "critical": 0, "warning": 3, "info": 0}
    assert told["hub"]["reachable"] is True
    assert told["hub"]["rate_per_second"] == 30
    assert [(replica["id"], replica["roles"]) for replica in told["replicas"]] == [
        ("worker-1", ["web", "worker"])
    ]
    assert (told["state"], told["reasons"], told["version"]) == ("ok", [], "1.2.3")


async def test_unexplained_money_cancels_out_nowhere(database: Database, viewer: httpx.AsyncClient) -> None:
    """A dollar too many here and a dollar too few there are two dollars that nothing explains."""
    for organization_id, minor in ((ORGANIZATION, 1_00), (OTHER, -1_00)):
        await add_balance(database, organization_id, unclassified_minor=minor)
    now = (await viewer.get("/status")).json()
    then = (await viewer.get("/status", params={"as_of": now["as_of"]})).json()
    assert [told["differences"]["unclassified"] for told in (now, then)] == [{"USD": 2_00}] * 2


async def test_an_empty_service_is_not_called_well(viewer: httpx.AsyncClient) -> None:
    """Before anything runs the state is down, since nobody reads, and says what is missing."""
    assert await codes(viewer) == ("down", {"worker_silent", "hub_unknown", "nothing_watched"})


async def test_each_blindness_is_a_reason(database: Database, viewer: httpx.AsyncClient) -> None:
    """From a healthy fleet, each way of not seeing turns the state, by its own code, and back again."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_worker(database)
    assert await codes(viewer) == ("degraded", {"sweep_incomplete"})
    await sweep(database)
    assert await codes(viewer) == ("ok", set())

    async with database.fleet() as connection:
        await mark_hub_failing(connection, "unreachable", "connection refused")
        await connection.execute("UPDATE hub_health SET failing_since = tieout.now() - interval '1 minute'")
    assert await codes(viewer) == ("degraded", {"hub_unreachable"})
    async with database.fleet() as connection:
        await connection.execute("UPDATE hub_health SET failure = 'unauthorized'")
    assert await codes(viewer) == ("degraded", {"hub_unauthorized"})
    async with database.fleet() as connection:
        await mark_hub_ok(connection)

    await set_connection(database, ORGANIZATION, "connected", last_pull=NOW - timedelta(hours=3), at=NOW)
    assert await codes(viewer) == ("degraded", {"books_stale"})
    await set_connection(database, ORGANIZATION, "connected", last_pull=NOW, at=NOW)
    assert await codes(viewer) == ("ok", set())
    await set_connection(database, ORGANIZATION, "connected", last_pull=None, at=NOW)
    assert await codes(viewer) == ("degraded", {"books_stale"}), "connected for months and never pulled"
    await set_connection(database, ORGANIZATION, "connected", last_pull=NOW, at=NOW)

    await add_event(database, ORGANIZATION)
    assert await codes(viewer) == ("ok", set())
    async with database.fleet() as connection:
        await connection.execute("UPDATE events SET received_at = received_at - interval '2 minutes'")
    assert await codes(viewer) == ("degraded", {"webhook_backlog"})
    async with database.fleet() as connection:
        await connection.execute("UPDATE events SET worked_at = tieout.now()")

    await add_alert(database, severity="critical")
    assert await codes(viewer) == ("degraded", {"alerts_critical"})
    await add_alert(database, severity="critical", **EVERY)
    assert await codes(viewer) == ("degraded", {"alerts_critical", "channels_failing"})
    async with database.fleet() as connection:
        await connection.execute(
            "UPDATE alerts SET quiet_since = tieout.now() WHERE fingerprint = $1", EVERY_CHANNEL_ALERT
        )
    assert await codes(viewer) == ("degraded", {"alerts_critical"}), "messages go out again"
    async with database.fleet() as connection:
        await connection.execute("UPDATE alerts SET status = 'resolved'")

    database.clock_offset = timedelta(minutes=11)
    assert await codes(viewer) == ("down", {"worker_silent", "polling_behind"})
    await add_worker(database)
    database.clock_offset = timedelta(days=3)
    state, reasons = await codes(viewer)
    assert (state, {"sweep_overdue", "polling_behind", "books_stale"} <= reasons) == ("down", True)


async def test_an_organizations_key_hears_nothing_of_channels(
    database: Database, viewer: httpx.AsyncClient, bound: httpx.AsyncClient
) -> None:
    """That no channel takes messages is told to whoever sees the fleet, and not to one organization."""
    await add_worker(database)
    await add_organization(database, ORGANIZATION, "Alder")
    await sweep(database)
    await add_alert(database, severity="critical", **EVERY)
    assert await codes(viewer) == ("degraded", {"alerts_critical", "channels_failing"})
    assert await codes(bound) == ("ok", set())


async def test_an_organization_that_is_not_connected_needs_no_sweep(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """What cannot be read does not keep the state from being well."""
    await add_worker(database)
    await add_organization(database, ORGANIZATION, "Alder")
    await sweep(database)
    await add_organization(database, OTHER, "Birch", status=None)
    assert await codes(viewer) == ("ok", set())


async def test_without_postgres_the_state_is_down(database_url: str) -> None:
    """When Postgres is away `/status` answers 503, down, with the reason; a browser gets a page."""
    async with open_wire(database_url) as wire, await Database.open(wire.url) as database:
        app = build(settings=settings(), database=database, replica_id="r", version="1")
        async with client(app, authorization=f"Bearer {KEYS['viewer']}") as viewer:
            assert (await viewer.get("/status")).status_code == 200
            wire.cut()
            answer = await viewer.get("/status")
            assert (answer.status_code, answer.json()["state"]) == (503, "down")
            assert [reason["code"] for reason in answer.json()["reasons"]] == ["database_unreachable"]
            page = await viewer.get("/status", headers={"accept": "text/html"})
            assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
            assert "database cannot be reached" in page.text
            wire.mend()
            assert (await viewer.get("/status")).status_code == 200


async def test_a_browser_gets_a_page(filled: Fleet, viewer: httpx.AsyncClient) -> None:
    """`/status` is JSON for programs and HTML for whoever accepts it."""
    assert filled.records
    for accept, kind in {
        "*/*": "application/json",
        "application/json": "application/json",
        "text/html,application/xhtml+xml,*/*;q=0.8": "text/html; charset=utf-8",
    }.items():
        answer = await viewer.get("/status", headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
