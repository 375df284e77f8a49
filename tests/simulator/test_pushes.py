"""Pushes: what is pushed when, what it creates, and how each cause fails and is cured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.simulator.failures import TEXTS, Cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.caller import Caller, OpenHub


async def test_issuing_pushes_once_and_asynchronously(hub: Caller) -> None:
    """An issued invoice has a pending record at once, and is done with a platform id a little later."""
    invoice = hub.simulator.issue_invoice(hub.organization)
    record = await hub.record(invoice)
    assert (record["sync_status"], record["platform_object_id"]) == ("pending", None)
    record = await hub.settled(invoice)
    assert record["sync_status"] == "done"
    assert record["platform_object_id"] in hub.simulator.books_ids(hub.organization, invoice)
    assert hub.created(invoice) == 1


async def test_bill_is_pushed_when_approved_and_voided_when_canceled(hub: Caller) -> None:
    """A draft bill has no record; approved it is pushed; canceled after that it is void in the books."""
    bill = hub.simulator.draft_bill(hub.organization)
    page = await hub.get("/accounting-synced-records", object_type="bill", object_id=bill)
    assert page["data"] == []
    hub.simulator.issue(hub.organization, bill)
    assert (await hub.settled(bill, "bill"))["sync_status"] == "done"
    hub.simulator.cancel(hub.organization, bill)
    record = await hub.settled(bill, "bill")
    hub.simulator.pull_now(hub.organization)
    entry = await hub.get(f"/accounting/payables/{record['platform_object_id']}")
    assert entry["status"] == "void"
    assert hub.created(bill) == 1


async def test_canceled_invoice_gets_a_credit_note_without_number_in_the_books(hub: Caller) -> None:
    """Canceling an invoice pushes a credit note that has no number there and leaves the invoice alone."""
    invoice = hub.simulator.issue_invoice(hub.organization)
    await hub.settled(invoice)
    note = hub.simulator.cancel(hub.organization, invoice)
    assert note is not None
    assert (await hub.settled(note))["sync_status"] == "done"
    live = {entry["local_id"]: entry for entry in hub.truth()["books"]["live"]}
    assert (live[note]["ledger"], live[note]["number"]) == ("credit_note", None)
    assert live[invoice]["status"] == "open"


async def test_push_of_done_and_pending_records_conflicts_unless_switched(open_hub: OpenHub) -> None:
    """Pushing what is done or pending is 409; switched to accept, it creates a duplicate."""
    async with open_hub() as hub:
        invoice = hub.simulator.issue_invoice(hub.organization)
        record = await hub.record(invoice)
        assert (await hub.push(record["id"])).status_code == 409
        await hub.settled(invoice)
        assert (await hub.push(record["id"])).status_code == 409
        hub.simulator.set_behaviour(push_on_done="accept")
        assert (await hub.push(record["id"])).status_code == 200
        hub.simulator.advance(60)
        assert hub.created(invoice) == 2


async def test_landed_time_out_pushed_again_makes_a_duplicate(hub: Caller) -> None:
    """A time-out that landed leaves error without platform id; another push creates a second document."""
    invoice = hub.simulator.issue_invoice(hub.organization, fails="timeout_ambiguous", landed=True)
    record = await hub.settled(invoice)
    assert (record["sync_status"], record["platform_object_id"]) == ("error", None)
    assert hub.created(invoice) == 1
    assert (await hub.push(record["id"])).json()["sync_status"] == "pending"
    assert (await hub.settled(invoice))["sync_status"] == "done"
    assert hub.created(invoice) == 2


async def test_lost_time_out_pushed_again_is_the_first_document(hub: Caller) -> None:
    """A time-out that did not land leaves nothing behind; another push creates the only document."""
    invoice = hub.simulator.issue_invoice(hub.organization, fails="timeout_ambiguous", landed=False)
    record = await hub.settled(invoice)
    await hub.push(record["id"])
    assert (await hub.settled(invoice))["sync_status"] == "done"
    assert hub.created(invoice) == 1


async def test_what_would_be_refused_does_not_land(hub: Caller) -> None:
    """A time-out that was to land and finds the period closed leaves nothing behind."""
    hub.simulator.lock_period(hub.organization, "2099-12-31")
    invoice = hub.simulator.issue_invoice(hub.organization, fails="timeout_ambiguous", landed=True)
    hub.simulator.advance(10)
    assert hub.simulator.books_ids(hub.organization, invoice) == []
    told = hub.simulator.truth(hub.organization)["organizations"][hub.organization]
    assert "timeout_ambiguous" in told["causes"].values()


async def test_xero_refuses_a_second_invoice_of_one_number(open_hub: OpenHub) -> None:
    """In Xero the push after a landed time-out is refused for its number; in QuickBooks only where set so."""
    async with open_hub(organizations=2) as hub:
        quickbooks, xero = hub.simulator.organization_ids
        hub.simulator.refuse_duplicate_numbers(quickbooks)
        for organization in (quickbooks, xero):
            hub.organization = organization
            invoice = hub.simulator.issue_invoice(organization, fails="timeout_ambiguous", landed=True)
            record = await hub.settled(invoice)
            await hub.push(record["id"])
            record = await hub.settled(invoice)
            assert hub.cause(record) == "duplicate_document_number"
            assert hub.created(invoice) == 1


def needing_a_rate(hub: Caller) -> str:
    """Issue an invoice with a rate that the books lack."""
    return hub.simulator.issue_invoice(hub.organization, tax_rate=1375)


def after(break_it: Callable[[Caller], object]) -> Callable[[Caller], str]:
    """Issue an ordinary invoice after something was broken."""

    def issue(hub: Caller) -> str:
        break_it(hub)
        return hub.simulator.issue_invoice(hub.organization)

    return issue


def renumber(hub: Caller, invoice: str) -> None:
    """Give an invoice a number short enough."""
    hub.simulator.edit_local(hub.organization, invoice, number="X1")


CURABLE: dict[str, tuple[Callable[[Caller], str], Callable[[Caller, str], object]]] = {
    "missing_tax_rate": (
        needing_a_rate,
        lambda hub, _: hub.simulator.add_tax_rate(hub.organization, 1375),
    ),
    "missing_ledger_account": (
        after(lambda hub: hub.simulator.archive_ledger_account(hub.organization, "Sales")),
        lambda hub, _: hub.simulator.restore_ledger_account(hub.organization, "Sales"),
    ),
    "period_locked": (
        after(lambda hub: hub.simulator.lock_period(hub.organization, "2026-12-31")),
        lambda hub, _: hub.simulator.unlock_period(hub.organization),
    ),
    "invalid_field": (
        lambda hub: hub.simulator.issue_invoice(hub.organization, number="X" * 300),
        renumber,
    ),
    "connection_revoked": (
        after(lambda hub: hub.simulator.revoke_connection(hub.organization)),
        lambda hub, _: hub.simulator.reconnect(hub.organization),
    ),
    "platform_unavailable": (
        after(lambda hub: hub.simulator.break_platform(organization_id=hub.organization)),
        lambda hub, _: hub.simulator.mend_platform(hub.organization),
    ),
}


@pytest.mark.parametrize("cause", CURABLE)
@pytest.mark.parametrize("organizations", [1, 2], ids=["quickbooks", "xero"])
async def test_condition_fails_until_it_is_cured(open_hub: OpenHub, cause: str, organizations: int) -> None:
    """While the condition lasts pushes fail with its cause and create nothing; cured, the next passes."""
    async with open_hub(organizations=organizations) as hub:
        hub.organization = hub.simulator.organization_ids[-1]
        break_it, cure_it = CURABLE[cause]
        invoice = break_it(hub)
        record = await hub.settled(invoice)
        await hub.push(record["id"])
        record = await hub.settled(invoice)
        assert record["sync_status"] == "error"
        assert hub.cause(record) == cause
        assert hub.created(invoice) == 0
        cure_it(hub, invoice)
        await hub.push(record["id"])
        record = await hub.settled(invoice)
        assert (record["sync_status"], record["errors"]) == ("done", {})
        assert hub.created(invoice) == 1


async def test_counterpart_on_both_sides_is_pushed_twice_with_suffix(hub: Caller) -> None:
    """Who buys and sells has a customer and a vendor record, the vendor named with `_VENDOR`."""
    party = hub.simulator.add_counterpart(hub.organization, "Both Ways", is_customer=True, is_vendor=True)
    for object_type in ("customer", "vendor"):
        assert (await hub.settled(party, object_type))["sync_status"] == "done"
    bill = hub.simulator.issue_bill(hub.organization, counterpart_id=party)
    record = await hub.settled(bill, "bill")
    hub.simulator.pull_now(hub.organization)
    entry = await hub.get(f"/accounting/payables/{record['platform_object_id']}")
    assert entry["vendor_ref"]["name"] == "Both Ways_VENDOR"


async def test_namesake_in_the_books_is_a_duplicate_name(hub: Caller) -> None:
    """A customer whose name is taken under another address is refused until the namesake is gone."""
    hub.simulator.add_party_to_books(hub.organization, "Namesake")
    party = hub.simulator.add_counterpart(hub.organization, "Namesake")
    record = await hub.settled(party, "customer")
    assert hub.cause(record) == "duplicate_name"
    hub.simulator.remove_parties_from_books(hub.organization, "Namesake")
    await hub.push(record["id"])
    assert (await hub.settled(party, "customer"))["sync_status"] == "done"


async def test_product_with_two_namesakes_matches_none(hub: Caller) -> None:
    """A product that two items could be is refused until one is left, which it then is."""
    item = hub.simulator.add_item_to_books(hub.organization, "Twin")
    hub.simulator.remove_item_from_books(hub.organization, item)
    kept, other = (hub.simulator.add_item_to_books(hub.organization, "Twin") for _ in range(2))
    product = hub.simulator.add_product(hub.organization, "Twin")
    record = await hub.settled(product, "product")
    assert hub.cause(record) == "multiple_matches"
    hub.simulator.remove_item_from_books(hub.organization, other)
    await hub.push(record["id"])
    assert (await hub.settled(product, "product"))["platform_object_id"] == kept


async def test_payment_is_pushed_only_for_invoices_and_with_an_account(hub: Caller) -> None:
    """Payments of invoices have records while the payments account is set; payments of bills never have."""
    invoice = hub.simulator.issue_invoice(hub.organization)
    bill = hub.simulator.issue_bill(hub.organization)
    hub.simulator.advance(60)
    paid = hub.simulator.pay(hub.organization, invoice)
    assert (await hub.settled(paid, "payment_record"))["sync_status"] == "done"
    unpushed = hub.simulator.pay(hub.organization, bill)
    hub.simulator.set_setting(hub.organization, "payments_account_id", None)
    second = hub.simulator.issue_invoice(hub.organization)
    unpushed_too = hub.simulator.pay(hub.organization, second)
    rows = await hub.walk("/accounting-synced-records", object_type="payment_record")
    assert {row["object_id"] for row in rows} & {unpushed, unpushed_too} == set()


async def test_payment_fails_when_its_account_is_gone(hub: Caller) -> None:
    """A payment whose account was archived fails as missing, and passes when the account is back."""
    invoice = hub.simulator.issue_invoice(hub.organization)
    hub.simulator.advance(60)
    hub.simulator.archive_ledger_account(hub.organization, "Bank")
    payment = hub.simulator.pay(hub.organization, invoice)
    record = await hub.settled(payment, "payment_record")
    assert hub.cause(record) == "missing_ledger_account"
    hub.simulator.restore_ledger_account(hub.organization, "Bank")
    await hub.push(record["id"])
    assert (await hub.settled(payment, "payment_record"))["sync_status"] == "done"


async def test_nothing_issued_without_connection_is_ever_pushed(open_hub: OpenHub) -> None:
    """Documents issued while disconnected have no record, also after a new connection."""
    async with open_hub() as hub:
        hub.simulator.disconnect(hub.organization)
        invoice = hub.simulator.issue_invoice(hub.organization)
        hub.simulator.connect(hub.organization)
        hub.simulator.advance(7200)
        page = await hub.get("/accounting-synced-records", object_type="receivable", object_id=invoice)
        assert page["data"] == []
        assert hub.created(invoice) == 0


async def test_edit_is_not_pushed_again_unless_switched(open_hub: OpenHub) -> None:
    """An edited document keeps its books document and its record's object version."""
    async with open_hub() as hub:
        invoice = hub.simulator.issue_invoice(hub.organization)
        before = await hub.settled(invoice)
        hub.simulator.edit_local(hub.organization, invoice, net_minor=77_700)
        assert await hub.settled(invoice) == before
        local = await hub.get(f"/receivables/{invoice}")
        assert local["subtotal"] == 77_700
        assert local["updated_at"] > before["object_updated_at"]


