"""A hundred organizations, each with a text of its own in every string that came from upstream.

One organization is filled with something of everything; the others are copies of it, made in Postgres: ids
become ids of their own, and the canary of the first becomes theirs. Which columns hold texts is read from the
database, so that tables and columns of tomorrow are planted too.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import asyncpg
import httpx
from starlette.types import ASGIApp

from service.settings import Role
from service.store.database import Database
from service.web.keys import create_key
from tests.web.builders import CANARY, KEYS, ORGANIZATION, Fleet, client, fill
from tests.web.statement_world import october, put
from tests.web.test_documents_shape import document

ORGANIZATIONS = 100
PERIOD = "2026-10"
LOCAL_ID = "R-17"

WORDS = {
    "act",
    "basis",
    "cause",
    "cause_rule",
    "connection_status",
    "currency",
    "ground",
    "hash",
    "kind",
    "ledger",
    "notified_severity",
    "object_type",
    "origin",
    "outcome",
    "owner",
    "paired_by",
    "platform",
    "rule",
    "scope",
    "severity",
    "side",
    "source",
    "state",
    "status",
    "stream",
    "sync_status",
    "trigger",
}
"""Columns that hold words of ours, or the hub's from a short list: they are the same for everybody."""

OF_NOBODY = frozenset({"api_keys", "login_codes", "sessions", "work"})
"""Tables with an organization in them that are told to nobody; keys are made for those that ask."""

TEXTS_IN_JSON = ("name", "party_name", "number", "reason", "cause_text", "error", "message")

_COLUMNS = """
    SELECT c.table_name, c.column_name, c.udt_name
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'tieout' AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'
        AND NOT EXISTS (
            SELECT FROM pg_inherits WHERE inhrelid = format('tieout.%I', c.table_name)::regclass
        )
    ORDER BY c.table_name, c.ordinal_position
"""
_UUID = "'^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'"
_NIL = "'00000000-0000-0000-0000-000000000000'"

Columns = Sequence[tuple[str, str]]


def canary(number: int) -> str:
    """The text that one organization alone may ever see."""
    return f"canary{number:03d}x"


def organization_id(number: int) -> UUID:
    """The id of an organization; all are copies of the first."""
    return uuid5(ORGANIZATION, str(number)) if number else ORGANIZATION


@dataclass(frozen=True)
class Fleet100:
    """The organizations, what of the first is asked for by id, and which tables hold something of them."""

    first: Fleet
    retry_id: str
    tables: Mapping[str, int]

    def parts(self, number: int) -> Mapping[str, str]:
        """What stands in paths about an organization: a path with another part needs it here."""
        record = next(each for each in self.first.records[ORGANIZATION] if each.attempts_count)
        ids = {
            "record_id": str(record.record_id),
            "alert_id": str(self.first.alerts[ORGANIZATION].alert_id),
            "retry_id": self.retry_id,
        }
        return {
            **{name: _own(each, number) for name, each in ids.items()},
            "organization_id": str(organization_id(number)),
            "local_id": f"{LOCAL_ID}-{canary(number)}",
            "period": PERIOD,
            "cause": "missing_tax_rate",
            "name": "style.css",
        }


async def plant(database: Database, url: str, app: ASGIApp) -> Fleet100:
    """Make them; `url` is the database's, as its owner."""
    first = await fill(database, canary(0))
    await put(database, ORGANIZATION, october())
    async with client(app, authorization=f"Bearer {KEYS['approver']}") as caller:
        retry_id = await _act(caller)
    connection = await asyncpg.connect(url, server_settings={"search_path": "tieout"})
    try:
        tables = await _tables(connection)
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_ONE_FINDING, ORGANIZATION, canary(0))
        for table, columns in tables.items():
            await connection.execute(_plant(table, columns), ORGANIZATION, canary(0))
        others = [organization_id(number) for number in range(1, ORGANIZATIONS)]
        texts = [canary(number) for number in range(1, ORGANIZATIONS)]
        counts = {}
        for table, columns in tables.items():
            await connection.execute(_copy(table, columns), ORGANIZATION, canary(0), others, texts)
            sql = f"SELECT count(*) FROM {table} WHERE organization_id = $1"  # noqa: S608 - a name of the schema
            counts[table] = int(await connection.fetchval(sql, others[0]))
    finally:
        await connection.close()
    return Fleet100(first, retry_id, counts)


async def key_of(database: Database, number: int, role: Role = Role.APPROVER) -> str:
    """Make a key of one organization."""
    key = await create_key(database, name=f"key-{number}", role=role, organization_id=organization_id(number))
    assert key is not None, "the name is free"
    return key


