"""What permits a push, what it came to and what a person said is on disk before anybody acts on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from service.domain.pushing.override import Override, Word
from service.domain.record_state import State
from service.store.database import Database
from service.store.overrides import insert_override
from service.store.retries import get_retry, insert_retry, insert_retry_act
from tests.conftest import command
from tests.workers.healing import POLICY, Healing, healing

MINUTE = 60.0

_NOTES = (
    "CREATE TABLE public.seen (name text, setting text)",
    "GRANT SELECT, INSERT ON public.seen TO tieout_app",
    """CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.seen VALUES (TG_TABLE_NAME, current_setting('synchronous_commit'));
        RETURN NULL;
    END $$""",
    *(
        f"CREATE CONSTRAINT TRIGGER note AFTER INSERT ON tieout.{table} DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION public.note()"
        for table in ("evidence", "attempts", "attempt_outcomes", "retry_acts")
    ),
)
"""Notes at the commit what the transaction is set to."""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[Healing]:
    """An organization on a server whose commits do not wait for the disk."""
    name = urlsplit(database_url).path.lstrip("/")
    await command(database_url, f'ALTER DATABASE "{name}" SET synchronous_commit = off', *_NOTES)
    async with await Database.open(database_url) as database, healing(database) as opened:
        await opened.settle()
        yield opened


async def seen(world: Healing) -> set[tuple[str, str]]:
    """Which tables were written to, and what their transactions were set to when they were committed."""
    async with world.watch.database.fleet() as connection:
        assert await connection.fetchval("SELECT current_setting('synchronous_commit')") == "off"
        return {(row["name"], row["setting"]) for row in await connection.fetch("SELECT * FROM public.seen")}


async def test_a_push_waits_for_the_disk_however_the_server_is_set(world: Healing) -> None:
    """Intent and outcome of a push are durable on a server with synchronous_commit off."""
    world.simulator.fail_next_push(str(world.organization_id), "rate_limited")
    document_id: str = world.simulator.issue_invoice(str(world.organization_id))
    await world.live(30 * MINUTE, MINUTE)
    assert world.pushes_of(document_id) == 1
    assert await seen(world) == {("evidence", "on"), ("attempts", "on"), ("attempt_outcomes", "on")}


async def test_a_persons_word_waits_for_the_disk(world: Healing) -> None:
    """Whoever said that a record is not to be sent, or cancelled a plan, was heard for good."""
    organization_id = world.organization_id
    document_id = world.simulator.issue_invoice(str(organization_id), fails="timeout_ambiguous", landed=False)
    await world.live(10 * MINUTE, MINUTE)
    record = await world.record_of(document_id)
    assert record.state is State.QUARANTINED
    word = Override(word=Word.LEAVE, person="Ada", reason="it is a test", despite=frozenset())
    async with world.watch.database.organization(organization_id) as connection:
        assert await insert_override(connection, organization_id, record.record_id, word, POLICY)
    assert await seen(world) == {("evidence", "on")}
    async with world.watch.database.organization(organization_id) as connection:
        retry_id = await insert_retry(
            connection, organization_id, [], filtered_by={}, matched=0, planned_by="Ada"
        )
        retry = await get_retry(connection, retry_id)
        assert retry is not None
        await insert_retry_act(connection, retry, "cancelled", "Ada", {"hash": retry.hash})
    assert await seen(world) == {("evidence", "on"), ("retry_acts", "on")}
