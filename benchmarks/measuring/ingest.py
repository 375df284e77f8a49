"""Reads an organization's synced records into Postgres, by one of two ways, in a process of its own.

    python -m benchmarks.measuring.ingest tieout|bare|dlt DATABASE_URL HUB_PORT

`tieout` is the very reading of the poller, with its client, its decisions, its history and its counts. `bare`
is as little as can be: decode, COPY into a staging table page by page, one merge at the end. `dlt` is the
peer: a REST source, merged into Postgres by its key.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import msgspec
import uvloop

from benchmarks.measuring.apart import answer
from service import rings
from service.domain.cadence import bound
from service.domain.cadence.stream import Stream
from service.domain.fleet import WorkKind
from service.domain.pushing import policy as push_policy
from service.hub.budget import Budget, Priority, Turn, single_process
from service.hub.client import Hub
from service.hub.dialect import Dialect
from service.hub.exchange import note_missing_modules, open_http
from service.hub.signing_in import Credentials
from service.store.database import Database
from service.store.streams import ensure_streams, list_streams
from service.store.work import ensure_work
from service.workers.claims import Claims
from service.workers.reading import Reading, Visit
from service.workers.reading_records import read_records

ORGANIZATION = UUID(int=7)
LIMIT = 250


@dataclass
class Spent:
    """What reading takes of time, and of the processor in this process."""

    began: float = field(default_factory=time.perf_counter)
    processor: float = field(default_factory=time.process_time)

    def until_now(self) -> dict[str, float]:
        """Tell it."""
        return {
            "seconds": time.perf_counter() - self.began,
            "processor": time.process_time() - self.processor,
        }


class Unlimited(Budget):
    """Lets every request go at once: what the hub allows is not what is measured."""

    async def acquire(self, priority: Priority) -> Turn:  # noqa: ARG002 - nobody has to wait
        """Give leave."""
        return Turn(time.monotonic(), 60.0, time.monotonic)


async def tieout(url: str, port: int) -> dict[str, Any]:
    """Read as the poller does."""
    base = f"http://127.0.0.1:{port}/v1"
    async with (
        await Database.open(url) as database,
        open_http(base_url=base, timeout_seconds=30, service_version="benchmark") as http,
    ):
        hub = Hub(
            http=http,
            dialect=Dialect.TESOURO,
            credentials=Credentials(client_id="c", client_secret="s", token_url=f"{base}/auth/token"),  # noqa: S106
            version=Dialect.TESOURO.default_version,
            budget=Unlimited(single_process(1)),
            timeout_seconds=30,
        )
        async with database.fleet() as rows:
            await ensure_work(rows, [ORGANIZATION], [WorkKind.POLL])
            await ensure_streams(rows, [ORGANIZATION])
            await rows.execute("UPDATE work SET due_at = tieout.now(), lease_by = NULL")
        async with database.organization(ORGANIZATION) as rows:
            streams = await list_streams(rows, ORGANIZATION)
        async with Claims(database, WorkKind.POLL, "benchmark").working() as work:
            assert work is not None, "it is due"
            reading = Reading(
                hub=hub,
                database=database,
                work=work,
                stream=streams[Stream.RECEIVABLE_RECORDS],
                streams=streams,
                organization=bound.OrganizationFacts(),
                is_full=True,
                began_at=work.now,
                policy=push_policy.Policy(),
                visit=Visit(),
            )
            spent = Spent()
            readout = await read_records(reading)
            taken = spent.until_now()
            await work.finish(due_at=work.now)
        await hub.aclose()
    return {**taken, **readout.counts}


class Told(msgspec.Struct):
    """A record as the bare way keeps it."""

    id: str
    object_id: str
    object_type: str
    sync_status: str
    platform: str
    platform_object_id: str
    provider_object_id: str
    created_at: str
    updated_at: str


class Page(msgspec.Struct):
    """A page as the bare way reads it."""

    data: list[msgspec.Raw]
    next_pagination_token: str | None


STAGING = "CREATE TEMP TABLE staging (record_id text, updated_at text, told text)"
TABLE = """
    CREATE TABLE IF NOT EXISTS public.bare_records (
        record_id uuid PRIMARY KEY, updated_at timestamptz NOT NULL, told jsonb NOT NULL
    )
"""
MERGE = """
    INSERT INTO public.bare_records AS r
    SELECT record_id::uuid, updated_at::timestamptz, told::jsonb FROM staging
    ON CONFLICT (record_id) DO UPDATE SET updated_at = excluded.updated_at, told = excluded.told
    WHERE r.updated_at < excluded.updated_at
"""


async def bare(url: str, port: int) -> dict[str, Any]:
    """Read with as little as can be."""
    told, pages = msgspec.json.Decoder(Told), msgspec.json.Decoder(Page)
    note_missing_modules()  # the client is the same, and as fast
    connection = await asyncpg.connect(url)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1", trust_env=False) as http:
        spent = Spent()
        await connection.execute(TABLE)
        await connection.execute(STAGING)
        token: str | None = "0"  # noqa: S105 - a place in a list
        while token is not None:
            query = {"object_type": "receivable", "limit": str(LIMIT), "pagination_token": token}
            page = pages.decode((await http.get("/accounting-synced-records", params=query)).content)
            rows = [(told.decode(raw), bytes(raw).decode()) for raw in page.data]
            await connection.copy_records_to_table(
                "staging", records=[(row.id, row.updated_at, text) for row, text in rows]
            )
            token = page.next_pagination_token
        status = await connection.execute(MERGE)
        taken = spent.until_now()
    await connection.close()
    return {**taken, "records_changed": int(status.split()[-1])}


def by_dlt(url: str, port: int) -> dict[str, Any]:
    """Read by dlt; raises ImportError where it is not installed."""
    import dlt  # noqa: PLC0415 - a peer that need not be there
    from dlt.sources.rest_api import rest_api_source  # noqa: PLC0415

    source = rest_api_source(
        {
            "client": {
                "base_url": f"http://127.0.0.1:{port}/v1",
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "next_pagination_token",
                    "cursor_param": "pagination_token",
                },
            },
            "resources": [
                {
                    "name": "dlt_records",
                    "primary_key": "id",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": "accounting-synced-records",
                        "params": {"object_type": "receivable", "limit": LIMIT},
                        "data_selector": "data",
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "tieout_benchmark", destination=dlt.destinations.postgres(url), dataset_name="peer"
    )
    spent = Spent()
    pipeline.run(source)
    taken = spent.until_now()
    with pipeline.sql_client() as client, client.execute_query("SELECT count(*) FROM dlt_records") as cursor:
        [(count,)] = cursor.fetchall()
    return {**taken, "records_changed": count}


def main() -> None:
    """Read, and tell."""
    name, url, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rings.search_less()  # as the service does; the other ways gain by it too
    if name == "dlt":
        answer(**by_dlt(url, port))
    else:
        answer(**uvloop.run({"tieout": tieout, "bare": bare}[name](url, port)))


if __name__ == "__main__":
    main()
