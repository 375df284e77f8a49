"""A person's word about one record: send it once more, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from service.domain.pushing.override import Override, Word
from service.domain.pushing.policy import Policy
from service.settings import Settings
from service.store.database import Connection
from service.store.overrides import REASON_CHARACTERS_MAX, OverrideRefused, insert_override
from service.store.records import get_record
from service.web.api import records
from service.web.problems import Fault, Refused, malformed, not_found
from service.web.route import Asked

REASON_CHARACTERS_MIN: Final = 3
DESPITE_MAX: Final = 20
"""More documents of one number than that nobody has looked at."""
ID_CHARACTERS_MAX: Final = 200


class Decision(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The word and why.

    `despite` names documents of the books under its number that it is not, and other records of the same
    object that are in its way.
    """

    decision: Word
    reason: str
    despite: Sequence[str] = ()


async def decide(asked: Asked) -> records.Story:
    """Write the caller's word down, and answer the record with it."""
    said: Decision = asked.body
    async with asked.rows(readonly=False) as connection:
        await write(connection, asked.path["record_id"], said, asked.who.name, asked.service.settings)
    return await records.get_one(asked)


async def write(
    connection: Connection, record_id: UUID, said: Decision, person: str, settings: Settings
) -> None:
    """Write a person's word down, or refuse."""
    override = _override(said, person)
    record = await get_record(connection, record_id)
    if record is None:
        raise not_found("record")
    try:
        await insert_override(connection, record.organization_id, record_id, override, Policy.of(settings))
    except OverrideRefused as refused:
        raise Refused(409, str(refused)) from None


def _override(said: Decision, person: str) -> Override:
    reason = " ".join(said.reason.split())
    faults = []
    if not REASON_CHARACTERS_MIN <= len(reason) <= REASON_CHARACTERS_MAX:
        bounds = f"{REASON_CHARACTERS_MIN} to {REASON_CHARACTERS_MAX:,}"
        faults.append(Fault(name="reason", detail=f"must say why, in {bounds} characters"))
    if len(said.despite) > DESPITE_MAX or any(len(each) > ID_CHARACTERS_MAX for each in said.despite):
        detail = f"must be up to {DESPITE_MAX} ids of the books or of records"
        faults.append(Fault(name="despite", detail=detail))
    if faults:
        raise malformed(*faults)
    return Override(word=said.decision, person=person, reason=reason, despite=frozenset(said.despite))
