"""What SQL tells of records that were set aside is what the gate of pushes says of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from service.domain.alerts.facts import OrganizationFact
from service.domain.causes.cause import Cause
from service.domain.pushing.attempt import EvidenceKind, speaking
from service.domain.record_state import FAILED, State
from service.store.alert_facts import list_failing_causes, list_lost_organizations
from service.store.as_of import list_causes_as_of
from service.store.database import Connection, Database
from service.store.pushed import attempt_of, evidence_of
from service.store.pushes import list_attempts, list_open_evidence
from service.store.records import get_record
from service.store.set_aside import count_set_aside, keep_set_aside
from tests.web.builders import NOW, ORGANIZATION, add_organization, add_record, set_connection, write_record

ASIDE, SEND = "set_aside", "named_person"

Step = tuple[str, int]
"""A word, or an attempt by its outcome, and in which minute."""


async def take(rows: Connection, record_id: UUID, steps: Sequence[Step]) -> None:
    """Write down what people said and what was tried, each in its minute; an attempt uses a word to send."""
    word = uuid4()
    for number, (name, minute) in enumerate(steps, start=1):
        if name in {ASIDE, SEND}:
            word = await write_evidence(rows, record_id, name, _at(minute))
            continue
        used = word if "word" in name else await write_evidence(rows, record_id, "refused", _at(minute))
        await rows.execute(
            "INSERT INTO attempts (organization_id, record_id, episode, number, evidence_id, trigger, fence,"
            " replica_id, record_updated_at, started_at)"
            " VALUES ($1, $2, 1, $3, $4, 'operator', 1, 'r', $5, $5)",
            *(ORGANIZATION, record_id, number, used, _at(minute)),
        )
        await rows.execute(
            "INSERT INTO attempt_outcomes"
            " (organization_id, record_id, episode, number, outcome, finished_at)"
            " VALUES ($1, $2, 1, $3, $4, $5)",
            *(ORGANIZATION, record_id, number, name.rpartition(": ")[2], _at(minute)),
        )
    await keep_set_aside(rows, ORGANIZATION, [record_id])


async def write_evidence(rows: Connection, record_id: UUID, kind: str, at: datetime) -> UUID:
    """A word of Ann's, or another finding, as old as it is told."""
    evidence_id = uuid4()
    await rows.execute(
        "INSERT INTO evidence (organization_id, evidence_id, record_id, kind, detail, observed_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        *(ORGANIZATION, evidence_id, record_id, kind),
        *({"person": "Ann", "decision": "leave", "record_updated_at": at}, at),
    )
    return evidence_id


