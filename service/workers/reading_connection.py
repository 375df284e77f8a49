"""Reading the connection of an organization: it tells whether anything else is worth reading.

An answer without any, where there was one, is asked for again: while none is there, nothing is pushed and
little is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from service.domain.fleet import WorkKind
from service.hub.payloads import Connection
from service.store.connections import SeenConnection, write_connections
from service.workers.reading import Reading, Readout, nudge


async def read_connection(reading: Reading) -> Readout:
    """Read every connection of the organization, ended ones too; one that is no longer listed is gone."""
    readout = Readout(is_full=True)
    told = await reading.hub.connections(reading.organization_id)
    if not told and reading.organization.has_connection:
        told = await reading.hub.connections(reading.organization_id)
    reading.visit.connection = active(told)
    async with reading.work.writing() as connection:
        changed = await write_connections(connection, reading.organization_id, [seen(each) for each in told])
        if changed:
            await nudge(connection, reading, WorkKind.PUSH)
    readout.counts["connections_changed"] = changed
    return readout


def active(connections: Sequence[Connection]) -> Connection | None:
    """The one connection through which data flows; None without one, or with more than one."""
    connected = [each for each in connections if each.is_connected]
    return connected[0] if len(connected) == 1 else None


def seen(told: Connection) -> SeenConnection:
    """A connection of the hub, as it is kept."""
    return SeenConnection(
        connection_id=told.id,
        status=told.status,
        platform=told.platform,
        last_pull=told.last_pull,
        connection_url=told.connection_url,
        errors=told.errors,
        hub_created_at=told.created_at,
        hub_updated_at=told.updated_at,
        payload=told.payload,
    )
