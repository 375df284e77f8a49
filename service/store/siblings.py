"""The other records of the objects that some records are of, with what was tried and found out of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from service.domain.pushing.sibling import Sibling
from service.domain.record import Record
from service.store.database import Connection
from service.store.pushed import attempt_of, evidence_of
from service.store.pushes import list_attempts, list_open_evidence
from service.store.queries import QUERY
from service.store.records import record_of


async def list_siblings(
    connection: Connection, organization_id: UUID, records: Collection[Record]
) -> Mapping[UUID, Sequence[Sibling]]:
    """The siblings by record; whatever is alone is not in it: nearly all, where the hub keeps one of each."""
    ids = [each.record_id for each in records if each.object_id]
    rows = await connection.fetch(QUERY["list_sibling_records"], organization_id, ids) if ids else ()
    if not rows:
        return {}
    others = {row["record_id"]: record_of(row) for row in rows}
    attempts = await list_attempts(connection, organization_id, list(others))
    evidence = await list_open_evidence(connection, organization_id, list(others))
    siblings = {
        key: Sibling(
            record=other,
            attempts=[attempt_of(each) for each in attempts.get(key, ())],
            evidence=[evidence_of(each) for each in evidence.get(key, ())],
        )
        for key, other in others.items()
    }
    found: defaultdict[UUID, list[Sibling]] = defaultdict(list)
    for row in rows:
        found[row["of_record_id"]].append(siblings[row["record_id"]])
    return dict(found)
