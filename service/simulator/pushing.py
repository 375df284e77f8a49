"""Pushes: bringing one object of the hub into the books, some time after it was asked for.

The rules that a client's money hangs on:

* A push is asynchronous: `request` makes the record pending, `carry_out` runs later and decides.
* Each push that is carried out creates a document, *even if one is there already for the same object*, unless
  the platform itself refuses. The hub has no idempotency key and neither do its pushes.
* A time-out may have landed: the document is created, the record says error and knows no platform id.
* The hub never looks into the books to find out; only a client comparing the lists can.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from service.simulator import entering
from service.simulator.connections import Status
from service.simulator.failures import Cause, errors_object, text_of
from service.simulator.journal import Push
from service.simulator.records import ObjectType, SyncedRecord, SyncStatus

if TYPE_CHECKING:
    from datetime import datetime

    from service.simulator.organization import Organization, Planted
    from service.simulator.world import World

LANDING = {Cause.TIMEOUT_AMBIGUOUS, Cause.PLATFORM_INTERNAL_ERROR, Cause.UNKNOWN}
"""Causes after which the document may stand in the books although the record says error."""


def new_record(
    world: World, organization: Organization, object_type: ObjectType, object_id: str, at: datetime
) -> SyncedRecord:
    """Make a record of an object, pending; it is the one that its object is found by from now on."""
    record = SyncedRecord(world.chance.uuid(), object_type, object_id, at, at, at, at)
    connection = organization.connection
    if connection is not None and connection.platform is not None:
        record.platform = connection.platform.value
    organization.add_record(record)
    return record


def request(
    world: World,
    organization: Organization,
    record: SyncedRecord,
    at: datetime,
    *,
    trigger: str,
    due_at: datetime | None = None,
) -> None:
    """Ask for a push: the record is pending now, carried out a little later (or at `due_at`)."""
    record.sync_status = SyncStatus.PENDING
    record.updated_at = at
    record.running += 1
    if world.behaviour.push_clears_errors:
        record.errors = {}
    organization.touch()
    _note(world, organization, record, at, step="requested", trigger=trigger)
    due_at = due_at or world.later(at, world.push_seconds)
    world.agenda.add(due_at, lambda then: carry_out(world, organization, record, then, trigger=trigger))


def repeat(
    world: World,
    organization: Organization,
    record: SyncedRecord,
    at: datetime,
    *,
    trigger: str,
    due_at: datetime | None = None,
) -> SyncedRecord:
    """Push an object again, in place or under a record of its own; return the record that is pending now."""
    if world.behaviour.record_per != "object":
        record = new_record(world, organization, record.object_type, record.object_id, at)
    request(world, organization, record, at, trigger=trigger, due_at=due_at)
    return record


def carry_out(
    world: World, organization: Organization, record: SyncedRecord, at: datetime, *, trigger: str
) -> None:
    """Push now, and write the outcome into the record."""
    if record.is_abandoned:
        return
    record.running = max(record.running - 1, 0)
    failure = _failure(organization, record, at)
    if failure is not None:
        cause, text, has_landed = failure
        books_id = None
        if has_landed and cause in LANDING:
            # What the platform would refuse does not land, whatever becomes of its answer.
            with suppress(entering.CannotEnter):
                books_id = _enter(world, organization, record, at, trigger)
        fail(world, organization, record, at, cause, text=text)
        _note(
            world,
            organization,
            record,
            at,
            step="carried_out",
            trigger=trigger,
            cause=cause,
            books_id=books_id,
        )
        return
    try:
        books_id = _enter(world, organization, record, at, trigger)
    except entering.CannotEnter as refusal:
        fail(world, organization, record, at, refusal.cause, details=refusal.details)
        _note(world, organization, record, at, step="carried_out", trigger=trigger, cause=refusal.cause)
        return
    _succeed(world, organization, record, at, books_id)
    _note(world, organization, record, at, step="carried_out", trigger=trigger, books_id=books_id)


def _failure(
    organization: Organization, record: SyncedRecord, at: datetime
) -> tuple[Cause, str | None, bool] | None:
    """Tell why a push fails before its object is looked at: consent, outage, a planted failure."""
    connection = organization.connection
    if connection is None or connection.status is not Status.CONNECTED:
        return Cause.CONNECTION_REVOKED, None, False
    outage = organization.outage
    if outage is not None and (outage.until is None or at < outage.until):
        return outage.cause, None, False
    for planted in organization.planted:
        if _applies(planted, record):
            organization.planted.remove(planted)
            return planted.cause, planted.text, planted.has_landed
    return None


def _applies(planted: Planted, record: SyncedRecord) -> bool:
    """Say whether a planted failure is for this record."""
    if planted.object_id is not None and planted.object_id != record.object_id:
        return False
    return planted.object_type is None or planted.object_type is record.object_type


def _enter(world: World, organization: Organization, record: SyncedRecord, at: datetime, trigger: str) -> str:
    """Create the object in the books and return its id there."""
    if world.behaviour.bills_need_tax_references and record.object_type is ObjectType.BILL:
        for line in organization.document(record.object_id).lines:
            if line.accounting_tax_rate_id is None:
                raise entering.CannotEnter(Cause.MISSING_TAX_RATE, {"rate": line.tax_rate})
    return entering.enter(organization, record, at, by=trigger, chance=world.chance)


def _succeed(
    world: World, organization: Organization, record: SyncedRecord, at: datetime, books_id: str
) -> None:
    record.sync_status = SyncStatus.DONE
    record.updated_at = record.platform_updated_at = record.provider_updated_at = at
    record.platform_object_id = books_id
    document = organization.books.documents.get(books_id)
    record.provider_object_id = document.provider_id if document else world.chance.uuid()
    record.object_updated_at = entering.updated_at(organization, record) or at
    record.platform = organization.books.platform.value
    record.errors = {}
    record.cause = None
    organization.touch()


def fail(
    world: World,
    organization: Organization,
    record: SyncedRecord,
    at: datetime,
    cause: Cause,
    *,
    text: str | None = None,
    details: dict[str, object] | None = None,
) -> None:
    """Write a failure into the record, in the platform's words unless `text` gives others."""
    platform = organization.books.platform
    known = {"correlation": world.chance.uuid(), "number": "", "name": "", **(details or {})}
    text = text or text_of(cause, platform, known, world.chance)
    record.sync_status = SyncStatus.ERROR
    record.updated_at = at
    record.cause = cause.value
    record.object_updated_at = entering.updated_at(organization, record) or record.object_updated_at
    record.errors = errors_object(text, platform, world.behaviour.errors_shape, world.chance)
    organization.touch()


def abandon(organization: Organization, record: SyncedRecord) -> None:
    """Never carry out what was just asked for, and remove the record: the document was never attempted."""
    record.is_abandoned = True
    forget(organization, record)


def forget(organization: Organization, record: SyncedRecord) -> None:
    """Remove a record, as if the hub had never attempted it."""
    organization.records[record.object_type].pop(record.object_id, None)
    organization.records_by_id.pop(record.id, None)
    organization.touch()


def plant(organization: Organization, planted: Planted, times: int = 1) -> None:
    """Let the next pushes that `planted` applies to fail."""
    organization.planted.extend(replace(planted) for _ in range(times))


def _note(
    world: World,
    organization: Organization,
    record: SyncedRecord,
    at: datetime,
    *,
    step: str,
    trigger: str,
    cause: Cause | None = None,
    books_id: str | None = None,
) -> None:
    world.journal.pushed(
        Push(
            at,
            step,
            organization.id,
            record.id,
            record.object_type.value,
            record.object_id,
            trigger,
            cause.value if cause else None,
            books_id,
        )
    )
