"""Lists: tokens, offsets, limits, sorts and filters as documented."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.simulator.connections import Platform

if TYPE_CHECKING:
    from tests.simulator.caller import Caller, OpenHub

TOKEN_LISTS = (
    "/receivables",
    "/payables",
    "/entities",
    "/products",
    "/counterparts",
    "/accounting-tax-rates",
    "/ledger-accounts",
)


@pytest.mark.parametrize("path", TOKEN_LISTS)
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_together_are_the_list(open_hub: OpenHub, path: str, order: str) -> None:
    """Walking in pages of two gives every row once, in the order of one large page."""
    async with open_hub(documents=15, organizations=5) as hub:
        hub.simulator.add_product(hub.organization, "Rocket")
        whole = await hub.get(path, limit=100, order=order)
        assert whole["next_pagination_token"] is None
        assert whole["prev_pagination_token"] is None
        walked = await hub.walk(path, limit=2, order=order)
        assert [row["id"] for row in walked] == [row["id"] for row in whole["data"]]
        assert len(walked) > 2


async def test_previous_token_leads_back(hub: Caller) -> None:
    """The previous token of the second page gives the first page again."""
    first = await hub.get("/receivables", limit=2)
    second = await hub.get("/receivables", limit=2, pagination_token=first["next_pagination_token"])
    back = await hub.get("/receivables", limit=2, pagination_token=second["prev_pagination_token"])
    assert back["data"] == first["data"]
    assert back["prev_pagination_token"] is None


async def test_limit_must_be_sent_again_where_documented(open_hub: OpenHub) -> None:
    """Receivables and records forget the limit between pages, payables keep it in the token."""
    async with open_hub(documents=30) as hub:
        page = await hub.get("/receivables", limit=2)
        following = await hub.get("/receivables", pagination_token=page["next_pagination_token"])
        assert len(following["data"]) > 2
        page = await hub.get("/accounting-synced-records", object_type="receivable", limit=2)
        following = await hub.get(
            "/accounting-synced-records", pagination_token=page["next_pagination_token"]
        )
        assert len(following["data"]) > 2
        page = await hub.get("/payables", limit=2)
        following = await hub.get("/payables", pagination_token=page["next_pagination_token"], limit=50)
        assert len(following["data"]) == 2


async def test_token_keeps_filters_and_sort(hub: Caller) -> None:
    """What comes with a token beside the limit is ignored: the first query's filters and sort stay."""
    for place in range(5):
        hub.simulator.issue_invoice(hub.organization, net_minor=1000 * place)
    first = await hub.get("/receivables", limit=2, sort="amount", order="desc", status="issued")
    token = first["next_pagination_token"]
    second = await hub.get("/receivables", limit=2, pagination_token=token, status="draft", order="asc")
    amounts = [row["total_amount"] for row in (*first["data"], *second["data"])]
    assert len(amounts) == 4
    assert amounts == sorted(amounts, reverse=True)


async def test_rows_that_move_meanwhile_are_not_lost(hub: Caller) -> None:
    """A record that changes between two pages of a sweep by time comes again at the end; none is skipped."""
    for _ in range(6):
        hub.simulator.issue_invoice(hub.organization, fails="unknown")
    hub.simulator.advance(60)
    query: dict[str, Any] = {"object_type": "receivable", "sort": "updated_at", "limit": 3}
    first = await hub.get("/accounting-synced-records", **query)
    moved = next(row for row in first["data"] if row["sync_status"] == "done")
    hub.simulator.set_behaviour(push_on_done="accept")
    await hub.push(moved["id"])
    rows, token = list(first["data"]), first["next_pagination_token"]
    while token:
        page = await hub.get("/accounting-synced-records", limit=3, pagination_token=token)
        rows.extend(page["data"])
        token = page["next_pagination_token"]
    everything = await hub.walk("/accounting-synced-records", object_type="receivable")
    assert {row["id"] for row in rows} == {row["id"] for row in everything}
    assert [row["id"] for row in rows].count(moved["id"]) == 2


async def test_changed_since_is_answered_by_update_time(hub: Caller) -> None:
    """`updated_at__gte` gives exactly the records that changed at or after an instant."""
    await hub.get("/entities")
    since = hub.simulator.advance(10).isoformat()
    invoice = hub.simulator.issue_invoice(hub.organization)
    hub.simulator.advance(60)
    page = await hub.get("/accounting-synced-records", object_type="receivable", updated_at__gte=since)
    assert [row["object_id"] for row in page["data"]] == [invoice]


