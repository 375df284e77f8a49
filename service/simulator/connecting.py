"""Connecting an organization to its books: ask, authorise, lose consent, end.

An organization keeps one set of books for life here; connecting again finds them as they are. Documents
issued while no connection is there never get a synced record.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from service.simulator import pulling
from service.simulator.connections import Connection, Platform, Status

if TYPE_CHECKING:
    from service.simulator.organization import Organization
    from service.simulator.world import World


class AlreadyConnected(Exception):  # noqa: N818 - names what is the case
    """One active connection per organization."""


def request(world: World, organization: Organization, at: datetime) -> Connection:
    """Make a connection that waits for its user to authorise it."""
    present = organization.connection
    if present is not None and present.status is not Status.DISCONNECTED:
        raise AlreadyConnected(present.id)
    url = f"https://sites.railz.ai/ste-{world.chance.uuid()}"
    connection = Connection(world.chance.uuid(), at, at, at, url)
    organization.connections.append(connection)
    _tell(world, organization, connection, at)
    return connection


def authorize(
    world: World, organization: Organization, at: datetime, platform: Platform | None = None
) -> Connection:
    """Let the user consent: the connection works, a first pull starts, the hourly rhythm begins."""
    connection = _present(organization)
    if platform is not None:
        organization.books.platform = platform
    connection.platform = organization.books.platform
    connection.move(Status.CONNECTED, at)
    pulling.request(world, organization, connection, at)
    pulling.schedule(world, organization, at + timedelta(seconds=world.pull_seconds))
    _tell(world, organization, connection, at)
    return connection


def deauthorize(world: World, organization: Organization, at: datetime) -> Connection:
    """Withdraw consent on the platform's side: pushes fail, pulls stop, the old data stays readable."""
    connection = _present(organization)
    connection.move(Status.DEAUTHORIZED, at)
    _tell(world, organization, connection, at)
    return connection


def disconnect(world: World, organization: Organization, connection: Connection, at: datetime) -> Connection:
    """End a connection for good."""
    connection.move(Status.DISCONNECTED, at)
    _tell(world, organization, connection, at)
    return connection


def _present(organization: Organization) -> Connection:
    if organization.connection is None:
        raise ValueError(f"organization {organization.id} has no connection")
    return organization.connection


def _tell(world: World, organization: Organization, connection: Connection, at: datetime) -> None:
    world.tell(organization, "accounting_connection", connection.status.value, connection.id, at)
