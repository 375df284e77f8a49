"""Faults: each does to a request what its name says, where, for whom and as often as told, and no more."""

from __future__ import annotations

import gzip
import io
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from service.simulator.distortion import BOMB_BYTES, NOVEL

if TYPE_CHECKING:
    from tests.simulator.caller import Caller, OpenHub

PUSH = "POST *push"
LIST = "GET /receivables"


async def failed_record(hub: Caller) -> tuple[str, str]:
    """Issue an invoice whose first push fails; return it and its record."""
    invoice = hub.simulator.issue_invoice(hub.organization, fails="unknown")
    return invoice, (await hub.settled(invoice))["id"]


BREAKING: dict[str, tuple[type[Exception], int]] = {
    "not_sent": (httpx.ConnectError, 0),
    "sent_and_lost": (httpx.RemoteProtocolError, 0),
    "executed_answer_lost": (httpx.RemoteProtocolError, 1),
    "executed_late": (httpx.ReadTimeout, 1),
}


@pytest.mark.parametrize("kind", BREAKING)
async def test_broken_push_is_carried_out_or_not(hub: Caller, kind: str) -> None:
    """The client sees the connection break; whether a document was created is what the fault's name says."""
    raised, documents = BREAKING[kind]
    invoice, record = await failed_record(hub)
    hub.simulator.add_fault(kind, PUSH, count=1)
    with pytest.raises(raised):
        await hub.push(record)
    hub.simulator.advance(60)
    assert hub.created(invoice) == documents
    assert (await hub.record(invoice))["sync_status"] == ("done" if documents else "error")


