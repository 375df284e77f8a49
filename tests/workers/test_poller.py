"""What is read equals what is there; what is unchanged is not written."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from service.domain.cadence.stream import Stream
from service.domain.fleet import WorkKind
from service.errors import Superseded
from service.store.database import Database
from service.store.streams import nudge_streams
from service.store.work import claim_due_work, get_now, nudge_work
from service.workers.poller import Poller
from service.workers.work import LEASE_SECONDS
from tests.workers.shaking import shake
from tests.workers.truth import assert_all_equal
from tests.workers.watching import CADENCE, Watching, watching

LONGER_THAN_ALL_BOUNDS = 4_000.0
"""Seconds: beyond the hour after which local documents are read again."""


async def test_first_sweep_equals_truth(database: Database) -> None:
    """After the first sweep we hold what the hub holds: connections, records, documents of both sides."""
    async with watching(database, organizations=12, documents=25) as w:
        await w.catch_up()
        await assert_all_equal(w)


async def test_changes_are_followed(database: Database) -> None:
    """After 300 random changes, read within the usual bounds without a sweep, we hold the truth."""
    async with watching(database, organizations=6, documents=15) as w:
        await w.catch_up()
        shake(w.simulator, seed=11, changes=300)
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        await assert_all_equal(w)


async def test_unchanged_reading_writes_nothing(database: Database) -> None:
    """A sweep over an unchanged world writes no row, but connections whose pull has moved."""
    async with watching(database) as w:
        await w.catch_up()
        before = {each: await w.versions(each) for each in w.organization_ids}
        requests = w.requests
        await w.sweep()
        assert w.requests > requests + 10 * len(before), "everything was read again"
        for organization_id, known in before.items():
            after = await w.versions(organization_id)
            changed = {name for name in after if after[name] != known.get(name)}
            assert {name.split()[0] for name in changed} <= {"connections", "history"}


async def test_changes_made_while_nothing_ran(database: Database) -> None:
    """What happened in two days in which no replica ran is found out when one does."""
    async with watching(database, organizations=4, documents=12) as w:
        await w.catch_up()
        shake(w.simulator, seed=5, changes=80)
        w.advance(2 * 86_400)
        await w.catch_up()
        await assert_all_equal(w)


async def test_record_that_was_committed_late(database: Database) -> None:
    """A record that shows up behind the cursor, since it was committed late, is found by the next read."""
    async with watching(database, organizations=1, documents=4, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        late = w.simulator.issue_invoice(str(organization_id))
        w.advance(60)
        w.simulator.issue_invoice(str(organization_id))
        w.advance(60)

        def hide(request: httpx.Request, body: Any) -> Any:
            if request.url.path.endswith("/accounting-synced-records"):
                return {**body, "data": [row for row in body["data"] if row["object_id"] != late]}
            return body

        w.way.tamper = hide
        await _wish(w, organization_id, Stream.RECEIVABLE_RECORDS)
        await w.run(w.poller)
        w.way.tamper = None
        assert late not in {str(row["object_id"]) for row in await w.rows(organization_id, "records")}
        w.advance(301)
        await w.run(w.poller)
        assert late in {str(row["object_id"]) for row in await w.rows(organization_id, "records")}


async def test_two_pollers_share_the_work(database: Database) -> None:
    """Two pollers at once read every organization once, and never one at the same time."""
    async with watching(database, organizations=12, documents=4) as w:
        await w.run(w.fleet)
        other = Poller(replace(w.means, replica_id="replica-2"))
        runs = await asyncio.gather(w.run(w.poller), w.run(other))
        assert all(runs), "both had their share"
        assert w.way.most_at_once == 1, "nobody reads what another is reading"
        await assert_all_equal(w)


async def test_superseded_reading_writes_nothing(database: Database) -> None:
    """A replica that lost its lease while it was reading does not write a single row."""
    async with watching(database) as w:
        await w.run(w.fleet)
        has_asked, is_taken_over = asyncio.Event(), asyncio.Event()

        async def meanwhile(_request: httpx.Request) -> None:
            has_asked.set()
            await is_taken_over.wait()

        w.way.meanwhile = meanwhile
        reading = asyncio.create_task(w.poller.run_once(await database.now()))
        await has_asked.wait()
        # Before the first answer comes, the lease has ended and another replica has the work.
        database.clock_offset += timedelta(seconds=LEASE_SECONDS + 1)
        async with database.fleet() as connection:
            claims = await claim_due_work(connection, WorkKind.POLL, "replica-2", LEASE_SECONDS, 10)
        assert len(claims) == 3, "the lease had ended"
        is_taken_over.set()
        with pytest.raises(Superseded):
            await reading
        for organization_id in w.organization_ids:
            for table in ("connections", "records", "documents", "reference_objects"):
                assert await w.rows(organization_id, table) == []


LISTS_WITHOUT_OWNERS = [
    "GET /accounting-synced-records",
    "GET /receivables",
    "GET /payables",
    "GET /products",
    "GET /accounting/*",
]


@pytest.mark.parametrize("endpoint", LISTS_WITHOUT_OWNERS)
async def test_foreign_rows_never_land(database: Database, endpoint: str) -> None:
    """Rows of another organization, mixed into a list again and again, are seen for what they are."""
    async with watching(database, organizations=3, documents=8) as w:
        w.simulator.add_fault("foreign_rows", endpoint)
        await w.catch_up()
        foreign = {
            told["id"]
            for each in w.organization_ids[1:]
            for told in [*w.truth(each)["records"], *w.truth(each)["documents"]]
        }
        first = w.organization_ids[0]
        ours = {str(row["record_id"]) for row in await w.rows(first, "records")}
        ours |= {row["document_id"] for row in await w.rows(first, "documents")}
        assert not ours & foreign
        w.simulator.clear_faults()
        await w.sweep()
        await assert_all_equal(w)


async def test_unreadable_rows_stop_nothing(database: Database) -> None:
    """A row that cannot be read is left out, and everything beside it lands."""
    async with watching(database, organizations=1, documents=10) as w:
        spoilt: set[str] = set()

        def spoil(request: httpx.Request, body: Any) -> Any:
            if request.url.path.endswith(("/accounting-synced-records", "/receivables", "/payables")):
                first = body["data"][0] if body["data"] else {}
                spoilt.add(str(first.get("id")))
                first["updated_at"] = "never"
                first["currency"] = 7
            return body

        w.way.tamper = spoil
        await w.catch_up()
        (organization_id,) = w.organization_ids
        truth = w.truth(organization_id)
        held = {str(row["record_id"]) for row in await w.rows(organization_id, "records")}
        told = {each["id"] for each in truth["records"]}
        assert held < told
        assert told - held <= spoilt
        w.way.tamper = None
        await w.sweep()
        await assert_all_equal(w)


LISTS = ("/accounting-synced-records", "/receivables", "/payables", "/accounting-connections")


async def test_older_versions_never_win(database: Database) -> None:
    """Lists that tell of an hour ago, told after those of now, change nothing of what is held."""
    async with watching(database, organizations=2, documents=10) as w:
        await w.catch_up()
        for path in LISTS:
            w.simulator.add_fault("stale", f"not yet {path}")  # the snapshot is taken now
        shake(w.simulator, seed=3, changes=60)
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        before = {each: await w.versions(each) for each in w.organization_ids}
        for fault in w.simulator.faults.all():
            fault.endpoint = fault.endpoint.replace("not yet", "GET")
        requests = w.requests
        w.database.clock_offset += timedelta(
            days=1
        )  # the hub stands still, so nothing new is there to be told
        await w.catch_up()
        assert w.requests > requests
        for organization_id, known in before.items():
            after = await w.versions(organization_id)
            changed = {name for name in after if after[name] != known.get(name)}
            assert not {
                name for name in changed if name.split()[0] in {"connections", "records", "documents"}
            }
        w.simulator.clear_faults()
        await w.sweep()
        await assert_all_equal(w)


async def test_document_deleted_in_the_books(database: Database) -> None:
    """A document that was deleted in the books is gone once a certified scan lacks it, and not before."""
    async with watching(database, organizations=1, documents=20, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        victim = next(
            each["id"] for each in w.truth(organization_id)["books"]["pulled"] if each["is_readable"]
        )
        w.simulator.delete_in_books(str(organization_id), victim)
        w.advance(1)
        w.simulator.pull_now(str(organization_id))
        w.simulator.add_fault("shifting_offsets", "GET /accounting/*")
        w.advance(400)
        await w.catch_up()
        assert await _removed(w, organization_id) == set(), "a list that shifts proves nothing"
        w.simulator.clear_faults()
        w.advance(400)
        await w.catch_up()
        assert await _removed(w, organization_id) == {victim}
        scans = await w.rows(organization_id, "scans")
        assert {scan["certified"] for scan in scans} == {True, False}


async def test_books_that_vanish_at_once_are_looked_at_twice(database: Database) -> None:
    """A list of the books that is suddenly empty removes nothing until it is empty again the next time."""
    async with watching(database, organizations=1, documents=40, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids

        def empty(request: httpx.Request, body: Any) -> Any:
            return {"data": []} if request.url.path.endswith("/accounting/receivables") else body

        w.way.tamper = empty
        w.advance(1)
        w.simulator.pull_now(str(organization_id))
        w.advance(301)
        await w.run(w.poller)
        assert await _removed(w, organization_id) == set()
        w.way.tamper = None
        w.advance(301)
        await w.catch_up()
        assert await _removed(w, organization_id) == set()
        await assert_all_equal(w)


async def test_local_document_that_is_gone(database: Database) -> None:
    """A local document is gone when its list lacks it and the hub, asked for it, says that there is none."""
    async with watching(database, organizations=1, documents=10) as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        victim = next(each["id"] for each in w.truth(organization_id)["documents"])

        def hide(request: httpx.Request, body: Any) -> Any:
            if (
                request.url.path.endswith(("/receivables", "/payables"))
                and "accounting" not in request.url.path
            ):
                return {**body, "data": [row for row in body["data"] if row["id"] != victim]}
            return body

        w.way.tamper = hide
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        assert await _removed(w, organization_id) == set(), "the hub still has it"
        organization = w.simulator.world.organization(str(organization_id))
        organization.receivables.pop(victim, None)
        organization.payables.pop(victim, None)
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        assert await _removed(w, organization_id) == {victim}


async def test_failing_stream_stops_no_other(database: Database) -> None:
    """A list that fails is tried again with growing waits; everything else of the organization is read."""
    async with watching(database, organizations=1, documents=6, situations="healthy") as w:
        w.simulator.add_fault("server_error", "GET /accounting-tax-rates")
        await w.catch_up()
        (organization_id,) = w.organization_ids
        streams = {row["stream"]: row for row in await w.rows(organization_id, "streams")}
        failing = streams.pop("tax_rates")
        assert failing["failures"] == 1
        assert failing["error"]
        assert all(row["read_at"] and row["failures"] == 0 for row in streams.values())
        w.advance(6)
        await w.catch_up()
        failing = {row["stream"]: row for row in await w.rows(organization_id, "streams")}["tax_rates"]
        assert failing["failures"] == 2
        w.simulator.clear_faults()
        w.advance(60)
        await w.catch_up()
        failing = {row["stream"]: row for row in await w.rows(organization_id, "streams")}["tax_rates"]
        assert (failing["failures"], failing["error"]) == (0, None)
        await assert_all_equal(w)


async def test_a_sweep_that_fails_hides_nothing_new(database: Database) -> None:
    """While the hub cannot give a type's old records, new ones are read from the cursor on."""
    async with watching(database, organizations=1, documents=6, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids

        def instead(request: httpx.Request) -> tuple[int, Any] | None:
            asked = request.url.params
            is_sweep = asked.get("object_type") == "receivable" and "updated_at__gte" not in asked
            return (500, {"error": {"message": "It cannot be read."}}) if is_sweep else None

        w.way.instead = instead
        w.advance(CADENCE.sweep_seconds)
        await w.catch_up()
        invoice_id = w.simulator.issue_invoice(str(organization_id))
        for _ in range(4):
            w.advance(CADENCE.poll_seconds)
            await w.catch_up()
        held = {str(row["object_id"]) for row in await w.rows(organization_id, "records")}
        assert invoice_id in held
        stream = await _stream(w, organization_id, "records:receivable")
        assert stream["failures"] > 0, "the sweep is still to come"
        assert "It cannot be read." in stream["error"]
        w.way.instead = None
        for _ in range(2):
            w.advance(LONGER_THAN_ALL_BOUNDS)
            await w.catch_up()
        stream = await _stream(w, organization_id, "records:receivable")
        assert (stream["failures"], stream["error"]) == (0, None)
        await assert_all_equal(w)


async def test_hub_that_is_away_is_left_alone(database: Database) -> None:
    """While nothing answers, one probe now and then is all that is tried, whatever is due."""
    async with watching(database, organizations=20, documents=2) as w:
        await w.catch_up()
        w.advance(LONGER_THAN_ALL_BOUNDS)
        tried = 0

        def count(request: httpx.Request) -> None:
            nonlocal tried
            tried += request.url.path != "/v1/auth/token"

        w.way.before = count
        w.simulator.add_fault("not_sent")
        for _ in range(50):
            await w.poller.run_once(await database.now())
        assert 3 <= tried <= 6, "three organizations open the circuit, each repeating its call once"
        w.simulator.clear_faults()
        w.way.before = None
        w.means.circuit.note_ok()
        w.advance(60)
        await w.catch_up()
        await assert_all_equal(w)


async def test_organization_without_connection_costs_little(database: Database) -> None:
    """Of an organization that never had a connection, only that and its events are read by the hour."""
    async with watching(database, organizations=1, documents=0, situations="healthy") as w:
        await w.catch_up()
        new = w.simulator.add_organization("Nobody yet", is_connected=False)
        assert new
        w.advance(301)
        await w.catch_up()
        before = w.requests
        w.advance(6 * 3_600)
        await w.catch_up()
        rows = w.simulator.requests(1_000)["requests"]
        asked = {row["endpoint"] for row in rows[-(w.requests - before) :] if row["organization_id"] == new}
        assert asked <= {"GET /accounting-connections", "GET /events"}


async def test_pending_record_is_followed(database: Database) -> None:
    """While a push is under way its records are read within seconds, then at waits that grow."""
    async with watching(
        database, organizations=1, documents=4, situations="healthy", push_seconds=(900, 900)
    ) as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        w.simulator.issue_invoice(str(organization_id))
        await _wish(w, organization_id, Stream.RECEIVABLE_RECORDS)
        looks: list[datetime] = []

        def note(request: httpx.Request) -> None:
            is_list = request.url.path.endswith("/accounting-synced-records")
            if is_list and request.url.params.get("object_type") == "receivable":
                looks.append(w.simulator.now())

        w.way.before = note
        for _ in range(450):
            w.advance(2)
            await w.run(w.poller)
        waits = [(after - before).total_seconds() for before, after in pairwise(looks)]
        assert waits[0] <= 6
        assert max(waits[:8]) <= 30, "within the minutes in which most pushes end"
        assert 200 <= max(waits) <= 302, "the usual bound is the longest wait"
        assert len(looks) < 30, waits
        w.advance(301)
        await w.catch_up()
        await assert_all_equal(w)


async def test_money_stands_on_the_record(database: Database) -> None:
    """A record carries the money of its local document, also after the document has changed."""
    async with watching(database, organizations=1, documents=6, situations="healthy") as w:
        await w.catch_up()
        (organization_id,) = w.organization_ids
        document_id = w.simulator.issue_invoice(str(organization_id), net_minor=5_000, tax_rate=0)
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        assert await _money(w, organization_id, document_id) == 5_000
        w.simulator.edit_local(str(organization_id), document_id, net_minor=7_000)
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        assert await _money(w, organization_id, document_id) == 7_000


async def test_first_load_knows_invoices_before_their_records(database: Database) -> None:
    """A first load asks for no invoice's record singly, and writes each once, with its document's money."""
    async with watching(database, organizations=1, documents=40, situations="healthy") as w:
        (organization_id,) = w.organization_ids
        issued: list[str] = []

        def issue_between(request: httpx.Request) -> None:
            """Issue one more after the invoices were read and before their records are."""
            if request.url.params.get("object_type") == "receivable" and not issued:
                issued.append(w.simulator.issue_invoice(str(organization_id), net_minor=5_000, tax_rate=0))

        w.way.before = issue_between
        await w.run(w.fleet)
        await w.run(w.poller)
        records = [
            each for each in await w.rows(organization_id, "records") if each["object_type"] == "receivable"
        ]
        late = [each for each in records if str(each["object_id"]) in issued]
        asked = {
            request.path.rpartition("/")[2]
            for request in w.simulator.world.journal.requests
            if "/accounting-synced-records/" in request.path
        }
        ours = {str(each["record_id"]) for each in records}
        assert len(ours) > 20
        assert asked & ours == {str(each["record_id"]) for each in late}
        assert all(each["version"] == 1 and each["amount_minor"] for each in records if each not in late)
        assert await _money(w, organization_id, issued[0]) == 5_000, "it was sent for"


async def test_lines_are_read_of_bills_on_their_way(database: Database) -> None:
    """The lines of a bill cost a call; they are read while it is not in the books, and of no settled bill."""
    async with watching(database, organizations=1, documents=30, situations="healthy") as w:
        asked: set[str] = set()

        def note(request: httpx.Request) -> None:
            if request.url.path.endswith("/line-items"):
                asked.add(request.url.path.split("/")[-2])

        w.way.before = note
        await w.catch_up()
        (organization_id,) = w.organization_ids
        done = {
            each["object_id"]
            for each in w.truth(organization_id)["records"]
            if each["object_type"] == "bill" and each["sync_status"] == "done"
        }
        assert done, "the world has bills in the books"
        assert not asked & done
        w.simulator.fail_next_push(str(organization_id), "invalid_field")
        bill_id = w.simulator.issue_bill(str(organization_id))
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        w.advance(LONGER_THAN_ALL_BOUNDS)
        await w.catch_up()
        assert bill_id in asked
        bodies = {row["document_id"]: row["body"] for row in await w.rows(organization_id, "documents")}
        assert bodies[bill_id]["lines"]


async def test_reading_again_after_a_crash(database: Database) -> None:
    """A reading that dies between two of its writes is simply done again; nothing is lost or doubled."""
    async with watching(database, organizations=2, documents=10) as w:
        await w.run(w.fleet)
        for fatal in range(5, 60, 9):
            asked = 0

            def die(_: httpx.Request, fatal: int = fatal) -> None:
                nonlocal asked
                asked += 1
                if asked == fatal:
                    raise _Killed

            w.way.before = die
            with suppress(_Killed):
                await w.run(w.poller)
            w.way.before = None
            w.advance(LEASE_SECONDS + 1)
        await w.catch_up()
        await assert_all_equal(w)


class _Killed(BaseException):
    """What no code of ours catches."""


async def _wish(w: Watching, organization_id: UUID, stream: Stream) -> None:
    """Wish as the ingester does."""
    async with w.database.organization(organization_id) as connection:
        now = await get_now(connection)
        await nudge_streams(connection, organization_id, [(stream, now)])
        await nudge_work(connection, [organization_id], WorkKind.POLL, now)


async def _money(w: Watching, organization_id: UUID, object_id: str) -> int | None:
    rows = await w.rows(organization_id, "records")
    amount: int | None = next(row["amount_minor"] for row in rows if str(row["object_id"]) == object_id)
    return amount


async def _removed(w: Watching, organization_id: UUID) -> set[str]:
    return {row["document_id"] for row in await w.rows(organization_id, "documents") if row["removed_at"]}


async def _stream(w: Watching, organization_id: UUID, name: str) -> asyncpg.Record:
    rows = await w.rows(organization_id, "streams")
    return next(row for row in rows if row["stream"] == name)
