"""An organization as its reading needs it: where its streams stand, and how often they are worth reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from service.domain.cadence.bound import AWAITED_MAX, UNSERVED, OrganizationFacts, StreamFacts, cure_streams
from service.domain.cadence.pulled import pulled_at
from service.domain.cadence.stream import RECORD_STREAMS, STREAMS, Stream
from service.domain.record_state import State
from service.store.awaited import list_awaited
from service.store.connections import KnownConnection, get_current_connection
from service.store.database import Connection
from service.store.organizations import list_organization_hashes
from service.store.records import OpenRecords, count_open_records
from service.store.streams import ensure_streams, list_next_targets, list_streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One organization; `is_listed` is false when the hub does not list it, or not any more."""

    is_listed: bool
    streams: Mapping[Stream, StreamFacts]
    facts: OrganizationFacts
    next_targets: Mapping[str, datetime]


async def load_watched(connection: Connection, organization_id: UUID) -> Watched:
    """Load what is known; streams that are missing are made."""
    listed = (await list_organization_hashes(connection, [organization_id])).get(organization_id)
    streams = await list_streams(connection, organization_id)
    if len(streams) < len(STREAMS):
        await ensure_streams(connection, [organization_id])
        streams = await list_streams(connection, organization_id)
    awaited = await list_awaited(connection, organization_id, AWAITED_MAX)
    streams = {stream: replace(facts, awaited=awaited.get(stream, ())) for stream, facts in streams.items()}
    current = await get_current_connection(connection, organization_id)
    waiting = await count_open_records(connection, organization_id)
    return Watched(
        is_listed=listed is not None and listed["removed_at"] is None,
        streams=streams,
        facts=facts_from(current, streams, waiting),
        next_targets=await list_next_targets(connection, organization_id),
    )


def facts_from(
    current: KnownConnection | None,
    streams: Mapping[Stream, StreamFacts],
    waiting: Sequence[OpenRecords],
) -> OrganizationFacts:
    """What bears on how often an organization is read."""
    pending_since: dict[Stream, datetime] = {}
    cures: set[Stream] = set()
    for each in waiting:
        stream = RECORD_STREAMS.get(each.object_type)
        if each.state is State.WAITING and stream is not None:
            pending_since[stream] = each.newest_at
        elif each.state is State.BLOCKED and each.cause is not None:
            cures.update(cure_streams(each.cause, each.object_type))
    changes = [
        streams[stream].cursor_at
        for stream in RECORD_STREAMS.values()
        if stream in streams and streams[stream].cursor_at is not None
    ]
    return OrganizationFacts(
        has_connection=current is not None,
        is_connected=current is not None and current.is_connected,
        last_pull=pulled_at(current.last_pull, current.hub_created_at) if current is not None else None,
        changed_at=max((at for at in changes if at is not None), default=None),
        changes_per_second=sum(facts.changes_per_second for facts in streams.values()),
        is_logged=Stream.EVENTS in streams and streams[Stream.EVENTS].error != UNSERVED,
        pending_since=pending_since,
        cures=frozenset(cures),
    )