async def test_late_push_is_carried_out_later(hub: Caller) -> None:
    """A push executed late is unseen right after the time-out, and pending when its time has come."""
    invoice, record = await failed_record(hub)
    hub.simulator.add_fault("executed_late", PUSH, count=1, seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        await hub.push(record)
    assert (await hub.record(invoice))["sync_status"] == "error"
    hub.simulator.advance(30)
    assert (await hub.record(invoice))["sync_status"] == "pending"


async def test_push_executed_twice_makes_two_documents(hub: Caller) -> None:
    """One call, two documents: what only a comparison of the books can find."""
    invoice, record = await failed_record(hub)
    hub.simulator.add_fault("executed_twice", PUSH, count=1)
    assert (await hub.push(record)).status_code == 200
    hub.simulator.advance(60)
    assert hub.created(invoice) == 2


ANSWERED: dict[str, int] = {"throttle": 429, "unauthorized": 401, "expired_400": 400, "server_error": 500}


@pytest.mark.parametrize("kind", ANSWERED)
async def test_refused_push_is_not_carried_out(hub: Caller, kind: str) -> None:
    """The push is answered with the fault's status and does nothing."""
    invoice, record = await failed_record(hub)
    hub.simulator.add_fault(kind, PUSH, count=1)
    response = await hub.push(record)
    assert response.status_code == ANSWERED[kind]
    assert kind != "throttle" or response.headers["retry-after"] == "1"
    hub.simulator.advance(60)
    assert hub.created(invoice) == 0


async def test_server_error_may_hide_an_executed_push(hub: Caller) -> None:
    """With `executed` the 500 comes after the push was accepted."""
    invoice, record = await failed_record(hub)
    hub.simulator.add_fault("server_error", PUSH, count=1, executed=True, status=503)
    assert (await hub.push(record)).status_code == 503
    hub.simulator.advance(60)
    assert hub.created(invoice) == 1


async def test_gateway_page_is_html(hub: Caller) -> None:
    """A gateway's page is HTML with the status wanted, also 200."""
    for status in (502, 503, 200):
        hub.simulator.add_fault("html", LIST, count=1, status=status)
        response = await hub.call("GET", "/receivables")
        assert (response.status_code, response.headers["content-type"]) == (status, "text/html")
        assert response.text.startswith("<html>")


async def test_truncated_answer_is_no_json(hub: Caller) -> None:
    """The body ends in the middle although its length header agrees."""
    hub.simulator.add_fault("truncated", LIST, count=1)
    response = await hub.call("GET", "/receivables")
    assert int(response.headers["content-length"]) == len(response.content)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|delimiter"):
        response.json()


async def test_bomb_is_small_on_the_wire_and_huge_inside(hub: Caller) -> None:
    """Two hundred kilobytes inflate to two hundred megabytes."""
    hub.simulator.add_fault("bomb", LIST, count=1)
    async with hub.client.stream("GET", "/v1/receivables", headers=hub.headers()) as response:
        raw = b"".join([piece async for piece in response.aiter_raw()])
    assert response.headers["content-encoding"] == "gzip"
    assert len(raw) < 250_000
    with gzip.open(io.BytesIO(raw)) as unpacked:
        assert unpacked.seek(BOMB_BYTES) == BOMB_BYTES
        assert unpacked.read() == b"{}"


async def test_drip_comes_byte_by_byte(hub: Caller) -> None:
    """Each byte is a piece of its own, so a time-out per piece never strikes."""
    hub.simulator.add_fault("drip", "GET /accounting-connections", count=1, seconds=0)
    async with hub.client.stream("GET", "/v1/accounting-connections", headers=hub.headers()) as response:
        pieces = [piece async for piece in response.aiter_raw()]
    assert {len(piece) for piece in pieces} == {1}
    assert len(pieces) == int(response.headers["content-length"])


async def test_hang_lasts_until_the_client_gives_up(hub: Caller) -> None:
    """No answer comes; the client's own read time-out ends it, and the next call works."""
    hub.simulator.add_fault("hang", LIST, count=1)
    with pytest.raises(httpx.ReadTimeout):
        await hub.call("GET", "/receivables", timeout=0.05)
    assert (await hub.call("GET", "/receivables")).status_code == 200


async def test_stale_answers_come_from_before(hub: Caller) -> None:
    """Reads show the organization as it was when the fault was added; writes and others see the present."""
    invoice = hub.simulator.issue_invoice(hub.organization)
    fault = hub.simulator.add_fault("stale", organization_id=hub.organization)
    hub.simulator.advance(60)
    assert (await hub.record(invoice))["sync_status"] == "pending"
    hub.simulator.remove_fault(fault)
    assert (await hub.record(invoice))["sync_status"] == "done"


async def test_stale_answers_may_end(hub: Caller) -> None:
    """After so many seconds reads show the present again, although the fault is still on."""
    invoice = hub.simulator.issue_invoice(hub.organization)
    hub.simulator.add_fault("stale", organization_id=hub.organization, seconds=90)
    hub.simulator.advance(60)
    assert (await hub.record(invoice))["sync_status"] == "pending"
    hub.simulator.advance(60)
    assert (await hub.record(invoice))["sync_status"] == "done"


async def test_nulls_spare_what_is_required(hub: Caller) -> None:
    """Optional fields come null or not at all, required ones stay as they are."""
    good = (await hub.get("/receivables"))["data"]
    hub.simulator.add_fault("nulls", LIST, count=1)
    bad = (await hub.get("/receivables"))["data"]
    assert [row["id"] for row in bad] == [row["id"] for row in good]
    kept = ("status", "currency", "line_items", "total_vat_amount", "updated_at")
    assert all(ours[name] == theirs[name] for ours, theirs in zip(good, bad, strict=True) for name in kept)
    assert any(set(ours) != set(theirs) for ours, theirs in zip(good, bad, strict=True))
    assert any(theirs.get("memo", 0) is None or "document_id" not in theirs for theirs in bad)


async def test_unknown_values_fill_the_enums(hub: Caller) -> None:
    """Enums hold a word that nobody documented, and rows a field that nobody knows."""
    hub.simulator.add_fault("unknown_values", "GET /accounting-synced-records", count=1)
    page = await hub.get("/accounting-synced-records", object_type="receivable")
    assert {row["sync_status"] for row in page["data"]} == {NOVEL}
    assert all("novel_field" in row for row in page["data"])


async def test_foreign_rows_are_mixed_into_a_list(open_hub: OpenHub) -> None:
    """Rows of another organization follow one's own."""
    async with open_hub(organizations=2) as hub:
        own = await hub.get("/payables")
        foreign = await hub.get("/payables", organization=hub.simulator.organization_ids[1])
        hub.simulator.add_fault("foreign_rows", "GET /payables", organization_id=hub.organization, count=1)
        mixed = await hub.get("/payables")
        assert mixed["data"] == [*own["data"], *foreign["data"]]


async def test_shifting_offsets_repeat_or_skip_a_row(open_hub: OpenHub) -> None:
    """Later offset pages have moved by a row, back by default or forward; the first page has not."""
    async with open_hub(documents=40) as hub:
        whole = (await hub.get("/accounting/payables", limit=500))["data"]
        for rows in (-1, 1):
            hub.simulator.clear_faults()
            hub.simulator.add_fault("shifting_offsets", "GET /accounting/*", rows=rows)
            first = (await hub.get("/accounting/payables", limit=3))["data"]
            second = (await hub.get("/accounting/payables", limit=3, offset=3))["data"]
            assert first == whole[:3]
            assert second == whole[3 + rows : 6 + rows]


@pytest.mark.parametrize("is_fresh", [False, True])
async def test_looping_pages_never_end(hub: Caller, *, is_fresh: bool) -> None:
    """Each page is the first page and promises another, by the same token or by a fresh one."""
    hub.simulator.add_fault("looping_pages", LIST, fresh=is_fresh)
    first = await hub.get("/receivables", limit=2)
    tokens = [first["next_pagination_token"]]
    for _ in range(3):
        page = await hub.get("/receivables", limit=2, pagination_token=tokens[-1])
        assert page["data"] == first["data"]
        tokens.append(page["next_pagination_token"])
    assert None not in tokens
    assert len(set(tokens)) == (4 if is_fresh else 1)


async def test_rows_go_missing(hub: Caller) -> None:
    """Every other row is left out, or all of them without a next page."""
    whole = (await hub.get("/receivables"))["data"]
    hub.simulator.add_fault("missing_rows", LIST, count=1)
    assert (await hub.get("/receivables"))["data"] == whole[::2]
    hub.simulator.add_fault("empty", LIST, count=1)
    page = await hub.get("/receivables", limit=1)
    assert (page["data"], page["next_pagination_token"]) == ([], None)


async def test_error_with_the_status_of_success(hub: Caller) -> None:
    """An error may come with 200, and the push behind it was not carried out."""
    invoice, record = await failed_record(hub)
    hub.simulator.add_fault("error_200", PUSH, count=1)
    response = await hub.push(record)
    assert response.status_code == 200
    assert "error" in response.json()
    hub.simulator.advance(60)
    assert hub.created(invoice) == 0


async def test_texts_may_be_huge(hub: Caller) -> None:
    """A row may carry ten megabytes of text."""
    hub.simulator.add_fault("huge_texts", "GET /accounting-synced-records", count=1)
    page = await hub.get("/accounting-synced-records", object_type="receivable")
    assert len(page["data"][0]["errors"]["message"]) == 10_000_000


async def test_fault_strikes_where_told_and_as_often(open_hub: OpenHub) -> None:
    """Endpoint, organization and count confine a fault; probability is drawn from the seed."""
    async with open_hub(organizations=2) as hub:
        other = hub.simulator.organization_ids[1]
        hub.simulator.add_fault("server_error", LIST, organization_id=hub.organization, count=2)

        async def status(path: str, organization: str | None = None) -> int:
            return (await hub.call("GET", path, organization=organization)).status_code

        assert await status("/payables") == 200
        assert await status("/receivables", other) == 200
        assert [await status("/receivables") for _ in range(3)] == [500, 500, 200]
        draws: list[list[int]] = []
        for _ in range(2):
            async with open_hub(seed=9) as again:
                again.simulator.add_fault("server_error", LIST, probability=0.5)
                draws.append([(await again.call("GET", "/receivables")).status_code for _ in range(30)])
        assert draws[0] == draws[1]
        assert set(draws[0]) == {200, 500}


async def test_journal_tells_what_arrived(hub: Caller) -> None:
    """Each request is in the journal with endpoint, organization, status and the fault it met."""
    hub.simulator.add_fault("throttle", LIST, count=1)
    await hub.call("GET", "/receivables")
    journal: dict[str, Any] = hub.simulator.requests(limit=1)
    row = journal["requests"][0]
    assert (row["endpoint"], row["organization_id"]) == (LIST, hub.organization)
    assert (row["status"], row["fault"]) == (429, "throttle")
    assert journal["count"] == sum(journal["per_second"].values())
