"""A person's word that one record be sent again, whatever the books prove or do not prove.

It is evidence like any other: one row, with who said so and why, that permits one attempt; kept for ever. It
speaks for the present failure only, and does not reach an attempt that is still on its way.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from service.domain.fleet import WorkKind
from service.domain.push_attempt import EvidenceKind
from service.store.database import Connection
from service.store.pushes import StoredEvidence, insert_evidence
from service.store.records import lock_records, mark_records_looked_at
from service.store.work import get_now, nudge_work

REASON_CHARACTERS_MAX: Final = 1000
"""A sentence or two; it is shown wherever the attempt is."""


async def insert_override(
    connection: Connection, organization_id: UUID, record_id: UUID, *, person: str, reason: str
) -> UUID | None:
    """Write down that a person wants a failed record sent again, and make it due; returns the evidence's id.

    None when there is no such record here, or it has not failed.
    """
    assert person.strip(), "a person has a name"
    assert reason.strip(), "a word without a reason is none"
    record = (await lock_records(connection, organization_id, [record_id])).get(record_id)
    if record is None or not record.has_failed:
        return None
    evidence = StoredEvidence(
        evidence_id=uuid4(),
        record_id=record_id,
        kind=EvidenceKind.NAMED_PERSON,
        detail={
            "person": person,
            "reason": reason[:REASON_CHARACTERS_MAX],
            "cause": record.cause,
            "rule": record.cause_rule,
            "error": record.cause_text,
            "record_updated_at": record.updated_at,
            "state": record.state,
            "version": record.version,
        },
    )
    await insert_evidence(connection, organization_id, evidence)
    now = await get_now(connection)
    await mark_records_looked_at(connection, organization_id, {record_id: (record.version, now)})
    await nudge_work(connection, [organization_id], WorkKind.PUSH, now)
    return evidence.evidence_id
