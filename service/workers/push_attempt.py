"""One push: intent, then the bytes, then the outcome; each written before the next begins.

    evidence + attempt committed ──▶ POST …/push ──▶ outcome + state committed

Killed between the first two, nothing was sent; between the last two, nobody knows. Both look the same
afterwards, an attempt without an outcome, and both are treated as the worse: `abandoned` writes *uncertain*,
and only the books can say more.

A process that sleeps between the first two, or whose machine does, must not wake and send, so the bytes leave
soon or not at all.

The record is locked again for each write. Where the hub has moved it on meanwhile, the hub's word stands and
the outcome is only noted: it may be the very push that we made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import structlog

from service import elapsed, metrics, tracing
from service.domain.pushing.attempt import Evidence, EvidenceKind, Outcome, outcome_of
from service.domain.pushing.decision import Decision
from service.domain.pushing.policy import Policy
from service.domain.pushing.record_push import push_refused, push_unknown, pushed
from service.domain.pushing.retry_plan import Wish
from service.domain.pushing.sibling import holds, unseen
from service.domain.record import Record
from service.domain.record_observed import observe
from service.errors import HubError
from service.hub.client import Hub
from service.hub.payloads import SyncedRecord
from service.store.database import Connection
from service.store.durability import ensure_durable
from service.store.pushed import of_record
from service.store.pushes import (
    AttemptKey,
    StoredEvidence,
    insert_attempt,
    insert_attempt_outcome,
    insert_evidence,
    return_evidence,
)
from service.store.records import Change, lock_records, write_records
from service.store.retries import return_retry_item, take_retry_item
from service.store.rows import content_hash
from service.store.siblings import list_siblings
from service.workers.reading_records import seen
from service.workers.work import Work

LEAVES_WITHIN_SECONDS: Final = 20.0
"""From the intent to the first byte: less than a lease, so that whoever was stopped in between, and taken
over, does not push when it wakes. What is later was not sent."""

STORED_BEFORE: Final = frozenset({EvidenceKind.READ_BACK, EvidenceKind.NAMED_PERSON})
"""Evidence that is found out, or given, before anything is decided. Its row permits this one attempt; what
was not sent gives it back."""

ABANDONED: Final = "the process that sent it ended before it learnt the answer"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back of a push: the record as the hub answered, or the error; neither when nobody knows."""

    outcome: Outcome
    told: SyncedRecord | None = None
    error: HubError | None = None
    text: str | None = None
    mistake: Exception | None = None
    """Of our own: the outcome is written first, then the run stops on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Pushes made under one claim."""

    work: Work
    hub: Hub
    replica_id: str
    policy: Policy

    async def push(
        self,
        record: Record,
        decision: Decision,
        permit: Evidence | None = None,
        wish: Wish | None = None,
    ) -> Outcome | None:
        """Push a record once, as decided; None when it was not the record decided on any more.

        `permit` is evidence that was stored before; what follows from the record itself is stored with the
        intent. `wish` is the planned retry whose turn it is: cancelled meanwhile, nothing is sent.
        """
        began_at = elapsed.seconds()
        key = await self._intend(record, decision, permit, wish)
        if key is None:
            return None
        with tracing.span("push", trigger=decision.trigger, evidence=decision.evidence) as traced:
            answer = await _send(self.hub, record, began_at + LEAVES_WITHIN_SECONDS - elapsed.seconds())
            await self._conclude(key, record, answer, wish)
            traced.note(outcome=answer.outcome.value)
        metrics.PUSHES.labels(outcome=answer.outcome).inc()
        log.info(
            "push_attempted",
            record_id=str(record.record_id),
            attempt=key.number,
            trigger=decision.trigger,
            evidence=decision.evidence,
            cause=record.cause,
            outcome=answer.outcome,
            http_status=answer.error.http_status if answer.error else None,
            error=answer.text,
        )
        if answer.mistake is not None:
            raise answer.mistake
        return answer.outcome

    async def _intend(
        self, record: Record, decision: Decision, permit: Evidence | None, wish: Wish | None
    ) -> AttemptKey | None:
        assert decision.evidence is not None, "a push without evidence"
        assert decision.trigger is not None, "a push without a trigger"
        assert decision.attempt_number is not None, "a push without a number"
        key = AttemptKey(record_id=record.record_id, episode=record.episode, number=decision.attempt_number)
        is_stored = decision.evidence in STORED_BEFORE
        assert is_stored == (permit is not None), f"{decision.evidence} is evidence of another making"
        evidence = StoredEvidence(
            evidence_id=(permit and permit.evidence_id) or uuid4(),
            record_id=record.record_id,
            kind=decision.evidence,
            detail={**of_record(record), "decision": decision.reason, **_of_wish(wish)},
        )
        async with self.work.writing() as connection:
            await ensure_durable(connection)
            locked = await _locked(connection, record.organization_id, record.record_id)
            if locked is None or locked.version != record.version:
                return None
            siblings = await list_siblings(connection, record.organization_id, [locked])
            if unseen(holds(locked, siblings.get(locked.record_id, ())), permit):
                # Another record of its object has moved since: the next run says what follows from that.
                return None
            if wish and not await take_retry_item(connection, record.organization_id, wish, key):
                return None
            if not is_stored:
                await insert_evidence(connection, record.organization_id, evidence)
            is_first = await insert_attempt(
                connection,
                record.organization_id,
                key,
                evidence_id=evidence.evidence_id,
                trigger=decision.trigger,
                fence=self.work.claim.fence,
                replica_id=self.replica_id,
                record_updated_at=record.updated_at,
            )
            assert is_first, f"attempt {key} was written by somebody who did not hold the claim"
        return key

    async def _conclude(self, key: AttemptKey, record: Record, answer: Answer, wish: Wish | None) -> None:
        async with self.work.writing() as connection:
            await ensure_durable(connection)
            # First of all, like everybody who writes about a record: whoever comes second waits here.
            locked = await _locked(connection, record.organization_id, record.record_id)
            await insert_attempt_outcome(
                connection,
                record.organization_id,
                key,
                answer.outcome,
                http_status=answer.error.http_status if answer.error else None,
                error=answer.text,
                told_at=answer.told.updated_at if answer.told else None,
            )
            if answer.outcome is Outcome.NOT_SENT:
                await return_evidence(connection, record.organization_id, key)
                if wish:
                    await return_retry_item(connection, record.organization_id, wish)
            change = locked and _change(locked, record, answer, self.work.now, self.policy)
            if change:
                await write_records(connection, [change])


