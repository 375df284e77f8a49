"""Accounting connections: list, connect, read, disconnect, synchronise now."""

from __future__ import annotations

from service.simulator import connecting, pulling
from service.simulator.calls import Answer, Call
from service.simulator.connections import Connection, Status
from service.simulator.payloads.accounting import connection_payload
from service.simulator.problems import conflict, not_found


def list_connections(call: Call) -> Answer:
    """Answer `GET /accounting-connections`, which has no pages."""
    connections = call.organization.connections
    if not call.world.behaviour.lists_old_connections:
        connections = [entry for entry in connections if entry.status is not Status.DISCONNECTED]
    return Answer(200, {"data": [connection_payload(call.organization, entry) for entry in connections]})


def create_connection(call: Call) -> Answer:
    """Answer `POST /accounting-connections`."""
    try:
        connection = connecting.request(call.world, call.organization, call.now)
    except connecting.AlreadyConnected:
        raise conflict("The entity already has an accounting connection.") from None
    return Answer(201, connection_payload(call.organization, connection))


def get_connection(call: Call) -> Answer:
    """Answer `GET /accounting-connections/{connection_id}`."""
    return Answer(200, connection_payload(call.organization, _named(call)))


def disconnect(call: Call) -> Answer:
    """Answer `POST /accounting-connections/{connection_id}/disconnect`; again changes nothing."""
    connection = _named(call)
    if connection.status is not Status.DISCONNECTED:
        connecting.disconnect(call.world, call.organization, connection, call.now)
    return Answer(200, connection_payload(call.organization, connection))


def synchronise(call: Call) -> Answer:
    """Answer `POST /accounting-connections/{connection_id}/sync`; the pull follows."""
    connection = _named(call)
    if connection.status is not Status.CONNECTED:
        raise conflict(f"The accounting connection is {connection.status.value}.")
    pulling.request(call.world, call.organization, connection, call.now)
    return Answer(202, {"message": "Started connection data sync."})


def _named(call: Call) -> Connection:
    connection_id = call.id("connection_id")
    for connection in call.organization.connections:
        if connection.id == connection_id:
            return connection
    raise not_found("Accounting connection", connection_id)
