"""Where the reading of each stream of an organization stands, and single objects that are wanted before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.cadence.bound import StreamFacts
from service.domain.cadence.stream import STREAMS, Stream
from service.store.database import Connection
from service.store.queries import QUERY

ERROR_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One object to be read alone; `wishes` tells whether somebody wished again since it was listed."""

    object_id: str
    wanted_at: datetime
    wishes: int


async def ensure_streams(connection: Connection, organization_ids: Sequence[UUID]) -> None:
    """Make the streams that are missing, due at once."""
    if await connection.fetch(QUERY["ensure_streams"], organization_ids, STREAMS):
        await connection.execute(QUERY["mark_standings_swept"], organization_ids)


async def list_streams(connection: Connection, organization_id: UUID) -> Mapping[Stream, StreamFacts]:
    """Where every stream stands; those that only another release knows are left out."""
    rows = await connection.fetch(QUERY["list_streams"], organization_id)
    known = frozenset(STREAMS)
    return {
        Stream(row["stream"]): StreamFacts(
            stream=Stream(row["stream"]),
            due_at=row["due_at"],
            cursor_at=row["cursor_at"],
            read_at=row["read_at"],
            full_at=row["full_at"],
            bound_at=row["bound_at"],
            failures=row["failures"],
            wanted_at=row["wanted_at"],
            error=row["error"],
            calls=row["calls"],
            changes_per_second=row["changes_per_second"],
        )
        for row in rows
        if row["stream"] in known
    }


async def upsert_stream(
    connection: Connection,
    organization_id: UUID,
    facts: StreamFacts,
    began_at: datetime,
    demand_seconds: float | None = None,
) -> None:
    """Write what came of a reading that began at `began_at`, and how often it asks for another."""
    await connection.execute(
        QUERY["upsert_stream"],
        organization_id,
        facts.stream,
        facts.due_at,
        facts.cursor_at,
        facts.read_at,
        facts.full_at,
        facts.failures,
        facts.error and facts.error[:ERROR_CHARACTERS_MAX],
        began_at,
        facts.bound_at,
        demand_seconds,
        facts.calls,
        facts.changes_per_second,
    )
    if facts.full_at == began_at:
        await connection.execute(QUERY["mark_standings_swept"], [organization_id])


async def mark_streams_due(
    connection: Connection,
    organization_id: UUID,
    due_at_by_stream: Mapping[Stream, datetime],
    seen: Mapping[Stream, StreamFacts],
) -> None:
    """Move streams that stand where they were seen."""
    await connection.execute(
        QUERY["mark_streams_due"],
        organization_id,
        list(due_at_by_stream),
        list(due_at_by_stream.values()),
        [seen[stream].due_at for stream in due_at_by_stream],
    )


async def nudge_streams(
    connection: Connection, organization_id: UUID, wishes: Iterable[tuple[Stream, datetime]]
) -> None:
    """Wish for streams no later than the times given; several wishes for one stream all count."""
    pairs = list(wishes)
    await connection.execute(
        QUERY["nudge_streams"], organization_id, [stream for stream, _ in pairs], [at for _, at in pairs]
    )


async def restart_streams(connection: Connection, organization_ids: Sequence[UUID]) -> None:
    """Make what a backfill of these organizations has yet to read due at once, and in full."""
    await connection.execute(QUERY["restart_streams"], organization_ids)
    await connection.execute(QUERY["mark_standings_swept"], organization_ids)


async def insert_targets(
    connection: Connection, organization_id: UUID, targets: Iterable[tuple[Stream, str, datetime]]
) -> None:
    """Wish for single objects, each of a stream, at a time."""
    streams, object_ids, wanted_ats = zip(*targets, strict=True)
    await connection.execute(QUERY["insert_targets"], organization_id, streams, object_ids, wanted_ats)


async def list_targets(
    connection: Connection, organization_id: UUID, stream: Stream, now: datetime, limit: int
) -> Sequence[Target]:
    """Objects of a stream that are wanted by now."""
    rows = await connection.fetch(QUERY["list_targets"], organization_id, stream, now, limit)
    return [Target(**row) for row in rows]


async def list_next_targets(connection: Connection, organization_id: UUID) -> Mapping[str, datetime]:
    """When the next object of each stream is wanted."""
    rows = await connection.fetch(QUERY["list_next_targets"], organization_id)
    return {row["stream"]: row["wanted_at"] for row in rows}


async def delete_targets(
    connection: Connection, organization_id: UUID, stream: Stream, targets: Collection[Target]
) -> None:
    """Forget those that were read, unless somebody wished again meanwhile."""
    await connection.execute(
        QUERY["delete_targets"],
        organization_id,
        stream,
        [target.object_id for target in targets],
        [target.wishes for target in targets],
    )


async def delete_targets_before(
    connection: Connection, organization_id: UUID, stream: Stream, began_at: datetime
) -> None:
    """Forget those that a whole list, begun at that time, has answered."""
    await connection.execute(QUERY["delete_targets_before"], organization_id, stream, began_at)


async def mark_targets_wanted(
    connection: Connection,
    organization_id: UUID,
    stream: Stream,
    targets: Collection[Target],
    wanted_at: datetime,
) -> None:
    """Put off what could not be read."""
    await connection.execute(
        QUERY["mark_targets_wanted"],
        organization_id,
        stream,
        [target.object_id for target in targets],
        wanted_at,
    )
