"""A caller of the simulated hub in process, which speaks its dialect."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx

from service.simulator import Behaviour, Clock, Simulator, SimulatorTransport
from service.simulator.dialects import SPELLINGS


class Caller:
    """Calls a hub as a partner would; paths are given in Tesouro's spelling and without prefix."""

    def __init__(self, simulator: Simulator, client: httpx.AsyncClient) -> None:
        self.simulator = simulator
        self.client = client
        self.spelling = SPELLINGS[simulator.dialect]
        self.organization = simulator.organization_ids[0]
        self.token: str | None = None

    def headers(self, organization: str | None = None) -> dict[str, str]:
        """Return the headers of a good request."""
        headers = {
            self.spelling.version_header: self.spelling.version,
            self.spelling.organization_header: organization or self.organization,
        }
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        return headers

    async def authenticate(self) -> None:
        """Fetch a token."""
        response = await self.client.post(
            "/v1/auth/token",
            headers=self.headers(),
            json={
                "grant_type": "client_credentials",
                "client_id": self.simulator.client_id,
                "client_secret": self.simulator.client_secret,
            },
        )
        self.token = response.json()["access_token"]

    async def call(
        self, method: str, path: str, *, organization: str | None = None, **options: Any
    ) -> httpx.Response:
        """Make a call and return the response."""
        headers = options.pop("headers", None) or self.headers(organization)
        return await self.client.request(method, f"/v1{self.spelled(path)}", headers=headers, **options)

    def spelled(self, path: str) -> str:
        """Spell a path with ids in it: fixed parts begin with a letter and hold no digit."""
        parts = path.split("/")
        return "/".join(
            self.spelling.path(part) if part.replace("-", "").isalpha() else part for part in parts
        )

    async def get(self, path: str, *, organization: str | None = None, **params: Any) -> Any:
        """Read something that must be there."""
        response = await self.call("GET", path, organization=organization, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    async def walk(self, path: str, *, is_limit_resent: bool = True, **params: Any) -> list[dict[str, Any]]:
        """Read a list to its end."""
        rows: list[dict[str, Any]] = []
        page = await self.get(path, **params)
        while True:
            rows.extend(page["data"])
            if page["next_pagination_token"] is None:
                return rows
            following: dict[str, Any] = {"pagination_token": page["next_pagination_token"]}
            if is_limit_resent and "limit" in params:
                following["limit"] = params["limit"]
            page = await self.get(path, **following)

    def truth(self) -> dict[str, Any]:
        """Return the ground truth of the organization."""
        organization: dict[str, Any] = self.simulator.truth(self.organization)["organizations"][
            self.organization
        ]
        return organization

    def cause(self, record: dict[str, Any]) -> str | None:
        """Return the true cause of a record's failure."""
        cause: str | None = self.truth()["causes"].get(record["id"])
        return cause

    def created(self, object_id: str) -> int:
        """Count the documents ever created in the books for a local one."""
        count: int = self.truth()["documents_per_local"].get(object_id, 0)
        return count

    async def settled(self, object_id: str, object_type: str = "receivable") -> dict[str, Any]:
        """Let pushes finish and return an object's record."""
        self.simulator.advance(60)
        return await self.record(object_id, object_type)

    async def record(self, object_id: str, object_type: str = "receivable", **options: Any) -> dict[str, Any]:
        """Return the synced record of an object."""
        page = await self.get(
            "/accounting-synced-records", object_type=object_type, object_id=object_id, **options
        )
        assert len(page["data"]) == 1, page
        row: dict[str, Any] = page["data"][0]
        return row

    async def push(self, record_id: str, **options: Any) -> httpx.Response:
        """Push a record."""
        return await self.call("POST", f"/accounting-synced-records/{record_id}/push", **options)


LONG_SECONDS = 10_000_000
"""A token's life where the test is not about tokens."""

OpenHub = Callable[..., contextlib.AbstractAsyncContextManager[Caller]]


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Caller]:
    """Open a hub on a manual clock, without budget, healthy, with a token."""
    simulator = Simulator(
        **{
            "clock": Clock.manual(),
            "rate_per_second": 0,
            "situations": "healthy",
            "documents": 6,
            "behaviour": Behaviour(token_seconds=LONG_SECONDS),
            **options,
        }
    )
    transport = SimulatorTransport(simulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub", timeout=5) as client:
        caller = Caller(simulator, client)
        await caller.authenticate()
        yield caller
    await simulator.close()
