"""What the tests of the web side are built from: settings, signed deliveries, clients, rows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
from starlette.types import ASGIApp

from service.domain.alerts.alert import Alert, Kind, Severity, Status
from service.domain.causes.names import Cause
from service.domain.document import Document, DocumentKind, Ledger, Line, Origin, Side
from service.domain.document import Status as DocumentStatus
from service.domain.fleet import FLEET, WorkKind
from service.domain.record import Record
from service.domain.record_state import FAILED, State
from service.settings import Settings
from service.store.alerts import upsert_alerts
from service.store.balances import upsert_balances
from service.store.comparing import upsert_differences
from service.store.connections import SeenConnection, write_connections
from service.store.database import Database
from service.store.hub_budget import mark_hub_ok
from service.store.organizations import SeenOrganization, write_organizations
from service.store.partner_documents import put_documents
from service.store.pushes import (
    AttemptKey,
    StoredEvidence,
    insert_attempt,
    insert_attempt_outcome,
    insert_evidence,
)
from service.store.records import Change, write_records
from service.store.replicas import upsert_replica
from service.store.scans import replace_unreadable
from service.store.streams import ensure_streams
from service.store.work import ensure_work, get_now
from service.web.delivery import Delivery
from service.web.group_commit import GroupCommit

SECRET = "whsec_test-secret"
BASE = "http://tieout.test"

ORGANIZATION = UUID("0a000000-0000-4000-8000-000000000001")
OTHER = UUID("0b000000-0000-4000-8000-000000000002")

CANARY = "canary-of-the-other-organization"
"""A text that nobody but the other organization may ever see."""

KEYS = {
    "viewer": "key-of-the-viewer-0123456789",
    "operator": "key-of-the-operator-0123456789",
    "approver": "key-of-the-approver-0123456789",
    "bound": "key-of-the-bound-0123456789",
}
"""The keys of the environment, by name; `bound` is an operator of `ORGANIZATION` alone."""

_KEY_LIST = ",".join(
    [
        f"viewer:viewer:{KEYS['viewer']}",
        f"operator:operator:{KEYS['operator']}",
        f"approver:approver:{KEYS['approver']}",
        f"bound:operator:{KEYS['bound']}:{ORGANIZATION}",
    ]
)


def settings(**variables: str) -> Settings:
    """Settings as they come from an environment with these variables, named without their prefix."""
    environ = {f"TIEOUT_{name.upper()}": value for name, value in variables.items()}
    given = {"TIEOUT_WEBHOOK_SECRETS": SECRET, "TIEOUT_API_KEYS": _KEY_LIST, "TIEOUT_PUBLIC_URL": BASE}
    return Settings.from_environment(given | environ, require_hub=False)


def client(app: ASGIApp, **headers: str) -> httpx.AsyncClient:
    """A client that speaks to an application in this process."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)


def event(**changes: Any) -> dict[str, Any]:
    """A delivery's content as the hub sends it."""
    return {
        "id": str(uuid4()),
        "created_at": "2026-11-20T10:00:00.123456+00:00",
        "action": "updated",
        "api_version": "2025-06-23",
        "description": "payable updated",
        "entity_id": str(uuid4()),
        "object": {"id": str(uuid4())},
        "object_type": "payable",
        "webhook_subscription_id": str(uuid4()),
    } | changes


def encoded(content: Mapping[str, Any]) -> bytes:
    """The bytes of a delivery."""
    return json.dumps(content).encode()


def signature(body: bytes, *, secret: str = SECRET, at: int | None = None, digest: str = "sha256") -> str:
    """The value of a signature header."""
    moment = int(time.time()) if at is None else at
    made = hmac.new(secret.encode(), f"{moment}.".encode() + body, getattr(hashlib, digest)).hexdigest()
    return f"t={moment},v1={made}"


def signed(body: bytes, **options: Any) -> dict[str, str]:
    """The headers of a signed delivery."""
    return {"Tesouro-Signature": signature(body, **options), "Content-Type": "application/json"}


