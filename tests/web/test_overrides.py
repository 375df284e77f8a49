"""A named person's word about one record, over HTTP."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from service.domain.causes.names import Cause
from service.domain.fleet import WorkKind
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from service.store.paper_trail import list_paper_trail_faults
from service.store.work import count_due_work
from tests.web.builders import ORGANIZATION, OTHER, add_organization, add_record


@pytest.fixture
async def record(database: Database) -> Record:
    """A record that may have landed."""
    await add_organization(database, ORGANIZATION, "Alder")
    return await add_record(database, ORGANIZATION, state=State.QUARANTINED, cause=Cause.TIMEOUT_AMBIGUOUS)


async def say(
    client: httpx.AsyncClient, record: Record, decision: str, reason: str = "I looked.", **more: Any
) -> httpx.Response:
    """The answer to a word."""
    body = {"decision": decision, "reason": reason, **more}
    return await client.post(f"/v1/records/{record.record_id}/override", json=body)


async def test_a_word_is_evidence_and_makes_it_due(
    database: Database, operator: httpx.AsyncClient, record: Record
) -> None:
    """The word stands in the chained paper trail with name and reason, once, and the pusher is called."""
    answer = await say(operator, record, "push")
    assert answer.status_code == 200
    [evidence] = answer.json()["evidence"]
    assert evidence["kind"] == "named_person"
    told = {name: evidence["detail"][name] for name in ("decision", "person", "reason")}
    assert told == {"decision": "push", "person": "operator", "reason": "I looked."}
    again = await say(operator, record, "push")
    assert (again.status_code, again.json()["detail"]) == (
        409,
        "That is decided already: operator wants it sent again: I looked.",
    )
    async with database.fleet() as rows:
        assert (await count_due_work(rows, [WorkKind.PUSH], 10)).due_by_kind == {WorkKind.PUSH: 1}
        assert await list_paper_trail_faults(rows, ORGANIZATION, 10) == []


async def test_a_word_that_counts_may_name_more(operator: httpx.AsyncClient, record: Record) -> None:
    """Said once more with a document that was seen since, the word is written down anew, and then once."""
    assert (await say(operator, record, "push")).status_code == 200
    amended = await say(operator, record, "push", despite=["B9"])
    assert amended.status_code == 200
    assert [each["detail"]["despite"] for each in amended.json()["evidence"]] == [[], ["B9"]]
    assert (await say(operator, record, "push", despite=["B9"])).status_code == 409


async def test_it_is_there_ends_the_trying(operator: httpx.AsyncClient, record: Record) -> None:
    """Who found it in the books ends its pushes; the record says so, and a later word may begin anew."""
    told = (await say(operator, record, "it_is_there", "Bill 77 of May.")).json()
    assert (told["state"], told["version"]) == ("needs_person", record.version + 1)
    assert told["reason"] == "It is not sent again: operator found it in the books: Bill 77 of May."
    assert told["evidence"][-1]["kind"] == "set_aside"
    assert (await say(operator, record, "it_is_there")).status_code == 409
    assert (await say(operator, record, "push")).status_code == 200


async def test_what_cannot_be_decided_is_refused(
    database: Database, operator: httpx.AsyncClient, record: Record
) -> None:
    """Without a reason, about what has not failed, or with an unknown word, nothing is written."""
    settled = await add_record(database, ORGANIZATION)
    assert (await say(operator, settled, "push")).status_code == 409
    for decision, reason, more in (
        ("push", "  ", {}),
        ("push", "x" * 1_001, {}),
        ("delete", "I looked.", {}),
        ("push", "I looked.", {"despite": ["1"] * 21}),
        ("push", "I looked.", {"person": "Eve"}),
    ):
        assert (await say(operator, record, decision, reason, **more)).status_code == 422
    async with database.fleet() as rows:
        assert await rows.fetchval("SELECT count(*) FROM evidence") == 0


async def test_another_organizations_record_is_unknown(
    database: Database, bound: httpx.AsyncClient, record: Record
) -> None:
    """A key of one organization decides about its own records alone."""
    await add_organization(database, OTHER, "Birch")
    foreign = await add_record(database, OTHER, state=State.BLOCKED)
    assert (await say(bound, foreign, "push")).status_code == 404
    assert (await say(bound, record, "push")).status_code == 200
