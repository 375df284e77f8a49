"""Gauges that tell whether a promise is kept: no failure calms them, and they count nothing that is over."""

from __future__ import annotations

import math

import httpx
import pytest

from service.domain.cadence.bound import UNSERVED
from service.store.database import Database
from service.web import gauges
from tests.web.builders import ORGANIZATION, OTHER, add_organization, sweep
from tests.web.test_probes import samples


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every question answered from the tables of now."""
    monkeypatch.setattr(gauges, "STREAMS_SECONDS", 0.0)


async def test_a_stream_that_fails_is_overdue_by_its_bound(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """However soon a failing list is tried again, it is as late as the bound that it was to be read by."""
    await add_organization(database, ORGANIZATION, "Harbour Coffee")
    await sweep(database)
    async with database.fleet() as rows:
        await rows.execute(
            "UPDATE streams SET due_at = tieout.now() + interval '10 minutes', failures = 9, error = 'HTTP "
            "500', bound_at = tieout.now() - interval '1 hour' WHERE stream = 'records:bill'"
        )
    told = await samples(viewer)
    assert told["tieout_stream_overdue_seconds", "records:bill"] == pytest.approx(3600, abs=30)
    assert told["tieout_stream_overdue_seconds", "records:receivable"] < 30


async def test_what_the_hub_does_not_serve_is_neither_late_nor_unread(
    database: Database, viewer: httpx.AsyncClient
) -> None:
    """A list that the hub does not have is awaited by nobody."""
    await add_organization(database, ORGANIZATION, "Harbour Coffee")
    await sweep(database)
    async with database.fleet() as rows:
        await rows.execute(
            "UPDATE streams SET read_at = NULL, full_at = NULL, failures = 1, error = $1, "
            "bound_at = tieout.now() - interval '1 day' WHERE stream = 'events'",
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
