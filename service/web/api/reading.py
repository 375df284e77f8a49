"""Where the reading of an organization stands: each list of the hub, and by when it is read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.cadence.due import due_at
from service.domain.cadence.stream import STREAMS
from service.store.database import Connection
from service.store.streams import list_streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Where the reading of one list of the hub stands.

    `bound_at` is by when it was stated, at the last reading, that the next would come; `error` is why the
    last try failed.
    """

    stream: str
    read_at: datetime | None
    due_at: datetime
    bound_at: datetime | None
    error: str | None


async def load_reading(connection: Connection, organization_id: UUID) -> Sequence[Reading]:
    """Where each list stands, in the order in which they are read."""
    facts = await list_streams(connection, organization_id)
    return [
        Reading(
            stream=stream,
            read_at=facts[stream].read_at,
            due_at=due_at(facts[stream]),
            bound_at=facts[stream].bound_at,
            error=facts[stream].error if facts[stream].failures else None,
        )
        for stream in STREAMS
        if stream in facts
    ]
