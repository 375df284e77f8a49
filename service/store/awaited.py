"""Results of pushes that events have announced, until a record tells them or they are given up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from service.domain.cadence.stream import STREAMS, Stream
from service.store.database import Connection
from service.store.queries import QUERY


async def insert_awaited(
    connection: Connection, organization_id: UUID, awaited: Iterable[tuple[Stream, str, datetime]]
) -> None:
    """Await results: of each stream and object, since a time."""
    streams, object_ids, since = zip(*awaited, strict=True)
    await connection.execute(QUERY["insert_awaited"], organization_id, streams, object_ids, since)


async def list_awaited(
    connection: Connection, organization_id: UUID, limit: int
) -> Mapping[Stream, Sequence[datetime]]:
    """Since when results are awaited, of each stream the youngest."""
    known = frozenset(STREAMS)
    since: dict[Stream, list[datetime]] = defaultdict(list)
    for row in await connection.fetch(QUERY["list_awaited"], organization_id, limit):
        if row["stream"] in known:
            since[Stream(row["stream"])].append(row["since"])
    return since


async def delete_answered(
    connection: Connection, organization_id: UUID, stream: Stream, ended: Sequence[tuple[str, datetime]]
) -> Sequence[float]:
    """Forget what these records, which ended then, have answered; returns the seconds that each took."""
    object_ids, updated_ats = [each for each, _ in ended], [at for _, at in ended]
    rows = await connection.fetch(QUERY["delete_answered"], organization_id, stream, object_ids, updated_ats)
    return [row["seconds"] for row in rows]


async def delete_given_up(
    connection: Connection, organization_id: UUID, stream: Stream, since: datetime
) -> int:
    """Forget what has been awaited since before; returns how many that were."""
    return len(await connection.fetch(QUERY["delete_given_up"], organization_id, stream, since))