async def eventually(holds: Callable[[], Awaitable[object]], *, seconds: float = 10) -> None:
    """Wait until something holds in the database, or fail at the deadline."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in Postgres, which sets no event
            await asyncio.sleep(0.02)


async def stored_events(database: Database) -> list[dict[str, Any]]:
    """Every event in the table."""
    async with database.fleet(readonly=True) as connection:
        return [dict(row) for row in await connection.fetch("SELECT * FROM events ORDER BY received_at")]


async def webhook_counts(database: Database) -> dict[str, int]:
    """What was counted of deliveries, by outcome."""
    async with database.fleet(readonly=True) as connection:
        rows = await connection.fetch("SELECT outcome, sum(deliveries)::int n FROM webhook_counts GROUP BY 1")
    return {row["outcome"]: row["n"] for row in rows}


NOW = datetime.now(UTC).replace(microsecond=0)
"""When the tests began; the tables are filled with times around it."""


async def add_organization(
    database: Database,
    organization_id: UUID,
    name: str,
    *,
    status: str | None = "connected",
    last_pull: datetime | None = NOW,
    **connection: Any,
) -> UUID:
    """An organization, with a connection of some status; None for none."""
    seen = SeenOrganization(
        organization_id=organization_id,
        name=name,
        status="active",
        hub_created_at=NOW - timedelta(days=90),
        hub_updated_at=NOW - timedelta(days=90),
        payload={"id": str(organization_id), "name": name},
    )
    async with database.fleet() as rows:
        await write_organizations(rows, [seen])
        await ensure_streams(rows, [organization_id])
        await ensure_work(rows, [organization_id], [WorkKind.POLL])
    if status is not None:
        await set_connection(database, organization_id, status, last_pull=last_pull, **connection)
    return organization_id


async def set_connection(
    database: Database,
    organization_id: UUID,
    status: str,
    *,
    last_pull: datetime | None = NOW,
    platform: str = "quickbooks",
    url: str | None = None,
    at: datetime = NOW,
) -> None:
    """What the hub tells of the organization's only connection."""
    connection_id = uuid5(organization_id, "connection")
    seen = SeenConnection(
        connection_id=connection_id,
        status=status,
        platform=platform,
        last_pull=last_pull,
        connection_url=url,
        errors=None,
        hub_created_at=NOW - timedelta(days=80),
        hub_updated_at=at,
        payload={"id": str(connection_id), "status": status, "last_pull": str(last_pull)},
    )
    async with database.organization(organization_id) as rows:
        await write_connections(rows, organization_id, [seen])


async def add_record(database: Database, organization_id: UUID, **changes: Any) -> Record:
    """A synced record; confirmed unless told otherwise, with a cause where its state needs one."""
    state = State(changes.pop("state", State.CONFIRMED))
    fails = state in FAILED
    record = Record(
        **{
            "record_id": uuid4(),
            "organization_id": organization_id,
            "object_type": "receivable",
            "object_id": uuid4(),
            "sync_status": "error" if fails else "pending" if state is State.WAITING else "done",
            "platform": "quickbooks",
            "created_at": NOW - timedelta(days=2),
            "updated_at": NOW - timedelta(hours=1),
            "state": state,
            "cause": Cause.MISSING_TAX_RATE if fails else None,
            "cause_group": "tax rate <x> was not found" if fails else None,
            "cause_text": "The tax rate 8.25% was not found" if fails else None,
            "owner": "bookkeeper" if fails else None,
            "reason": "QuickBooks lacks the tax rate 8.25%; create it there." if fails else "All is well.",
            "attempts_count": 1 if fails else 0,
            "deadline_at": NOW + timedelta(minutes=5),
            "first_failed_at": NOW - timedelta(hours=1) if fails else None,
            "amount_minor": 125_00,
            "currency": "USD",
            **changes,
        }
    )
    await write_record(database, None, record)
    return record


async def write_record(database: Database, before: Record | None, after: Record) -> None:
    """Write a record as the poller does."""
    change = Change(before=before, after=after, payload={"id": str(after.record_id)}, content_hash=b"x")
    async with database.organization(after.organization_id) as rows:
        await write_records(rows, [change])


