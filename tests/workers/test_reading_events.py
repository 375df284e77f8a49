"""The hub's log of events, as read from the simulated hub into a real Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
import httpx
import pytest

from service.domain.cadence.bound import UNSERVED
from service.store.database import Database
from tests.workers.watching import Watching, watching

NO_ROUTE: Mapping[str, Mapping[str, Any]] = {
    "hub": {"error": {"message": "There is no such endpoint."}},
    "framework": {"detail": "Not Found"},
    "gateway": {"message": "no Route matched with those values"},
}


@pytest.mark.parametrize("said", NO_ROUTE)
async def test_a_log_that_is_not_served_is_left_alone(database: Database, said: str) -> None:
    """Whoever says that there is no such log, it is asked for once a day from then on."""
    async with watching(database, organizations=1, documents=1, situations="healthy") as w:
        asked = _without_log(w, NO_ROUTE[said])
        for _ in range(8):
            await w.run(w.fleet)
            await w.run(w.poller)
            w.advance(301)
        assert (await _events(w))["error"] == UNSERVED
        so_far = len(asked)
        w.advance(6 * 3_600)
        await w.run(w.poller)
        assert len(asked) == so_far
        w.advance(18 * 3_600)
        await w.run(w.poller)
        assert 1 <= len(asked) - so_far <= 2
        assert (await _events(w))["error"] == UNSERVED


async def test_a_gateway_that_has_no_route_for_a_moment(database: Database) -> None:
    """What a gateway says once is no word of the hub: the log is read again within seconds."""
    async with watching(database, organizations=1, documents=1, situations="healthy") as w:
        _without_log(w, NO_ROUTE["gateway"])
        await w.run(w.fleet)
        await w.run(w.poller)
        assert (await _events(w))["failures"] == 1
        w.way.instead = None
        w.advance(6)
        await w.run(w.poller)
        events = await _events(w)
        assert (events["failures"], events["error"]) == (0, None)


def _without_log(w: Watching, body: Mapping[str, Any]) -> list[str]:
    """Answer for the log that there is none; what was asked for."""
    asked: list[str] = []

    def instead(request: httpx.Request) -> tuple[int, Any] | None:
        if not request.url.path.endswith("/events"):
            return None
        asked.append(request.url.path)
        return 404, body

    w.way.instead = instead
    return asked


async def _events(w: Watching) -> asyncpg.Record:
    (organization_id,) = w.organization_ids
    rows = await w.rows(organization_id, "streams")
    return next(row for row in rows if row["stream"] == "events")
