"""What permitted a push that was not sent is told as given back, and by which one, in words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

import httpx
import pytest

from service.domain.causes.names import Cause
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.store.pushes import AttemptKey, insert_attempt, insert_attempt_outcome, return_evidence
from service.web.routes import build
from tests.commands.conftest import Command
from tests.web.builders import KEYS, ORGANIZATION, add_organization, add_record, client, settings

SAID = "operator wants it sent again: I looked."
GIVEN_BACK = f"{SAID} Push 1, which was not sent, gave this word back."


async def push(database: Database, record: Record, number: int, evidence_id: UUID, outcome: str) -> None:
    """A push that a word permits, and what became of it."""
    key = AttemptKey(record_id=record.record_id, episode=1, number=number)
    async with database.organization(ORGANIZATION) as rows:
        await insert_attempt(
            rows,
            ORGANIZATION,
            key,
            evidence_id=evidence_id,
            trigger="operator",
            fence=1,
            replica_id="worker-1",
            record_updated_at=record.updated_at,
        )
    async with database.organization(ORGANIZATION) as rows:
        await insert_attempt_outcome(rows, ORGANIZATION, key, outcome)
        await return_evidence(rows, ORGANIZATION, key)


async def instant(database: Database) -> str:
    """The time, as a question takes it."""
    now: datetime = await database.now()
    return f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"


@pytest.fixture
async def operator(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An operator of the whole fleet."""
    app = build(settings=settings(), database=database, replica_id="web-1", version="1.2.3")
    async with client(app, authorization=f"Bearer {KEYS['operator']}") as caller:
        yield caller


async def test_it_is_told_in_words(
    database: Database, database_url: str, operator: httpx.AsyncClient, tieout: Command
) -> None:
    """By the API, on the page and on the command line; and as of before, it was not given back yet."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(
        database, ORGANIZATION, state=State.QUARANTINED, cause=Cause.TIMEOUT_AMBIGUOUS, attempts_count=0
    )
    path = f"/v1/records/{record.record_id}"
    word = {"decision": "push", "reason": "I looked."}
    [used] = (await operator.post(f"{path}/override", json=word)).json()["evidence"]
    assert (used["sentence"], used["given_back_by"]) == (SAID, None)
    before = await instant(database)
    await push(database, record, 1, UUID(used["id"]), "not_sent")

    story = (await operator.get(path)).json()
    assert [(each["sentence"], each["given_back_by"]) for each in story["evidence"]] == [
        (SAID, None),
        (GIVEN_BACK, 1),
    ]
    assert [(each["number"], each["gave_back"]) for each in story["attempts"]] == [(1, True)]
    returned = story["evidence"][1]
    then = (await operator.get(f"{path}?as_of={before}")).json()
    assert ([each["id"] for each in then["evidence"]], then["attempts"]) == ([used["id"]], [])

    await push(database, record, 2, UUID(returned["id"]), "accepted")
    story = (await operator.get(path)).json()
    assert [(each["why"], each["gave_back"]) for each in story["attempts"]] == [
        (SAID, True),
        (GIVEN_BACK, False),
    ]
    assert story["attempts"][1]["evidence"]["sentence"] == GIVEN_BACK
    page = await operator.get(f"/records/{record.record_id}", headers={"accept": "text/html"})
    shown = tieout("records", str(record.record_id), database_url=database_url)
    for text in (page.text, " ".join(shown.stdout.split())):
        assert GIVEN_BACK in text
        assert text.count("What had permitted it was given back, and permits another.") == 1
    told = tieout("records", str(record.record_id), "--json", database_url=database_url)
    assert [each["gave_back"] for each in json.loads(told.stdout)["attempts"]] == [True, False]