async def add_difference(database: Database, organization_id: UUID, **changes: Any) -> dict[str, Any]:
    """An open difference."""
    row = {
        "organization_id": organization_id,
        "difference_id": uuid4(),
        "fingerprint": str(uuid4()),
        "ledger": "receivable",
        "currency": "USD",
        "kind": "amount",
        "local_id": str(uuid4()),
        "books_id": "145",
        "local_minor": 100_00,
        "books_minor": 90_00,
        "delta_minor": -10_00,
        "count_delta": 0,
        "basis": "stated",
        "expected": False,
        "rule": None,
        "expected_until": None,
        "record_id": None,
        "cause": None,
        "reason": "The invoice was edited in the books.",
        "confidence": None,
        "version": 1,
        "first_seen_at": NOW - timedelta(hours=3),
        "changed_at": NOW - timedelta(hours=3),
        "resolved_at": None,
    } | changes
    async with database.organization(organization_id) as rows:
        await upsert_differences(rows, organization_id, [row])
    return row


async def add_balance(database: Database, organization_id: UUID, **changes: Any) -> dict[str, Any]:
    """A balance that ties out by two terms."""
    row = {
        "organization_id": organization_id,
        "ledger": "receivable",
        "currency": "USD",
        "local_minor": 1_000_00,
        "local_count": 10,
        "books_minor": 865_00,
        "books_count": 9,
        "terms": [
            {"kind": "amount", "expected": False, "count": 0, "delta_minor": -10_00},
            {"kind": "not_pushed", "expected": True, "count": -1, "delta_minor": -125_00},
        ],
        "unclassified_minor": 0,
        "certified": True,
        "local_at": NOW,
        "books_at": NOW,
        "last_pull": NOW,
        "version": 1,
        "compared_at": NOW,
    } | changes
    async with database.organization(organization_id) as rows:
        await upsert_balances(rows, organization_id, [row])
    return row


async def add_document(database: Database, organization_id: UUID, **changes: Any) -> Document:
    """A document of the partner's own system."""
    told = Document(
        side=Side.LOCAL,
        ledger=Ledger.RECEIVABLE,
        kind=DocumentKind.INVOICE,
        document_id=str(uuid4()),
        number="R-17",
        currency="USD",
        total_minor=125_00,
        status=DocumentStatus.OPEN,
        issued_on=NOW.date(),
        lines=(Line(description="Beans", quantity=Decimal("2.5"), net_minor=125_00, tax_rate=0),),
        origin=Origin.PARTNER,
        is_in_hub=False,
    )
    document = replace(told, **changes)
    async with database.organization(organization_id) as rows:
        await put_documents(rows, organization_id, [document], await get_now(rows))
    return document


async def add_unreadable(
    database: Database,
    organization_id: UUID,
    reasons: Mapping[str, str],
    *,
    ledger: Ledger = Ledger.RECEIVABLE,
    side: Side = Side.BOOKS,
) -> None:
    """Documents of a list that cannot be read, in place of those before."""
    async with database.organization(organization_id) as rows:
        await replace_unreadable(rows, organization_id, ledger, side, reasons)


async def add_alert(database: Database, organization_id: UUID = FLEET, **changes: Any) -> Alert:
    """A firing alert."""
    alert = Alert(
        **{
            "organization_id": organization_id,
            "alert_id": uuid4(),
            "fingerprint": f"cause_failing:{uuid4()}",
            "kind": Kind.CAUSE_FAILING,
            "scope": "missing_tax_rate",
            "cause": "missing_tax_rate",
            "severity": Severity.WARNING,
            "status": Status.FIRING,
            "summary": "A tax rate is missing in the books",
            "detail": "12 pushes wait for it in 3 organizations.",
            "owner": "bookkeeper",
            "next_step": "Create the tax rate; the pushes go by themselves.",
            "members": (),
            "organizations_count": 3,
            "records_count": 12,
            "money_at_risk": {"USD": 1_500_00},
            "started_at": NOW - timedelta(hours=1),
            "held_at": NOW,
            "grew_at": NOW,
            "changed_at": NOW,
            **changes,
        }
    )
    async with database.fleet() as rows:
        await upsert_alerts(rows, [alert])
    return alert


