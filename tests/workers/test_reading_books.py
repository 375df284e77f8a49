"""What a list of the books proves, read from the simulated hub into a real Postgres."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import httpx

from service.domain.document import Ledger, Side
from service.hub.bounds import KEY_MAX
from service.store.database import Database
from service.store.scans import ScanRow, list_latest_scans
from tests.workers.truth import assert_all_equal
from tests.workers.watching import Watching, watching

RECEIVABLES = "/accounting/receivables"

LONG = "".join(Random(7).choices("abcdefgh界😀", k=5_000))  # noqa: S311 - the same in every run
"""More than an index takes, and of a kind that Postgres cannot compress."""


async def test_ids_that_come_as_numbers_are_ids(database: Database) -> None:
    """Documents whose ids come as numbers are held under the ids that they have as texts."""
    async with watching(database, organizations=1, documents=20, situations="healthy") as w:
        w.way.tamper = _of_each_row(lambda row: {**row, "id": _as_number(row["id"])})
        await w.catch_up()
        await assert_all_equal(w)
        assert (await _scan(w)).certified


async def test_ids_that_no_index_holds_stay_apart_and_meet_again(database: Database) -> None:
    """Ids that differ only behind thousands of characters name different documents, the same everywhere."""
    async with watching(database, organizations=1, documents=20, situations="healthy") as w:
        w.way.tamper = _with_long_ids
        await w.catch_up()
        documents = await w.rows(_organization(w), "documents")
        in_books = {row["document_id"] for row in documents if row["side"] == "books"}
        truth = w.truth(_organization(w))["books"]["pulled"]
        assert (len(in_books), {len(each) for each in in_books}) == (len(truth), {KEY_MAX})
        records = await w.rows(_organization(w), "records")
        told = {row["platform_object_id"] for row in records if row["object_type"] in {"receivable", "bill"}}
        assert told - {None} == in_books
        accounts = await w.rows(_organization(w), "reference_objects")
        assert {len(row["reference_id"]) for row in accounts if row["kind"] == "ledger_account"} == {KEY_MAX}


async def test_a_row_without_an_id_takes_the_certificate_away(database: Database) -> None:
    """A row that might be any document proves the absence of none, and what stands beside it lands."""
    async with watching(database, organizations=1, documents=20, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        nameless = _receivable(w)
        new = w.simulator.add_to_books(str(organization_id), number="NEW-1")
        w.way.tamper = _of_each_row(lambda row: {**row, "id": " "} if row["id"] == nameless else row)
        _pull(w)
        await w.catch_up()
        scan = await _scan(w)
        assert (scan.certified, scan.reason) == (False, "a row has no id that tells it from others")
        documents = await w.rows(organization_id, "documents")
        assert new in {row["document_id"] for row in documents if row["side"] == "books"}
        assert not [row["document_id"] for row in documents if row["removed_at"]]


async def test_a_list_that_is_thrown_away_leaves_the_books_as_they_were_known(database: Database) -> None:
    """A scan of which nothing was written changes no document, and bears the pull of the last that was."""
    async with watching(database, organizations=1, documents=20, situations="healthy") as w:
        ticks = count()
        shift = _of_each_row(lambda row: {**row, "memo": str(next(ticks))})
        w.way.tamper = shift
        await w.catch_up()
        assert (await _scan(w)).last_pull is None, "nothing was ever written"
        w.way.tamper = None
        w.advance(301)
        await w.run(w.poller)
        known = await _scan(w)
        assert (known.certified, known.last_pull is None) == (True, False)
        w.way.tamper = shift
        w.simulator.add_to_books(str(_organization(w)), number="NEW-1")
        _pull(w)
        await w.run(w.poller)
        thrown = await _scan(w)
        assert thrown.finished_at > known.finished_at
        assert (thrown.certified, thrown.reason) == (False, "the list shifted between two pages")
        assert thrown.last_pull == known.last_pull
        w.way.tamper = None
        w.advance(301)
        await w.run(w.poller)
        read = await _scan(w)
        assert read.certified
        assert read.last_pull is not None
        assert known.last_pull is not None
        assert read.last_pull > known.last_pull


async def test_a_failure_is_no_first_look(database: Database) -> None:
    """Books that vanish at once are looked at twice, also when the reading before had failed."""
    async with watching(database, organizations=1, documents=40, situations="healthy") as w:
        await w.catch_up()
        w.simulator.add_fault("server_error", "GET /accounting/*")
        _pull(w)
        await w.run(w.poller)
        assert await _failures(w) == 1
        w.simulator.clear_faults()
        w.way.tamper = _of_lists(lambda _rows: [])
        w.advance(301)
        await w.run(w.poller)
        assert (await _removed(w), await _failures(w)) == (0, 2)
        _pull(w)
        await w.run(w.poller)
        assert await _removed(w) > 10, "it was empty twice"


async def test_the_same_pull_is_no_second_look(database: Database) -> None:
    """Books that are emptied before they are filled anew lose nothing, however often they are read."""
    async with watching(database, organizations=1, documents=40, situations="healthy") as w:
        await w.catch_up()
        w.way.tamper = _of_lists(lambda _rows: [])
        _pull(w)
        await w.run(w.poller)
        for _ in range(3):
            w.advance(301)
            await w.run(w.poller)
        assert (await _removed(w), await _failures(w)) == (0, 4)
        w.way.tamper = None
        _pull(w)
        await w.run(w.poller)
        assert (await _removed(w), await _failures(w)) == (0, 0)


async def test_a_connection_that_was_never_pulled_proves_nothing(database: Database) -> None:
    """A new connection names its creation as its last pull; until the first, what is served loses nothing."""
    async with watching(database, organizations=1, documents=8, situations="healthy") as w:
        await w.catch_up()
        organization_id = _organization(w)
        scans = len(await w.rows(organization_id, "scans"))
        w.way.tamper = _before_the_first_pull
        w.simulator.reconnect(str(organization_id), is_new=True)
        for _ in range(4):
            w.advance(301)
            await w.run(w.poller)
        assert (await _removed(w), await _failures(w)) == (0, 0)
        assert len(await w.rows(organization_id, "scans")) == scans
        w.way.tamper = None
        victim = _receivable(w)
        w.simulator.delete_in_books(str(organization_id), victim)
        _pull(w)
        await w.run(w.poller)
        assert await _removed(w) == 1, "the first pull is read at once"


async def test_a_pull_that_is_yet_to_come_is_not_believed(database: Database) -> None:
    """A `last_pull` far ahead of us proves nothing, and does not keep the books from being read after it."""
    async with watching(database, organizations=1, documents=8, situations="healthy") as w:
        await w.catch_up()
        organization_id = _organization(w)
        w.way.tamper = _in_forty_years
        w.advance(301)
        await w.run(w.poller)
        scan = await _scan(w)
        assert (scan.certified, scan.reason) == (False, "the hub names a pull that is yet to come")
        w.way.tamper = None
        w.simulator.add_to_books(str(organization_id), number="NEW-1")
        _pull(w)
        await w.run(w.poller)
        assert (await _scan(w)).certified
        assert "NEW-1" in {row["number"] for row in await w.rows(organization_id, "documents")}


def _with_long_ids(request: httpx.Request, body: Any) -> Any:
    if request.url.path.endswith((RECEIVABLES, "/accounting/payables", "/tax-rates", "/ledger-accounts")):
        return {**body, "data": [{**row, "id": f"{LONG}{row['id']}"} for row in body["data"]]}
    if request.url.path.endswith("/accounting-synced-records"):
        return {**body, "data": [_with_long_books_id(row) for row in body["data"]]}
    return body


def _with_long_books_id(record: dict[str, Any]) -> dict[str, Any]:
    books_id = record["platform_object_id"]
    return {**record, "platform_object_id": books_id and f"{LONG}{books_id}"}


def _in_forty_years(request: httpx.Request, body: Any) -> Any:
    if not request.url.path.endswith("/accounting-connections"):
        return body
    return {"data": [{**row, "last_pull": "2066-10-01T12:00:00Z"} for row in body["data"]]}


def _before_the_first_pull(request: httpx.Request, body: Any) -> Any:
    path = request.url.path
    if path.endswith("/accounting-connections"):
        return {
            "data": [
                {**row, "last_pull": row["created_at"]} if row["status"] == "connected" else row
                for row in body["data"]
            ]
        }
    return {**body, "data": []} if path.endswith((RECEIVABLES, "/accounting/payables")) else body


def _of_each_row(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[httpx.Request, Any], Any]:
    return _of_lists(lambda rows: [change(row) for row in rows])


def _of_lists(change: Callable[[list[Any]], list[Any]]) -> Callable[[httpx.Request, Any], Any]:
    def tamper(request: httpx.Request, body: Any) -> Any:
        is_one = request.url.path.endswith(RECEIVABLES)
        return {**body, "data": change(body["data"])} if is_one else body

    return tamper


def _as_number(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdigit() else name


def _pull(w: Watching) -> None:
    w.advance(1)
    w.simulator.pull_now(w.simulator.organization_ids[0])
    w.advance(301)


def _receivable(w: Watching) -> str:
    pulled = w.truth(w.organization_ids[0])["books"]["pulled"]
    return next(str(each["id"]) for each in pulled if each["ledger"] == "receivable")


async def _scan(w: Watching) -> ScanRow:
    organization_id = _organization(w)
    async with w.database.organization(organization_id, readonly=True) as connection:
        return (await list_latest_scans(connection, organization_id))[Ledger.RECEIVABLE, Side.BOOKS]


async def _removed(w: Watching) -> int:
    rows = await w.rows(_organization(w), "documents")
    return sum(row["side"] == "books" and row["removed_at"] is not None for row in rows)


async def _failures(w: Watching) -> int:
    rows = await w.rows(_organization(w), "streams")
    return next(int(row["failures"]) for row in rows if row["stream"] == "books:receivable")


def _organization(w: Watching) -> UUID:
    (organization_id,) = w.organization_ids
    return organization_id
