"""Connections and pulls: what the hub knows of the books, as of when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.simulator import Clock, Simulator

if TYPE_CHECKING:
    from tests.simulator.caller import Caller, OpenHub


async def connection(hub: Caller) -> dict[str, object]:
    """Return the newest connection."""
    row: dict[str, object] = (await hub.get("/accounting-connections"))["data"][-1]
    return row


async def numbers(hub: Caller) -> set[str]:
    """Return the numbers that the hub sees among the bills of the books."""
    page = await hub.get("/accounting/payables", limit=500)
    return {row["invoice_number"] for row in page["data"]}


async def test_books_are_seen_as_of_the_last_pull(open_hub: OpenHub) -> None:
    """What enters the books is seen only after the next hourly pull, which moves `last_pull`."""
    async with open_hub() as hub:
        before = await connection(hub)
        hub.simulator.add_to_books(hub.organization, ledger="payable", number="HAND-1")
        assert "HAND-1" not in await numbers(hub)
        hub.simulator.advance(3600)
        assert "HAND-1" in await numbers(hub)
        after = await connection(hub)
        assert str(after["last_pull"]) > str(before["last_pull"])
        assert after["updated_at"] == before["updated_at"]


async def test_sync_pulls_soon_after(hub: Caller) -> None:
    """`POST …/sync` answers 202 at once; the pull has happened a moment later."""
    hub.simulator.add_to_books(hub.organization, ledger="payable", number="HAND-1")
    found = await connection(hub)
    response = await hub.call("POST", f"/accounting-connections/{found['id']}/sync")
    assert (response.status_code, response.json()) == (202, {"message": "Started connection data sync."})
    assert "HAND-1" not in await numbers(hub)
    hub.simulator.advance(5)
    assert "HAND-1" in await numbers(hub)


async def test_edits_voids_and_deletions_show_after_a_pull(open_hub: OpenHub) -> None:
    """An edited bill shows its new amount, a voided one its status, a deleted one is gone with 404."""
    async with open_hub() as hub:
        bills = [hub.simulator.issue_bill(hub.organization, net_minor=50_000, tax_rate=0) for _ in range(3)]
        hub.simulator.advance(60)
        ids = [hub.simulator.books_ids(hub.organization, bill)[0] for bill in bills]
        hub.simulator.edit_in_books(hub.organization, bills[0], net_minor=60_000)
        hub.simulator.void_in_books(hub.organization, bills[1])
        hub.simulator.delete_in_books(hub.organization, bills[2])
        hub.simulator.pull_now(hub.organization)
        assert (await hub.get(f"/accounting/payables/{ids[0]}"))["total_amount"] == 600
        voided = await hub.get(f"/accounting/payables/{ids[1]}")
        assert (voided["status"], voided["total_amount"], voided["memo"]) == ("void", 0, "Voided")
        assert (await hub.call("GET", f"/accounting/payables/{ids[2]}")).status_code == 404


async def test_void_in_xero_keeps_the_amounts(open_hub: OpenHub) -> None:
    """Xero keeps a voided bill's amounts and tells by its status alone."""
    async with open_hub(organizations=2) as hub:
        hub.organization = hub.simulator.organization_ids[1]
        bill = hub.simulator.issue_bill(hub.organization, net_minor=50_000, tax_rate=0)
        hub.simulator.advance(60)
        books_id = hub.simulator.books_ids(hub.organization, bill)[0]
        hub.simulator.void_in_books(hub.organization, bill)
        hub.simulator.pull_now(hub.organization)
        voided = await hub.get(f"/accounting/payables/{books_id}")
        assert (voided["status"], voided["total_amount"], voided["amount_due"]) == ("void", 500, 0)


async def test_revoked_connection_stops_pulls_and_keeps_old_data(hub: Caller) -> None:
    """Deauthorised, `last_pull` stands still and the old lists stay readable; reconnected, pulls go on."""
    before = await connection(hub)
    hub.simulator.revoke_connection(hub.organization)
    hub.simulator.add_to_books(hub.organization, ledger="payable", number="HAND-1")
    hub.simulator.advance(7200)
    during = await connection(hub)
    assert (during["status"], during["last_pull"]) == ("deauthorized", before["last_pull"])
    assert "HAND-1" not in await numbers(hub)
    hub.simulator.reconnect(hub.organization)
    hub.simulator.advance(60)
    assert "HAND-1" in await numbers(hub)