async def add_event(database: Database, organization_id: UUID, **changes: Any) -> UUID:
    """An event as its webhook brought it."""
    delivery = Delivery(
        **{
            "organization_id": str(organization_id),
            "event_id": str(uuid4()),
            "subscription_id": str(uuid4()),
            "object_type": "payable",
            "action": "updated",
            "object_id": str(uuid4()),
            "created_at": NOW,
            "raw": b"{}",
            **changes,
        }
    )
    await GroupCommit(database).store(delivery)
    return UUID(delivery.event_id)


async def add_worker(database: Database, replica_id: str = "worker-1") -> None:
    """A worker that reports, and a hub that answered it."""
    async with database.fleet() as rows:
        await upsert_replica(rows, replica_id, ["web", "worker"], "1.0")
        await mark_hub_ok(rows)


async def sweep(database: Database) -> None:
    """Everything has been read completely, just now."""
    async with database.fleet() as rows:
        await rows.execute("UPDATE streams SET full_at = tieout.now(), read_at = tieout.now()")
        await rows.execute("UPDATE standings SET swept_at = tieout.now()")
        await rows.execute("UPDATE work SET due_at = tieout.now() + interval '5 minutes'")


async def add_attempt(
    database: Database, record: Record, *, number: int, outcome: str | None, trigger: str = "schedule"
) -> UUID:
    """A push with the evidence that permitted it; without an outcome nobody knows what became of it."""
    evidence_id = uuid4()
    key = AttemptKey(record_id=record.record_id, episode=1, number=number)
    evidence = StoredEvidence(
        evidence_id=evidence_id,
        record_id=record.record_id,
        kind="refused_before_creation",
        detail={"seen": 1.5},
    )
    async with database.organization(record.organization_id) as rows:
        await insert_evidence(rows, record.organization_id, evidence)
        await insert_attempt(
            rows,
            record.organization_id,
            key,
            evidence_id=evidence_id,
            trigger=trigger,
            fence=1,
            replica_id="worker-1",
            record_updated_at=record.updated_at,
        )
    if outcome is not None:
        async with database.organization(record.organization_id) as rows:
            await insert_attempt_outcome(rows, record.organization_id, key, outcome, http_status=200)
    return evidence_id


@dataclass(frozen=True, slots=True)
class Fleet:
    """What `fill` made: records and alerts by organization."""

    records: Mapping[UUID, Sequence[Record]]
    alerts: Mapping[UUID, Alert]


async def fill(database: Database, first: str = "Alder & Finch") -> Fleet:
    """Make two organizations with something of everything, each with its name in every text."""
    records: dict[UUID, list[Record]] = {}
    alerts: dict[UUID, Alert] = {}
    for organization_id, name in ((ORGANIZATION, first), (OTHER, CANARY)):
        await add_organization(database, organization_id, name)
        records[organization_id] = [
            await add_record(
                database, organization_id, state=state, reason=f"{name}: {state}", cause_text=name
            )
            for state in State
        ]
        failing = records[organization_id][list(State).index(State.BLOCKED)]
        await add_attempt(database, failing, number=1, outcome="refused")
        await add_attempt(database, failing, number=2, outcome=None, trigger="cure")
        await add_difference(database, organization_id, reason=name, record_id=failing.record_id)
        await add_difference(
            database, organization_id, kind="not_pushed", expected=True, rule="draft", reason=name
        )
        await add_balance(database, organization_id)
        await add_balance(database, organization_id, ledger="payable", currency="JPY", terms=[])
        await add_document(database, organization_id, party_name=name)
        await add_unreadable(database, organization_id, {"145": f"its currency is {name}"})
        alerts[organization_id] = await add_alert(database, organization_id, summary=name)
        await add_event(database, organization_id, action=name.split()[0].lower())
    alerts[FLEET] = await add_alert(database)
    await add_event(
        database, FLEET, subscription_id=FLEET, object_type=None, action=None, quarantined="not JSON"
    )
    await add_worker(database)
    await sweep(database)
    return Fleet(records, alerts)