async def _act(caller: httpx.AsyncClient) -> str:
    """Do what people do with the first organization: plan a retry, sign, put a document."""
    answer = await caller.post("/v1/retries", json={"filter": {"organization_id": str(ORGANIZATION)}})
    assert answer.status_code == 201, answer.text
    base = f"/v1/organizations/{ORGANIZATION}"
    signed = await caller.post(f"{base}/statements/{PERIOD}/sign", json={"role": "preparer"})
    assert signed.status_code == 200, signed.text
    told = await caller.put(f"{base}/documents/{LOCAL_ID}", json=document(party={"name": canary(0)}))
    assert told.status_code == 200, told.text
    return str(answer.json()["id"])


_ONE_FINDING = """
    INSERT INTO findings (organization_id, ledger, kind, document_id, reason, owner, found_at)
    VALUES ($1, 'receivable', 'missing_tax_rate', 'inv-1', $2, 'bookkeeper', now())
"""


async def _tables(connection: asyncpg.Connection) -> Mapping[str, Columns]:
    """The tables of tenants, with the types of their columns."""
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in await connection.fetch(_COLUMNS):
        found[row["table_name"]].append((row["column_name"], row["udt_name"]))
    return {
        table: columns
        for table, columns in found.items()
        if "organization_id" in dict(columns) and table not in OF_NOBODY
    }


def _plant(table: str, columns: Columns) -> str:
    """Put the canary of the first organization ($2) into each of its texts that lacks it."""
    changes = []
    for name, kind in columns:
        if kind == "text" and name not in WORDS:
            is_id = f"{name} ~ {_UUID} OR {name} = '' OR position($2 IN {name}) > 0"
            changes.append(f"{name} = CASE WHEN {is_id} THEN {name} ELSE {name} || '-' || $2 END")
        elif kind == "jsonb":
            told = name
            for key in TEXTS_IN_JSON:
                is_text = f"jsonb_typeof({name}) = 'object' AND jsonb_typeof({name} -> '{key}') = 'string'"
                value = f"to_jsonb(({name} ->> '{key}') || '-' || $2)"
                told = f"CASE WHEN {is_text} THEN jsonb_set({told}, '{{{key}}}', {value}) ELSE {told} END"
            changes.append(f"{name} = {told}")
    wanted = "organization_id = $1 AND $2::text <> ''"
    if not changes:
        return f"SELECT FROM {table} WHERE {wanted}"
    return f"UPDATE {table} SET {', '.join(changes)} WHERE {wanted}"  # noqa: S608


def _copy(table: str, columns: Columns) -> str:
    """Copy the rows of the first organization ($1, canary $2) to others ($3, canaries $4)."""
    told = []
    for name, kind in columns:
        own = f"md5({name}::text || o.id::text)::uuid"
        if name == "organization_id":
            told.append("o.id")
        elif kind == "uuid":
            told.append(f"CASE WHEN {name} = {_NIL} THEN {name} ELSE {own} END")
        elif kind == "text":
            replaced = f"replace({name}, $2, o.canary)"
            its = f"CASE WHEN {name} = $1::uuid::text THEN o.id ELSE {own} END"
            told.append(f"CASE WHEN {name} ~ {_UUID} THEN ({its})::text ELSE {replaced} END")
        elif kind == "jsonb":
            replaced = f"replace({name}::text, $2, o.canary)"
            told.append(f"replace({replaced}, $1::uuid::text, o.id::text)::jsonb")
        else:
            told.append(name)
    names = ", ".join(name for name, _ in columns)
    return (
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {', '.join(told)} FROM {table} "  # noqa: S608
        "CROSS JOIN unnest($3::uuid[], $4::text[]) AS o (id, canary) "
        "WHERE organization_id = $1::uuid AND $2::text <> ''"
    )


def _own(identifier: str, number: int) -> str:
    """What an id of the first organization has become in a copy."""
    if number == 0:
        return identifier
    digest = hashlib.md5(f"{identifier}{organization_id(number)}".encode(), usedforsecurity=False)
    return str(UUID(digest.hexdigest()))


def foreign_in(text: str, number: int) -> set[str]:
    """The canaries and organizations in a text that are not those of this organization."""
    others = {canary(each) for each in range(ORGANIZATIONS) if each != number}
    others |= {str(organization_id(each)) for each in range(ORGANIZATIONS) if each != number}
    return {each for each in (*others, CANARY) if each in text}