async def test_records_need_a_type_and_give_only_that(hub: Caller) -> None:
    """Without `object_type` the answer is 422; with it, rows of that type alone."""
    assert (await hub.call("GET", "/accounting-synced-records")).status_code == 422
    rows = await hub.walk("/accounting-synced-records", object_type="vendor")
    assert {row["object_type"] for row in rows} == {"vendor"}


async def test_repeated_parameters_are_a_list(hub: Caller) -> None:
    """`id__in` and `status__in` take their parameter several times."""
    ids = [hub.simulator.issue_invoice(hub.organization) for _ in range(3)]
    page = await hub.get("/receivables", id__in=ids[:2])
    assert {row["id"] for row in page["data"]} == set(ids[:2])


async def test_receivables_of_all_products_or_of_any(hub: Caller) -> None:
    """`product_ids` asks for documents with all of the products, `product_ids__in` for those with one."""
    first, second = (hub.simulator.add_product(hub.organization, name) for name in ("Rocket", "Engine"))
    of_first = hub.simulator.issue_invoice(hub.organization, product_id=first)
    of_second = hub.simulator.issue_invoice(hub.organization, product_id=second)
    both = [first, second]
    assert await hub.walk("/receivables", product_ids=both) == []
    assert [row["id"] for row in await hub.walk("/receivables", product_ids=[first])] == [of_first]
    any_of = await hub.walk("/receivables", product_ids__in=both)
    assert {row["id"] for row in any_of} == {of_first, of_second}


async def test_bills_are_searched_by_number_and_party(hub: Caller) -> None:
    """`search_text` looks into the numbers of bills and into the names of counterparts, whatever the case."""
    vendor = hub.simulator.add_counterpart(hub.organization, "Acme Anvils", is_customer=False, is_vendor=True)
    bill = hub.simulator.issue_bill(hub.organization, counterpart_id=vendor, number="ZX-77")
    for text in ("acme", "zx-7"):
        assert [row["id"] for row in await hub.walk("/payables", search_text=text)] == [bill]


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/receivables", {"limit": "251"}),
        ("/payables", {"limit": "101"}),
        ("/accounting/payables", {"limit": "501"}),
        ("/accounting/payables", {"offset": "-1"}),
        ("/receivables", {"order": "up"}),
        ("/receivables", {"sort": "updated_at"}),
        ("/receivables", {"created_at__gt": "yesterday"}),
        ("/receivables", {"counterpart_id": "x"}),
        ("/receivables", {"pagination_token": "x"}),
        ("/accounting-synced-records", {"object_type": "invoice"}),
        ("/accounting-tax-rates", {"is_external": "perhaps"}),
    ],
)
async def test_bad_queries_are_refused_with_the_place(hub: Caller, path: str, params: dict[str, str]) -> None:
    """A query that does not parse or exceeds its bounds is 422 and names the parameter."""
    response = await hub.call("GET", path, params=params)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][:2] == ["query", next(iter(params))]


async def test_offset_pages_cover_the_cache(open_hub: OpenHub) -> None:
    """Accounting lists are walked by offset until a short page, without token or total."""
    async with open_hub(documents=60) as hub:
        whole = (await hub.get("/accounting/payables", limit=500))["data"]
        walked: list[dict[str, Any]] = []
        while True:
            page = await hub.get("/accounting/payables", limit=7, offset=len(walked))
            assert set(page) == {"data"}
            walked.extend(page["data"])
            if len(page["data"]) < 7:
                break
        assert walked == whole
        assert len(whole) > 7


async def test_amounts_of_the_books_are_exact_decimals(open_hub: OpenHub) -> None:
    """Books amounts are decimals of major units with the currency's own number of decimals."""
    async with open_hub() as hub:
        for currency, text in (("USD", "1234.56"), ("JPY", "123456"), ("KWD", "123.456")):
            bill = hub.simulator.issue_bill(
                hub.organization, net_minor=123_456, tax_rate=0, currency=currency
            )
            hub.simulator.advance(60)
            hub.simulator.pull_now(hub.organization)
            books_id = hub.simulator.books_ids(hub.organization, bill)[0]
            response = await hub.call("GET", f"/accounting/payables/{books_id}")
            assert f'"total_amount":{text},' in response.text


