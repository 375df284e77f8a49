"""What one writes first: a webhook receiver that verifies, inserts one row in one statement, and answers.

DATABASE_URL=... python -m benchmarks.measuring.naive_receiver PORT
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.measuring.process import SECRET

INSERT = """
    INSERT INTO naive_events (organization_id, event_id, subscription_id, object_type, action, raw)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
CONNECTIONS = 16


async def receive(request: Request) -> JSONResponse:
    """Verify, store, answer."""
    body = await request.body()
    parts = dict(part.split("=", 1) for part in request.headers["tesouro-signature"].split(","))
    signed = parts["t"].encode() + b"." + body
    if not hmac.compare_digest(hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest(), parts["v1"]):
        return JSONResponse({"error": "signature"}, 401)
    event = json.loads(body)
    await request.app.state.pool.execute(
        INSERT,
        event["entity_id"],
        event["id"],
        event["webhook_subscription_id"],
        event["object_type"],
        event["action"],
        body,
    )
    return JSONResponse({})


async def healthy(_request: Request) -> JSONResponse:
    """Answer that it runs."""
    return JSONResponse({})


@asynccontextmanager
async def pooled(app: Starlette) -> AsyncIterator[None]:
    """Hold a pool while the application runs."""
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS
    ) as pool:
        app.state.pool = pool
        yield


def main() -> None:
    """Serve."""
    routes = [Route("/webhooks/hub", receive, methods=["POST"]), Route("/readyz", healthy)]
    app = Starlette(routes=routes, lifespan=pooled)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", access_log=False)


if __name__ == "__main__":
    main()
