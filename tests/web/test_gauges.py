"""Gauges that tell whether a promise is kept: no failure calms them, and they count nothing that is over."""

from __future__ import annotations

import math
from datetime import timedelta

import httpx
import pytest

from service.domain.cadence.bound import UNSERVED
from service.domain.document import DocumentKind
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.web import gauges
from tests.web.builders import (
    NOW,
    ORGANIZATION,
    OTHER,
    add_attempt,
    add_balance,
    add_difference,
    add_document,
    add_organization,
    add_record,
    sweep,
)
from tests.web.test_probes import samples

UNCONFIRMED = "tieout_unconfirmed_records"
DUPLICATES = ("tieout_caused_duplicate_documents",)


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every question answered from the tables of now."""
    monkeypatch.setattr(gauges, "STREAMS_SECONDS", 0.0)


async def watch_with(database: Database, stream: str, assignments: str, *values: object) -> None:
    """An organization whose lists were all read just now, but for one, which stands as told."""
    await add_organization(database, ORGANIZATION, "Harbour Coffee")
    await sweep(database)
    async with database.fleet() as rows:
        query = f"UPDATE streams SET {assignments} WHERE stream = '{stream}'"  # noqa: S608 - the tests' own words
        await rows.execute(query, *values)


async def test_a_stream_that_fails_is_overdue_by_its_bound(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """However soon a failing list is tried again, it is as late as the bound that it was to be read by."""
    await watch_with(
        database,
        "records:bill",
        "due_at = tieout.now() + interval '10 minutes', failures = 9, error = 'HTTP 500',"
        " bound_at = tieout.now() - interval '1 hour'",
    )
    told = await samples(viewer)
    assert told["tieout_stream_overdue_seconds", "records:bill"] == pytest.approx(3600, abs=30)
    assert told["tieout_stream_overdue_seconds", "records:receivable"] < 30


async def test_what_the_hub_does_not_serve_is_neither_late_nor_unread(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """A list that the hub does not have is awaited by nobody."""
    await watch_with(
        database,
        "events",
        "read_at = NULL, full_at = NULL, failures = 1, error = $1,"
        " bound_at = tieout.now() - interval '1 day'",
        UNSERVED,
    )
    told = await samples(viewer)
    for gauge in (
        "tieout_stream_overdue_seconds",
        "tieout_unread_organizations",
        "tieout_stream_age_seconds",
    ):
        assert (gauge, "connection") in told
        assert (gauge, "events") not in told


async def test_who_was_never_read_whole_hides_nobody_else(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """The age of the oldest complete reading is told whoever still waits for a first, beside its bound."""
    await add_organization(database, ORGANIZATION, "Harbour Coffee")
    await sweep(database)
    async with database.fleet() as rows:
        await rows.execute("UPDATE standings SET swept_at = tieout.now() - interval '3 days'")
    await add_organization(database, OTHER, "Pennine Cycles")
    told = await samples(viewer)
    assert told["tieout_full_sweep_age_seconds",] == pytest.approx(3 * 86_400, abs=30)
    assert told["tieout_full_sweep_bound_seconds",] == 2 * 86_400
    assert told["tieout_unread_organizations", "records:bill"] == 1
    assert (await viewer.get("/status")).json()["polling"]["last_full_sweep_at"] is None


async def test_an_age_is_told_of_nothing_that_never_was(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """Before the first complete reading of anybody there is no age of it."""
    await add_organization(database, ORGANIZATION, "Harbour Coffee")
    assert math.isnan((await samples(viewer))["tieout_full_sweep_age_seconds",])


async def heal(database: Database, kind: DocumentKind = DocumentKind.INVOICE) -> Record:
    """A record that failed, was said to be done two days ago, and is not in the books compared since."""
    await add_organization(database, ORGANIZATION, "Harbour Coffee")
    record = await add_record(
        database, ORGANIZATION, state=State.ACKNOWLEDGED, healed_at=NOW - timedelta(days=2)
    )
    await add_document(database, ORGANIZATION, document_id=str(record.object_id), kind=kind)
    await add_balance(database, ORGANIZATION)
    async with database.fleet() as rows:
        await rows.execute(
            "INSERT INTO comparisons (organization_id, ledger, compared_at, certified, open_differences, "
            "expected_differences) VALUES ($1, 'receivable', tieout.now(), true, 1, 0)",
            ORGANIZATION,
        )
    return record


async def unconfirmed(viewer: httpx.AsyncClient) -> float:
    """How many records are not confirmed, of whatever age."""
    return sum(value for (name, *_), value in (await samples(viewer)).items() if name == UNCONFIRMED)


async def test_what_the_books_lack_is_unconfirmed(database: Database, viewer: httpx.AsyncClient) -> None:
    """A healed invoice that books read and compared since do not have counts, at its age."""
    await heal(database)
    assert (await samples(viewer))[UNCONFIRMED, "7d"] == await unconfirmed(viewer) == 1


async def test_a_credit_note_is_never_unconfirmed(database: Database, viewer: httpx.AsyncClient) -> None:
    """What cannot be read back from the books is missed there by nobody."""
    await heal(database, DocumentKind.CREDIT_NOTE)
    assert await unconfirmed(viewer) == 0


@pytest.mark.parametrize(
    "ended",
    [
        "UPDATE organizations SET removed_at = tieout.now()",
        "UPDATE documents SET removed_at = tieout.now()",
        "UPDATE connections SET status = 'disconnected'",
        "UPDATE comparisons SET certified = false",
        "UPDATE balances SET last_pull = tieout.now() - interval '3 days'",
    ],
)
async def test_what_nobody_can_confirm_is_not_unconfirmed(
    database: Database, viewer: httpx.AsyncClient, ended: str
) -> None:
    """Whoever is gone, or whose books were not read and compared since, has others to tell of it."""
    await heal(database)
    async with database.fleet() as rows:
        await rows.execute(ended)
    assert await unconfirmed(viewer) == 0


async def test_what_is_there_and_differs_is_a_difference(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """A document that is in the books under another amount is not missed there."""
    record = await heal(database)
    await add_difference(database, ORGANIZATION, kind="amount", record_id=record.record_id)
    assert await unconfirmed(viewer) == 0


@pytest.mark.parametrize(
    ("outcomes", "counted"),
    [
        (["refused"], 0),
        (["not_sent"], 0),
        (["refused", "accepted"], 1),
        (["uncertain"], 1),
        ([None], 1),
    ],
)
async def test_a_duplicate_is_ours_where_a_push_of_ours_may_have_landed(
    database: Database, viewer: httpx.AsyncClient, outcomes: list[str | None], counted: int
) -> None:
    """What stands twice counts unless none of our pushes can have put it there."""
    await add_organization(database, ORGANIZATION, "Harbour Coffee")
    record = await add_record(database, ORGANIZATION)
    for number, outcome in enumerate(outcomes, start=1):
        await add_attempt(database, record, number=number, outcome=outcome)
    await add_difference(database, ORGANIZATION, kind="duplicate_in_books", record_id=record.record_id)
    assert (await samples(viewer))[DUPLICATES] == counted
    async with database.fleet() as rows:
        await rows.execute("UPDATE organizations SET removed_at = tieout.now()")
    assert (await samples(viewer))[DUPLICATES] == 0
