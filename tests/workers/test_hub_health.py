"""How the hub is met: what was sent is counted, and any answer of its own shows that it is there."""

from __future__ import annotations

from service.errors import Fate, HubFailure
from service.hub.sending import FinishedCall
from service.store.database import Database
from service.store.hub_budget import get_hub_health
from service.workers.hub_health import HubHealth

ANSWERED = FinishedCall(endpoint="list_records", seconds=0.1, status=200)
REFUSED = FinishedCall(
    endpoint="list_records", seconds=0.1, status=404, failure=HubFailure.NOT_FOUND, fate=Fate.REFUSED
)
AWAY = FinishedCall(endpoint="list_records", seconds=0.1, failure=HubFailure.UNREACHABLE, fate=Fate.NOT_SENT)
LATE = FinishedCall(endpoint="list_records", seconds=9, failure=HubFailure.TIMEOUT, fate=Fate.UNCERTAIN)


async def used(database: Database) -> int:
    """The requests of the present span."""
    async with database.fleet() as connection:
        return int(await connection.fetchval("SELECT used FROM hub_budget"))


async def test_what_was_sent_is_counted_and_nothing_else(database: Database) -> None:
    """Answers, refusals and time-outs used the budget; what never left did not; a note counts once."""
    health = HubHealth(database)
    async with database.fleet() as connection:
        await connection.execute("UPDATE hub_budget SET used_from = tieout.now(), used = 0")
    for call in (ANSWERED, REFUSED, LATE, AWAY, AWAY):
        health.observe(call)
    await health.note()
    assert await used(database) == 3
    await health.note()
    assert await used(database) == 3


async def test_an_answer_shows_that_the_hub_is_there(database: Database) -> None:
    """A refusal is an answer; where nothing answered, the failure is noted with its beginning."""
    health = HubHealth(database)
    health.observe(AWAY)
    await health.note()
    async with database.fleet() as connection:
        assert (await get_hub_health(connection)).failing_since is not None
    health.observe(REFUSED)
    await health.note()
    async with database.fleet() as connection:
        assert (await get_hub_health(connection)).failing_since is None
