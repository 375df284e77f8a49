"""What deciding on failed records reads: what they name, however much else there is."""

from __future__ import annotations

from uuid import UUID, uuid4

from msgspec import structs

from service.domain.causes.cause import Cause
from service.store.database import Database
from service.store.push_conditions import read_known
from service.store.reference_objects import ReferenceKind, ReferenceObject, write_reference_objects
from tests.domain.record_builders import failed


def reference(kind: ReferenceKind, name: str, reference_id: UUID | None = None) -> ReferenceObject:
    """An object of a list."""
    return ReferenceObject(
        kind=kind, reference_id=str(reference_id or uuid4()), name=name, payload={"name": name}
    )


async def test_of_products_and_counterparts_only_what_is_named_is_read(database: Database) -> None:
    """A record's own object is read, and how many bear its name; of all others of its list nothing is."""
    organization_id = uuid4()
    record = structs.replace(
        failed(Cause.UNKNOWN), object_type="customer", object_id=uuid4(), organization_id=organization_id
    )
    customers = [
        reference(ReferenceKind.COUNTERPART, "Acme", record.object_id),
        *(reference(ReferenceKind.COUNTERPART, name) for name in ("Acme", "Acme", "Zed")),
    ]
    async with database.organization(organization_id) as connection:
        for kind, seen in (
            (ReferenceKind.COUNTERPART, customers),
            (ReferenceKind.PRODUCT, [reference(ReferenceKind.PRODUCT, "Nuts")]),
            (ReferenceKind.LEDGER_ACCOUNT, [reference(ReferenceKind.LEDGER_ACCOUNT, "Sales")]),
        ):
            await write_reference_objects(connection, organization_id, kind, seen)
        known = await read_known(connection, organization_id, [record])
    assert {each.name for each in known.references.values()} == {"Acme", "Sales"}
    assert known.products == {}
    assert known.conditions_of(record, canary_turn=False).namesakes == 2
