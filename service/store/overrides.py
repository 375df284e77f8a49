"""A person's word about one record, written down: evidence with who said so and why, kept for ever."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from service.domain.fleet import WorkKind
from service.domain.pushing.override import Override, Word, refusal, set_aside
from service.domain.pushing.policy import Policy
from service.errors import TieoutError
from service.store.database import Connection
from service.store.durability import ensure_durable
from service.store.pushes import StoredEvidence, insert_evidence
from service.store.records import Change, lock_records, mark_records_looked_at, write_records
from service.store.retry_candidates import list_candidates
from service.store.work import get_now, nudge_work

REASON_CHARACTERS_MAX: Final = 1000
"""A sentence or two; it is shown wherever the attempt is."""


class OverrideRefused(TieoutError):  # noqa: N818 - names what is the case
    """The word cannot be given; the message says why and what can be done."""


async def insert_override(
    connection: Connection, organization_id: UUID, record_id: UUID, override: Override, policy: Policy
) -> UUID | None:
    """Write a person's word about a failed record down, and let it count; returns the evidence's id.

    None when there is no such record here; raises `OverrideRefused` when the word cannot be given.
    """
    assert override.person.strip(), "a person has a name"
    assert override.reason.strip(), "a word without a reason is none"
    record = (await lock_records(connection, organization_id, [record_id])).get(record_id)
    if record is None:
        return None
    now = await get_now(connection)
    [known] = await list_candidates(connection, [record])
    refused = refusal(
        override,
        record,
        known.attempts,
        known.evidence,
        known.standing,
        siblings=known.siblings,
        now=now,
    )
    if refused is not None:
        raise OverrideRefused(refused)
    evidence = StoredEvidence(
        evidence_id=uuid4(),
        record_id=record_id,
        kind=override.word.evidence,
        detail={
            "decision": override.word,
            "person": override.person,
            "reason": override.reason[:REASON_CHARACTERS_MAX],
            "despite": sorted(override.despite),
            "cause": record.cause,
            "rule": record.cause_rule,
            "error": record.cause_text,
            "record_updated_at": record.updated_at,
            "state": record.state,
            "version": record.version,
        },
    )
    await ensure_durable(connection)
    await insert_evidence(connection, organization_id, evidence)
    if override.word is Word.PUSH:
        await mark_records_looked_at(connection, organization_id, {record_id: (record.version, now)})
        await nudge_work(connection, [organization_id], WorkKind.PUSH, now)
    else:
        # A new version: whoever has just decided to send it finds that it is not the same any more.
        after = set_aside(record, override, now, policy)
        await write_records(connection, [Change(before=record, after=after)])
    return evidence.evidence_id
