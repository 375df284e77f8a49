"""How fast an organization's synced records get from HTTP into Postgres, beside bare COPY and beside dlt.

    python benchmarks/ingesting.py [--records 250000]

Each way reads the same list from the same canned hub into the same durable Postgres, in a process of its own:
all of it, and again after one record in a hundred has changed. What tieout does on the way and the others do
not: it decides what each record means, keeps every version, counts, and gives each the money of its invoice.
Invoices are there before, as in a first load of the service; `--unknown` leaves them out, and then it also
asks the hub for two records of each page, whose they are.
Wall time depends on who else is busy, the more where reading and writing overlap; processor time, of the
process and of Postgres, does not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
import urllib.request
from dataclasses import dataclass

import asyncpg

from benchmarks.measuring.apart import Apart, Failed, run_apart
from benchmarks.measuring.ingest import ORGANIZATION
from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.process import child, free_port
from benchmarks.measuring.processor import postmaster, used_by
from benchmarks.measuring.report import Report, Table, megabytes, ratio, seconds

KNOW = """
INSERT INTO tieout.documents (
    organization_id, ledger, side, document_id, kind, currency, total_minor, body, payload, content_hash,
    list_hash, version, first_seen_at, changed_at
)
SELECT $1, 'receivable', 'local', lpad(to_hex(i), 8, '0') || '-0000-4000-8000-000000000002', 'invoice', 'EUR',
    1000 + i, '{}', '{}', '', '', 1, now(), now()
FROM generate_series(0, $2 - 1) AS i
"""

WAYS = ("bare", "tieout", "dlt")
LOAD, AGAIN = "first load", "1 % changed"


@dataclass
class Bench:
    """Runs each way as often as asked."""

    url: str
    port: int
    postmaster: int
    report: Report

    def run(self, way: str) -> Apart | None:
        """Run one way; None where the peer is not there."""
        before = used_by([self.postmaster])
        try:
            ran = run_apart(["-m", "benchmarks.measuring.ingest", way, self.url, str(self.port)])
        except Failed as failed:
            if way != "dlt":
                raise
            self.report.note(f"dlt was not measured ({failed}); install it by: pip install '.[bench]'")
            return None
        ran.answer["postgres"] = used_by([self.postmaster]) - before
        return ran

    def change(self) -> None:
        """Let one record in a hundred change."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/changed", timeout=10):
            pass


async def know_invoices(url: str, count: int) -> None:
    """Write the invoices of all records."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(KNOW, ORGANIZATION, count)
        await connection.execute("VACUUM ANALYZE tieout.documents")
    finally:
        await connection.close()


async def written(url: str) -> tuple[int, int]:
    """Tell how many versions are kept, and how many records there are."""
    connection = await asyncpg.connect(url)
    try:
        versions = await connection.fetchval("SELECT count(*) FROM tieout.history WHERE kind = 'record'")
        return versions, await connection.fetchval("SELECT count(*) FROM tieout.records")
    finally:
        await connection.close()


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=250_000)
    parser.add_argument("--unknown", action="store_true", help="their invoices have not been read yet")
    given = parser.parse_args()
    report = Report("ingesting")
    report.note(f"{given.records:,} records in pages of 250")
    taken: dict[tuple[str, str], Apart | None] = {}
    port = free_port()
    with migrated(is_durable=True) as url, tempfile.TemporaryDirectory() as folder:
        os.environ["DLT_DATA_DIR"] = folder
        with child(["-m", "benchmarks.measuring.canned_hub", str(port), str(given.records)], port):
            if not given.unknown:
                asyncio.run(know_invoices(url, given.records))
            time.sleep(1)
            bench = Bench(url, port, postmaster(url), report)
            for way in WAYS:
                taken[way, LOAD] = bench.run(way)
            before, _ = asyncio.run(written(url))
            bench.change()
            for way in WAYS:
                taken[way, AGAIN] = None if taken[way, LOAD] is None else bench.run(way)
            after, records = asyncio.run(written(url))
    tell(report, taken, given.records)
    changed = -(-given.records // 100)
    report.target(
        "only what changed is written", f"{after - before:,} of {records:,}", met=after - before == changed
    )
    report.finish()


def tell(report: Report, taken: dict[tuple[str, str], Apart | None], count: int) -> None:
    """Tell the figures, and which targets they meet."""

    def speed(way: str, run: str) -> float | None:
        found = taken[way, run]
        return None if found is None else count / float(found.answer["seconds"])

    table = Table(
        "Records a second, and the processor time of one",
        ("way", "run", "a second", "took", "of bare", "processor", "Postgres", "memory"),
    )
    for run in (LOAD, AGAIN):
        for way in WAYS:
            found, rate = taken[way, run], speed(way, run)
            if found is not None and rate is not None:
                table.row(
                    way,
                    run,
                    f"{rate:,.0f}",
                    seconds(float(found.answer["seconds"])),
                    ratio(rate, speed("bare", run)),
                    f"{found.answer['processor'] / count * 1e6:.0f} µs",
                    f"{found.answer['postgres'] / count * 1e6:.0f} µs",
                    megabytes(found.peak_bytes),
                )
    report.table(table)
    ours, again = speed("tieout", LOAD) or 0.0, speed("tieout", AGAIN) or 0.0
    bare, peer, peer_again = speed("bare", LOAD) or 1.0, speed("dlt", LOAD), speed("dlt", AGAIN)
    report.target(
        "first load, at least 0.65 x bare COPY and merge", ratio(ours, bare), met=ours >= 0.65 * bare
    )
    if peer is not None and peer_again is not None:
        report.target("first load, at least 7 x dlt", ratio(ours, peer), met=ours >= 7 * peer)
        report.target(
            "1 % changed, at least 18 x dlt", ratio(again, peer_again), met=again >= 18 * peer_again
        )
    peak = max(run.peak_bytes for (way, _), run in taken.items() if way == "tieout" and run is not None)
    report.target("at most 100 MB", megabytes(peak), met=peak <= 100 * 2**20)


if __name__ == "__main__":
    main()
