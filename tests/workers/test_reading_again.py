"""What is missing from an answer is asked for again before it counts as gone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from service.store.database import Database
from tests.workers.truth import assert_all_equal
from tests.workers.watching import Watching, watching

LISTS = (
    "/accounting-connections",
    "/accounting-tax-rates",
    "/counterparts",
    "/ledger-accounts",
    "/products",
)


@pytest.mark.parametrize("path", LISTS)
async def test_one_empty_answer_takes_nothing_away(database: Database, path: str) -> None:
    """A list that is empty once, by mistake, removes nothing."""
    async with watching(database, organizations=1, documents=10, situations="healthy") as w:
        await w.catch_up()
        there = await _there(w)
        emptied = _empty(w, path, times=1)
        await w.sweep()
        assert emptied == [path]
        assert await _there(w) == there
        assert not await _removals(w)
        await assert_all_equal(w)


@pytest.mark.parametrize("path", LISTS[:2])
async def test_what_two_answers_lack_is_gone(database: Database, path: str) -> None:
    """A list that is empty twice is believed."""
    async with watching(database, organizations=1, documents=10, situations="healthy") as w:
        await w.catch_up()
        _empty(w, path, times=2)
        await w.sweep()
        assert await _removals(w)


def _empty(w: Watching, path: str, *, times: int) -> list[str]:
    """Empty the next answers of a list; the lists that were emptied."""
    emptied: list[str] = []

    def tamper(request: httpx.Request, body: Any) -> Any:
        if request.url.path.endswith(path) and len(emptied) < times:
            emptied.append(path)
            return {**body, "data": []}
        return body

    w.way.tamper = tamper
    return emptied


async def _there(w: Watching) -> set[tuple[str, str]]:
    (organization_id,) = w.organization_ids
    return {
        (table, str(row[2]))
        for table in ("connections", "reference_objects")
        for row in map(tuple, await w.rows(organization_id, table))
    }


async def _removals(w: Watching) -> list[str]:
    """What any version in history tells as removed."""
    (organization_id,) = w.organization_ids
    history = await w.rows(organization_id, "history")
    return [
        row["object_id"] for row in history if row["body"].get("removed") or row["body"].get("removed_at")
    ]