async def test_edit_is_pushed_onto_its_document_where_switched(open_hub: OpenHub) -> None:
    """Switched on, an edit changes the document in the books and creates no other."""
    async with open_hub() as hub:
        hub.simulator.set_behaviour(repush_edits=True)
        bill = hub.simulator.issue_bill(hub.organization, tax_rate=0)
        before = await hub.settled(bill, "bill")
        hub.simulator.edit_local(hub.organization, bill, net_minor=77_700)
        after_edit = await hub.settled(bill, "bill")
        assert after_edit["platform_object_id"] == before["platform_object_id"]
        assert after_edit["object_updated_at"] > before["object_updated_at"]
        hub.simulator.pull_now(hub.organization)
        entry = await hub.get(f"/accounting/payables/{before['platform_object_id']}")
        assert entry["total_amount"] == 777
        assert hub.created(bill) == 1


@pytest.mark.parametrize("shape", ["message", "list", "nested", "bare_string", "bare_list"])
async def test_errors_take_the_shape_that_is_switched_on(open_hub: OpenHub, shape: str) -> None:
    """The platform's words are found in every layout of `errors`."""
    async with open_hub() as hub:
        hub.simulator.set_behaviour(errors_shape=shape)
        invoice = hub.simulator.issue_invoice(hub.organization, fails="unknown")
        errors = (await hub.settled(invoice))["errors"]
        found = {
            "message": lambda: errors["message"],
            "list": lambda: errors["errors"][0]["message"],
            "nested": lambda: errors["validation"]["errors"][0]["message"],
            "bare_string": lambda: errors,
            "bare_list": lambda: errors[0]["message"],
        }[shape]()
        assert "Could not export" in found


def test_every_cause_has_words_on_every_platform() -> None:
    """No cause is without a text on either platform, and no text is empty."""
    for cause in Cause:
        assert all(text.strip() for texts in TEXTS[cause].values() for text in texts)
        assert len(TEXTS[cause]) == 2


async def test_forgotten_record_looks_never_attempted(hub: Caller) -> None:
    """A document issued without attempt has no record and is not in the books, although it is issued."""
    invoice = hub.simulator.issue_invoice(hub.organization, is_attempted=False)
    hub.simulator.advance(7200)
    page = await hub.get("/accounting-synced-records", object_type="receivable", object_id=invoice)
    assert page["data"] == []
    assert (await hub.get(f"/receivables/{invoice}"))["status"] == "issued"
    assert hub.created(invoice) == 0
