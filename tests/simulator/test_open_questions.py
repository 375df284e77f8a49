"""What the documentation leaves open can be switched, each way."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from service.simulator import Behaviour
from tests.simulator.caller import LONG_SECONDS

if TYPE_CHECKING:
    from tests.simulator.caller import Caller, OpenHub


def switched(**switches: Any) -> Behaviour:
    """Give the usual behaviour of tests with some switches set."""
    return Behaviour(token_seconds=LONG_SECONDS, **switches)


async def last_pull(hub: Caller) -> datetime:
    """Return when the books were last read, as the hub tells it."""
    return datetime.fromisoformat((await hub.get("/accounting-connections"))["data"][0]["last_pull"])


@pytest.mark.parametrize(
    "switches", [{"push_on_done": "agree"}, {"omits_nulls": "yes"}, {"token_seconds": "many"}, {"colour": 1}]
)
def test_a_value_that_no_switch_knows_is_refused(switches: dict[str, Any]) -> None:
    """A misspelt value changes nothing, and says so: what it should have shown would be shown by nothing."""
    behaviour = Behaviour()
    with pytest.raises(ValueError, match=next(iter(switches))):
        behaviour.change({"push_on_pending": "accept", **switches})
    assert behaviour == Behaviour()


@pytest.mark.parametrize(
    ("switch", "status", "pushes"), [("conflict", 409, 1), ("ignore", 200, 1), ("accept", 200, 2)]
)
async def test_a_push_of_what_is_done(hub: Caller, switch: str, status: int, pushes: int) -> None:
    """A record that is done is refused, answered as it is, or pushed once more."""
    hub.simulator.set_behaviour(push_on_done=switch, push_on_pending=switch)
    invoice = hub.simulator.issue_invoice(hub.organization)
    pending = await hub.record(invoice)
    assert (await hub.push(pending["id"])).status_code == status
    hub.simulator.advance(60)
    assert hub.created(invoice) == pushes
    answer = await hub.push(pending["id"])
    assert answer.status_code == status
    if switch == "ignore":
        assert answer.json()["sync_status"] == "done"
    hub.simulator.advance(60)
    assert hub.created(invoice) == 2 * pushes - 1


@pytest.mark.parametrize("clears", [True, False])
async def test_errors_of_what_is_pushed_again(hub: Caller, *, clears: bool) -> None:
    """The last failure stays until the push has ended, or is gone from its beginning."""
    hub.simulator.set_behaviour(push_clears_errors=clears)
    invoice = hub.simulator.issue_invoice(hub.organization, fails="unknown")
    record = await hub.settled(invoice)
    pushed = (await hub.push(record["id"])).json()
    assert pushed["sync_status"] == "pending"
    assert pushed["errors"] == ({} if clears else record["errors"])


async def test_bills_that_name_no_tax_rate(hub: Caller) -> None:
    """Where so switched, bills are pushed only if their lines name a tax rate; invoices find it by value."""
    hub.simulator.set_behaviour(bills_need_tax_references=True)
    rate = next(row for row in await hub.walk("/accounting-tax-rates") if row["effective_tax_rate"] == 2000)
    bare = hub.simulator.issue_bill(hub.organization)
    named = hub.simulator.issue_bill(hub.organization, accounting_tax_rate_id=rate["id"])
    invoice = hub.simulator.issue_invoice(hub.organization)
    refused = await hub.settled(bare, "bill")
    assert (refused["sync_status"], hub.cause(refused)) == ("error", "missing_tax_rate")
    assert (await hub.record(named, "bill"))["sync_status"] == "done"
    assert (await hub.record(invoice))["sync_status"] == "done"


async def test_refusals_have_other_statuses(hub: Caller) -> None:
    """What conflicts and what is unknown is refused with the statuses that are set."""
    hub.simulator.set_behaviour(conflict_status=422, unknown_id_status=400)
    assert (await hub.call("POST", "/accounting-connections")).status_code == 422
    assert (await hub.call("GET", "/accounting/payables/nothing")).status_code == 400


async def test_books_bear_the_providers_ids(hub: Caller) -> None:
    """The id of a books document is that of the provider, in the list and asked for."""
    hub.simulator.set_behaviour(accounting_id="provider")
    record = await hub.settled(hub.simulator.issue_invoice(hub.organization))
    hub.simulator.pull_now(hub.organization)
    wanted = record["provider_object_id"]
    assert wanted in {row["id"] for row in (await hub.get("/accounting/receivables"))["data"]}
    assert (await hub.get(f"/accounting/receivables/{wanted}"))["id"] == wanted


async def test_orders_of_the_accounting_lists(open_hub: OpenHub) -> None:
    """Rows come as entered, newest first, or in another order with every answer; always the same rows."""
    async with open_hub(documents=30) as hub:
        seen: dict[str, list[list[str]]] = {}
        for order in ("entry", "newest", "any"):
            hub.simulator.set_behaviour(accounting_order=order)
            answers = [(await hub.get("/accounting/payables"))["data"] for _ in range(2)]
            seen[order] = [[row["id"] for row in rows] for rows in answers]
        entry, newest, anyhow = seen.values()
        assert entry[0] == entry[1] == newest[0][::-1] == newest[1][::-1]
        assert anyhow[0] != anyhow[1]
        assert sorted(anyhow[0]) == sorted(entry[0])


async def test_a_pull_shows_the_books_as_of_its_start(hub: Caller) -> None:
    """A pull that takes its time shows what was there when it began, and is dated by its end."""
    hub.simulator.set_behaviour(pull_takes_seconds=600.0)
    before = await last_pull(hub)
    hub.simulator.pull_now(hub.organization)
    hub.simulator.add_to_books(hub.organization, ledger="payable", number="HAND-1")
    started_at = hub.simulator.now()
    assert await last_pull(hub) == before
    hub.simulator.advance(600)
    assert await last_pull(hub) == started_at + timedelta(seconds=600)
    assert "HAND-1" not in {row["invoice_number"] for row in (await hub.get("/accounting/payables"))["data"]}


async def test_a_failed_pull_moves_the_last_one(hub: Caller) -> None:
    """Where so switched, a pull that failed is dated like one that did not; the connection tells errors."""
    hub.simulator.set_behaviour(last_pull_moves="tried")
    before = await last_pull(hub)
    hub.simulator.break_platform(organization_id=hub.organization)
    hub.simulator.advance(4000)
    assert await last_pull(hub) > before
    assert (await hub.get("/accounting-connections"))["data"][0]["errors"]


@pytest.mark.parametrize("stay", [True, False])
async def test_errors_of_a_connection(hub: Caller, *, stay: bool) -> None:
    """What a failed pull left on the connection goes with the next complete one, or stays."""
    hub.simulator.set_behaviour(connection_errors_stay=stay)
    hub.simulator.break_platform(organization_id=hub.organization)
    hub.simulator.pull_now(hub.organization)
    hub.simulator.mend_platform(hub.organization)
    assert hub.simulator.pull_now(hub.organization)
    assert bool((await hub.get("/accounting-connections"))["data"][0]["errors"]) == stay


async def test_the_books_tell_more(hub: Caller) -> None:
    """Invoices of the books may come to tell status and totals, and due dates as instants."""
    hub.simulator.set_behaviour(receivable_totals=True, books_due="instant")
    invoice = hub.simulator.issue_invoice(hub.organization, net_minor=10_000, tax_rate=2000)
    record = await hub.settled(invoice)
    hub.simulator.pull_now(hub.organization)
    told = await hub.get(f"/accounting/receivables/{record['platform_object_id']}")
    assert (told["status"], told["total_amount"], told["tax_amount"], told["amount_due"]) == (
        "open",
        120,
        20,
        120,
    )
    assert told["due_date"] is None or told["due_date"].endswith("T00:00:00+00:00")


@pytest.mark.parametrize(("times", "ending"), [("offset", "+00:00"), ("zulu", ".000Z"), ("naive", ":00")])
async def test_times_and_nulls_as_in_the_examples(hub: Caller, times: str, ending: str) -> None:
    """Times are written in each of the three ways, and what has no value is null or absent."""
    hub.simulator.set_behaviour(times=times, omits_nulls=times == "zulu")
    connection = (await hub.get("/accounting-connections"))["data"][0]
    assert connection["last_pull"].endswith(ending)
    assert ("+" in connection["last_pull"]) == (times == "offset")
    assert ("errors" in connection) == (times != "zulu")


async def test_another_version_header(hub: Caller) -> None:
    """The header that names the version is one, whichever is set, and comes back with the answer."""
    hub.simulator.set_behaviour(version_header="x-tesouro-version")
    refused = await hub.call("GET", "/products")
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "missing_api_version")
    headers = {**hub.headers(), "x-tesouro-version": "2025-06-23"}
    answer = await hub.call("GET", "/products", headers=headers)
    assert (answer.status_code, answer.headers["x-tesouro-version"]) == (200, "2025-06-23")


async def test_pagination_tokens_end(hub: Caller) -> None:
    """A token that is too old is refused as any that leads nowhere."""
    hub.simulator.set_behaviour(pagination_token_seconds=60.0)
    token = (await hub.get("/receivables", limit=2))["next_pagination_token"]
    hub.simulator.advance(59)
    assert (await hub.call("GET", "/receivables", params={"pagination_token": token})).status_code == 200
    hub.simulator.advance(1)
    assert (await hub.call("GET", "/receivables", params={"pagination_token": token})).status_code == 422


@pytest.mark.parametrize("counts", [True, False])
async def test_token_calls_and_the_budget(open_hub: OpenHub, *, counts: bool) -> None:
    """Signing in draws on the budget where so switched; a 429 may come in the envelope of errors."""
    behaviour = switched(token_calls_count=counts, throttled_shape="error" if counts else "message")
    async with open_hub(rate_per_second=3, rate_clock=lambda: 0.0, behaviour=behaviour) as hub:
        answers = [await hub.call("GET", "/products") for _ in range(4)]
        assert [answer.status_code for answer in answers].count(200) == (2 if counts else 3)
        assert ("error" in answers[-1].json()) == counts


async def test_no_webhooks_at_all(hub: Caller) -> None:
    """Where the hub has no webhooks, neither subscriptions nor events nor deliveries are there."""
    hub.simulator.set_behaviour(has_webhooks=False)
    for path in ("/webhook-subscriptions", "/events", "/webhook-deliveries"):
        assert (await hub.call("GET", path)).status_code == 404
