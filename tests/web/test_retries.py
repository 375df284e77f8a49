"""Planned retries over HTTP: the applied plan is the shown one, and nothing is sent on stale grounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec import structs

from service.domain.causes.names import Cause
from service.domain.document import Document, DocumentKind, Ledger, Side
from service.domain.pushing.retry_plan import RECORDS_MAX
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.store.documents import SeenDocument, write_documents
from service.store.paper_trail import list_paper_trail_faults
from tests.web.builders import (
    ORGANIZATION,
    OTHER,
    add_attempt,
    add_organization,
    add_record,
    set_connection,
    write_record,
)


@pytest.fixture(autouse=True)
async def organizations(database: Database) -> None:
    """Two organizations that are connected."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, OTHER, "Birch")


async def planned(client: httpx.AsyncClient, **wanted: Any) -> Any:
    """A plan."""
    answer = await client.post("/v1/retries", json={"filter": wanted})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def applied(client: httpx.AsyncClient, plan: Any, **changes: str) -> httpx.Response:
    """The answer to applying it."""
    body = {"hash": plan["hash"], **changes}
    return await client.post(f"/v1/retries/{plan['id']}/apply", json=body)


async def change(database: Database, record: Record, **changes: Any) -> Record:
    """The record, as something else than the operator changed it."""
    after = structs.replace(record, version=record.version + 1, **changes)
    await write_record(database, record, after)
    return after


def reasons(rows: list[Any]) -> dict[str, str]:
    """Why, by record."""
    return {row["record_id"]: row["reason"] for row in rows}


