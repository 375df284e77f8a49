"""Single resources: an organization and a record tell their whole story, now and as it was known."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from msgspec.structs import replace

from service.domain.cadence.stream import STREAMS
from service.domain.record_state import State
from service.store.database import Database
from service.store.history import HistoryKind, Version, insert_history
from service.store.streams import ensure_streams
from service.web.api.records import HISTORY_MAX
from tests.web.builders import (
    NOW,
    ORGANIZATION,
    add_alert,
    add_attempt,
    add_balance,
    add_difference,
    add_organization,
    add_record,
    set_connection,
    write_record,
)


async def test_a_record_tells_why_it_was_pushed(database: Database, viewer: httpx.AsyncClient) -> None:
    """A record lists its attempts with their evidence, its history and its evidence; unknown is uncertain."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED, errors={"message": "no rate"})
    first = await add_attempt(database, record, number=1, outcome="refused")
    second = await add_attempt(database, record, number=2, outcome=None, trigger="cure")
    story = (await viewer.get(f"/v1/records/{record.record_id}")).json()
    assert (story["state"], story["cause"], story["owner"]) == ("blocked", "missing_tax_rate", "bookkeeper")
    assert story["errors"] == {"message": "no rate"}
    assert (story["amount_minor"], story["currency"]) == (125_00, "USD")
    attempts = [(each["number"], each["outcome"], each["trigger"]) for each in story["attempts"]]
    assert attempts == [(1, "refused", "schedule"), (2, "uncertain", "cure")]
    assert all(each["was_sent"] for each in story["attempts"])
    assert story["attempts"][1]["finished_at"] is None
    assert [each["evidence"]["id"] for each in story["attempts"]] == [str(first), str(second)]
    assert [each["id"] for each in story["evidence"]] == [str(first), str(second)]
    assert story["evidence"][0]["detail"] == {"seen": 1.5}
    assert [(step["version"], step["state"]) for step in story["history"]] == [(1, "blocked")]


