"""Events, as `GET /events` lists them and as webhooks carry them, and the object that they speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.simulator.payloads.accounting import connection_payload
from service.simulator.payloads.parties import counterpart_payload, organization_payload, product_payload
from service.simulator.payloads.payables import payable
from service.simulator.payloads.receivables import receivable

if TYPE_CHECKING:
    from service.simulator.webhooks import Event
    from service.simulator.world import World

Payload = dict[str, Any]


def event_payload(world: World, event: Event, api_version: str) -> Payload:
    """Show an event without the subscription that it is delivered for."""
    return {
        "id": event.id,
        "created_at": event.created_at.isoformat(),
        "action": event.action,
        "api_version": api_version,
        "description": f"{event.object_type} {event.action}",
        "entity_id": event.entity_id,
        "object": _object(world, event),
        "object_type": event.object_type,
    }


def _object(world: World, event: Event) -> Payload:
    """Show the id alone, or the whole object as it is now where so switched and known."""
    whole = _resource(world, event) if world.behaviour.event_object == "resource" else None
    return whole or {"id": event.object_id}


def _resource(world: World, event: Event) -> Payload | None:
    organization, key = world.organizations[event.entity_id], event.object_id
    match event.object_type:
        case "receivable" if key in organization.receivables:
            return receivable(organization, organization.receivables[key])
        case "payable" if key in organization.payables:
            return payable(organization, organization.payables[key])
        case "counterpart" if key in organization.counterparts:
            return counterpart_payload(organization.counterparts[key])
        case "product" if key in organization.products:
            return product_payload(organization, organization.products[key])
        case "accounting_connection":
            found = [entry for entry in organization.connections if entry.id == key]
            return connection_payload(organization, found[0]) if found else None
        case "entity":
            return organization_payload(organization)
    return None