async def test_a_plan_tells_what_may_be_sent_and_what_not(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """Each record is eligible or excluded with its reason, and money and calls are counted."""
    blocked = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    ambiguous = await add_record(
        database, ORGANIZATION, state=State.QUARANTINED, cause=Cause.TIMEOUT_AMBIGUOUS, amount_minor=7
    )
    flying = await add_record(database, ORGANIZATION, state=State.BLOCKED, currency="EUR")
    await add_attempt(database, flying, number=1, outcome=None)
    under_way = await add_record(
        database, ORGANIZATION, state=State.WAITING, cause=Cause.RATE_LIMITED, sync_status="error"
    )
    closed = await add_record(
        database, ORGANIZATION, state=State.NEEDS_PERSON, cause=Cause.DOCUMENT_NOT_MODIFIABLE
    )
    await add_record(database, ORGANIZATION)  # confirmed: nobody asks for it
    plan = await planned(operator)
    assert plan["state"] == "planned"
    assert [row["record_id"] for row in plan["eligible"]] == [str(blocked.record_id)]
    assert "refused it before anything was made" in plan["eligible"][0]["reason"]
    assert "tax rate appears" in plan["eligible"][0]["reason"]
    excluded = reasons(plan["excluded"])
    assert "may already be in the books" in excluded[str(ambiguous.record_id)]
    assert "on its way" in excluded[str(flying.record_id)]
    assert "on its way" in excluded[str(under_way.record_id)]
    assert "already in QuickBooks" in excluded[str(closed.record_id)]
    assert all(row["unsafe"] for row in plan["excluded"])
    assert plan["progress"] | {"eligible": 1, "excluded": 4, "unsafe": 4} == plan["progress"]
    assert plan["money"] == {"USD": 125_00}
    assert plan["excluded_money"] == {"USD": 250_07, "EUR": 125_00}
    assert (plan["estimated_calls"], plan["estimated_seconds"]) == (4, 0.1)


async def test_a_lost_connection_leaves_nothing_to_send(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """While the connection is down its records are excluded, though nothing about them is unsafe."""
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    await set_connection(database, ORGANIZATION, "disconnected")
    plan = await planned(operator, organization_id=str(ORGANIZATION))
    assert plan["eligible"] == []
    assert "no longer valid" in plan["excluded"][0]["reason"]
    assert not plan["excluded"][0]["unsafe"]
    assert (await applied(operator, plan)).status_code == 409


async def test_what_stands_in_the_books_is_excluded(database: Database, operator: httpx.AsyncClient) -> None:
    """A document that somebody entered by hand is named in the plan, and not sent."""
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    local = Document(
        side=Side.LOCAL,
        ledger=Ledger.RECEIVABLE,
        kind=DocumentKind.INVOICE,
        document_id=str(record.object_id),
        currency="USD",
        total_minor=125_00,
        number="INV-7",
        party_name="Acme",
    )
    there = replace(local, side=Side.BOOKS, document_id="981", number="inv - 7")
    async with database.organization(ORGANIZATION) as rows:
        for each in (local, there):
            await write_documents(rows, ORGANIZATION, [SeenDocument(document=each, payload={})], {})
    plan = await planned(operator)
    [row] = plan["excluded"]
    assert "stands in QuickBooks already (id 981)" in row["reason"]
    assert (row["unsafe"], row["number"], row["party"]) == (True, "INV-7", "Acme")


async def test_filters_narrow_a_plan(database: Database, operator: httpx.AsyncClient) -> None:
    """A plan holds what its filter names, by the words of the records or by their ids."""
    first = await add_record(database, ORGANIZATION, state=State.BLOCKED, object_type="bill")
    second = await add_record(database, OTHER, state=State.RETRYING, cause=Cause.RATE_LIMITED)
    settled = await add_record(database, OTHER)
    for wanted, expected in (
        ({"organization_id": str(OTHER)}, second),
        ({"object_type": "bill"}, first),
        ({"cause": "rate_limited"}, second),
        ({"state": "blocked"}, first),
        ({"record_ids": [str(first.record_id)]}, first),
    ):
        plan = await planned(operator, **wanted)
        assert [row["record_id"] for row in plan["eligible"]] == [str(expected.record_id)], wanted
        assert plan["filter"] == wanted
    plan = await planned(operator, record_ids=[str(settled.record_id)])
    assert "not failed" in plan["excluded"][0]["reason"]
    senseless: list[dict[str, Any]] = [
        {"state": "confirmed"},
        {"cause": "rate_limited", "record_ids": [str(first.record_id)]},
        {"record_ids": []},
        {"record_ids": [str(uuid4())] * (RECORDS_MAX + 1)},
        {"record_ids": [str(uuid4())]},
        {"party": "Acme"},
        {"cause": "a\0b"},
    ]
    for each in senseless:
        answer = await operator.post("/v1/retries", json={"filter": each})
        assert answer.status_code == 422, each


async def test_only_the_shown_plan_is_applied(database: Database, operator: httpx.AsyncClient) -> None:
    """Another hash is refused; the right one queues each record once, however often it is applied."""
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    plan = await planned(operator)
    assert (await applied(operator, plan, hash="0" * 64)).status_code == 409
    for _ in range(2):
        answer = await applied(operator, plan)
        assert (answer.status_code, answer.json()["state"]) == (202, "running")
        assert answer.json()["progress"]["queued"] == 1
        assert answer.json()["applied_by"] == "operator"
    listed = (await operator.get("/v1/retries")).json()["data"]
    assert [(row["id"], row["state"]) for row in listed] == [(plan["id"], "running")]
    assert listed[0]["progress"] == answer.json()["progress"]
    async with database.fleet() as rows:
        assert await list_paper_trail_faults(rows, ORGANIZATION, 10) == []
        acts = await rows.fetch("SELECT act, key_name, detail FROM retry_acts")
    assert [(row["act"], row["key_name"]) for row in acts] == [("applied", "operator")]
    assert acts[0]["detail"]["hash"] == plan["hash"]


async def test_records_that_moved_on_are_left_out(database: Database, operator: httpx.AsyncClient) -> None:
    """What changed between plan and apply is left out and says so; if all did, the plan is refused."""
    first = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    second = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    plan = await planned(operator)
    first = await change(database, first, attempts_count=2)
    second_again = await change(database, second, reason="Another word for the same.")
    told = (await applied(operator, plan)).json()
    by_record = {row["record_id"]: row for row in told["eligible"]}
    assert by_record[str(first.record_id)]["status"] == "left_out"
    assert "has changed since it was planned" in by_record[str(first.record_id)]["reason"]
    assert by_record[str(second_again.record_id)]["status"] == "queued"
    again = await planned(operator, record_ids=[str(first.record_id)])
    await change(
        database, first, state=State.CONFIRMED, cause=None, sync_status="done", reason="It is there."
    )
    refused = await applied(operator, again)
    assert refused.status_code == 409
    assert [fault["name"] for fault in refused.json()["errors"]] == [str(first.record_id)]
    assert "it is there" in refused.json()["errors"][0]["detail"]


async def test_cancelling_takes_back_what_was_not_sent(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """A cancelled retry sends nothing more, and a cancelled plan cannot be applied."""
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    plan = await planned(operator)
    await applied(operator, plan)
    for _ in range(2):
        told = (await operator.delete(f"/v1/retries/{plan['id']}")).json()
        assert (told["state"], told["progress"]["cancelled"]) == ("cancelled", 1)
    unapplied = await planned(operator)
    await operator.delete(f"/v1/retries/{unapplied['id']}")
    assert (await applied(operator, unapplied)).status_code == 409


async def test_an_old_plan_is_not_applied(database: Database, operator: httpx.AsyncClient) -> None:
    """A plan of yesterday is expired: a new one is made in a moment."""
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    plan = await planned(operator)
    async with database.fleet() as rows:
        await rows.execute("UPDATE retries SET planned_at = planned_at - interval '25 hours'")
    assert (await operator.get(f"/v1/retries/{plan['id']}")).json()["state"] == "expired"
    answer = await applied(operator, plan)
    assert (answer.status_code, "older than 24 hours" in answer.json()["detail"]) == (409, True)


async def test_a_bound_key_plans_its_own_alone(
    database: Database, operator: httpx.AsyncClient, bound: httpx.AsyncClient
) -> None:
    """A key of one organization neither plans, sees, applies nor cancels what is another's or the fleet's."""
    mine = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    await add_record(database, OTHER, state=State.BLOCKED)
    plan = await planned(bound)
    assert [row["record_id"] for row in plan["eligible"]] == [str(mine.record_id)]
    assert plan["organization_id"] == str(ORGANIZATION)
    answer = await bound.post("/v1/retries", json={"filter": {"organization_id": str(OTHER)}})
    assert answer.status_code == 404
    for foreign in (await planned(operator), await planned(operator, organization_id=str(OTHER))):
        assert (await bound.get(f"/v1/retries/{foreign['id']}")).status_code == 404
        assert (await applied(bound, foreign)).status_code == 404
        assert (await bound.delete(f"/v1/retries/{foreign['id']}")).status_code == 404
    listed = (await bound.get("/v1/retries")).json()["data"]
    assert [row["id"] for row in listed] == [plan["id"]]


async def test_a_plan_has_a_limit(
    database: Database, operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan holds the longest failed ones up to its limit, and tells how many match."""
    monkeypatch.setattr("service.web.retrying.RECORDS_MAX", 2)
    records = [await add_record(database, ORGANIZATION, state=State.BLOCKED) for _ in range(3)]
    plan = await planned(operator)
    assert (plan["matched"], len(plan["eligible"])) == (len(records), 2)
