"""The paper trail of pushes: evidence, attempts, outcomes. The service may add to it and read it, no more.

An attempt is written, with the evidence that permits it, before the first byte of the push leaves. One
without an outcome is unknown: its process may have died anywhere between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from service.domain.pushing.attempt import Outcome
from service.store.database import Connection
from service.store.queries import QUERY
from service.store.rows import clean, clean_text
from service.store.set_aside import WORDS, keep_set_aside

ERROR_CHARACTERS_MAX = 2000
"""Of what the hub answered; enough for its own sentence and a good part of a gateway's page."""

TRIALS_SECONDS = 30 * 86_400.0
"""Trials are looked at so far back: history is kept for longer, and a way that was free before that freed
its records then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptKey:
    """Which attempt: they are numbered within an episode of a record, from 1."""

    record_id: UUID
    episode: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvidence:
    """What permits one attempt, with what it was concluded from."""

    evidence_id: UUID
    record_id: UUID
    kind: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvidence:
    """Evidence that has permitted no attempt yet."""

    record_id: UUID
    evidence_id: UUID
    kind: str
    observed_at: datetime
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """The trials of a cause in an organization: when one was sent last, when one last came through."""

    cause: str
    tried_at: datetime
    passed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt:
    """One attempt with what permitted it and what became of it; `outcome` is None while nobody knows."""

    record_id: UUID
    episode: int
    number: int
    evidence_id: UUID
    evidence_kind: str
    evidence_detail: Mapping[str, Any]
    trigger: str
    fence: int
    replica_id: str
    record_updated_at: datetime
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    http_status: int | None
    error: str | None
    told_at: datetime | None

    @property
    def key(self) -> AttemptKey:
        """Which attempt it is."""
        return AttemptKey(record_id=self.record_id, episode=self.episode, number=self.number)


async def insert_evidence(connection: Connection, organization_id: UUID, evidence: StoredEvidence) -> None:
    """Write down what permits one attempt."""
    await connection.execute(
        QUERY["insert_evidence"],
        organization_id,
        evidence.evidence_id,
        evidence.record_id,
        evidence.kind,
        clean(evidence.detail),
    )
    if evidence.kind in WORDS:
        await keep_set_aside(connection, organization_id, [evidence.record_id])


async def return_evidence(connection: Connection, organization_id: UUID, key: AttemptKey) -> None:
    """Give back the reading or the word that an attempt has used which was not sent, as old as it is."""
    await connection.execute(
        QUERY["return_evidence"], organization_id, key.record_id, key.episode, key.number, uuid4()
    )
    await keep_set_aside(connection, organization_id, [key.record_id])


async def insert_attempt(
    connection: Connection,
    organization_id: UUID,
    key: AttemptKey,
    *,
    evidence_id: UUID,
    trigger: str,
    fence: int,
    replica_id: str,
    record_updated_at: datetime,
) -> bool:
    """Write the intent to push; false when this attempt was written already: somebody else is at it."""
    row = await connection.fetchrow(
        QUERY["insert_attempt"],
        organization_id,
        key.record_id,
        key.episode,
        key.number,
        evidence_id,
        trigger,
        fence,
        replica_id,
        record_updated_at,
    )
    await keep_set_aside(connection, organization_id, [key.record_id])
    return row is not None


async def insert_attempt_outcome(
    connection: Connection,
    organization_id: UUID,
    key: AttemptKey,
    outcome: str,
    *,
    http_status: int | None = None,
    error: str | None = None,
    told_at: datetime | None = None,
) -> None:
    """Write what became of an attempt; the first word stands."""
    await connection.execute(
        QUERY["insert_attempt_outcome"],
        organization_id,
        key.record_id,
        key.episode,
        key.number,
        outcome,
        http_status,
        clean_text(error)[:ERROR_CHARACTERS_MAX] if error else None,
        told_at,
    )
    if outcome == Outcome.NOT_SENT:
        await keep_set_aside(connection, organization_id, [key.record_id])


async def list_attempts(
    connection: Connection, organization_id: UUID, record_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[StoredAttempt]]:
    """Attempts in order, by record; records without any are not in it."""
    rows = await connection.fetch(QUERY["list_attempts"], organization_id, list(record_ids))
    found: defaultdict[UUID, list[StoredAttempt]] = defaultdict(list)
    for row in rows:
        found[row["record_id"]].append(StoredAttempt(**row))
    return dict(found)


async def list_open_evidence(
    connection: Connection, organization_id: UUID, record_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[OpenEvidence]]:
    """Evidence that has permitted no attempt yet, in order, by record."""
    rows = await connection.fetch(QUERY["list_open_evidence"], organization_id, list(record_ids))
    found: defaultdict[UUID, list[OpenEvidence]] = defaultdict(list)
    for row in rows:
        found[row["record_id"]].append(OpenEvidence(**row))
    return dict(found)


async def list_canaries(connection: Connection, organization_id: UUID) -> Mapping[str, Canaries]:
    """The trials that an organization made lately, by cause."""
    rows = await connection.fetch(QUERY["list_canaries"], organization_id, TRIALS_SECONDS)
    return {row["cause"]: Canaries(**row) for row in rows}


async def list_unfinished_attempts(
    connection: Connection, organization_id: UUID, fence: int
) -> Sequence[AttemptKey]:
    """Attempts begun under an older claim than `fence` and never finished."""
    rows = await connection.fetch(QUERY["list_unfinished_attempts"], organization_id, fence)
    return [AttemptKey(**row) for row in rows]


async def list_evidence(
    connection: Connection, organization_id: UUID, record_id: UUID
) -> Sequence[asyncpg.Record]:
    """What was held for proven about a record, in order."""
    return await connection.fetch(QUERY["list_evidence"], organization_id, record_id)