async def abandoned(connection: Connection, work: Work, key: AttemptKey, policy: Policy) -> None:
    """Write down that nobody knows what became of an attempt of a process that is gone."""
    await insert_attempt_outcome(connection, work.organization_id, key, Outcome.UNCERTAIN, error=ABANDONED)
    record = await _locked(connection, work.organization_id, key.record_id)
    if record is not None and record.has_failed and record.episode == key.episode:
        await write_records(connection, [Change(before=record, after=push_unknown(record, work.now, policy))])


async def _send(hub: Hub, record: Record, within_seconds: float) -> Answer:
    """Send it; whatever is not surely refused or not sent is uncertain, our own mistakes included."""
    try:
        told = await hub.push(record.organization_id, record.record_id, within_seconds=within_seconds)
    except HubError as error:
        outcome = outcome_of(error.fate, error.http_status)
        return Answer(outcome=outcome, error=error, text=str(error))
    except Exception as error:  # noqa: BLE001 - the bytes may have left, and that must be written first
        return Answer(outcome=Outcome.UNCERTAIN, text=repr(error), mistake=error)
    return Answer(outcome=Outcome.ACCEPTED, told=told)


def _change(locked: Record, decided: Record, answer: Answer, now: datetime, policy: Policy) -> Change | None:
    """What an answer makes of the record; None when it makes nothing of it."""
    if answer.outcome is Outcome.NOT_SENT:
        return None
    is_same = locked.has_failed and locked.updated_at == decided.updated_at
    after = locked
    if is_same:
        match answer.outcome:
            case Outcome.ACCEPTED:
                after = pushed(locked, now, policy)
            case Outcome.REFUSED:
                after = push_refused(locked, now, policy)
            case _:
                after = push_unknown(locked, now, policy)
    told = answer.told
    observed = observe(after, seen(decided.organization_id, told), now, policy) if told else after
    if told is not None and observed is not after:
        return Change(
            before=locked, after=observed, payload=told.payload, content_hash=content_hash(told.payload)
        )
    return Change(before=locked, after=after) if after is not locked else None


def _of_wish(wish: Wish | None) -> Mapping[str, Any]:
    """The planned retry that evidence is used for, and whose it is."""
    return {"retry_id": wish.retry_id, "person": wish.wished_by} if wish else {}


async def _locked(connection: Connection, organization_id: UUID, record_id: UUID) -> Record | None:
    return (await lock_records(connection, organization_id, [record_id])).get(record_id)
