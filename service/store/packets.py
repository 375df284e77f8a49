"""What a fix packet is made from: the records that fail for a cause, and what is known where they fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from uuid import UUID

import asyncpg

from service.domain.causes.facts import platform_name
from service.domain.causes.names import Cause
from service.domain.packet import ORGANIZATIONS_MAX, Packet, packet, share
from service.domain.packet_steps import Section, Totals, Waiting
from service.domain.record import Record
from service.store.connections import get_current_connection
from service.store.database import Connection
from service.store.known import NAMED, Known
from service.store.organizations import list_organizations
from service.store.push_conditions import read_known
from service.store.queries import QUERY
from service.store.records import record_of
from service.store.reference_objects import ReferenceKind
from service.store.set_aside import count_set_aside


async def get_packet(connection: Connection, cause: Cause, organization_id: UUID | None = None) -> Packet:
    """The fix packet of a cause, of the whole fleet or of one organization."""
    totals = await _totals_by_organization(connection, cause, organization_id)
    documents = share([each.documents for each in totals.values()])
    rows = await connection.fetch(QUERY["list_failing_records"], cause, list(totals), documents)
    by_organization: defaultdict[UUID, list[Record]] = defaultdict(list)
    for row in rows:
        by_organization[row["organization_id"]].append(record_of(row))
    sections = [
        await _section(connection, key, records, totals[key]) for key, records in by_organization.items()
    ]
    aside = await count_set_aside(connection, organization_id)
    return packet(
        cause,
        sections,
        await _totals(connection, cause, organization_id),
        set_aside=sum(records for (name, _), records in aside.items() if name == cause),
    )


async def _totals(connection: Connection, cause: Cause, organization_id: UUID | None) -> Totals:
    rows = await connection.fetch(QUERY["sum_failing_records"], cause, organization_id)
    return _summed(rows, rows[0]["organizations"] if rows else 0)


async def _totals_by_organization(
    connection: Connection, cause: Cause, organization_id: UUID | None
) -> Mapping[UUID, Totals]:
    """Those with the most documents, in this order."""
    rows = await connection.fetch(
        QUERY["sum_failing_organizations"], cause, organization_id, ORGANIZATIONS_MAX
    )
    return {
        key: _summed(list(found), 1) for key, found in groupby(rows, key=lambda row: row["organization_id"])
    }


def _summed(rows: Sequence[asyncpg.Record], organizations: int) -> Totals:
    return Totals(
        documents=sum(row["records"] for row in rows),
        organizations=organizations,
        money={
            row["currency"]: int(row["amount_minor"])
            for row in rows
            if row["currency"] and row["amount_minor"]
        },
    )


async def _section(
    connection: Connection, organization_id: UUID, records: Sequence[Record], totals: Totals
) -> Section:
    rows = await list_organizations(connection, limit=1, organization_id=organization_id)
    link = await get_current_connection(connection, organization_id)
    known = await read_known(connection, organization_id, records)
    accounts = (each for (kind, _), each in known.references.items() if kind is ReferenceKind.LEDGER_ACCOUNT)
    return Section(
        organization_id=organization_id,
        name=rows[0]["name"] if rows else str(organization_id),
        platform=platform_name((link.platform if link else None) or records[0].platform),
        connection_url=link.connection_url if link else None,
        tax_rates=known.general.external_tax_rates,
        account_names={
            each.reference_id: " ".join(filter(None, (each.code, each.name))) for each in accounts
        },
        active_accounts=known.general.active_ledger_accounts,
        settings=known.general.settings,
        totals=totals,
        waiting=[_waiting(record, known) for record in records],
    )


def _waiting(record: Record, known: Known) -> Waiting:
    kind = NAMED.get(record.object_type)
    named = known.references.get((kind, str(record.object_id))) if kind else None
    return Waiting(
        record=record,
        document=known.documents.get(record.object_id) if record.object_id else None,
        name=named.name if named else None,
        needs=known.conditions_of(record).needs,
    )
