"""How fast `/status`, its page and the first pages of the API answer in a large fleet.

    python benchmarks/status.py [--organizations 10000] [--records 5000000] [--requests 300]

A database is filled by SQL, the real web process runs on it, and one client asks, one request after the
other; beside it, what a request would cost that counted its figures instead of reading what is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from contextlib import nullcontext
from pathlib import Path

import asyncpg

from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.process import KEY, Running, service
from benchmarks.measuring.report import Report, Table, megabytes, ratio, seconds
from benchmarks.measuring.wire import Wire, percentile, request
from service.store.database import Database
from service.store.fleet_counts import correct_fleet_counts

FILL = Path(__file__).with_name("fleet_data.sql")
TARGET_SECONDS = 0.050
PORTION = 500_000
"""Records made by one statement."""

PATHS = (
    ("/status", "application/json"),
    ("/status", "text/html"),
    ("/", "text/html"),
    ("/v1/causes", "application/json"),
    ("/v1/organizations", "application/json"),
    ("/v1/records?limit=100", "application/json"),
    ("/v1/differences?open=true", "application/json"),
    ("/v1/alerts", "application/json"),
    ("/v1/events", "application/json"),
)


async def fill(url: str, organizations: int, records: int) -> None:
    """Fill the database portion by portion, and count what is kept of it."""
    connection = await asyncpg.connect(url, command_timeout=1800)
    try:
        for statement in await statements(connection, organizations, records):
            await connection.execute(statement)
    finally:
        await connection.close()
    async with await Database.open(url) as database, database.fleet() as rows:
        await rows.execute("SET LOCAL statement_timeout = 0")
        await correct_fleet_counts(rows)


async def statements(
    connection: asyncpg.Connection[asyncpg.Record], organizations: int, records: int
) -> list[str]:
    """Tell what fills the database; the indexes of records are made when all of them are there."""
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'tieout' AND tablename = 'records'"
        " AND indexname <> 'records_pkey'"
    )
    text = FILL.read_text(encoding="utf-8").replace(":organizations", str(organizations))
    found = [f"DROP INDEX tieout.{index['indexname']}" for index in indexes]
    for statement in text.split(";\n"):
        if ":first" in statement:
            found += [
                statement.replace(":first", str(first + 1)).replace(
                    ":last", str(min(first + PORTION, records))
                )
                for first in range(0, records, PORTION)
            ]
            found += [index["indexdef"] for index in indexes]
        elif statement.strip():
            found.append(statement)
    return [*found, "RESET search_path", "VACUUM ANALYZE"]


async def ask(running: Running, path: str, accept: str, requests: int) -> tuple[list[float], int]:
    """Ask one after the other; return how long each took, and how long the answer was."""
    wire = await Wire.open(running.port)
    bytes_ = request("GET", path, [("authorization", f"Bearer {KEY}"), ("accept", accept)])
    durations, size = [], 0
    for number in range(requests + 10):
        began = time.perf_counter()
        status, size = await wire.ask(bytes_)
        if number >= 10:
            durations.append(time.perf_counter() - began)
        assert status == 200, f"{path}: {status}"
    wire.close()
    return durations, size


async def counting(url: str) -> float:
    """Tell how long it takes to count what is kept."""
    connection = await asyncpg.connect(url, command_timeout=1800)
    try:
        began = time.perf_counter()
        await connection.fetch("SELECT * FROM tieout.count_fleet()")
        return time.perf_counter() - began
    finally:
        await connection.close()


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--filled", help="the address of a database that was filled before")
    given = parser.parse_args()
    report = Report("status")
    report.note(
        f"{given.organizations:,} organizations, {given.records:,} records, one client on the same machine"
    )
    with nullcontext(given.filled) if given.filled else migrated(is_durable=False) as url:
        began = time.perf_counter()
        if not given.filled:
            asyncio.run(fill(url, given.organizations, given.records))
            report.note(f"filled in {seconds(time.perf_counter() - began)}")
        counted = asyncio.run(counting(url))
        table = Table("Answers", ("request", "p50", "p99", "longest", "size", "p50 / counting"))
        worst = 0.0
        with service(url) as running:
            for path, accept in PATHS:
                durations, size = asyncio.run(ask(running, path, accept, given.requests))
                p50, p99 = percentile(durations, 0.5), percentile(durations, 0.99)
                if path == "/status":
                    worst = max(worst, p99)
                name = f"{path} ({'page' if accept == 'text/html' else 'JSON'})"
                table.row(
                    name,
                    seconds(p50),
                    seconds(p99),
                    seconds(max(durations)),
                    f"{size / 1024:.1f} KB",
                    ratio(p50, counted),
                )
            held = running.peak_bytes
        table.row("counting instead", seconds(counted), "-", "-", "-", ratio(counted, counted))
        report.table(table)
        report.note(f"the web process held {megabytes(held)}")
        report.target("/status, p99 at most 50 ms", seconds(worst), met=worst <= TARGET_SECONDS)
    report.finish()


if __name__ == "__main__":
    main()