async def test_outage_stops_pulls_and_says_so(hub: Caller) -> None:
    """While the platform is down pulls fail, the connection tells errors, and `last_pull` stands still."""
    before = await connection(hub)
    hub.simulator.break_platform(organization_id=hub.organization, seconds=5000)
    hub.simulator.advance(4000)
    during = await connection(hub)
    assert during["last_pull"] == before["last_pull"]
    assert during["errors"]
    hub.simulator.advance(4000)
    after = await connection(hub)
    assert str(after["last_pull"]) > str(before["last_pull"])
    assert after["errors"] is None


async def test_new_organization_is_pulled_every_hour(hub: Caller) -> None:
    """An organization that joins later has its first pull at once and the next ones hourly."""
    hub.organization = hub.simulator.add_organization("Late Comer", country="GB", platform="xero")
    pulls: list[object] = []
    for _ in range(3):
        pulls.append((await connection(hub))["last_pull"])
        hub.simulator.advance(3600)
    assert len(set(pulls)) == 3


async def test_one_connection_at_a_time(hub: Caller) -> None:
    """A second connection is refused until the first is disconnected; both stay in the list then."""
    assert (await hub.call("POST", "/accounting-connections")).status_code == 409
    found = await connection(hub)
    ended = await hub.call("POST", f"/accounting-connections/{found['id']}/disconnect")
    assert ended.json()["status"] == "disconnected"
    made = await hub.call("POST", "/accounting-connections")
    assert (made.status_code, made.json()["status"], made.json()["platform"]) == (201, "pending_auth", None)
    assert len((await hub.get("/accounting-connections"))["data"]) == 2
    hub.simulator.set_behaviour(lists_old_connections=False)
    assert [row["id"] for row in (await hub.get("/accounting-connections"))["data"]] == [made.json()["id"]]
    hub.simulator.advance(7200)
    hub.simulator.connect(hub.organization)
    hub.simulator.advance(60)
    first = await connection(hub)
    assert (first["status"], first["platform"]) == ("connected", "quickbooks_online")
    hub.simulator.advance(3600)
    assert str((await connection(hub))["last_pull"]) > str(first["last_pull"])


@pytest.mark.parametrize(("switch", "status"), [("conflict", 409), ("empty", 200)])
async def test_lists_without_connection(open_hub: OpenHub, switch: str, status: int) -> None:
    """Accounting lists of a disconnected organization are refused, or empty where so switched."""
    async with open_hub() as hub:
        hub.simulator.disconnect(hub.organization)
        hub.simulator.set_behaviour(accounting_without_connection=switch)
        response = await hub.call("GET", "/accounting/payables")
        assert response.status_code == status
        assert status == 409 or response.json() == {"data": []}


async def test_products_of_the_books_are_adopted(hub: Caller) -> None:
    """A priced product that only the books have appears in the hub; one without a price does not."""
    item = hub.simulator.add_item_to_books(hub.organization, "Rocket")
    hub.simulator.add_item_to_books(hub.organization, "Priceless", None)
    hub.simulator.pull_now(hub.organization)
    names = {row["name"]: row["id"] for row in await hub.walk("/products")}
    assert "Priceless" not in names
    assert (await hub.record(names["Rocket"], "product"))["platform_object_id"] == item


async def test_removed_rate_disappears_after_a_pull(hub: Caller) -> None:
    """A tax rate removed from the books stays listed until the next pull."""
    hub.simulator.remove_tax_rate(hub.organization, 2000)
    values = [row["effective_tax_rate"] for row in await hub.walk("/accounting-tax-rates")]
    assert 2000 in values
    hub.simulator.pull_now(hub.organization)
    values = [row["effective_tax_rate"] for row in await hub.walk("/accounting-tax-rates")]
    assert 2000 not in values


def test_a_long_jump_does_everything_in_order() -> None:
    """Advancing a day at once leaves the same world as advancing it minute by minute."""
    worlds = []
    for steps in (1, 1440):
        simulator = Simulator(clock=Clock.manual(), seed=5, organizations=2, documents=10)
        for organization in simulator.organization_ids:
            simulator.issue_invoice(organization, number="JUMP-1")
        for _ in range(steps):
            simulator.advance(86_400 / steps)
        worlds.append(simulator.truth())
    assert worlds[0] == worlds[1]


def test_clock_refuses_to_go_back() -> None:
    """Time is only ever advanced."""
    with pytest.raises(ValueError, match="cannot go back"):
        Clock.manual().advance(-1)
