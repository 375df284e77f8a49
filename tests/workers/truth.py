"""What the hub knows, beside what we hold of it: equal, or a difference that a person can read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.workers.watching import Watching

RECORD = (
    "object_type", "object_id", "sync_status", "errors", "platform", "platform_object_id", "provider",
    "provider_object_id", "created_at", "updated_at", "last_pulled_at", "object_updated_at",
    "platform_updated_at", "provider_updated_at",
)  # fmt: skip
CONNECTION = ("status", "platform", "last_pull", "connection_url", "errors", "created_at", "updated_at")


async def assert_all_equal(watching: Watching) -> None:
    """Compare every organization with the truth."""
    async with watching.database.fleet() as connection:
        names = await connection.fetch(
            "SELECT organization_id, name FROM organizations WHERE removed_at IS NULL"
        )
    truth = watching.simulator.truth()["organizations"]
    assert {str(row["organization_id"]): row["name"] for row in names} == {
        key: told["name"] for key, told in truth.items()
    }
    for organization_id in watching.organization_ids:
        await assert_equal(watching, organization_id)


async def assert_equal(watching: Watching, organization_id: UUID) -> None:
    """Compare one organization with the truth."""
    truth = watching.truth(organization_id)
    connections = {told["id"]: _plain(told, CONNECTION) for told in truth["connections"]}
    _same(await _connections(watching, organization_id), connections)
    records = {told["id"]: _plain(told, RECORD) for told in truth["records"]}
    _same(await _records(watching, organization_id), records)
    _same(await _documents(watching, organization_id, "local"), _local_truth(truth))
    if (truth["connection"] or {}).get("status") == "connected":
        _same(await _documents(watching, organization_id, "books"), _books_truth(truth))
    await _assert_counted(watching, organization_id)


def _same(found: dict[str, Any], truth: dict[str, Any]) -> None:
    wrong = {
        key: (found.get(key), truth.get(key))
        for key in found.keys() | truth.keys()
        if found.get(key) != truth.get(key)
    }
    assert not wrong, (
        f"{len(wrong)} of {len(truth)} differ, (held, true) of some: {dict(list(wrong.items())[:5])}"
    )


async def _connections(watching: Watching, organization_id: UUID) -> dict[str, Any]:
    rows = await watching.rows(organization_id, "connections")
    renamed = [
        dict(row) | {"created_at": row["hub_created_at"], "updated_at": row["hub_updated_at"]} for row in rows
    ]
    return {
        str(row["connection_id"]): _plain(row, CONNECTION) for row in renamed if row["removed_at"] is None
    }


async def _records(watching: Watching, organization_id: UUID) -> dict[str, Any]:
    rows = await watching.rows(organization_id, "records")
    return {str(row["record_id"]): _plain(dict(row), RECORD) for row in rows}


async def _documents(watching: Watching, organization_id: UUID, side: str) -> dict[str, Any]:
    rows = await watching.rows(organization_id, "documents")
    found = {}
    for row in rows:
        if row["side"] == side and row["removed_at"] is None:
            total = row["total_minor"]
            found[f"{row['ledger']} {row['document_id']}"] = {
                "number": row["number"],
                "currency": row["currency"],
                "total_minor": total if side == "local" or row["body"]["basis"] != "derived_net" else None,
            }
    return found


def _local_truth(truth: Any) -> dict[str, Any]:
    told = {}
    for document in truth["documents"]:
        sign = -1 if document["kind"] == "credit_note" else 1
        told[f"{document['ledger']} {document['id']}"] = {
            "number": document["number"],
            "currency": document["currency"],
            "total_minor": sign * abs(document["total_minor"]),
        }
    return told


def _books_truth(truth: Any) -> dict[str, Any]:
    return {
        f"{document['ledger']} {document['id']}": {
            "number": document["number"],
            "currency": document["currency"],
            "total_minor": document["total_minor"],
        }
        for document in truth["books"]["pulled"]
        if document["is_readable"]
    }


async def _assert_counted(watching: Watching, organization_id: UUID) -> None:
    """What `/status` reads is what a count would give."""
    async with watching.database.organization(organization_id) as connection:
        counted = await connection.fetch(
            """SELECT object_type, coalesce(sync_status, '') AS sync_status, state,
                   coalesce(cause, '') AS cause, coalesce(currency, '') AS currency, count(*) AS records,
                   sum(coalesce(amount_minor, 0)) AS amount
               FROM records GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
        )
        kept = await connection.fetch(
            """SELECT object_type, sync_status, state, cause, currency, records, amount_minor AS amount
               FROM record_counts WHERE records <> 0 ORDER BY 1, 2, 3, 4, 5"""
        )
    assert [dict(row) for row in kept] == [dict(row) for row in counted]


def _plain(told: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _value(told.get(name)) for name in names}


def _value(value: Any) -> Any:
    """Times and ids as texts of one form; an empty object is no error."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).astimezone(UTC).isoformat()
        except ValueError:
            return value
    return value or None
