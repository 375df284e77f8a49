"""How many webhooks a second are durable before they are answered, beside pgbench and a naive receiver.

    python benchmarks/webhooks.py [--seconds 8]

The limit L is what pgbench reaches on the same Postgres just before: 16 clients, each inserting one row a
transaction by a prepared statement, every commit on disk. The sender shares the machine's cores with
the receiver and Postgres; what a delivery costs in processor time, of all three together, does not depend on
who else is busy. Nothing is lost when every delivery that was answered 200 is in the table.

How long single deliveries take at half of L is measured before the full load, and when the disk has written
what came before; pgbench at the same rate tells how long the disk alone makes one wait.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.measuring.apart import run_apart
from benchmarks.measuring.deliveries import event_id
from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.process import Running, await_ready, child, free_port, service
from benchmarks.measuring.processor import postmaster, used_by, used_by_ended
from benchmarks.measuring.report import Report, Table, megabytes, ratio, seconds
from benchmarks.measuring.wire import percentile
from service.embedded import binaries

TABLE = """
    CREATE TABLE public.naive_events (
        organization_id uuid, event_id uuid, subscription_id uuid, object_type text, action text, raw bytea,
        received_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (organization_id, event_id, subscription_id)
    )
"""
SCRIPT = """
    INSERT INTO public.naive_events (organization_id, event_id, subscription_id, object_type, action, raw)
    VALUES (
        gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'receivable', 'issued',
        decode(repeat('ab', 420), 'hex')
    );
