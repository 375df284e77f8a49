"""Organizations, connections and reference objects: written when they changed, marked when they are gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from service.store import jsonb
from service.store.connections import (
    SeenConnection,
    get_current_connection,
    list_connections,
    write_connections,
)
from service.store.database import Database
from service.store.history import HistoryKind, list_history
from service.store.organizations import (
    SeenOrganization,
    list_organizations,
    mark_organizations_removed,
    write_organizations,
)
from service.store.reference_objects import (
    ReferenceKind,
    ReferenceObject,
    list_reference_objects,
    write_reference_objects,
)
from service.store.replicas import delete_replica, list_replicas, prune_replicas, upsert_replica
from service.store.rows import content_hash, rows_json

AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


def organization(name: str, **changes: Any) -> SeenOrganization:
    """An organization as the hub tells it."""
    told = SeenOrganization(
        organization_id=uuid4(),
        name=name,
        status="active",
        hub_created_at=AT,
        hub_updated_at=AT,
        payload={"legal_name": name},
    )
    return replace(told, **changes)


def connection_told(status: str = "connected", **changes: Any) -> SeenConnection:
    """A connection as the hub tells it."""
    payload: Mapping[str, Any] = {"status": status, **{name: str(value) for name, value in changes.items()}}
    told: dict[str, Any] = {
        "connection_id": uuid4(),
        "status": status,
        "platform": "xero",
        "last_pull": AT,
        "connection_url": "https://sites.example/x",
        "errors": None,
        "hub_created_at": AT,
        "hub_updated_at": AT,
        "payload": payload,
    }
    return SeenConnection(**{**told, **changes})


async def test_organizations_are_written_when_they_change(database: Database) -> None:
    """A new, a changed and a returned organization are written; the same and an older version are not."""
    first, second = organization("A"), organization("B")
    async with database.fleet() as connection:
        assert await write_organizations(connection, [first, second]) == [
            first.organization_id,
            second.organization_id,
        ]
        assert await write_organizations(connection, [first, second]) == []
        older = replace(first, payload={"legal_name": "Old"}, hub_updated_at=AT - timedelta(days=1))
        assert await write_organizations(connection, [older]) == []
        renamed = replace(first, name="C", payload={"legal_name": "C"}, hub_updated_at=AT + timedelta(days=1))
        assert await write_organizations(connection, [renamed]) == [first.organization_id]
        await mark_organizations_removed(connection, [second.organization_id])
        assert await connection.fetchval("SELECT count(*) FROM organizations WHERE removed_at IS NULL") == 1
        assert await write_organizations(connection, [second]) == [second.organization_id]
        assert [row["name"] for row in await list_organizations(connection, limit=10)] == ["B", "C"]
        history = await list_history(
            connection,
            second.organization_id,
            HistoryKind.ORGANIZATION,
            str(second.organization_id),
            10,
        )
    assert [each.body["removed"] for each in history] == [False, True, False]


async def test_connections_of_an_organization(database: Database) -> None:
    """The connected one counts; one that is no longer listed is gone; an older version changes nothing."""
    organization_id = uuid4()
    ended = connection_told("disconnected", hub_created_at=AT - timedelta(days=1))
    current = connection_told()
    async with database.organization(organization_id) as connection:
        assert await write_connections(connection, organization_id, [ended, current]) == 2
        assert await write_connections(connection, organization_id, [ended, current]) == 0
        stale = replace(current, status="pending_auth", payload={}, hub_updated_at=AT - timedelta(hours=1))
        assert await write_connections(connection, organization_id, [ended, stale]) == 0
        found = await get_current_connection(connection, organization_id)
        assert found is not None
        assert (found.connection_id, found.is_connected) == (current.connection_id, True)
        assert await write_connections(connection, organization_id, [ended]) == 1
        found = await get_current_connection(connection, organization_id)
        assert found is not None
        assert (found.connection_id, found.is_connected) == (ended.connection_id, False)
        assert len(await list_connections(connection, organization_id)) == 2
        assert await write_connections(connection, organization_id, []) == 1
        assert await get_current_connection(connection, organization_id) is None
        history = await list_history(
            connection, organization_id, HistoryKind.CONNECTION, str(current.connection_id), 10
        )
    assert [each.version for each in history] == [2, 1]
    assert history[0].body["removed_at"]


async def test_a_connection_that_works_again_was_renewed(database: Database) -> None:
    """The time of a renewal is the hub's, of the move to *connected* alone: a pull is none."""
    organization_id = uuid4()
    told = connection_told()
    moves = [
        ("connected", None),
        ("deauthorized", None),
        ("connected", AT + timedelta(hours=2)),
        ("connected", AT + timedelta(hours=2)),
    ]
    async with database.organization(organization_id) as connection:
        for hours, (status, renewed_at) in enumerate(moves):
            at = AT + timedelta(hours=hours)
            now = connection_told(
                status, connection_id=told.connection_id, last_pull=at, hub_updated_at=at, hub_created_at=AT
            )
            assert await write_connections(connection, organization_id, [now]) == 1
            found = await get_current_connection(connection, organization_id)
            assert found is not None
            assert (found.connected_at, found.renewed_at) == (AT, renewed_at)


