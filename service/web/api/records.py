"""Synced records: what the hub says of each, what we made of it, and, one by one, the whole story."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from service.domain import record as domain
from service.domain.pushing.attempt import EvidenceKind, Outcome
from service.domain.pushing.why import sentence, why
from service.store.as_of import list_records_as_of
from service.store.database import Connection
from service.store.history import HistoryKind, KnownVersion, list_history
from service.store.pushes import StoredAttempt, list_attempts, list_evidence
from service.store.records import get_record, list_records
from service.web.paging import Keyset, Page
from service.web.problems import not_found
from service.web.route import Asked

HISTORY_MAX = 500
"""Versions shown of one record; a record that was pushed twelve times has some forty."""

FILTERS = ("object_type", "sync_status", "state", "cause")

GIVEN_BACK = "given_back"
"""Which evidence was used, in the detail of that which takes its place once it was given back."""

GAVE_BACK = "What had permitted it was given back, and permits another."
"""What is told of an attempt that did."""

_CALLED: Mapping[str, str] = {EvidenceKind.NAMED_PERSON: "word", EvidenceKind.READ_BACK: "reading"}

Users: TypeAlias = Mapping[str, StoredAttempt]
"""Attempts by the evidence that each has used, good for one."""

_NOW = Keyset("records", (UUID, UUID))
_AS_OF = Keyset("records-as-of", (UUID, UUID))


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A synced record as the hub last told it, and ours beside it."""

    id: UUID
    organization_id: UUID
    object_type: str
    object_id: UUID | None
    sync_status: str | None
    errors: Any
    platform: str | None
    platform_object_id: str | None
    provider: str | None
    provider_object_id: str | None
    created_at: datetime | None
    updated_at: datetime
    last_pulled_at: datetime | None
    object_updated_at: datetime | None
    platform_updated_at: datetime | None
    provider_updated_at: datetime | None
    state: str
    cause: str | None
    cause_text: str | None
    owner: str | None
    reason: str
    episode: int
    attempts_count: int
    next_attempt_at: datetime | None
    deadline_at: datetime | None
    first_failed_at: datetime | None
    healed_at: datetime | None
    amount_minor: int | None
    currency: str | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What proved that another attempt was safe."""

    id: UUID
    kind: str
    sentence: str
    detail: Any
    observed_at: datetime | None
    given_back_by: int | None
    """The number of the attempt that had used it, was not sent, and gave it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One push, written before it was made; an outcome that nobody knows is `uncertain`."""

    episode: int
    number: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    was_sent: bool
    """Whether it may have left; one that surely did not is told as refused, and counts for nothing."""
    http_status: int | None
    error: str | None
    trigger: str
    why: str
    """What made it due, and what proved that nothing would be doubled."""
    evidence: Evidence
    gave_back: bool
    """Whether it was not sent and gave back that evidence, which permits another."""
    replica_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a version of the record changed: its state then, when the hub said so and when we knew."""

    version: int
    told_at: datetime | None
    known_at: datetime
    sync_status: str | None
    state: str
    cause: str | None
    reason: str
    attempts_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Story(Record):
    """One record with everything that happened to it."""

    attempts: Sequence[Attempt]
    history: Sequence[Step]
    evidence: Sequence[Evidence]


_FIELDS = tuple(field.name for field in fields(Record) if field.name != "id")


async def list_them(asked: Asked) -> Page[Record]:
    """Answer a page of records."""
    if asked.query["as_of"] is not None:
        return await _list_as_of(asked)
    limit = asked.query["limit"]
    organization_id, record_id = _NOW.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_records(
            connection,
            organization_id=asked.organization_id(),
            after=(organization_id, record_id) if organization_id is not None else None,
            limit=limit + 1,
            **{name: asked.query[name] for name in FILTERS},
        )
    keys = [(row.organization_id, row.record_id) for row in rows]
    return _NOW.page([of_domain(row) for row in rows], limit, keys)


async def get_one(asked: Asked) -> Story:
    """Answer one record with its whole story."""
    async with asked.rows() as connection:
        story = await load(connection, asked.path["record_id"], asked.query.get("as_of"))
    if story is None:
        raise not_found("record")
    return story


