"""The hub's objects as it tells them, typed; its words end here.

Each keeps its raw `payload`: fields nobody knew of stay readable, and a later release may read what this one
did not. Absent and null are the same. Enumerations are plain texts, since a new value must not hide an
object. Only what an object cannot be used without is required; an optional field of a wrong kind counts as
absent (the payload still has it), a required one makes the row *refused*, which is a value too. Times without
a zone are UTC.

Ids of tax rates, ledger accounts and everything in the books are texts: the hub's own examples show some that
are no UUIDs. Documents stay raw here; `documents` makes of them what the books are compared by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, get_args, get_type_hints
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from service.hub.bounds import KEY_MAX, NAME_MAX, bounded

if TYPE_CHECKING:
    Payload: TypeAlias = Mapping[str, Any]
else:
    Payload = Any
    """Whoever reads a row has made sure of it already; as a mapping it would be copied key by key."""

Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Fits Postgres' bigint; what does not is no amount."""

Rate = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
"""Percent times 100; fits Postgres' integer."""


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """What all objects have in common: the payload, and times that know their zone.

    Made of JSON, so never part of a ring: the garbage collector need not look at them.
    """

    keys: ClassVar[tuple[str, ...]] = ()
    """The fields that rows are found by: texts that no index may be too small for."""

    payload: Payload

    def __post_init__(self) -> None:
        """Take times without a zone as UTC, as the hub's documents say, and bound the keys."""
        for name in self.keys:
            key = getattr(self, name)
            if key is not None and len(key) > KEY_MAX:
                force_setattr(self, name, bounded(key))
        for name in _times(type(self)):
            at = getattr(self, name)
            if at is not None and at.tzinfo is not UTC:
                force_setattr(self, name, _utc(at))


@cache
def _times(kind: type[Row]) -> tuple[str, ...]:
    """The fields of a kind that hold times."""
    hints = get_type_hints(kind)
    return tuple(
        name
        for name in kind.__struct_fields__
        if hints[name] is datetime or datetime in get_args(hints[name])
    )


def _utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:  # at either end of the calendar, where no offset matters
        return at.replace(tzinfo=UTC)


class Organization(Row, frozen=True, kw_only=True):
    """A customer of the partner: an organization or an individual."""

    id: UUID
    status: str | None = None
    type: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def name(self) -> str:
        """What people call it; its id where the hub tells no name."""
        match self.payload:
            case {"organization": {"legal_name": str(name)}} if name.strip():
                return name.strip()[:NAME_MAX]
            case {"individual": {"first_name": str(first), "last_name": str(last)}} if (first + last).strip():
                return f"{first} {last}".strip()[:NAME_MAX]
        return str(self.id)


class OrganizationSettings(Row, frozen=True, kw_only=True):
    """The settings of an organization that bear on what is pushed."""

    receivable_edit_flow: str | None = None

    @property
    def payments_ledger_account_id(self) -> str | None:
        """Where payment records go; without it none is pushed."""
        return self._accounting("ledger_account_ids", "payments")

    @property
    def products_ledger_account_id(self) -> str | None:
        """The account of products that have none of their own."""
        return self._accounting("ledger_account_ids", "products")

    @property
    def deductions_tax_id(self) -> str | None:
        """The tax rate that deductions are pushed with."""
        return self._accounting("tax_ids", "deductions")

    def _accounting(self, group: str, key: str) -> str | None:
        match self.payload.get("accounting"):
            case {**groups} if isinstance(values := groups.get(group), Mapping):
                value = values.get(key)
                return bounded(value) if isinstance(value, str) and value else None
        return None


class Subscription(Row, frozen=True, kw_only=True):
    """A webhook subscription. Its secret comes once, and is in neither `repr` nor `payload`."""

    id: UUID
    object_type: str
    url: str
    event_types: Sequence[str] = ()
    status: str | None = None
    secret: str | None = None

    def __post_init__(self) -> None:
        """Take the secret out of the payload, which may be stored or logged."""
        super().__post_init__()
        force_setattr(self, "payload", {key: self.payload[key] for key in self.payload if key != "secret"})

    def __repr__(self) -> str:
        return f"Subscription(id={self.id}, object_type={self.object_type!r}, status={self.status!r})"


