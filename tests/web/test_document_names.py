"""Differences and records are shown under the numbers that bookkeepers know."""

from __future__ import annotations

from uuid import UUID, uuid4

import httpx

from service.domain.document import Document, DocumentKind, Ledger, Side
from service.domain.record_state import State
from service.store.database import Database
from service.store.documents import SeenDocument, write_documents
from tests.web.builders import ORGANIZATION, add_difference, add_organization, add_record


async def keep(database: Database, side: Side, document_id: str, number: str, party: str) -> None:
    """Keep a bill of one side."""
    document = Document(
        document_id=document_id,
        ledger=Ledger.PAYABLE,
        side=side,
        kind=DocumentKind.BILL,
        currency="USD",
        total_minor=12_500,
        number=number,
        party_name=party,
    )
    async with database.organization(ORGANIZATION) as connection:
        await write_documents(connection, ORGANIZATION, [SeenDocument(document=document, payload={})], {})


async def test_differences_bear_number_and_party(database: Database, operator: httpx.AsyncClient) -> None:
    """A difference says what its local document is called, else the one in the books, else nothing."""
    await add_organization(database, ORGANIZATION, "Alder")
    await keep(database, Side.LOCAL, "one", "BILL-1", "Orchid")
    await keep(database, Side.BOOKS, "b1", "BILL-1-there", "Orchid_VENDOR")
    await keep(database, Side.BOOKS, "b2", "BILL-2", "Tidal")
    for local_id, books_id in (("one", "b1"), (None, "b2"), ("gone", None)):
        await add_difference(database, ORGANIZATION, ledger="payable", local_id=local_id, books_id=books_id)
    rows = (await operator.get("/v1/differences")).json()["data"]
    told = {(row["local_id"], row["books_id"]): (row["number"], row["party"]) for row in rows}
    assert told == {
        ("one", "b1"): ("BILL-1", "Orchid"),
        (None, "b2"): ("BILL-2", "Tidal"),
        ("gone", None): (None, None),
    }
    page = (await operator.get("/differences", headers={"accept": "text/html"})).text
    assert "BILL-2" in page


async def test_a_record_is_headed_by_its_number(database: Database, operator: httpx.AsyncClient) -> None:
    """The page of a failed bill names its number and from whom it is."""
    await add_organization(database, ORGANIZATION, "Alder")
    object_id: UUID = uuid4()
    await keep(database, Side.LOCAL, str(object_id), "BILL-7", "Quartz <b>Bakery</b>")
    record = await add_record(
        database, ORGANIZATION, state=State.BLOCKED, object_type="bill", object_id=object_id
    )
    page = (await operator.get(f"/records/{record.record_id}", headers={"accept": "text/html"})).text
    assert "Bill BILL-7" in page
    assert "from Quartz &lt;b&gt;Bakery&lt;/b&gt;" in page