async def load(connection: Connection, record_id: UUID, as_of: datetime | None = None) -> Story | None:
    """Read one record whole, as it is or as we knew it at an instant."""
    now = await get_record(connection, record_id)
    if now is None:
        return None
    organization_id = now.organization_id
    versions = await list_history(
        connection, organization_id, HistoryKind.RECORD, str(record_id), HISTORY_MAX, as_of=as_of
    )
    attempts = (await list_attempts(connection, organization_id, [record_id])).get(record_id, [])
    evidence = await list_evidence(connection, organization_id, record_id)
    shown = of_domain(now)
    if as_of is not None:
        if not versions:
            return None
        shown = of_body(organization_id, record_id, versions[0].body)
        attempts = [attempt for attempt in attempts if attempt.started_at <= as_of]
    users = {str(attempt.evidence_id): attempt for attempt in attempts}
    evidence = [row for row in evidence if _was_there(row, users, as_of)]
    given_back = {row["detail"][GIVEN_BACK] for row in evidence if GIVEN_BACK in row["detail"]}
    return Story(
        **{name: getattr(shown, name) for name in ("id", *_FIELDS)},
        attempts=[_attempt(attempt, users, given_back, as_of) for attempt in attempts],
        history=[_step(version) for version in versions],
        evidence=sorted(
            (
                _evidence(row["evidence_id"], row["kind"], row["detail"], users, row["observed_at"])
                for row in evidence
            ),
            key=lambda each: (each.observed_at, each.given_back_by or 0),
        ),
    )


def of_domain(record: domain.Record) -> Record:
    """Show a record."""
    return Record(id=record.record_id, **{name: getattr(record, name) for name in _FIELDS})


def of_body(organization_id: UUID, record_id: UUID, body: Mapping[str, Any]) -> Record:
    """Show a version of a record."""
    told = {name: body.get(name) for name in _FIELDS}
    return msgspec.convert({**told, "id": str(record_id), "organization_id": str(organization_id)}, Record)


async def _list_as_of(asked: Asked) -> Page[Record]:
    limit = asked.query["limit"]
    organization_id, record_id = _AS_OF.read(asked.query["after"])
    async with asked.rows() as connection:
        rows = await list_records_as_of(
            connection,
            asked.query["as_of"],
            organization_id=asked.organization_id(),
            after=(organization_id, record_id) if organization_id is not None else None,
            limit=limit + 1,
            **{name: asked.query[name] for name in FILTERS},
        )
    keys = [(row["organization_id"], row["record_id"]) for row in rows]
    shown = [of_body(row["organization_id"], row["record_id"], row["body"]) for row in rows]
    return _AS_OF.page(shown, limit, keys)


def _was_there(row: asyncpg.Record, users: Users, as_of: datetime | None) -> bool:
    """Whether evidence was written then; what was given back is as old as when it was found out."""
    if as_of is None:
        return True
    if GIVEN_BACK not in row["detail"]:
        return bool(row["observed_at"] <= as_of)
    user = users.get(row["detail"][GIVEN_BACK])
    return user is not None and user.finished_at is not None and user.finished_at <= as_of


def _evidence(
    evidence_id: UUID, kind: str, detail: Mapping[str, Any], users: Users, observed_at: datetime | None = None
) -> Evidence:
    user = users.get(detail.get(GIVEN_BACK, ""))
    return Evidence(
        id=evidence_id,
        kind=kind,
        sentence=sentence(kind, detail) + _returned(kind, detail, users),
        detail=detail,
        observed_at=observed_at,
        given_back_by=user.number if user else None,
    )


def _returned(kind: str, detail: Mapping[str, Any], users: Users) -> str:
    """What there is to say of evidence that was used before."""
    if GIVEN_BACK not in detail:
        return ""
    user = users.get(detail[GIVEN_BACK])
    who = f"Push {user.number}" if user else "A push"
    return f" {who}, which was not sent, gave this {_CALLED.get(kind, 'evidence')} back."


def _attempt(
    attempt: StoredAttempt, users: Users, given_back: Collection[str], as_of: datetime | None
) -> Attempt:
    is_known = attempt.finished_at is not None and (as_of is None or attempt.finished_at <= as_of)
    outcome = (attempt.outcome if is_known else None) or Outcome.UNCERTAIN
    was_sent = outcome != Outcome.NOT_SENT
    return Attempt(
        episode=attempt.episode,
        number=attempt.number,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at if is_known else None,
        # The contract knows three outcomes.
        outcome=outcome if was_sent else Outcome.REFUSED,
        was_sent=was_sent,
        http_status=attempt.http_status if is_known else None,
        error=attempt.error if is_known else None,
        trigger=attempt.trigger,
        why=why(attempt.trigger, attempt.evidence_kind, attempt.evidence_detail)
        + _returned(attempt.evidence_kind, attempt.evidence_detail, users),
        evidence=_evidence(attempt.evidence_id, attempt.evidence_kind, attempt.evidence_detail, users),
        gave_back=str(attempt.evidence_id) in given_back,
        replica_id=attempt.replica_id,
    )


def _step(version: KnownVersion) -> Step:
    body = version.body
    names = ("sync_status", "state", "cause", "reason", "attempts_count")
    return Step(
        version=version.version,
        told_at=version.valid_from,
        known_at=version.known_from,
        **{name: body[name] for name in names},
    )
