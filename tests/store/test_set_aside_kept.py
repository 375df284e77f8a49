"""Which records are set aside is kept while words, attempts and records are written: what these say."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from service.domain.causes.names import Cause
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Connection, Database
from service.store.fleet_counts import correct_fleet_counts
from service.store.pushes import (
    AttemptKey,
    StoredEvidence,
    insert_attempt,
    insert_attempt_outcome,
    insert_evidence,
    return_evidence,
)
from service.store.records import Change, get_record, lock_records, write_records
from service.store.set_aside import count_set_aside
from tests.web.builders import NOW, ORGANIZATION, add_organization, add_record

ASIDE, SEND, REFUSED = "set_aside", "named_person", "refused"
STEPS = 60
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "healed": {"state": State.CONFIRMED, "sync_status": "done", "cause": None, "cause_group": None},
    "on its way": {"state": State.WAITING, "sync_status": "pending"},
    "fails": {"state": State.BLOCKED, "sync_status": "error", "cause": Cause.PERIOD_LOCKED},
    "fails anew": {"state": State.RETRYING, "sync_status": "error", "cause": Cause.TIMEOUT_AMBIGUOUS},
    "unknown": {
        "state": State.NEEDS_PERSON,
        "sync_status": "error",
        "cause": Cause.UNKNOWN,
        "cause_group": "fnord",
    },
}


class Walker:
    """Does to some records of one organization what people, pushes and the hub do, in any order."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database = database
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.numbers = iter(range(1, 1_000))

    async def step(self, record_id: UUID) -> None:
        """Write something about a record, in a transaction of its own."""
        steps = (self.say, self.say, self.push, self.tell)
        async with self.database.organization(ORGANIZATION) as rows:
            await self.chance.choice(steps)(rows, record_id)

    async def say(self, rows: Connection, record_id: UUID) -> None:
        """Ann decides."""
        await write(rows, record_id, self.chance.choice((ASIDE, ASIDE, SEND)))

    async def push(self, rows: Connection, record_id: UUID) -> None:
        """It is pushed, by a word or without; the outcome may come later, or never."""
        record = await get_record(rows, record_id)
        assert record is not None
        used = await write(rows, record_id, self.chance.choice((SEND, REFUSED)))
        key = AttemptKey(record_id=record_id, episode=record.episode, number=next(self.numbers))
        await insert_attempt(
            rows,
            ORGANIZATION,
            key,
            evidence_id=used,
            trigger="operator",
            fence=1,
            replica_id="r",
            record_updated_at=record.updated_at,
        )
        outcome = self.chance.choice(("not_sent", "not_sent", "refused", None))
        if outcome:
            await insert_attempt_outcome(rows, ORGANIZATION, key, outcome)
        if outcome == "not_sent":
            await return_evidence(rows, ORGANIZATION, key)

    async def tell(self, rows: Connection, record_id: UUID) -> None:
        """The hub tells it anew: in the same failure, a new one, a new episode, in doubt or not."""
        before = (await lock_records(rows, ORGANIZATION, [record_id]))[record_id]
        now = await rows.fetchval("SELECT tieout.now()")
        after = replace(
            before,
            **self.chance.choice(list(CHANGES.values())),
            version=before.version + 1,
            first_failed_at=self.chance.choice((before.first_failed_at, before.first_failed_at, now)),
            doubted_at=self.chance.choice((None, now)),
            episode=before.episode + (self.chance.random() < 0.2),
        )
        await write_records(rows, [Change(before=before, after=after)])


async def write(rows: Connection, record_id: UUID, kind: str) -> UUID:
    """A word, or another finding, of now."""
    evidence = StoredEvidence(
        evidence_id=uuid4(),
        record_id=record_id,
        kind=kind,
        detail={"person": "Ann", "record_updated_at": NOW - timedelta(days=1)},
    )
    await insert_evidence(rows, ORGANIZATION, evidence)
    return evidence.evidence_id


async def add_failing(database: Database) -> Record:
    """A record that fails."""
    return await add_record(
        database,
        ORGANIZATION,
        state=State.BLOCKED,
        cause=Cause.PERIOD_LOCKED,
        cause_group=None,
        first_failed_at=NOW - timedelta(hours=1),
    )


async def kept(database: Database) -> list[tuple[Any, ...]]:
    """What is kept; the count of the fleet is that of its organizations."""
    async with database.fleet(readonly=True) as rows:
        assert await count_set_aside(rows, None) == await count_set_aside(rows, ORGANIZATION)
        return [tuple(row) for row in await rows.fetch("SELECT * FROM set_aside_records ORDER BY record_id")]


async def truth(database: Database) -> list[tuple[Any, ...]]:
    """What all words say."""
    async with database.fleet(readonly=True) as rows:
        return [
            tuple(row) for row in await rows.fetch("SELECT * FROM tieout.set_aside(NULL) ORDER BY record_id")
        ]


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_kept_is_what_words_say(database: Database, seed: int) -> None:
    """Whatever people, pushes and the hub do to a record, it is kept as set aside exactly while it is."""
    await add_organization(database, ORGANIZATION, "Alder")
    records = [await add_failing(database) for _ in range(3)]
    walker = Walker(database, seed)
    seen = set()
    for _ in range(STEPS):
        await walker.step(walker.chance.choice(records).record_id)
        said = await truth(database)
        assert await kept(database) == said
        seen.add(len(said))
    assert len(seen) > 2
    async with database.fleet() as rows:
        assert await correct_fleet_counts(rows) == 0


async def test_what_an_older_release_left_out_is_corrected(database: Database) -> None:
    """What is missing or too much after an upgrade is made good, and told as off, once."""
    await add_organization(database, ORGANIZATION, "Alder")
    missing, wrong = [await add_failing(database) for _ in range(2)]
    superfluous = await add_failing(database)
    async with database.organization(ORGANIZATION) as rows:
        for record in (missing, wrong):
            await write(rows, record.record_id, ASIDE)
        await rows.execute("DELETE FROM set_aside_records WHERE record_id = $1", missing.record_id)
        await rows.execute("UPDATE set_aside_records SET cause = 'unknown'")
        await rows.execute(
            "INSERT INTO set_aside_records VALUES ($1, $2, 'unknown', '')",
            *(ORGANIZATION, superfluous.record_id),
        )
    async with database.fleet() as rows:
        assert await correct_fleet_counts(rows) == 3
        assert await correct_fleet_counts(rows) == 0
    assert await kept(database) == await truth(database)