async def test_receivables_of_the_books_tell_no_total(hub: Caller) -> None:
    """Accounting receivables carry lines only, and the lines add up to the local document."""
    invoice = hub.simulator.issue_invoice(hub.organization, net_minor=123_45, tax_rate=2000)
    record = await hub.settled(invoice)
    hub.simulator.pull_now(hub.organization)
    entry = await hub.get(f"/accounting/receivables/{record['platform_object_id']}")
    assert not {"status", "total_amount", "tax_amount", "amount_due"} & set(entry)
    assert entry["lines"][0]["unit_amount"] == 123.45
    rates = {rate["code"]: rate for rate in await hub.walk("/accounting-tax-rates")}
    assert rates[entry["lines"][0]["tax_rate_ref"]["id"]]["effective_tax_rate"] == 2000


async def test_internal_rates_and_accounts_are_told_apart(hub: Caller) -> None:
    """Rates and accounts made through the API are internal, can be filtered, and only they be changed."""
    made = await hub.call("POST", "/accounting-tax-rates", json={"name": "Reduced", "code": "RED"})
    assert made.status_code == 201
    rate = made.json()
    assert (rate["is_external"], rate["effective_tax_rate"]) == (False, 0)
    assert [row["id"] for row in await hub.walk("/accounting-tax-rates", is_external="false")] == [rate["id"]]
    path = f"/accounting-tax-rates/{rate['id']}"
    changed = await hub.call("PATCH", path, json={"description": "less"})
    assert changed.json()["description"] == "less"
    assert (await hub.call("DELETE", path)).status_code == 204
    external = (await hub.walk("/accounting-tax-rates", is_external="true"))[0]
    assert (await hub.call("DELETE", f"/accounting-tax-rates/{external['id']}")).status_code == 400
    account = await hub.call("POST", "/ledger-accounts", json={"name": "Meals"})
    assert set(account.json()) == {"id", "created_at", "updated_at", "name", "description", "is_external"}


async def test_settings_change_what_is_given_alone(hub: Caller) -> None:
    """A patch of the settings leaves what it does not name, and refuses what nobody knows."""
    path = f"/entities/{hub.organization}/settings"
    before = (await hub.get(path))["accounting"]["ledger_account_ids"]
    change = {"accounting": {"ledger_account_ids": {"payments": None}}}
    after = (await hub.call("PATCH", path, json=change)).json()["accounting"]["ledger_account_ids"]
    assert after == {"payments": None, "products": before["products"]}
    assert (await hub.call("PATCH", path, json={"colour": "red"})).status_code == 422
    nested = {"accounting": {"ledger_account_ids": {"colour": None}}}
    assert (await hub.call("PATCH", path, json=nested)).status_code == 422


async def test_transactions_are_taken_one_by_one_and_in_bulk(hub: Caller) -> None:
    """Rates and accounts made through the API are internal, can be filtered, and only they changed."""
    row = {
        "amount": 8500,
        "currency": "USD",
        "external_id": "feed-1",
        "merchant_amount": 8500,
        "merchant_currency": "USD",
        "merchant_name": "Diner",
        "started_at": "2026-05-22T12:00:00Z",
        "type": "capture",
    }
    bulk = await hub.call("POST", "/transactions/bulk", json={"data": [row, row, {"amount": 1}]})
    first, second, third = (entry["id"] for entry in bulk.json()["data"])
    assert (first == second, third, bulk.json()["status"]) == (True, None, "partial_success")
    wanted = {
        "required_fields": [{"field": "receipt_id"}, {"field": "description", "amount_threshold": 9000}]
    }
    answered = (await hub.call("PUT", "/transactions/validations", json=wanted)).json()
    assert answered["required_fields"][0] == {"field": "receipt_id", "amount_threshold": None}
    judged = (await hub.call("POST", f"/transactions/{first}/validate")).json()
    assert judged["validation_errors"] == [{"field": "receipt_id", "message": "Field is required"}]
    assert (await hub.get(f"/transactions/{first}"))["has_validation_errors"] is True
    assert len(await hub.walk("/transactions")) == 1


def test_platforms_are_the_documented_ones() -> None:
    """New connections are to QuickBooks Online or Xero."""
    assert {platform.value for platform in Platform} == {"quickbooks_online", "xero"}
