"""Keys, page sessions and login codes: kept as digests only, so that a copy of the table opens nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.store.database import Connection
from service.store.queries import QUERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a key, a session or a code entitles to, and under which name it is written down."""

    name: str
    role: str
    organization_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key as it is listed: everything but itself."""

    key_id: UUID
    name: str
    role: str
    organization_id: UUID | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A page session that has not expired."""

    digest: bytes
    key_digest: bytes | None
    grant: Grant
    csrf_token: str
    is_key_live: bool


async def get_api_key(connection: Connection, digest: bytes) -> Grant | None:
    """Find a live key by its digest."""
    row = await connection.fetchrow(QUERY["get_api_key"], digest)
    if row is None:
        return None
    return Grant(name=row["name"], role=row["role"], organization_id=row["organization_id"])


async def list_api_keys(connection: Connection) -> Sequence[StoredKey]:
    """List all keys, the revoked ones last."""
    return [StoredKey(**row) for row in await connection.fetch(QUERY["list_api_keys"])]


async def count_api_keys(connection: Connection) -> int:
    """Count live keys."""
    return int(await connection.fetchval(QUERY["count_api_keys"]))


async def insert_api_key(connection: Connection, key_id: UUID, grant: Grant, digest: bytes) -> bool:
    """Store a new key; false when a live one bears its name."""
    stored = await connection.fetchval(
        QUERY["insert_api_key"], key_id, grant.name, grant.role, grant.organization_id, digest
    )
    return stored is not None


async def mark_api_key_revoked(connection: Connection, name: str) -> bool:
    """Revoke a live key; false when there is none of that name."""
    return await connection.fetchval(QUERY["mark_api_key_revoked"], name) is not None


async def insert_session(
    connection: Connection,
    *,
    digest: bytes,
    key_digest: bytes | None,
    grant: Grant,
    csrf_token: str,
    lifetime: timedelta,
) -> None:
    """Open a page session."""
    await connection.execute(
        QUERY["insert_session"],
        digest,
        key_digest,
        grant.name,
        grant.role,
        grant.organization_id,
        csrf_token,
        lifetime,
    )


async def get_session(connection: Connection, digest: bytes) -> Session | None:
    """Find a session that has not expired."""
    row = await connection.fetchrow(QUERY["get_session"], digest)
    if row is None:
        return None
    return Session(
        digest=row["digest"],
        key_digest=row["key_digest"],
        grant=Grant(name=row["key_name"], role=row["role"], organization_id=row["organization_id"]),
        csrf_token=row["csrf_token"],
        is_key_live=row["is_key_live"],
    )


async def delete_session(connection: Connection, digest: bytes) -> None:
    """End a session."""
    await connection.execute(QUERY["delete_session"], digest)


async def prune_sessions(connection: Connection) -> None:
    """Forget expired sessions and login codes."""
    await connection.execute(QUERY["prune_sessions"])


async def insert_login_code(connection: Connection, digest: bytes, grant: Grant, lifetime: timedelta) -> None:
    """Store a code that opens one session."""
    await connection.execute(
        QUERY["insert_login_code"], digest, grant.name, grant.role, grant.organization_id, lifetime
    )


async def take_login_code(connection: Connection, digest: bytes) -> Grant | None:
    """Use a code up; None when there is no such code, or it is too late."""
    row = await connection.fetchrow(QUERY["take_login_code"], digest)
    if row is None or not row["is_live"]:
        return None
    return Grant(name=row["key_name"], role=row["role"], organization_id=row["organization_id"])
