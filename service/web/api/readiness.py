"""Readiness: what of an organization will fail when it is pushed, document by document and in figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import asyncpg

from service.store.answers import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A document that will fail when it is pushed, or a whole kind of them, and why."""

    ledger: str
    kind: str
    document_id: str | None
    reason: str
    owner: str
    amount_minor: int | None
    currency: str | None
    found_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingTotal:
    """What will fail of one kind: how many documents, with how much money, and whose turn it is."""

    kind: str
    owner: str
    documents: int
    money: Mapping[str, int]


def finding_of(row: asyncpg.Record) -> Finding:
    """Show a finding."""
    names = ("ledger", "kind", "reason", "owner", "amount_minor", "currency", "found_at")
    return Finding(**{name: row[name] for name in names}, document_id=row["document_id"] or None)


def totals_of(rows: Rows) -> Sequence[FindingTotal]:
    """Show figures, which come by kind and currency."""
    return [
        FindingTotal(
            kind=kind,
            owner=some[0]["owner"],
            documents=sum(row["documents"] for row in some),
            money={
                row["currency"]: int(row["amount_minor"])
                for row in some
                if row["currency"] and row["amount_minor"]
            },
        )
        for kind, some in ((kind, list(some)) for kind, some in groupby(rows, lambda row: row["kind"]))
    ]
