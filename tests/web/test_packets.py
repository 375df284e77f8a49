"""Fix packets over HTTP: from what is stored, in three formats, for what the key may see."""

from __future__ import annotations

import csv
from uuid import UUID

import httpx
import pytest

from service.domain.causes.names import Cause
from service.domain.document import Document, DocumentKind, Ledger, Line, Side
from service.domain.packet import DOCUMENTS_MAX
from service.domain.record_state import State
from service.store.database import Database
from service.store.documents import SeenDocument, write_documents
from tests.web.builders import ORGANIZATION, OTHER, add_organization, add_record

URL = "https://connect.example.com/session"


@pytest.fixture(autouse=True)
async def failing(database: Database) -> None:
    """Two organizations, one with a missing rate and a lost connection, one with a missing rate."""
    await add_organization(database, ORGANIZATION, "Alder", url=URL)
    await add_organization(database, OTHER, "Birch")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    await add_record(database, ORGANIZATION, state=State.BLOCKED, cause=Cause.CONNECTION_REVOKED)
    await add_record(database, OTHER, state=State.BLOCKED, currency="EUR")
    document = Document(
        side=Side.LOCAL,
        ledger=Ledger.RECEIVABLE,
        kind=DocumentKind.INVOICE,
        document_id=str(record.object_id),
        currency="USD",
        total_minor=125_00,
        number="INV-7",
        party_name="Acme",
        lines=(Line(tax_rate=825),),
    )
    async with database.organization(ORGANIZATION) as rows:
        await write_documents(rows, ORGANIZATION, [SeenDocument(document=document, payload={})], {})


async def test_a_packet_tells_who_what_and_which(operator: httpx.AsyncClient) -> None:
    """Who must act, the missing rate with its number, the documents and the money; linked from the causes."""
    causes = (await operator.get("/v1/causes")).json()["data"]
    link = next(row["packet"] for row in causes if row["cause"] == "missing_tax_rate")
    told = (await operator.get(link)).json()
    assert told["totals"] == {"documents": 2, "organizations": 2, "money": {"USD": 125_00, "EUR": 125_00}}
    [alder, birch] = told["organizations"]
    assert (alder["who"], birch["who"]) == ("The bookkeeper of Alder", "The bookkeeper of Birch")
    assert alder["steps"] == ["Create a tax rate of 8.25 % for sales in QuickBooks (for INV-7)."]
    [document] = alder["documents"]
    assert (document["number"], document["party"], document["amount_minor"]) == ("INV-7", "Acme", 125_00)


async def test_an_unknown_error_comes_with_what_it_resembles(
    operator: httpx.AsyncClient, database: Database
) -> None:
    """Causes, packet and page tell what its words resemble; whose turn it is stays as it was."""
    said = "Nothing in your chart fits the sales side of this product"
    unknown = {"cause": Cause.UNKNOWN, "cause_group": "nothing in your chart", "cause_text": said}
    await add_record(database, OTHER, state=State.QUARANTINED, owner="partner_engineer", **unknown)
    rows = {row["cause"]: row for row in (await operator.get("/v1/causes")).json()["data"]}
    told, known = rows["unknown"], rows["missing_tax_rate"]
    assert (told["likely"], told["action"], told["owner"]) == (
        "missing_ledger_account",
        "set_up",
        "partner_engineer",
    )
    assert (known["likely"], known["action"]) == (None, "set_up")
    packet = (await operator.get(told["packet"])).json()
    [step] = packet["organizations"][0]["steps"]
    page = (await operator.get("/causes")).text
    for shown in (told["next_step"], step, page):
        assert "Its words resemble “Account missing”" in shown


async def test_a_lost_connection_comes_with_its_link(operator: httpx.AsyncClient) -> None:
    """The packet of a lost connection says where to connect again."""
    told = (await operator.get("/v1/causes/connection_revoked/packet")).json()
    assert told["organizations"][0]["connection_url"] == URL
    assert told["who"] == "An administrator of QuickBooks at Alder"


async def test_it_comes_as_text_and_as_csv(operator: httpx.AsyncClient) -> None:
    """The same packet is text for a mail and rows for a spreadsheet."""
    path = f"/v1/causes/missing_tax_rate/packet?organization_id={ORGANIZATION}"
    text = await operator.get(f"{path}&format=text")
    assert text.headers["content-type"].startswith("text/plain")
    assert "For: The bookkeeper of Alder" in text.text
    rows = await operator.get(f"{path}&format=csv")
    assert rows.headers["content-type"].startswith("text/csv")
    assert [row["number"] for row in csv.DictReader(rows.text.splitlines())] == ["INV-7"]


