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
from tests.web.builders import KEYS, ORGANIZATION, OTHER, add_organization, add_record, add_worker, sweep


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


async def test_what_is_set_aside_is_told_apart(
    database: Database, operator: httpx.AsyncClient, record: Record
) -> None:
    """It counts as failing, and nobody is asked to act on it: causes and pages say so, packets omit it."""
    other = await add_record(
        database, ORGANIZATION, state=State.QUARANTINED, cause=Cause.TIMEOUT_AMBIGUOUS, amount_minor=7_00
    )
    await add_worker(database)
    await sweep(database)
    assert (await say(operator, record, "leave", "The customer entered it twice.")).status_code == 200
    async with database.fleet(readonly=True) as rows:
        as_of = await rows.fetchval("SELECT now()")
    cause, packet = await _told_of(operator)
    assert (cause["records"], cause["set_aside"], cause["money_at_risk"]) == (2, 1, {"USD": 132_00})
    assert packet["set_aside"] == 1
    assert packet["totals"] == {"documents": 1, "organizations": 1, "money": {"USD": 7_00}}
    assert [each["record_id"] for each in packet["organizations"][0]["documents"]] == [str(other.record_id)]
    text = (await operator.get(f"{PACKET}?format=text")).text
    assert "1 document was set aside by a person: nobody has to act on it." in text
    for path, words in (
        ("/", "1 of them set aside"),
        ("/", "1 record waits for a cure"),
        ("/", "1 of its records was set aside by a person"),
        ("/causes/timeout_ambiguous", "1 document that fails for it was set aside by a person"),
        ("/causes/timeout_ambiguous", "Plan a retry of this 1"),
    ):
        assert words in await _page(operator, path), (path, words)

    assert (await say(operator, other, "it_is_there")).status_code == 200
    cause, packet = await _told_of(operator)
    assert (cause["records"], cause["set_aside"], packet["totals"]["documents"]) == (2, 2, 0)
    for path, words in (
        ("/", "what fails was set aside"),
        ("/", "All were set aside by a person"),
        ("/causes/timeout_ambiguous", "2 documents that fail for it were set aside by a person"),
    ):
        assert words in await _page(operator, path), (path, words)
    [then] = (await operator.get(f"/v1/causes?as_of={as_of:%Y-%m-%dT%H:%M:%S.%fZ}")).json()["data"]
    assert (then["records"], then["set_aside"]) == (2, 1)

    assert (await say(operator, record, "push")).status_code == 200
    cause, packet = await _told_of(operator)
    assert (cause["set_aside"], packet["set_aside"], packet["totals"]["documents"]) == (1, 1, 1)


PACKET = "/v1/causes/timeout_ambiguous/packet"


async def _told_of(operator: httpx.AsyncClient) -> tuple[Any, Any]:
    """The only cause, also as `/status` tells it, and its packet."""
    [cause] = (await operator.get("/v1/causes")).json()["data"]
    assert (await operator.get("/status")).json()["causes"] == [cause]
    [own] = (await operator.get(f"/v1/causes?organization_id={ORGANIZATION}")).json()["data"]
    assert own == cause
    return cause, (await operator.get(PACKET)).json()


async def _page(operator: httpx.AsyncClient, path: str) -> str:
    """What a page says, in one line; forms are for a session alone."""
    async with httpx.AsyncClient(transport=operator._transport, base_url=operator.base_url) as person:
        await person.post("/login", data={"key": KEYS["operator"]})
        page = (await person.get(path, headers={"accept": "text/html"})).text
    return " ".join(page.split())
