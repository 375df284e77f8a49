"""What the gate needs to know about records that an operator wants sent, by organization."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from service.domain.document import Document
from service.domain.pushing.retry_plan import Candidate
from service.domain.pushing.sibling import attempts_of_object
from service.domain.record import LISTED_TYPES, Record
from service.store.connections import get_current_connection
from service.store.database import Connection
from service.store.documents import list_document_needs
from service.store.pushed import attempt_of, evidence_of
from service.store.pushes import list_attempts, list_open_evidence
from service.store.siblings import list_siblings
from service.store.standing import list_standing


async def list_candidates(connection: Connection, records: Sequence[Record]) -> Sequence[Candidate]:
    """Gather it for records of any organizations, in their order."""
    by_organization: defaultdict[UUID, list[Record]] = defaultdict(list)
    for record in records:
        by_organization[record.organization_id].append(record)
    found: dict[UUID, Candidate] = {}
    for organization_id, mine in by_organization.items():
        for candidate in await _of_organization(connection, organization_id, mine):
            found[candidate.record.record_id] = candidate
    return [found[record.record_id] for record in records]


async def list_standing_of(
    connection: Connection, organization_id: UUID, records: Sequence[Record]
) -> Mapping[UUID, Sequence[Document]]:
    """What stands in the books already under the numbers of these records' documents, by record."""
    listed = {record.record_id: record for record in records if record.object_type in LISTED_TYPES}
    object_ids = [str(record.object_id) for record in listed.values() if record.object_id]
    if not object_ids:
        return {}
    documents = await list_document_needs(connection, organization_id, object_ids)
    local = {
        key: documents[str(record.object_id)]
        for key, record in listed.items()
        if str(record.object_id) in documents
    }
    return await list_standing(connection, organization_id, local)


async def _of_organization(
    connection: Connection, organization_id: UUID, records: Sequence[Record]
) -> Sequence[Candidate]:
    failed = [record for record in records if record.has_failed]
    ids = [record.record_id for record in failed]
    link = await get_current_connection(connection, organization_id)
    attempts = await list_attempts(connection, organization_id, ids)
    evidence = await list_open_evidence(connection, organization_id, ids)
    siblings = await list_siblings(connection, organization_id, failed)
    standing = await list_standing_of(connection, organization_id, failed)
    return [
        Candidate(
            record=record,
            attempts=attempts_of_object(
                record,
                [attempt_of(each) for each in attempts.get(record.record_id, ())],
                siblings.get(record.record_id, ()),
            ),
            evidence=[evidence_of(each) for each in evidence.get(record.record_id, ())],
            connection_status=link.status if link else None,
            standing=standing.get(record.record_id, ()),
            siblings=siblings.get(record.record_id, ()),
        )
        for record in records
    ]