class Connection(Row, frozen=True, kw_only=True):
    """An organization's link to QuickBooks Online or Xero."""

    keys = ("platform",)

    id: UUID
    status: str | None = None
    platform: str | None = None
    last_pull: datetime | None = None
    connection_url: str | None = None
    errors: Any = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_connected(self) -> bool:
        """Whether data flows."""
        return self.status == "connected"


class SyncedRecord(Row, frozen=True, kw_only=True):
    """What became of bringing one object to the books."""

    keys = ("object_type", "sync_status", "platform", "platform_object_id", "provider_object_id")

    id: UUID
    object_type: str
    updated_at: datetime
    sync_status: str | None = None
    errors: Any = None
    object_id: UUID | None = None
    object_updated_at: datetime | None = None
    platform: str | None = None
    platform_object_id: str | None = None
    platform_updated_at: datetime | None = None
    provider: str | None = None
    provider_object_id: str | None = None
    provider_updated_at: datetime | None = None
    created_at: datetime | None = None
    last_pulled_at: datetime | None = None


class Event(Row, frozen=True, kw_only=True):
    """What the hub says happened: a hint to read the object again, no more."""

    id: UUID
    object_type: str
    action: str
    entity_id: UUID | None = None
    created_at: datetime | None = None
    description: str | None = None
    api_version: str | None = None
    object: Any = None

    @property
    def object_id(self) -> str | None:
        """The object it is about, wherever the payload tells it."""
        match self.payload:
            case (
                {"object": {"id": str(found)}}
                | {"object": {"object_id": str(found)}}
                | {"object_id": str(found)}
            ):
                return found
        return None


class RawDocument(Row, frozen=True, kw_only=True):
    """A document or a line of one, of either side, as the hub tells it; `id` may be the platform's."""

    keys = ("id",)

    id: str
    updated_at: datetime | None = None


class PaymentRecord(Row, frozen=True, kw_only=True):
    """A payment of a document, in minor units; negative for a failure or a refund."""

    id: UUID
    amount: Integer
    currency: str
    status: str | None = None
    is_external: bool | None = None
    paid_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def object_id(self) -> str | None:
        """The document that was paid."""
        match self.payload.get("object"):
            case {"id": str(found)}:
                return found
        return None

    @property
    def object_type(self) -> str | None:
        """Whether that is a receivable or a payable."""
        match self.payload.get("object"):
            case {"type": str(found)}:
                return found
        return None


class TaxRate(Row, frozen=True, kw_only=True):
    """A tax rate of the books, or one that exists in the hub alone."""

    keys = ("id",)

    id: str
    name: str | None = None
    code: str | None = None
    status: str | None = None
    effective_tax_rate: Rate | None = None
    total_tax_rate: Rate | None = None
    is_external: bool | None = None


class LedgerAccount(Row, frozen=True, kw_only=True):
    """An account of the books, or one that exists in the hub alone."""

    keys = ("id",)

    id: str
    name: str | None = None
    type: str | None = None
    subtype: str | None = None
    status: str | None = None
    nominal_code: str | None = None
    currency: str | None = None
    is_bank_account: bool | None = None
    is_external: bool | None = None


class Product(Row, frozen=True, kw_only=True):
    """A product or service; the books know it by its name alone."""

    keys = ("ledger_account_id",)

    id: UUID
    name: str | None = None
    type: str | None = None
    ledger_account_id: str | None = None
    updated_at: datetime | None = None


class Counterpart(Row, frozen=True, kw_only=True):
    """A customer, a vendor, or both."""

    id: UUID
    type: str | None = None
    updated_at: datetime | None = None

    @property
    def name(self) -> str | None:
        """What the books know it by."""
        match self.payload:
            case {"organization": {"legal_name": str(name)}}:
                return name
            case {"individual": {"first_name": str(first), "last_name": str(last)}}:
                return f"{first} {last}"
        return None

    @property
    def is_customer(self) -> bool:
        """Whether invoices go to it."""
        return self._is("is_customer")

    @property
    def is_vendor(self) -> bool:
        """Whether bills come from it."""
        return self._is("is_vendor")

    def _is(self, role: str) -> bool:
        parties = (self.payload.get("organization"), self.payload.get("individual"))
        return any(isinstance(party, Mapping) and party.get(role) is True for party in parties)