async def test_reference_objects(database: Database) -> None:
    """What moves of itself makes no version; what is gone is marked, unless it merely could not be read."""
    organization_id = uuid4()

    def account(reference_id: str, **payload: Any) -> ReferenceObject:
        return ReferenceObject(
            kind=ReferenceKind.LEDGER_ACCOUNT,
            reference_id=reference_id,
            name=f"Account {reference_id}",
            status="Active",
            payload=payload,
        )

    async def write(*seen: ReferenceObject, unread: tuple[str, ...] = ()) -> int:
        async with database.organization(organization_id) as connection:
            return await write_reference_objects(
                connection, organization_id, ReferenceKind.LEDGER_ACCOUNT, seen, also_listed=unread
            )

    async def names() -> set[str]:
        async with database.organization(organization_id) as connection:
            found = await list_reference_objects(connection, organization_id, [ReferenceKind.LEDGER_ACCOUNT])
        return {each.reference_id for each in found}

    assert await write(account("1", current_balance=5), account("2"), account("1", current_balance=5)) == 2
    assert await write(account("1", current_balance=7, updated_at="now"), account("2")) == 0
    assert await write(account("1"), unread=("2",)) == 0
    assert await names() == {"1", "2"}
    assert await write(account("1")) == 1
    assert await names() == {"1"}
    assert await write(account("1"), account("2")) == 1
    assert await names() == {"1", "2"}


async def test_touched_reference_objects(database: Database) -> None:
    """The hub's version of an object is kept when nothing else moved, and that makes no version of ours."""
    organization_id = uuid4()

    async def told(hub_updated_at: datetime | None) -> tuple[int, datetime | None]:
        seen = ReferenceObject(
            kind=ReferenceKind.COUNTERPART,
            reference_id="1",
            name="Ada",
            payload={"updated_at": str(hub_updated_at)},
            hub_updated_at=hub_updated_at,
        )
        async with database.organization(organization_id) as connection:
            changed = await write_reference_objects(
                connection, organization_id, ReferenceKind.COUNTERPART, [seen]
            )
            (found,) = await list_reference_objects(connection, organization_id, [ReferenceKind.COUNTERPART])
        return changed, found.hub_updated_at

    later = AT + timedelta(hours=1)
    assert await told(AT) == (1, AT)
    assert await told(later) == (0, later)
    assert await told(None) == (0, later)


async def test_replicas_report_and_leave(database: Database) -> None:
    """A replica is listed while it reports, and forgotten when it says so or has been silent for long."""
    async with database.fleet() as connection:
        await upsert_replica(connection, "a", {"worker", "web"}, "1.0")
        await upsert_replica(connection, "b", {"web"}, "1.0")
        await delete_replica(connection, "b")
        (replica,) = await list_replicas(connection, 60)
        assert (replica.replica_id, list(replica.roles)) == ("a", ["web", "worker"])
    database.clock_offset += timedelta(minutes=5)
    async with database.fleet() as connection:
        assert await list_replicas(connection, 60) == []
        await prune_replicas(connection, 60)
        assert await connection.fetchval("SELECT count(*) FROM replicas") == 0


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(anything)
def test_any_text_is_made_fit(value: Any) -> None:
    """Whatever upstream texts hold, rows can be written: no NUL and no half of a pair is left."""
    written = rows_json([{"value": value}])
    assert "\\u0000" not in written.replace("\\\\", "")
    assert written.encode()
    assert len(jsonb.decode(written)) == 1
    assert content_hash(value) == content_hash(value)


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=6))
def test_digests_ignore_the_order_of_keys(value: dict[str, int]) -> None:
    """The same object in another order is the same object."""
    assert content_hash(value) == content_hash(dict(reversed(value.items())))


def test_ids_are_written_as_texts() -> None:
    """Ids, times and bytes travel as Postgres reads them."""
    told = rows_json([{"id": UUID(int=1), "at": AT, "hash": b"\x01\xff"}])
    assert jsonb.decode(told) == [
        {"id": str(UUID(int=1)), "at": "2026-10-01T09:00:00Z", "hash": "\\x01ff"},
    ]
