"""The last question before a push: what the hub tells of this very record now.

What our reading knows of a record may be minutes old. The hub, or somebody there, may have tried it since,
and their try and ours would be two documents. Only asking tells, so each push costs a second call of the
budget. A newer version is not written here: it is read in its stream, with all that follows from it. What is
told of the very version that we know, as an id in the books that its list leaves out, is written: no list may
ever tell it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

import structlog

from service.domain.pushing.policy import Policy
from service.domain.record import Record
from service.domain.record_observed import observe
from service.errors import HubError, HubFailure
from service.hub.budget import Priority
from service.hub.client import Hub
from service.hub.payloads import SyncedRecord
from service.store.records import Change, lock_records, write_records
from service.store.rows import content_hash
from service.workers.reading_records import seen
from service.workers.work import Work

UNTOLD_MAX: Final = 3
"""Records that the hub does not tell of in a run; beyond it is the hub that is in trouble, not they."""

UNTOLD_REMEMBERED_MAX: Final = 10_000
"""Records remembered as untold, a megabyte; then all are asked for in their turn again."""

SILENCE: Final = frozenset({HubFailure.UNREACHABLE, HubFailure.UNAUTHORIZED, HubFailure.THROTTLED})
"""Failures that every other call would meet as well."""

log = structlog.get_logger()


class Told(Enum):
    """What the hub tells of a record that is about to be pushed."""

    SAME = auto()
    """Nothing newer than what was decided on. So it is where it has no such record: the push is told that."""
    NEWER = auto()
    UNTOLD = auto()
    """Nothing about this one; it does not keep others from being pushed."""
    SILENCE = auto()
    """Nothing about any."""


async def told_of(hub: Hub, work: Work, record: Record, policy: Policy) -> Told:
    """Ask the hub for a record that a push was decided on."""
    try:
        row = await hub.record(record.organization_id, record.record_id, priority=Priority.PUSH)
    except HubError as error:
        if error.is_missing:
            return Told.SAME
        log.warning("record_untold", record_id=str(record.record_id), reason=str(error))
        return Told.SILENCE if error.failure in SILENCE else Told.UNTOLD
    told = seen(record.organization_id, row)
    if observe(record, told, work.now, policy) is record:
        return Told.SAME
    if row.updated_at == record.updated_at:
        await _write(work, row, policy)
    return Told.NEWER


async def _write(work: Work, row: SyncedRecord, policy: Policy) -> None:
    async with work.writing() as connection:
        locked = (await lock_records(connection, work.organization_id, [row.id])).get(row.id)
        after = locked and observe(locked, seen(work.organization_id, row), work.now, policy)
        if after is not None and after is not locked:
            change = Change(
                before=locked, after=after, payload=row.payload, content_hash=content_hash(row.payload)
            )
            await write_records(connection, [change])
