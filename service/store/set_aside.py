"""Which failing records a person has set aside, kept while it comes about: nobody looks for it when asked.

It follows from the words about a record, what was tried since and how the record fails, as
`domain.pushing.attempt.speaking` says. So whoever writes one of these has it looked at again in the same
transaction; what an older release wrote beside this one is made good once an hour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from service.domain.pushing.attempt import EvidenceKind
from service.domain.record import Record
from service.store.database import Connection
from service.store.queries import QUERY

WORDS: Final = frozenset({EvidenceKind.SET_ASIDE, EvidenceKind.NAMED_PERSON})
"""What a person says about a record; the later word counts."""


async def keep_set_aside(connection: Connection, organization_id: UUID, record_ids: Collection[UUID]) -> None:
    """Look again whether records are set aside, of which something was written that bears on it."""
    if record_ids:
        await connection.execute(QUERY["keep_set_aside"], organization_id, list(record_ids))


async def keep_set_aside_changed(
    connection: Connection, organization_id: UUID, changes: Iterable[tuple[Record | None, Record]]
) -> None:
    """The same for records that were written, each as it was, if it was, and as it is.

    About one that was not there nobody has said anything.
    """
    changed = [
        after.record_id
        for before, after in changes
        if before is not None and _failure(before) != _failure(after)
    ]
    await keep_set_aside(connection, organization_id, changed)


async def correct_set_aside(connection: Connection) -> int:
    """Bring what is kept to what all words say; returns how many records were off."""
    return len(await connection.fetch(QUERY["correct_set_aside"]))


async def count_set_aside(
    connection: Connection, organization_id: UUID | None
) -> Mapping[tuple[str, str | None], int]:
    """How many records fail that a person has set aside, by cause and wording; None counts the fleet."""
    if organization_id is None:
        rows = await connection.fetch(QUERY["sum_fleet_set_aside"])
    else:
        rows = await connection.fetch(QUERY["count_set_aside"], organization_id)
    return {(row["cause"], row["cause_group"]): row["records"] for row in rows}


def _failure(record: Record) -> tuple[Any, ...] | None:
    """How it fails, as far as a word may be about another failure or be outdated by it."""
    if not record.has_failed:
        return None
    failed_at = record.first_failed_at or record.updated_at
    return record.cause, record.cause_group, record.episode, failed_at, record.doubted_at
