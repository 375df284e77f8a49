"""What the tests of the web side are built from: settings, signed deliveries, clients, rows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx
from starlette.types import ASGIApp

from service.settings import Settings
from service.store.database import Database

SECRET = "whsec_test-secret"
BASE = "http://tieout.test"


def settings(**variables: str) -> Settings:
    """Settings as they come from an environment with these variables, named without their prefix."""
    environ = {f"TIEOUT_{name.upper()}": value for name, value in variables.items()}
    return Settings.from_environment({"TIEOUT_WEBHOOK_SECRETS": SECRET} | environ, require_hub=False)


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


ORGANIZATION = UUID("0a000000-0000-4000-8000-000000000001")
OTHER = UUID("0b000000-0000-4000-8000-000000000002")
