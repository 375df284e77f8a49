"""Reading what documents refer to: settings, tax rates, ledger accounts, products, counterparts.

These lists have no filter by time of change, and their rows do not say whose they are. A row that is new must
therefore be told twice before it counts: an answer that was mixed up with another organization's is not mixed
up the same way again. What was known is gone, likewise, when two answers lack it. Both are rare, so that this
costs next to nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.domain.cadence.stream import Stream
from service.domain.fleet import WorkKind
from service.hub.client import Hub
from service.hub.paging import Page
from service.hub.payloads import Counterpart, LedgerAccount, Product, TaxRate
from service.hub.rows import Refused
from service.store.reference_objects import (
    SETTINGS_ID,
    KnownReference,
    ReferenceKind,
    ReferenceObject,
    is_unchanged,
    list_reference_hashes,
    write_reference_objects,
)
from service.store.streams import nudge_streams
from service.workers.reading import Reading, Readout, count_refused, count_strangers, nudge

Listed = TaxRate | LedgerAccount | Product | Counterpart


@dataclass(slots=True)
class _Told:
    """A list that was read to its end; of what is as it was known, no more than its ids is kept."""

    listed: set[str] = field(default_factory=set)
    changed: dict[str, ReferenceObject] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)


async def read_settings(reading: Reading) -> Readout:
    """Read the settings that bear on pushes."""
    told = await reading.hub.organization_settings(reading.organization_id)
    seen = ReferenceObject(kind=ReferenceKind.SETTINGS, reference_id=SETTINGS_ID, payload=told.payload)
    return await _write(reading, Readout(is_full=True), ReferenceKind.SETTINGS, [seen], [])


async def read_tax_rates(reading: Reading) -> Readout:
    """Read the tax rates of the books and of the hub."""
    return await _read_list(reading, ReferenceKind.TAX_RATE, Hub.tax_rates, _tax_rate)


async def read_ledger_accounts(reading: Reading) -> Readout:
    """Read the ledger accounts of the books and of the hub."""
    return await _read_list(reading, ReferenceKind.LEDGER_ACCOUNT, Hub.ledger_accounts, _ledger_account)


async def read_products(reading: Reading) -> Readout:
    """Read the products."""
    return await _read_list(reading, ReferenceKind.PRODUCT, Hub.products, _product)


async def read_counterparts(reading: Reading) -> Readout:
    """Read the customers and vendors."""
    return await _read_list(reading, ReferenceKind.COUNTERPART, Hub.counterparts, _counterpart)


async def _read_list(
    reading: Reading,
    kind: ReferenceKind,
    ask: Callable[[Hub, Any], AsyncIterator[Page[Any]]],
    make: Callable[[Any], ReferenceObject],
) -> Readout:
    readout = Readout(is_full=True)
    async with reading.database.organization(reading.organization_id, readonly=True) as connection:
        known = await list_reference_hashes(connection, reading.organization_id, kind)
    told = await _told(ask(reading.hub, reading.organization_id), make, known)
    count_refused(readout, reading, told.refused)
    listed = told.listed | _ids(told.refused)
    new = told.listed - known.keys()
    missing = {name for name, each in known.items() if each.removed_at is None} - listed
    again: set[str] = set()
    if new or missing:
        async for page in ask(reading.hub, reading.organization_id):
            again |= {str(row.id) for row in page.items} | _ids(page.refused)
    strangers = new - again
    count_strangers(readout, reading, len(strangers))
    seen = [each for name, each in told.changed.items() if name not in strangers]
    return await _write(reading, readout, kind, seen, [*(listed - strangers), *(missing & again)])


def _ids(refused: Iterable[Refused]) -> set[str]:
    """Ids of rows that could not be read otherwise."""
    return {str(row.payload.get("id")) for row in refused if isinstance(row.payload, dict)}


async def _told(
    pages: AsyncIterator[Page[Any]],
    make: Callable[[Any], ReferenceObject],
    known: Mapping[str, KnownReference],
) -> _Told:
    told = _Told()
    async for page in pages:
        told.refused += page.refused
        for each in map(make, page.items):
            told.listed.add(each.reference_id)
            if is_unchanged(each, known.get(each.reference_id)):
                told.changed.pop(each.reference_id, None)
            else:
                told.changed[each.reference_id] = each
    return told


async def _write(
    reading: Reading,
    readout: Readout,
    kind: ReferenceKind,
    seen: list[ReferenceObject],
    also_listed: list[str],
) -> Readout:
    async with reading.work.writing() as connection:
        changed = await write_reference_objects(
            connection, reading.organization_id, kind, seen, also_listed=also_listed
        )
        if changed:
            await nudge(connection, reading, WorkKind.PUSH, WorkKind.COMPARE)
            if kind is ReferenceKind.TAX_RATE:
                # What invoices of the books amount to is made of their lines and these rates.
                wish = (Stream.BOOKS_RECEIVABLES, reading.work.now)
                await nudge_streams(connection, reading.organization_id, [wish])
    readout.counts["references_changed"] = changed
    return readout


def _tax_rate(row: TaxRate) -> ReferenceObject:
    rate = row.effective_tax_rate if row.effective_tax_rate is not None else row.total_tax_rate
    return _object(ReferenceKind.TAX_RATE, row, row.name, code=row.code, rate=rate, status=row.status,
                   is_external=row.is_external)  # fmt: skip


def _ledger_account(row: LedgerAccount) -> ReferenceObject:
    return _object(ReferenceKind.LEDGER_ACCOUNT, row, row.name, code=row.nominal_code, status=row.status,
                   is_external=row.is_external)  # fmt: skip


def _product(row: Product) -> ReferenceObject:
    return _object(ReferenceKind.PRODUCT, row, row.name, hub_updated_at=row.updated_at)


def _counterpart(row: Counterpart) -> ReferenceObject:
    return _object(ReferenceKind.COUNTERPART, row, row.name, hub_updated_at=row.updated_at)


def _object(kind: ReferenceKind, row: Listed, name: str | None, **told: Any) -> ReferenceObject:  # noqa: ANN401
    return ReferenceObject(kind=kind, reference_id=str(row.id), name=name, payload=row.payload, **told)


READERS = {
    Stream.SETTINGS: read_settings,
    Stream.TAX_RATES: read_tax_rates,
    Stream.LEDGER_ACCOUNTS: read_ledger_accounts,
    Stream.PRODUCTS: read_products,
    Stream.COUNTERPARTS: read_counterparts,
}
