"""Month-end statements: what they are made from, and who signed them.

Everything here is read as comparing wrote it, in one transaction: months and differences always speak of the
same documents. Sign-offs are only ever added.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from service.domain.comparing.difference_kind import Difference
from service.domain.comparing.posting import MonthSum
from service.domain.document import Ledger, Side
from service.domain.statements.figures import CoveredLine, covered
from service.domain.statements.marks import Reads
from service.domain.statements.period import Period
from service.domain.statements.sign_off import Act, Signature, SignOff, signature_of, withdraw, withdrawal
from service.domain.statements.statement import Facts, Named, state
from service.store.comparing import difference_of
from service.store.database import Connection
from service.store.durability import ensure_durable
from service.store.queries import QUERY

DIFFERENCES_MAX: Final = 100_000
"""Open differences of one organization that a statement lists: some hundred megabytes while it is made."""

UNTOLD: Final = (
    f"A figure of this month or an earlier one moved while more than {DIFFERENCES_MAX:,} differences "
    "were open, which no statement can list: what has become of these figures cannot be told."
)
"""Why a statement is withdrawn that cannot be made any more."""


async def count_statement_differences(connection: Connection, organization_id: UUID) -> int:
    """How many differences of an organization are open, without counting them."""
    return int(await connection.fetchval(QUERY["count_statement_differences"], organization_id))


async def get_facts(
    connection: Connection, organization_id: UUID, as_of: datetime | None = None, *, with_names: bool = True
) -> Facts | None:
    """Read what statements of an organization are made from; None if there is no such organization.

    Figures alone need no names of documents.
    """
    name = await connection.fetchval(QUERY["get_organization_name"], organization_id)
    if name is None:
        return None
    differences = await _list_differences(connection, organization_id, as_of)
    return Facts(
        organization_id=organization_id,
        organization_name=name,
        months=await _list_months(connection, organization_id, as_of),
        differences=differences,
        names=await _list_names(connection, organization_id, differences if with_names else (), as_of),
        reads=await _list_reads(connection, organization_id, as_of),
    )


async def list_sign_offs(
    connection: Connection, organization_id: UUID, period: Period, as_of: datetime | None = None
) -> Sequence[SignOff]:
    """What happened to a statement, in order."""
    rows = await connection.fetch(QUERY["list_sign_offs"], organization_id, period.first, as_of)
    return [
        SignOff(
            **{
                **row,
                "act": Act(row["act"]),
                "figures": msgspec.convert(row["figures"], list[CoveredLine]),
            }
        )
        for row in rows
    ]


async def insert_sign_off(
    connection: Connection, organization_id: UUID, period: Period, act: SignOff
) -> bool:
    """Add an act; false when another one came first."""
    await ensure_durable(connection)
    number = await connection.fetchval(
        QUERY["insert_sign_off"],
        organization_id,
        period.first,
        act.number,
        act.act,
        act.key_name,
        act.figures,
        act.figures_hash,
        act.because,
        act.is_complete,
        act.acted_at,
    )
    return number is not None


async def withdraw_moved(
    connection: Connection,
    organization_id: UUID,
    now: datetime,
    *,
    moved_from: date | None,
    signed_after: datetime | None = None,
) -> Sequence[Period]:
    """Withdraw the signed statements of which a figure has moved; returns their months.

    To be called where the figures are written, in that transaction, with the first month of which one may
    have moved; what was signed after an instant is looked at in any case. It costs one short question where
    nobody has signed anything from there on. Of more differences than a statement can list nobody can tell
    which figures moved: then all that may have is withdrawn.
    """
    if moved_from is None and signed_after is None:
        return []
    rows = await connection.fetch(QUERY["list_signed_periods"], organization_id, moved_from, signed_after)
    if not rows:
        return []
    facts: Facts | None = None
    if await count_statement_differences(connection, organization_id) > DIFFERENCES_MAX:
        rows = [row for row in rows if row["is_moved"]]
    elif (facts := await get_facts(connection, organization_id, with_names=False)) is None:
        return []
    moved = []
    for row in rows:
        period = Period(row["period"])
        signature = signature_of(await list_sign_offs(connection, organization_id, period))
        act = (
            withdraw(signature, UNTOLD, (), is_complete=False, at=now)
            if facts is None
            else await asyncio.to_thread(_withdrawal, facts, period, signature, now)
        )
        if act is not None and await insert_sign_off(connection, organization_id, period, act):
            moved.append(period)
    return moved


def _withdrawal(facts: Facts, period: Period, signature: Signature, now: datetime) -> SignOff | None:
    statement = state(facts, period)
    figures = covered(statement)
    because = withdrawal(signature, figures)
    if because is None:
        return None
    return withdraw(signature, because, figures, is_complete=not statement.is_provisional, at=now)


async def _list_months(
    connection: Connection, organization_id: UUID, as_of: datetime | None
) -> Mapping[Ledger, Sequence[MonthSum]]:
    rows = (
        await connection.fetch(QUERY["list_organization_months"], organization_id)
        if as_of is None
        else await connection.fetch(QUERY["list_organization_months_as_of"], organization_id, as_of)
    )
    months: defaultdict[Ledger, list[MonthSum]] = defaultdict(list)
    for row in rows:
        told = {name: row[name] for name in MonthSum.__dataclass_fields__}
        months[Ledger(row["ledger"])].append(MonthSum(**told))
    return months


async def _list_differences(
    connection: Connection, organization_id: UUID, as_of: datetime | None
) -> Sequence[Difference]:
    rows = (
        await connection.fetch(QUERY["list_statement_differences"], organization_id)
        if as_of is None
        else await connection.fetch(QUERY["list_statement_differences_as_of"], organization_id, as_of)
    )
    return [difference_of(row) for row in rows]


async def _list_names(
    connection: Connection, organization_id: UUID, differences: Sequence[Difference], as_of: datetime | None
) -> Mapping[tuple[Ledger, Side, str], Named]:
    wanted = sorted(
        {
            (each.ledger, side, document_id)
            for each in differences
            for side, document_id in ((Side.LOCAL, each.local_id), (Side.BOOKS, each.books_id))
            if document_id is not None
        }
    )
    if not wanted:
        return {}
    columns = [list(column) for column in zip(*wanted, strict=True)]
    rows = (
        await connection.fetch(QUERY["list_document_names"], organization_id, *columns)
        if as_of is None
        else await connection.fetch(QUERY["list_document_names_as_of"], organization_id, *columns, as_of)
    )
    return {
        (Ledger(row["ledger"]), Side(row["side"]), row["document_id"]): Named(
            number=row["number"], party=row["party_name"]
        )
        for row in rows
    }


async def _list_reads(
    connection: Connection, organization_id: UUID, as_of: datetime | None
) -> Mapping[Ledger, Reads]:
    rows = await connection.fetch(QUERY["list_statement_reads"], organization_id)
    found = {Ledger(row["ledger"]): _reads(row) for row in rows}
    if as_of is None:
        return found
    then = await connection.fetch(QUERY["list_statement_reads_as_of"], organization_id, as_of)
    known = {Ledger(row["ledger"]): _reads(row) for row in then}
    # Present reads that are older than the instant asked for were known then, and say it better.
    return known | {ledger: reads for ledger, reads in found.items() if _is_known_at(reads, as_of)}


def _reads(row: asyncpg.Record) -> Reads:
    return Reads(
        local_at=row["local_at"],
        books_at=row["books_at"],
        certified=row["certified"],
        reason=row["reason"] or None,
        unreadable_local=row["unreadable_local"],
        unreadable_books=row["unreadable_books"],
    )


def _is_known_at(reads: Reads, as_of: datetime) -> bool:
    return all(at is None or at <= as_of for at in (reads.local_at, reads.books_at))