def _at(minute: int) -> datetime:
    return NOW - timedelta(hours=1) + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("steps", "is_aside"),
    [
        ([], False),
        ([(SEND, 5)], False),
        ([(ASIDE, 5)], True),
        ([(ASIDE, -5)], False),
        ([(ASIDE, 5), (SEND, 6)], False),
        ([(SEND, 5), (ASIDE, 6)], True),
        ([(SEND, 5), (ASIDE, 5)], True),
        ([(ASIDE, 5), ("sent: refused", 6)], False),
        ([(ASIDE, 5), ("sent: not_sent", 6)], True),
        ([("sent: uncertain", 4), (ASIDE, 5)], True),
        ([(ASIDE, 4), (SEND, 5), ("sent by word: refused", 6)], False),
        ([(ASIDE, 4), (SEND, 5), ("sent by word: refused", 6), (ASIDE, 7)], True),
        ([(ASIDE, 4), (SEND, 5), ("sent by word: not_sent", 6)], True),
    ],
)
@pytest.mark.parametrize("doubted", [None, 0, 30])
async def test_it_says_what_the_gate_says(
    database: Database, steps: Sequence[Step], doubted: int | None, *, is_aside: bool
) -> None:
    """In each order of words and tries, with and without a doubt, now and at an instant that has passed."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(
        database,
        ORGANIZATION,
        state=State.NEEDS_PERSON,
        cause=Cause.PERIOD_LOCKED,
        first_failed_at=_at(0),
        doubted_at=None if doubted is None else _at(doubted),
    )
    async with database.organization(ORGANIZATION) as rows:
        await take(rows, record.record_id, steps)
        known = await get_record(rows, record.record_id)
        tried = (await list_attempts(rows, ORGANIZATION, [record.record_id])).get(record.record_id, [])
        heard = (await list_open_evidence(rows, ORGANIZATION, [record.record_id])).get(record.record_id, [])
        told = await count_set_aside(rows, ORGANIZATION)
        [then] = await list_causes_as_of(rows, await rows.fetchval("SELECT now()"), ORGANIZATION, 10)
    assert known is not None
    attempts, evidence = list(map(attempt_of, tried)), list(map(evidence_of, heard))
    no, yes = (
        speaking(known, attempts, evidence, kind)
        for kind in (EvidenceKind.SET_ASIDE, EvidenceKind.NAMED_PERSON)
    )
    said = no is not None and (yes is None or yes.observed_at <= no.observed_at)
    if doubted is None:
        assert said is is_aside
    assert told == ({("period_locked", None): 1} if said else {})
    assert then["set_aside"] == said


async def test_what_is_settled_is_not_set_aside(database: Database) -> None:
    """What a person set aside and the hub brought through all the same fails no more, and is told no more."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.NEEDS_PERSON, first_failed_at=_at(0))
    async with database.organization(ORGANIZATION) as rows:
        await take(rows, record.record_id, [(ASIDE, 5)])
    settled = replace(record, state=State.CONFIRMED, sync_status="done", cause=None, version=2)
    await write_record(database, record, settled)
    async with database.fleet(readonly=True) as rows:
        assert await count_set_aside(rows, None) == {}


async def test_nobody_is_told_of_what_was_set_aside(database: Database) -> None:
    """Of a cause alerts tell what waits for somebody: number, money and example leave out what does not."""
    await add_organization(database, ORGANIZATION, "Alder")
    records = [
        await add_record(
            database,
            ORGANIZATION,
            state=State.NEEDS_PERSON,
            cause=Cause.PERIOD_LOCKED,
            cause_text=f"Period {number} is locked",
            first_failed_at=_at(number),
            amount_minor=100 * (number + 1),
            currency="USD",
        )
        for number in range(2)
    ]
    told = []
    for record in records:
        async with database.organization(ORGANIZATION) as rows:
            await take(rows, record.record_id, [(ASIDE, 5)])
        async with database.fleet(readonly=True) as rows:
            told.append(await list_failing_causes(rows, sorted(FAILED)))
    [[left], none] = told
    assert (left.records_count, left.money_at_risk) == (1, {"USD": 200})
    assert left.example == "Period 1 is locked"
    assert none == []


async def test_a_lost_connection_is_not_told_with_what_was_set_aside(database: Database) -> None:
    """Number and money of what waits for a connection leave out what waits for nobody."""
    await add_organization(database, ORGANIZATION, "Alder")
    await set_connection(database, ORGANIZATION, "deauthorized")
    records = [
        await add_record(
            database,
            ORGANIZATION,
            state=State.NEEDS_PERSON,
            cause=Cause.CONNECTION_REVOKED,
            first_failed_at=_at(number),
            amount_minor=100 * (number + 1),
            currency="USD",
        )
        for number in range(2)
    ]
    told: list[OrganizationFact] = []
    for record in records:
        async with database.organization(ORGANIZATION) as rows:
            await take(rows, record.record_id, [(ASIDE, 5)])
        async with database.fleet(readonly=True) as rows:
            told += await list_lost_organizations(rows, [])
    assert [(each.records_count, each.money_at_risk) for each in told] == [(1, {"USD": 200}), (0, {})]