async def add_many(database: Database, organization_id: UUID, count: int, **changes: object) -> None:
    """So many records that fail alike."""
    record = await add_record(database, organization_id, state=State.BLOCKED, **changes)
    async with database.organization(organization_id) as rows:
        columns = [
            each["column_name"]
            for each in await rows.fetch(
                "SELECT column_name FROM information_schema.columns WHERE table_name = 'records'"
                " AND is_generated = 'NEVER' AND column_name NOT IN ('record_id', 'object_id')"
            )
        ]
        named = ", ".join(columns)
        await rows.execute(
            f"INSERT INTO records (record_id, object_id, {named})"  # noqa: S608 - names of columns
            f" SELECT gen_random_uuid(), gen_random_uuid(), {named} FROM records, generate_series(2, $2)"
            " WHERE record_id = $1",
            *(record.record_id, count),
        )


async def test_what_one_packet_cannot_list_is_told(operator: httpx.AsyncClient, database: Database) -> None:
    """Figures of an organization are of all its documents; each form says how many are not listed."""
    await add_many(database, OTHER, DOCUMENTS_MAX + 1, cause=Cause.PERIOD_LOCKED)
    path = f"/v1/causes/period_locked/packet?organization_id={OTHER}"
    told = (await operator.get(path)).json()
    [birch] = told["organizations"]
    assert len(birch["documents"]) == DOCUMENTS_MAX
    assert (told["not_listed"], birch["not_listed"]) == (1, 1)
    assert birch["money"] == told["totals"]["money"] == {"USD": 125_00 * (DOCUMENTS_MAX + 1)}
    said = "1 more is not listed here, and may need something else: ask again once these are done."
    rows = list(csv.DictReader((await operator.get(f"{path}&format=csv")).text.splitlines()))
    assert [row["what_to_do"] for row in rows if not row["record_id"]] == [said]
    assert rows[-1]["organization"] == "Birch"
    assert said in (await operator.get(f"{path}&format=text")).text
    page = await operator.get(
        f"/causes/period_locked?organization_id={OTHER}", headers={"accept": "text/html"}
    )
    assert f"/records?cause=period_locked&amp;organization_id={OTHER}" in page.text
    assert "organization's page" not in page.text


async def test_each_organization_has_its_share_of_a_packet(
    operator: httpx.AsyncClient, database: Database
) -> None:
    """Who has most comes first and crowds out nobody; what is left out has to be asked for one by one."""
    await add_many(database, OTHER, DOCUMENTS_MAX + 1, currency="EUR")
    path = "/v1/causes/missing_tax_rate/packet"
    told = (await operator.get(path)).json()
    assert [row["name"] for row in told["organizations"]] == ["Birch", "Alder"]
    assert [len(row["documents"]) for row in told["organizations"]] == [DOCUMENTS_MAX - 1, 1]
    assert [row["not_listed"] for row in told["organizations"]] == [3, 0]
    text = (await operator.get(f"{path}?format=text")).text
    assert "  and 3 more" in text.splitlines()
    assert "3 more are not listed here; ask for each organization by itself." in text


async def test_what_is_asked_wrongly_or_of_another_is_not_answered(
    operator: httpx.AsyncClient, bound: httpx.AsyncClient
) -> None:
    """An unknown cause is 404, one that nothing fails for is empty, and a bound key sees its own alone."""
    assert (await operator.get("/v1/causes/bad_weather/packet")).status_code == 404
    empty = await operator.get("/v1/causes/period_locked/packet")
    assert empty.json()["totals"] == {"documents": 0, "organizations": 0, "money": {}}
    text = await operator.get("/v1/causes/period_locked/packet?format=text")
    assert text.text == "Period locked: nothing waits for it now.\n"
    own = (await bound.get("/v1/causes/missing_tax_rate/packet")).json()
    assert [row["name"] for row in own["organizations"]] == ["Alder"]
    foreign = await bound.get(f"/v1/causes/missing_tax_rate/packet?organization_id={OTHER}")
    assert foreign.status_code == 404
