"""A partner's own documents over HTTP: put, put again, taken back, and refused with what would be right."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.domain.fleet import WorkKind
from service.store.database import Database
from service.store.organizations import mark_organizations_removed
from service.web.api.documents_bulk import BULK_FAULTS_MAX, BULK_MAX, BULK_PARTS_MAX
from service.web.api.documents_shape import FAULTS_MAX
from service.web.table_documents import BULK_BYTES_MAX, BULK_LIMIT
from tests.web.builders import ORGANIZATION, OTHER, add_difference, add_organization
from tests.web.test_documents_shape import document
from tests.web.test_lists import walk

DOCUMENTS = f"/v1/organizations/{ORGANIZATION}/documents"
BULK = "/v1/documents/bulk"


@pytest.fixture(autouse=True)
async def _organizations(database: Database) -> None:
    """Two organizations without documents."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, OTHER, "Birch")


async def put(caller: httpx.AsyncClient, local_id: str, **changes: Any) -> httpx.Response:
    """Put one document."""
    return await caller.put(f"{DOCUMENTS}/{local_id}", json=document(**changes))


async def bulk(caller: httpx.AsyncClient, *items: Any) -> httpx.Response:
    """Put many."""
    return await caller.post(BULK, json={"documents": list(items)})


def item(local_id: str, organization_id: object = ORGANIZATION, **changes: Any) -> dict[str, Any]:
    """One of many."""
    return {
        "organization_id": str(organization_id),
        "local_id": local_id,
        "document": document(party={"name": "Harbour Coffee"}, **changes),
    }


async def history_length(database: Database) -> int:
    """How many versions of documents there are."""
    async with database.fleet(readonly=True) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM history WHERE kind = 'document'"))


async def test_what_is_put_comes_back(operator: httpx.AsyncClient, viewer: httpx.AsyncClient) -> None:
    """Every field of a document that was put is told again, exactly, and whose word it is."""
    told = document()
    answer = await operator.put(f"{DOCUMENTS}/R-17", json=told)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "created")
    got = (await viewer.get(f"{DOCUMENTS}/R-17")).json()
    assert got == answer.json()["document"]
    [line] = told.pop("lines")
    assert {name: got["lines"][0][name] for name in line} == line | {
        "quantity": "2.5",
        "tax_percent": "7.50",
    }
    assert {name: got[name] for name in told} == told
    assert (got["origin"], got["in_hub"], got["version"], got["net_minor"]) == ("partner", False, 1, 1_000_00)


async def test_the_same_again_changes_nothing(operator: httpx.AsyncClient, database: Database) -> None:
    """Putting a document twice is once: no version, no wish to compare; another amount is a version."""
    told = document()
    await operator.put(f"{DOCUMENTS}/R-17", json=told)
    versions = await history_length(database)
    async with database.fleet() as connection:
        wished = await connection.fetch("DELETE FROM work RETURNING kind")
        assert WorkKind.COMPARE in {row["kind"] for row in wished}
    again = (await operator.put(f"{DOCUMENTS}/R-17", json=told)).json()
    assert (again["outcome"], again["document"]["version"]) == ("unchanged", 1)
    assert await history_length(database) == versions
    async with database.fleet() as connection:
        assert await connection.fetchval("SELECT count(*) FROM work") == 0
    other = (await operator.put(f"{DOCUMENTS}/R-17", json=told | {"total_minor": 1_080_00})).json()
    assert (other["outcome"], other["document"]["version"]) == ("updated", 2)


async def test_a_credit_note_is_told_as_on_paper_and_counts_as_what_it_takes_away(
    operator: httpx.AsyncClient, database: Database
) -> None:
    """Amounts of a credit note are put and told without sign; what is compared is negative."""
    told = (await put(operator, "C-1", kind="credit_note")).json()["document"]
    assert (told["total_minor"], told["tax_minor"], told["ledger"]) == (1_075_00, 75_00, "receivable")
    async with database.fleet(readonly=True) as connection:
        assert await connection.fetchval("SELECT total_minor FROM documents") == -1_075_00


async def test_taken_back_it_is_gone(operator: httpx.AsyncClient, viewer: httpx.AsyncClient) -> None:
    """A deleted document is 404, also to another deletion, and may be put again."""
    await put(operator, "R-17")
    answer = await operator.delete(f"{DOCUMENTS}/R-17")
    assert (answer.status_code, answer.json()["stands"]) == (200, None)
    assert (await viewer.get(f"{DOCUMENTS}/R-17")).status_code == 404
    assert (await operator.delete(f"{DOCUMENTS}/R-17")).status_code == 404
    assert (await put(operator, "R-17")).json()["outcome"] == "created"


