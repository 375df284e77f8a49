"""The paper trail is chained: nothing of it is changed, removed or slipped in unseen."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest

from service.domain.pushing.attempt import EvidenceKind, Outcome, Trigger
from service.domain.statements.period import Period
from service.domain.statements.sign_off import Act, SignOff
from service.store.database import Database
from service.store.migrate import MIGRATIONS, migrate
from service.store.paper_trail import Fault, TrailFault, get_paper_trail_head, list_paper_trail_faults
from service.store.pushes import (
    AttemptKey,
    StoredEvidence,
    insert_attempt,
    insert_attempt_outcome,
    insert_evidence,
    list_evidence,
    list_open_evidence,
    return_evidence,
)
from service.store.retries import get_retry, insert_retry, insert_retry_act
from service.store.statements import insert_sign_off
from tests.conftest import command

ORGANIZATION, OTHER = UUID(int=1), UUID(int=2)
FAULTS_MAX = 100

SLIPPED_IN = """
INSERT INTO tieout.evidence
SELECT organization_id, gen_random_uuid(), record_id, kind, detail, observed_at FROM tieout.evidence LIMIT 1
"""
WITH_ITS_DIGEST = """
WITH changed AS (
    UPDATE tieout.evidence SET kind = 'named_person' WHERE record_id = '00000000-0000-0000-0000-000000000003'
    RETURNING *
)
UPDATE tieout.paper_trail t SET content_hash = tieout.content_hash(to_jsonb(c)) FROM changed c
WHERE t.organization_id = c.organization_id AND t.entry = c.evidence_id::text
"""


async def write(
    database: Database,
    organization_id: UUID,
    number: int,
    kind: EvidenceKind = EvidenceKind.REFUSED,
    outcome: Outcome = Outcome.UNCERTAIN,
) -> UUID:
    """Write an attempt with its evidence and outcome; returns the record's id."""
    record_id, evidence_id = UUID(int=number), uuid4()
    key = AttemptKey(record_id=record_id, episode=1, number=1)
    async with database.organization(organization_id) as connection:
        await insert_evidence(
            connection,
            organization_id,
            StoredEvidence(
                evidence_id=evidence_id,
                record_id=record_id,
                kind=kind,
                detail={"cause": "rate_limited", "seen_at": datetime.now(UTC), "none": None},
            ),
        )
        await insert_attempt(
            connection,
            organization_id,
            key,
            evidence_id=evidence_id,
            trigger=Trigger.SCHEDULE,
            fence=1,
            replica_id="replica-1",
            record_updated_at=datetime.now(UTC),
        )
    async with database.organization(organization_id) as connection:
        for error in ("first word", "second word"):
            await insert_attempt_outcome(connection, organization_id, key, outcome, error=error)
    return record_id


async def faults(database: Database, organization_id: UUID = ORGANIZATION) -> Sequence[TrailFault]:
    """What does not fit."""
    async with database.organization(organization_id, readonly=True) as connection:
        return await list_paper_trail_faults(connection, organization_id, FAULTS_MAX)


@pytest.fixture
async def written(database: Database) -> Database:
    """A database in which two organizations have pushed, several writers at once."""
    await asyncio.gather(
        *(
            write(database, organization_id, number)
            for number in range(6)
            for organization_id in (ORGANIZATION, OTHER)
        )
    )
    return database


async def test_what_was_written_fits(written: Database) -> None:
    """Each row is one link of its own organization's chain, without gaps however many write at once."""
    assert list(await faults(written)) == []
    async with written.organization(ORGANIZATION) as connection:
        head = await get_paper_trail_head(connection, ORGANIZATION)
    assert head is not None
    assert head.position == 6 * 3


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE tieout.attempt_outcomes SET outcome = 'refused'", {Fault.ROW_CHANGED}),
        ('UPDATE tieout.evidence SET detail = \'{"cause": "other"}\'', {Fault.ROW_CHANGED}),
        ("UPDATE tieout.attempts SET started_at = started_at - interval '1 hour'", {Fault.ROW_CHANGED}),
        ("DELETE FROM tieout.attempt_outcomes", {Fault.ROW_MISSING}),
        ("DELETE FROM tieout.paper_trail WHERE position = 7", {Fault.LINK_MISSING, Fault.UNCHAINED}),
        (SLIPPED_IN, {Fault.UNCHAINED}),
        (WITH_ITS_DIGEST, {Fault.LINK_CHANGED}),
    ],
    ids=["outcome", "evidence", "time", "removed", "link removed", "slipped in", "with its digest"],
)
async def test_whoever_tampers_is_found_out(
    written: Database, database_url: str, statement: str, expected: set[Fault]
) -> None:
    """A change, a removal, an addition by somebody with all rights is told, and where."""
    await command(database_url, "SET timezone = 'UTC'", statement)
    assert {each.fault for each in await faults(written)} == expected


@pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.UNCERTAIN])
async def test_what_was_not_sent_gives_back_what_it_rested_on(database: Database, outcome: Outcome) -> None:
    """A reading is given back once more, as old as it was, only where nothing else was written."""
    record_id = await write(database, ORGANIZATION, 3, EvidenceKind.READ_BACK, outcome)
    key = AttemptKey(record_id=record_id, episode=1, number=1)
    async with database.organization(ORGANIZATION) as connection:
        # Whoever was taken over meanwhile writes too late: the first word stands, and decides.
        await insert_attempt_outcome(connection, ORGANIZATION, key, Outcome.NOT_SENT)
        await return_evidence(connection, ORGANIZATION, key)
        used, *returned = await list_evidence(connection, ORGANIZATION, record_id)
        usable = await list_open_evidence(connection, ORGANIZATION, [record_id])
    assert len(returned) == len(usable.get(record_id, ())) == (outcome is Outcome.NOT_SENT)
    for each in returned:
        assert (each["kind"], each["observed_at"]) == (used["kind"], used["observed_at"])
        assert {**each["detail"], "given_back": None} == {**used["detail"], "given_back": None}
    assert list(await faults(database)) == []


async def test_who_applied_a_plan_is_chained(written: Database, database_url: str) -> None:
    """Who applied a planned retry stands in the trail like a push, and is not changed unseen."""
    async with written.organization(ORGANIZATION) as connection:
        retry_id = await insert_retry(
            connection, ORGANIZATION, [], filtered_by={}, matched=0, planned_by="Ada"
        )
        retry = await get_retry(connection, retry_id)
        assert retry is not None
        for name in ("Ada", "Bob"):
            await insert_retry_act(connection, retry, "applied", name, {"hash": retry.hash})
    assert list(await faults(written)) == []
    await command(database_url, "SET timezone = 'UTC'", "UPDATE tieout.retry_acts SET key_name = 'Bob'")
    [fault] = await faults(written)
    assert (fault.kind, fault.entry, fault.fault) == ("retry_act", f"{retry_id}/applied", Fault.ROW_CHANGED)


async def sign(database: Database) -> None:
    """Have a statement signed."""
    act = SignOff(
        number=1,
        act=Act.PREPARED,
        key_name="Ada",
        figures=[],
        because=None,
        is_complete=True,
        acted_at=datetime.now(UTC),
    )
    async with database.organization(ORGANIZATION) as connection:
        assert await insert_sign_off(connection, ORGANIZATION, Period(date(2026, 10, 1)), act)


async def test_who_signed_a_statement_is_chained(written: Database, database_url: str) -> None:
    """Who signed which figures stands in the trail, and is not changed unseen."""
    await sign(written)
    assert list(await faults(written)) == []
    await command(database_url, "SET timezone = 'UTC'", "UPDATE tieout.sign_offs SET key_name = 'Bob'")
    [fault] = await faults(written)
    assert (fault.kind, fault.entry, fault.fault) == ("sign_off", "2026-10-01/1", Fault.ROW_CHANGED)


async def test_what_was_signed_before_the_chain_is_on_it(empty_database_url: str, tmp_path: Path) -> None:
    """Signatures that an older release wrote are chained by the migration, and the next one follows them."""
    for migration in MIGRATIONS.glob("*.sql"):
        if migration.name < "0054":
            shutil.copy(migration, tmp_path)
    await migrate(empty_database_url, folder=tmp_path)
    await command(
        empty_database_url,
        """
        INSERT INTO tieout.sign_offs (
            organization_id, period, number, act, key_name, figures, figures_hash, is_complete, acted_at
        )
        SELECT lpad(each::text, 32, '0')::uuid, '2026-09-01', number, 'prepared', 'Ada', '[]', '', true, now()
        FROM generate_series(1, 3) each, generate_series(1, 2) number
        """,
    )
    await migrate(empty_database_url)
    async with await Database.open(empty_database_url) as database:
        await sign(database)
        assert list(await faults(database)) == []
        async with database.organization(ORGANIZATION) as connection:
            head = await get_paper_trail_head(connection, ORGANIZATION)
        assert head is not None
        assert head.position == 3


async def test_the_service_itself_cannot_tamper(written: Database) -> None:
    """The role of the service may neither change nor remove what is written."""
    for table in ("evidence", "attempts", "attempt_outcomes", "retry_acts", "sign_offs", "paper_trail"):
        for statement in ("DELETE FROM {}", "UPDATE {} SET organization_id = organization_id"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with written.organization(ORGANIZATION) as connection:
                    await connection.execute(statement.format(table))
    assert list(await faults(written)) == []
