"""Synced records: list by type, read, push again."""

from __future__ import annotations

from functools import cache
from operator import attrgetter

from service.simulator import pushing
from service.simulator.calls import Answer, Call, as_instant, as_uuid, one_of
from service.simulator.filters import among, compared, equal
from service.simulator.paging import Listing, serve
from service.simulator.payloads.accounting import record_payload
from service.simulator.problems import conflict, not_found
from service.simulator.records import ObjectType, SyncedRecord, SyncStatus

_CREATED, _UPDATED, _OBJECT = attrgetter("created_at"), attrgetter("updated_at"), attrgetter("object_id")
_TYPES = one_of(frozenset(ObjectType))


@cache
def listing(limit_default: int) -> Listing:
    """Return the rules of the list, whose default limit is a switch."""
    return Listing(
        "records",
        {"created_at": _CREATED, "updated_at": _UPDATED},
        _CREATED,
        (
            equal("object_type", _TYPES, attrgetter("object_type")),
            equal("object_id", as_uuid, _OBJECT),
            among("object_id__in", as_uuid, _OBJECT),
            *compared("created_at", as_instant, _CREATED),
            *compared("updated_at", as_instant, _UPDATED),
        ),
        limit_max=250,
        limit_default=limit_default,
        resends_limit=True,
        required=frozenset({"object_type"}),
    )


def list_records(call: Call) -> Answer:
    """Answer `GET /accounting-synced-records`."""
    organization, default = call.organization, call.world.behaviour.records_default_limit
    return serve(
        call,
        listing(default),
        organization,
        lambda: list(organization.records_by_id.values()),
        record_payload,
    )


def get_record(call: Call) -> Answer:
    """Answer `GET /accounting-synced-records/{synced_record_id}`."""
    return Answer(200, record_payload(_named(call)))


def push_record(call: Call) -> Answer:
    """Answer `POST /accounting-synced-records/{synced_record_id}/push`: the outcome is read later."""
    record, behaviour = _named(call), call.world.behaviour
    if not call.is_repeated:
        switches = {SyncStatus.DONE: behaviour.push_on_done, SyncStatus.PENDING: behaviour.push_on_pending}
        switch = switches.get(record.sync_status, "accept")
        if switch == "conflict":
            raise conflict(f"The synced record is already {record.sync_status.value}.")
        if switch == "ignore":
            return Answer(200, record_payload(record))
        if behaviour.push_without_connection == "conflict" and not call.organization.is_connected:
            raise conflict("The entity has no active accounting connection.")
    pushed = pushing.repeat(call.world, call.organization, record, call.now, trigger="api")
    return Answer(200, record_payload(record if behaviour.record_per == "attempt_unnamed" else pushed))


def _named(call: Call) -> SyncedRecord:
    record_id = call.id("synced_record_id")
    record = call.organization.records_by_id.get(record_id)
    if record is None:
        raise not_found("Synced record", record_id)
    return record