"""
CLIENTS = 16
PEAK_CONNECTIONS = (16, 64, 256)
OVERLOAD_CONNECTIONS = 1_600
FIRST_STEP = 10_000_000
"""Each run sends events of numbers of its own."""


@dataclass
class Sent:
    """What came of a run of deliveries."""

    told: Any
    processor_seconds: float = 0.0

    @property
    def cost(self) -> float:
        """Processor time of sender, receiver and Postgres for each delivery that was acknowledged."""
        return self.processor_seconds / max(1, len(self.acknowledged))

    @property
    def per_second(self) -> float:
        """Deliveries answered 200 a second."""
        return len(self.acknowledged) / float(self.told["seconds"])

    @property
    def acknowledged(self) -> list[int]:
        """The numbers of those that were answered 200."""
        return [number for first, last in self.told["acknowledged"] for number in range(first, last + 1)]

    @property
    def refused_per_second(self) -> float:
        """Deliveries that were told to come back, a second."""
        return int(self.told["answers"].get("503", 0)) / float(self.told["seconds"])

    def after(self, share: str, status: int = 200) -> float | None:
        """How long answers of a status took."""
        found = self.told["durations"].get(str(status))
        return None if found is None else float(found[share])


class Bench:
    """Runs one kind of load after another."""

    def __init__(self, url: str, length: float) -> None:
        self.url = url
        self.length = length
        self._first = 0
        self._postgres = postmaster(url)

    def processor_seconds(self, *pids: int) -> float:
        """Tell what Postgres and these processes used so far."""
        return used_by([self._postgres, *pids])

    def send(
        self, running: Running, connections: int, rate: float | None = None, length: float | None = None
    ) -> Sent:
        """Send deliveries from a process of its own."""
        self._first += FIRST_STEP
        arguments = [
            str(running.port),
            str(length or self.length),
            str(connections),
            "--first",
            str(self._first),
        ]
        if rate is not None:
            arguments += ["--rate", str(rate), "--made", str(int(rate * (length or self.length)))]
        before = self.processor_seconds(running.process.pid)
        answer = run_apart(["-m", "benchmarks.measuring.deliveries", *arguments]).answer
        spent = self.processor_seconds(running.process.pid) - before + float(answer["processor_seconds"])
        return Sent(answer, spent)

    def limit(self) -> tuple[float, float]:
        """Ask pgbench how many single rows a second this Postgres makes durable, and what one costs."""
        before = self.processor_seconds() + used_by_ended()
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "insert.sql")
            script.write_text(SCRIPT)
            said = self._pgbench(script, "-T", str(max(2, round(self.length))))
        [found] = re.findall(r"tps = ([0-9.]+)", said)
        [count] = re.findall(r"actually processed: ([0-9]+)", said)
        return float(found), (self.processor_seconds() + used_by_ended() - before) / int(count)

    def limit_at(self, rate: float) -> tuple[float, Mapping[str, float]]:
        """Ask pgbench for so many single rows a second: how many came, and how long they took since due."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder, "insert.sql")
            script.write_text(SCRIPT)
            log = ("-l", "--log-prefix", str(Path(folder, "took")))
            self._pgbench(script, "-T", str(round(self.length)), "-R", str(rate), *log)
            took = [
                int(line.split()[2]) / 1e6
                for file in Path(folder).glob("took*")
                for line in file.read_text().splitlines()
            ]
        return len(took) / round(self.length), {
            share: percentile(took, float(share)) for share in ("0.5", "0.99", "1")
        }

    def lost(self, sent: Sent) -> int:
        """Count deliveries that were acknowledged and are not stored."""
        return asyncio.run(self._lost([event_id(number) for number in sent.acknowledged]))

    def _pgbench(self, script: Path, *options: str) -> str:
        return subprocess.run(
            [
                *(
                    str(binaries.find(None) / "pgbench"),
                    "-n",
                    "-M",
                    "prepared",
                    "-c",
                    str(CLIENTS),
                    "-j",
                    "2",
                ),
                *("-f", str(script), *options, self.url),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    async def _lost(self, ids: list[str]) -> int:
        connection = await asyncpg.connect(self.url)
        try:
            query = (
                "SELECT count(*) FROM unnest($1::uuid[]) AS id"
                " WHERE NOT EXISTS (SELECT FROM tieout.events WHERE event_id = id)"
            )
            await connection.execute("CREATE INDEX IF NOT EXISTS lookup ON tieout.events (event_id)")
            found = int(await connection.fetchval(query, ids))
            await connection.execute("DROP INDEX tieout.lookup")
            return found
        finally:
            await connection.close()

    async def command(self, *statements: str) -> None:
        """Run statements."""
        connection = await asyncpg.connect(self.url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def microseconds(duration: float) -> str:
    """Write a short duration."""
    return f"{duration * 1e6:.0f} µs"


def naive(bench: Bench) -> Sent:
    """Measure the receiver that inserts one row a request, at its best."""
    port = free_port()
    with child(
        ["-m", "benchmarks.measuring.naive_receiver", str(port)], port, {"DATABASE_URL": bench.url}
    ) as running:
        await_ready(running)
        runs = [bench.send(running, connections, length=bench.length / 2) for connections in (16, 64)]
    return max(runs, key=lambda run: run.per_second)


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args()
    report = Report("webhooks")
    table = Table(
        "Deliveries a second, durable before they are answered",
        ("run", "a second", "of L", "processor", "p50", "p99", "longest"),
    )

    with migrated(is_durable=True) as url:
        bench = Bench(url, given.seconds)
        asyncio.run(bench.command(TABLE))
        limit, limit_cost = bench.limit()
        table.row(
            f"L: pgbench, {CLIENTS} clients, one row each",
            f"{limit:,.0f}",
            "1.00 x",
            microseconds(limit_cost),
            "-",
            "-",
            "-",
        )
        one_by_one = naive(bench)

        def told(name: str, sent: Sent) -> None:
            times = [seconds(sent.after(share)) for share in ("0.5", "0.99", "1")]
            table.row(
                name,
                f"{sent.per_second:,.0f}",
                ratio(sent.per_second, limit),
                microseconds(sent.cost),
                *times,
            )

        told("naive receiver, one insert a request", one_by_one)
        with service(url) as running:
            bench.send(running, 16, length=1)  # warm
            os.sync()
            alone, took = bench.limit_at(limit / 2)
            table.row(
                "pgbench, steadily at 0.5 L",
                f"{alone:,.0f}",
                ratio(alone, limit),
                "-",
                *(seconds(took[share]) for share in ("0.5", "0.99", "1")),
            )
            os.sync()
            steady = bench.send(running, 256, rate=limit / 2)
            told("tieout, steadily at 0.5 L", steady)
            runs = {count: bench.send(running, count) for count in PEAK_CONNECTIONS}
            for count, sent in runs.items():
                told(f"tieout, {count} senders", sent)
            peak = max(runs.values(), key=lambda run: run.per_second)
            overload = bench.send(running, OVERLOAD_CONNECTIONS)
            told(f"tieout, {OVERLOAD_CONNECTIONS:,} senders at once", overload)
            held = running.peak_bytes
        lost = sum(bench.lost(sent) for sent in (*runs.values(), steady, overload))
    report.table(table)

    report.target("peak, at least 0.9 L", ratio(peak.per_second, limit), met=peak.per_second >= 0.9 * limit)
    share = limit_cost / peak.cost
    report.target("peak by processor time, at least 0.9 L", f"{share:.2f} x", met=share >= 0.9)
    against = ratio(peak.per_second, one_by_one.per_second)
    report.target(
        "peak, at least 3 x the naive receiver", against, met=peak.per_second >= 3 * one_by_one.per_second
    )
    p99 = steady.after("0.99") or 9.9
    reached = steady.per_second / (limit / 2)
    report.target("at 0.5 L, p99 at most 20 ms", seconds(p99), met=p99 <= 0.020 and reached > 0.98)
    report.target("nothing lost of what was acknowledged", lost, met=lost == 0)
    offered = (overload.per_second + overload.refused_per_second) / peak.per_second
    report.note(f"overload offered {offered:.1f} times the peak; {overload.told['broken']} connections broke")
    refused = overload.after("0.99", 503)
    report.target(
        "overloaded, 503 within 100 ms at p99", seconds(refused), met=refused is not None and refused <= 0.1
    )
    kept = overload.per_second / peak.per_second
    report.target("overloaded, goodput at least 90 % of the peak", f"{kept:.0%}", met=kept >= 0.9)
    report.target("web process at most 100 MB", megabytes(held), met=held <= 100 * 2**20)
    report.finish()


if __name__ == "__main__":
    main()