async def test_an_attempt_that_never_left_is_refused_and_says_so(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """What was surely not sent bears one of the three outcomes that callers know, and was not sent."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    await add_attempt(database, record, number=1, outcome="not_sent")
    (attempt,) = (await viewer.get(f"/v1/records/{record.record_id}")).json()["attempts"]
    assert (attempt["outcome"], attempt["was_sent"]) == ("refused", False)


async def test_a_record_of_many_versions_is_known_as_of_its_first(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """However many versions came later, the record is told as it was."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    then = await now_of(database)
    async with database.organization(ORGANIZATION) as rows:
        versions = [
            Version(object_id=str(record.record_id), version=2 + number, body={})
            for number in range(HISTORY_MAX)
        ]
        await insert_history(rows, ORGANIZATION, HistoryKind.RECORD, versions)
    story = (await viewer.get(f"/v1/records/{record.record_id}", params={"as_of": then})).json()
    assert (story["state"], len(story["history"])) == ("blocked", 1)


async def now_of(database: Database) -> str:
    """The database's time, a moment after everything before."""
    await asyncio.sleep(0.002)
    moment = (await database.now()).astimezone(UTC)
    await asyncio.sleep(0.002)
    return moment.isoformat()


async def test_as_of_tells_what_was_known_then(database: Database, viewer: httpx.AsyncClient) -> None:
    """With as_of a record is what it was, in its list too, and before it was known it is not there."""
    before = await now_of(database)
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    then = await now_of(database)
    await add_attempt(database, record, number=1, outcome="accepted")
    healed = replace(
        record, version=2, state=State.ACKNOWLEDGED, sync_status="done", cause=None, updated_at=NOW
    )
    await write_record(database, record, healed)
    path = f"/v1/records/{record.record_id}"
    assert (await viewer.get(path)).json()["state"] == "acknowledged"
    story = (await viewer.get(path, params={"as_of": then})).json()
    assert (story["state"], story["cause"], story["attempts"]) == ("blocked", "missing_tax_rate", [])
    assert len(story["history"]) == 1
    listed = (await viewer.get("/v1/records", params={"as_of": then, "state": "blocked"})).json()["data"]
    assert [row["id"] for row in listed] == [str(record.record_id)]
    assert datetime.fromisoformat(listed[0]["updated_at"]) == record.updated_at
    assert (await viewer.get(path, params={"as_of": before})).status_code == 404
    assert (await viewer.get("/v1/records", params={"as_of": before})).json()["data"] == []


async def test_an_organization_tells_its_connection_and_counts(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """An organization has its connection with every change of status, counts, and what will fail."""
    await add_organization(database, ORGANIZATION, "Alder", url="https://connect.example/x")
    await set_connection(
        database, ORGANIZATION, "connected", last_pull=NOW + timedelta(1), at=NOW + timedelta(1)
    )
    await set_connection(database, ORGANIZATION, "disconnected", at=NOW + timedelta(2))
    await add_record(database, ORGANIZATION)
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    async with database.fleet() as connection:
        await connection.execute(
            "INSERT INTO findings VALUES"
            " ($1, 'receivable', 'missing_tax_rate', 'd', 'No such rate.', 'bookkeeper', 500, 'USD', now()),"
            " ($1, 'receivable', 'missing_tax_rate', 'e', 'Nor this.', 'bookkeeper', 700, 'USD', now()),"
            " ($1, 'payable', 'missing_tax_rate', 'f', 'Nor that.', 'bookkeeper', 100, 'EUR', now())",
            ORGANIZATION,
        )
    found = (await viewer.get(f"/v1/organizations/{ORGANIZATION}")).json()
    link = found["connection"]
    assert (found["name"], link["status"], link["platform"]) == ("Alder", "disconnected", "quickbooks")
    assert [change["status"] for change in link["history"]] == ["disconnected", "connected"]
    assert found["counts"]["records"] == 2
    assert found["counts"]["sync_status"] == {"done": 1, "error": 1}
    assert found["counts"]["state"] == {"confirmed": 1, "blocked": 1}
    reasons = [finding["reason"] for finding in found["readiness"]]
    assert reasons == ["Nor that.", "No such rate.", "Nor this."]
    [total] = found["readiness_totals"]
    assert (total["kind"], total["owner"], total["documents"]) == ("missing_tax_rate", "bookkeeper", 3)
    assert total["money"] == {"USD": 1_200, "EUR": 100}
    [listed] = (await viewer.get("/v1/organizations")).json()["data"]
    assert listed == {**found, "reading": None}


async def test_by_when_an_organization_is_read(database: Database, viewer: httpx.AsyncClient) -> None:
    """An organization tells of each list when it was read, and by when it was said to be read again."""
    await add_organization(database, ORGANIZATION, "Alder")
    async with database.fleet() as connection:
        await ensure_streams(connection, [ORGANIZATION])
        await connection.execute(
            "UPDATE streams SET read_at = $1, due_at = $1, bound_at = $2 WHERE stream = 'connection'",
            NOW,
            NOW + timedelta(minutes=5),
        )
    told = (await viewer.get(f"/v1/organizations/{ORGANIZATION}")).json()["reading"]
    assert [each["stream"] for each in told] == list(STREAMS)
    assert datetime.fromisoformat(told[0]["bound_at"]) - datetime.fromisoformat(told[0]["read_at"]) == (
        timedelta(minutes=5)
    )
    assert told[1]["bound_at"] is None


async def test_an_organization_as_it_was_known(database: Database, viewer: httpx.AsyncClient) -> None:
    """With as_of an organization has the connection known then; counts that nobody kept are null."""
    await add_organization(database, ORGANIZATION, "Alder")
    then = await now_of(database)
    await set_connection(database, ORGANIZATION, "deauthorized", at=NOW + timedelta(1))
    found = (await viewer.get(f"/v1/organizations/{ORGANIZATION}", params={"as_of": then})).json()
    assert (found["connection"]["status"], found["counts"], found["readiness"]) == ("connected", None, None)


async def test_an_organization_without_connection(database: Database, viewer: httpx.AsyncClient) -> None:
    """An organization that was never connected has no connection, and counts of zero."""
    await add_organization(database, ORGANIZATION, "Alder", status=None)
    found = (await viewer.get(f"/v1/organizations/{ORGANIZATION}")).json()
    assert (found["connection"], found["counts"]["records"]) == (None, 0)


async def test_causes_are_weighed(database: Database, viewer: httpx.AsyncClient) -> None:
    """Causes come heaviest first, with owner, cure, money by currency; unknown errors by their wording."""
    await add_organization(database, ORGANIZATION, "Alder")
    for amount, currency in ((100, "USD"), (50, "USD"), (7, "JPY")):
        await add_record(database, ORGANIZATION, state=State.BLOCKED, amount_minor=amount, currency=currency)
    unknown: dict[str, Any] = {"state": State.NEEDS_PERSON, "cause": "unknown", "owner": "bookkeeper"}
    await add_record(database, ORGANIZATION, **unknown, cause_group="odd <n>", cause_text="odd 7")
    await add_record(database, ORGANIZATION, **unknown, cause_group="odder <n>", cause_text="odder 9")
    rows = (await viewer.get("/v1/causes")).json()["data"]
    assert [(row["cause"], row["group"], row["records"]) for row in rows] == [
        ("missing_tax_rate", None, 3),
        ("unknown", "odd <n>", 1),
        ("unknown", "odder <n>", 1),
    ]
    assert rows[0]["money_at_risk"] == {"USD": 150, "JPY": 7}
    assert (rows[0]["owner"], rows[0]["organizations"]) == ("bookkeeper", 1)
    assert rows[0]["cure"]
    paged: list[str | None] = []
    after = None
    while True:
        page = (
            await viewer.get("/v1/causes", params={"limit": 1, **({"after": after} if after else {})})
        ).json()
        paged += [row["group"] for row in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert paged == [None, "odd <n>", "odder <n>"]


async def test_a_balance_ties_out(database: Database, viewer: httpx.AsyncClient) -> None:
    """Local total plus terms is the books' total, in amounts and counts, and the scan behind it is told."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_balance(database, ORGANIZATION)
    [row] = (await viewer.get("/v1/balance")).json()["data"]
    assert row["local_minor"] + sum(term["delta_minor"] for term in row["terms"]) == row["books_minor"]
    assert row["local_count"] + sum(term["count"] for term in row["terms"]) == row["books_count"]
    assert row["scan"]["certified"] is True


async def test_an_alert_is_taken_on_and_silenced(database: Database, operator: httpx.AsyncClient) -> None:
    """Acknowledging notes who did, snoozing needs a time ahead; neither finds a resolved alert."""
    alert = await add_alert(database)
    path = f"/v1/alerts/{alert.alert_id}"
    taken = (await operator.post(f"{path}/acknowledge")).json()
    assert (taken["acknowledged_by"], taken["acknowledged_at"] is not None) == ("operator", True)
    until = (NOW + timedelta(days=1)).isoformat()
    snoozed = await operator.post(f"{path}/snooze", json={"until": until})
    assert datetime.fromisoformat(snoozed.json()["snoozed_until"]) == NOW + timedelta(days=1)
    bad: list[object] = [
        {"until": (NOW - timedelta(days=1)).isoformat()},
        {"until": (NOW + timedelta(days=31)).isoformat()},
        {"until": "2030-01-01T00:00:00"},
        {"until": "soon"},
        {"until": until, "for": "ever"},
        {},
        [],
    ]
    for body in bad:
        answer = await operator.post(f"{path}/snooze", json=body)
        assert answer.status_code == 422, body
    gone = await add_alert(database, status="resolved", ended_at=NOW)
    assert (await operator.post(f"/v1/alerts/{gone.alert_id}/acknowledge")).status_code == 404


async def test_bodies_are_json_and_small(database: Database, operator: httpx.AsyncClient) -> None:
    """An action's body must be JSON, say so, and be within its cap."""
    alert = await add_alert(database)
    path = f"/v1/alerts/{alert.alert_id}/snooze"
    assert (await operator.post(path, content=b"{}")).status_code == 415
    json_type = {"content-type": "application/json"}
    assert (await operator.post(path, content=b"{", headers=json_type)).status_code == 422
    assert (await operator.post(path, content=b"[" * 60_000, headers=json_type)).status_code == 422
    assert (await operator.post(path, content=b" " * 65_537, headers=json_type)).status_code == 413


async def test_nothing_else_is_found(viewer: httpx.AsyncClient) -> None:
    """Ids that nobody has are 404, as problems."""
    for path in ("organizations", "records"):
        answer = await viewer.get(f"/v1/{path}/{UUID(int=5)}")
        assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


async def test_differences_name_their_record(database: Database, viewer: httpx.AsyncClient) -> None:
    """A difference has both ids, both amounts, its delta, and the record behind it."""
    await add_organization(database, ORGANIZATION, "Alder")
    record_id = uuid4()
    row = await add_difference(database, ORGANIZATION, record_id=record_id)
    [told] = (await viewer.get("/v1/differences")).json()["data"]
    assert (told["local_id"], told["books_id"]) == (row["local_id"], "145")
    assert (told["local_minor"], told["books_minor"], told["delta_minor"]) == (100_00, 90_00, -10_00)
    assert (told["record_id"], told["resolved_at"]) == (str(record_id), None)