async def test_documents_of_one_who_left_are_read_and_not_put(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """A customer whom the hub lists no more keeps what was known, now and then; nothing new is taken."""
    assert (await put(operator, "R-17")).status_code == 200
    then = {"as_of": (await database.now()).isoformat()}
    async with database.fleet() as connection:
        await mark_organizations_removed(connection, [ORGANIZATION])
    for query in ({}, then):
        told = await operator.get(DOCUMENTS, params=query)
        assert (told.status_code, [row["local_id"] for row in told.json().get("data", ())]) == (200, ["R-17"])
    assert (await put(operator, "R-18")).status_code == 404
    [answer] = (await bulk(operator, item("R-18"))).json()["data"]
    assert answer["outcome"] == "refused"
    unknown = f"/v1/organizations/{uuid4()}/documents"
    assert (await operator.get(unknown)).status_code == 404


async def test_one_id_is_one_document(operator: httpx.AsyncClient) -> None:
    """A bill cannot be put under the id of an invoice that stands; once that is deleted it can."""
    await put(operator, "R-17")
    refused = await put(operator, "R-17", kind="bill")
    assert (refused.status_code, "delete that first" in refused.json()["detail"]) == (409, True)
    await operator.delete(f"{DOCUMENTS}/R-17")
    assert (await put(operator, "R-17", kind="bill")).json()["document"]["ledger"] == "payable"


async def test_what_is_wrong_is_told_and_changes_nothing(operator: httpx.AsyncClient) -> None:
    """A document with faults is a 422 that names each of them, and what stood before still stands."""
    await put(operator, "R-17")
    answer = await put(operator, "R-17", kind="quote", total_minor=-1)
    assert answer.status_code == 422
    assert {error["name"] for error in answer.json()["errors"]} == {"kind", "total_minor"}
    for body in (b"", b"[]", b"null", b'{"kind": }', b"\xff", b"[" * 100_000):
        headers = {"content-type": "application/json"}
        assert (await operator.put(f"{DOCUMENTS}/R-17", content=body, headers=headers)).status_code == 422, (
            body[:9]
        )
    assert (await operator.get(f"{DOCUMENTS}/R-17")).json()["version"] == 1


async def test_an_id_that_could_not_be_written_down_is_refused(operator: httpx.AsyncClient) -> None:
    """An id of other characters, or too long, is refused; the hub's own ids are told alike in any case."""
    for local_id in ("R 17", "R%2017", "-R17", "R" * 101, "Ünal", "a%2Fb", "a/b", ""):
        answer = await put(operator, local_id)
        assert answer.status_code == 422, local_id
        assert [error["name"] for error in answer.json()["errors"]] == ["local_id"]
    shouted = str(uuid4()).upper()
    assert (await put(operator, shouted)).json()["document"]["local_id"] == shouted.lower()
    assert (await operator.get(f"{DOCUMENTS}/{shouted}")).status_code == 200


async def test_many_are_taken_or_refused_each_by_itself(operator: httpx.AsyncClient) -> None:
    """A bulk call answers per document, in order: created, updated, unchanged, refused with what to do."""
    await bulk(operator, item("same"), item("other"))
    answer = await bulk(
        operator,
        item("new"),
        item("other", total_minor=2_000_00),
        item("same"),
        item("wrong", currency="ZZZ"),
        item("new", number="twice"),
        item("nowhere", uuid4()),
        {"local_id": "no organization"},
        item("elsewhere", OTHER),
    )
    assert answer.status_code == 200
    told = answer.json()
    assert [each["outcome"] for each in told["data"]] == [
        *("created", "updated", "unchanged", "refused", "refused", "refused", "refused", "created")
    ]
    assert told["counts"] == {"created": 2, "updated": 1, "unchanged": 1, "refused": 4}
    assert [each["errors"][0]["name"] for each in told["data"][3:7]] == [
        *("currency", "local_id", "organization_id", "item")
    ]
    assert (await operator.get(f"{DOCUMENTS}/new")).json()["number"] == "R-2026-17"


@pytest.mark.parametrize("count", [501, pytest.param(BULK_MAX, marks=pytest.mark.night)])
async def test_many_in_one_call(
    operator: httpx.AsyncClient, viewer: httpx.AsyncClient, database: Database, count: int
) -> None:
    """More documents than one transaction takes are put in one call; again they write nothing."""
    items = [item(f"R-{number}", total_minor=number + 2_000_00) for number in range(count)]
    assert (await bulk(operator, *items)).json()["counts"]["created"] == count
    assert await history_length(database) == count
    assert (await bulk(operator, *items)).json()["counts"]["unchanged"] == count
    assert await history_length(database) == count
    assert len(await walk(viewer, DOCUMENTS, limit=500)) == count


async def test_a_bulk_call_has_its_bounds(operator: httpx.AsyncClient) -> None:
    """None, more than ten thousand, or something else is refused as a whole."""
    bodies: list[Any] = [{}, {"documents": []}, {"documents": [1] * (BULK_MAX + 1)}, {"document": [1]}]
    for body in bodies:
        assert (await operator.post(BULK, json=body)).status_code == 422


async def test_a_bulk_call_of_countless_parts_is_refused(operator: httpx.AsyncClient) -> None:
    """A body of nothing but commas is refused as a whole, before a part of it is kept."""
    content = b'{"documents":[' + b"1," * (BULK_PARTS_MAX + 1) + b"1]}"
    answer = await operator.post(BULK, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, "parts" in answer.text) == (422, True), answer.text


async def test_a_bulk_answer_tells_a_bounded_number_of_faults(operator: httpx.AsyncClient) -> None:
    """Each refused document is told with a fault; with all its faults only while the answer has room."""
    item = {"organization_id": str(ORGANIZATION), "document": document(lines=[{"tax_percent": 101}] * 1_000)}
    items = [item | {"local_id": f"R-{number}"} for number in range(BULK_FAULTS_MAX // FAULTS_MAX + 20)]
    told = (await bulk(operator, *items)).json()
    assert told["counts"]["refused"] == len(items)
    faults = [len(each["errors"]) for each in told["data"]]
    assert (faults[0], faults[-1]) == (FAULTS_MAX + 1, 2)
    assert sum(faults) <= BULK_FAULTS_MAX + 2 * len(items)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(operator: httpx.AsyncClient) -> None:
    """A body beyond the limit is 413, and one that finds no room beside others is told to come back."""
    headers = {"content-type": "application/json"}
    answer = await operator.post(BULK, content=b" " * (BULK_BYTES_MAX + 1), headers=headers)
    assert answer.status_code == 413
    memory = BULK_LIMIT.memory
    assert memory is not None
    with memory.share() as take:
        take(2 * BULK_BYTES_MAX)
        answer = await operator.post(BULK, content=b"{}", headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await operator.post(BULK, content=b"{}", headers=headers)).status_code == 422


async def test_a_key_of_one_organization_puts_its_own(
    bound: httpx.AsyncClient, operator: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    """A bound key puts into its organization; another one is as if there were none. Viewers put nothing."""
    assert (await put(bound, "R-17")).status_code == 200
    foreign = DOCUMENTS.replace(str(ORGANIZATION), str(OTHER))
    await operator.put(f"{foreign}/R-1", json=document())
    assert (await bound.put(f"{foreign}/R-2", json=document())).status_code == 404
    for method in ("GET", "DELETE"):
        assert (await bound.request(method, f"{foreign}/R-1")).status_code == 404
    assert (await bound.get(foreign)).status_code == 404
    told = (await bulk(bound, item("R-18"), item("R-1", OTHER), item("R-1", uuid4()))).json()["data"]
    assert [each["outcome"] for each in told] == ["created", "refused", "refused"]
    assert told[1]["errors"] == told[2]["errors"]
    assert (await operator.get(f"{foreign}/R-1")).json()["version"] == 1
    assert (await put(viewer, "R-19")).status_code == 403


async def test_what_was_put_then(
    operator: httpx.AsyncClient, viewer: httpx.AsyncClient, database: Database
) -> None:
    """With `as_of` a document is told as it stood, also after it was changed or taken back."""
    instants = []
    for step in ({"total_minor": 2_000_00}, {"total_minor": 3_000_00}, None, {"kind": "bill"}):
        if step is None:
            await operator.delete(f"{DOCUMENTS}/R-17")
        else:
            await put(operator, "R-17", party={"name": "Harbour"}, **step)
        told = (await viewer.get(DOCUMENTS)).json()
        instants.append(((await database.now()).isoformat(), told))
    assert [len(told["data"]) for _, told in instants] == [1, 1, 0, 1]
    for instant, told in instants:
        assert (await viewer.get(DOCUMENTS, params={"as_of": instant})).json() == told
        single = await viewer.get(f"{DOCUMENTS}/R-17", params={"as_of": instant})
        assert (single.json() if single.status_code == 200 else None) == next(iter(told["data"]), None)


async def test_a_difference_tells_whose_word_it_is_about(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """Each difference tells the origin of its local document, to programs and people; a surplus has none."""
    await add_difference(database, ORGANIZATION, kind="amount")
    await add_difference(database, ORGANIZATION, kind="tax", origin="partner")
    await add_difference(database, ORGANIZATION, kind="only_in_books", local_id=None)
    told = (await viewer.get("/v1/differences")).json()["data"]
    assert {each["kind"]: each["origin"] for each in told} == {
        "amount": "hub",
        "tax": "partner",
        "only_in_books": None,
    }
    page = await viewer.get("/differences", headers={"accept": "text/html"})
    assert page.text.count("your own document") == 1
