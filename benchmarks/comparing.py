"""How long it takes to compare a million documents with a million, whole and again after a hundred changes.

    python benchmarks/comparing.py [--documents 1000000] [--without datacompy ...]

A database is filled by SQL; ten kinds of differences are planted, each in one document of five hundred. This
service compares as it always does, from its own tables, and writes what it finds, with its history; once a
day it does so again, whole, when all pairs are counted already. The others get what they are best with:
narrow tables, or files of them, with one common key. They find which documents differ, and in what; none of
them writes, explains or remembers anything. What is measured runs in a process of its own. Peers are
optional: `pip install 'tieout[bench]'`; one that is missing is said to be.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import uvloop

from benchmarks.measuring.apart import Apart, Failed, answer, run_apart
from benchmarks.measuring.postgres import migrated
from benchmarks.measuring.processor import Stopwatch, postmaster
from benchmarks.measuring.report import Report, Table, megabytes, ratio, seconds
from service.store.database import Database
from service.workers.comparer import ComparePolicy, Comparer

ORGANIZATION = UUID("0b1b9a3e-6f2d-4a52-9e39-5d1c5f0f7a11")
FILL = Path(__file__).with_name("ledger_data.sql")
PEERS = Path(__file__).with_name("comparing_peers")
POLICY = ComparePolicy(diff_seconds=3_600, stuck_seconds=7_200, stale_seconds=7_200)

PLANTED_EACH = 500
CHANGES = 100
REPEATS = 5
PEER_SECONDS = 600

SERVICE = "this service"
STAGED = "staged SQL, narrow tables"
STAGED_OWN = "staged SQL, the service's tables"
RELADIFF = "reladiff, within one database"
RELADIFF_ACROSS = "reladiff, as across two"
COMMANDS: Mapping[str, Sequence[str]] = {
    STAGED: ["staged.py", "plain"],
    STAGED_OWN: ["staged.py", "own"],
    "plain SQL full join": ["full_join.py"],
    "polars": ["with_polars.py"],
    "datacompy": ["with_datacompy.py"],
    RELADIFF: ["with_reladiff.py", "joindiff"],
    RELADIFF_ACROSS: ["with_reladiff.py", "hashdiff"],
}

CHANGE = """
    WITH changed AS (
        SELECT document_id FROM tieout.documents
        WHERE organization_id = $1 AND ledger = 'payable' AND side = 'books' AND removed_at IS NULL
            AND document_id = ANY($2::text[])
    )
    UPDATE tieout.documents d
    SET total_minor = total_minor + 7, version = version + 1, changed_at = tieout.now(),
        body = body || jsonb_build_object('total_minor', total_minor + 7)
    FROM changed
    WHERE d.organization_id = $1 AND d.ledger = 'payable' AND d.side = 'books'
        AND d.document_id = changed.document_id
"""
PULL = """
    INSERT INTO tieout.scans (organization_id, ledger, side, started_at, finished_at, last_pull, certified,
        reason, documents_count, calls)
    VALUES ($1, 'payable', 'books', now(), now(), now(), true, 'complete', 0, 1)
"""
A_DAY_LATER = """
    UPDATE tieout.counted_until SET whole_at = whole_at - interval '25 hours' WHERE organization_id = $1
"""
FOUND = """
    SELECT t.kind, count(DISTINCT t.id) AS planted,
        count(DISTINCT t.id) FILTER (WHERE d.kind = t.kind) AS found,
        count(*) FILTER (WHERE d.kind IS DISTINCT FROM t.kind) AS wrong
    FROM plain.truth t
    LEFT JOIN (
        SELECT kind, coalesce(right(local_id, 12), right(books_id, -1))::bigint AS id FROM tieout.differences
        WHERE resolved_at IS NULL
    ) d ON d.id = t.id
    WHERE t.kind <> '' GROUP BY t.kind
"""
COUNTED = """
    SELECT count(DISTINCT coalesce(local_id, books_id)) = (SELECT count(*) FROM plain.truth WHERE kind <> '')
    FROM tieout.differences WHERE resolved_at IS NULL
"""


async def fill(url: str, documents: int) -> None:
    """Fill the database."""
    text = (
        FILL.read_text().replace(":documents", str(documents)).replace(":organization", f"'{ORGANIZATION}'")
    )
    connection = await asyncpg.connect(url, command_timeout=3_600)
    try:
        for statement in text.split(";\n"):
            if statement.strip():
                await connection.execute(statement)
    finally:
        await connection.close()


async def compare_once(database: Database, server: int) -> tuple[Mapping[str, float], Mapping[str, int]]:
    """Let the comparer run, and tell how long that took."""
    async with database.organization(ORGANIZATION) as connection:
        await connection.execute("UPDATE work SET due_at = tieout.now() WHERE kind = 'compare'")
    now = await database.now()
    watch = Stopwatch(server)
    tally = await Comparer(database, POLICY, "benchmark").run_once(now)
    return watch.told(), tally.counts


async def first_run(url: str, server: int) -> None:
    """Compare whole, in this process."""
    async with await Database.open(url) as database:
        taken, counts = await compare_once(database, server)
    answer(**taken, counts=dict(counts))


async def whole_again(url: str, server: int) -> None:
    """Compare whole a day after the first time, with nothing changed, in this process."""
    connection = await asyncpg.connect(url)
    await connection.execute(A_DAY_LATER, ORGANIZATION)
    await connection.close()
    async with await Database.open(url) as database:
        taken, counts = await compare_once(database, server)
    assert counts["whole"] == 1, counts
    assert counts["opened"] == counts["resolved"] == 0, counts
    answer(**taken)


async def later_runs(url: str, documents: int, server: int) -> None:
    """Compare again, with nothing changed and after a hundred changes, some times."""
    connection = await asyncpg.connect(url)
    idle, changed, used, compared = [], [], [], []
    async with await Database.open(url) as database:
        await compare_once(database, server)
        for repeat in range(REPEATS):
            idle.append((await compare_once(database, server))[0]["seconds"])
            ids = [f"B{each}" for each in healthy(documents, repeat)]
            assert await connection.execute(CHANGE, ORGANIZATION, ids) == f"UPDATE {CHANGES}"
            await connection.execute(PULL, ORGANIZATION)
            taken, counts = await compare_once(database, server)
            assert counts["opened"] == CHANGES, counts
            changed.append(taken["seconds"])
            used.append(taken["processor_seconds"])
            compared.append(counts["documents_compared"])
    await connection.close()
    answer(idle=sorted(idle), changed=sorted(changed), used=sorted(used), compared=compared)


def healthy(documents: int, repeat: int) -> Sequence[int]:
    """Choose documents from everywhere, in none of which anything is planted, and each time others."""
    groups = documents // PLANTED_EACH
    return [
        each % groups * PLANTED_EACH + 100 + repeat * (CHANGES // groups + 1) + each // groups
        for each in range(CHANGES)
    ]


async def found(url: str) -> bool:
    """Say whether exactly what was planted was found, each document with its kind."""
    connection = await asyncpg.connect(url, command_timeout=600)
    try:
        rows = await connection.fetch(FOUND)
        is_nothing_else = await connection.fetchval(COUNTED)
    finally:
        await connection.close()
    is_all = len(rows) == 10 and all(row["found"] == row["planted"] and not row["wrong"] for row in rows)
    return is_all and bool(is_nothing_else)


async def export(url: str, folder: Path) -> None:
    """Write the narrow tables as files, for whoever reads files."""
    connection = await asyncpg.connect(url)
    for side in ("local", "books"):
        await connection.copy_from_table(
            side, schema_name="plain", output=folder / f"{side}.csv", format="csv", header=True
        )
    await connection.close()


def measure_peer(name: str, url: str, folder: Path) -> Apart | str:
    """Run a peer, or say why it did not."""
    script, *arguments = COMMANDS[name]
    try:
        return run_apart([str(PEERS / script), url, str(folder), *arguments], timeout_seconds=PEER_SECONDS)
    except Failed as error:
        return str(error)


def measure(documents: int, without: Sequence[str]) -> None:
    """Measure everything and tell it."""
    report = Report("comparing")
    report.note(
        f"{documents:,} documents on each side, {documents // PLANTED_EACH:,} of each of ten kinds planted"
    )
    report.note("Postgres without durability; the service's records were confirmed before")
    with migrated(is_durable=False) as url, tempfile.TemporaryDirectory() as folder:
        asyncio.run(fill(url, documents))
        asyncio.run(export(url, Path(folder)))
        me = str(Path(__file__))
        first = run_apart([me, "--run", "first", "--url", url], timeout_seconds=PEER_SECONDS)
        exact = asyncio.run(found(url))
        daily = run_apart([me, "--run", "daily", "--url", url], timeout_seconds=PEER_SECONDS)
        again = run_apart(
            [me, "--run", "again", "--url", url, "--documents", str(documents)], timeout_seconds=PEER_SECONDS
        )
        peers = {name: measure_peer(name, url, Path(folder)) for name in COMMANDS if name not in without}
    tell(report, first, daily, again, peers, exact=exact)
    judge(report, first, again, peers, exact=exact)
    report.finish()


def tell(
    report: Report, first: Apart, daily: Apart, again: Apart, peers: Mapping[str, Apart | str], *, exact: bool
) -> None:
    """Print the table."""
    base, later = first.answer["seconds"], again.answer["changed"][REPEATS // 2]
    table = Table(
        "Comparing, whole and after 100 changes",
        (
            "",
            "first run",
            "of ours",
            "processor",
            "after 100 changes",
            "memory of the process",
            "kinds found exactly",
        ),
    )
    processor = seconds(first.answer["processor_seconds"])
    mine = (seconds(base), "1.00 x", processor, seconds(later), megabytes(first.peak_bytes))
    table.row(SERVICE, *mine, "10 of 10" if exact else "not all")
    for name, peer in peers.items():
        if isinstance(peer, str):
            table.row(name, "-", "-", "-", "-", "-", peer)
            continue
        taken, processor = peer.answer["seconds"], seconds(peer.answer["processor_seconds"])
        memory, found = megabytes(peer.peak_bytes), f"{peer.answer['exact']} of 10"
        table.row(name, seconds(taken), ratio(taken, base), processor, "the same", memory, found)
    report.table(table)
    report.note("processor: of the process and of Postgres together, whoever else was busy")
    taken, processor = seconds(daily.answer["seconds"]), seconds(daily.answer["processor_seconds"])
    report.note(f"whole again, as once a day: {taken}, {processor} of processors")
    report.note(f"processor after 100 changes: {seconds(again.answer['used'][REPEATS // 2])}")
    report.note(f"with nothing changed: {seconds(again.answer['idle'][REPEATS // 2])}")
    report.note(f"documents compared after 100 changes: {again.answer['compared']}")
    report.note(
        f"documents that passed through the domain at first: {first.answer['counts']['documents_compared']:,}"
    )


def judge(
    report: Report, first: Apart, again: Apart, peers: Mapping[str, Apart | str], *, exact: bool
) -> None:
    """Say which targets were met."""
    base, later = first.answer["seconds"], again.answer["changed"][REPEATS // 2]
    report.target("all ten planted kinds found exactly", "yes" if exact else "no", met=exact)
    for name in (STAGED, STAGED_OWN):
        peer = peers.get(name)
        if isinstance(peer, Apart):
            taken = peer.answer["seconds"]
            report.target(f"at most 2 x {name}", ratio(base, taken), met=base <= 2 * taken)
    for name in (RELADIFF, RELADIFF_ACROSS):
        peer = peers.get(name)
        if isinstance(peer, Apart):
            taken = peer.answer["seconds"]
            report.target(f"at least 3 x faster than {name}", ratio(taken, base), met=taken >= 3 * base)
    report.target(
        "the process at most 150 MB", megabytes(first.peak_bytes), met=first.peak_bytes <= 150 * 2**20
    )
    report.target("after 100 changes at most 100 ms", seconds(later), met=later <= 0.1)
    report.target(
        "after 100 changes at most 2 % of a whole run", f"{100 * later / base:.2f} %", met=later <= base / 50
    )


def main() -> None:
    """Measure, or be what is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--without", nargs="*", default=[], choices=list(COMMANDS), help="peers to leave out")
    parser.add_argument("--run", choices=["first", "daily", "again"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given: Any = parser.parse_args()
    if given.run == "first":
        uvloop.run(first_run(given.url, postmaster(given.url)))
    elif given.run == "daily":
        uvloop.run(whole_again(given.url, postmaster(given.url)))
    elif given.run == "again":
        uvloop.run(later_runs(given.url, given.documents, postmaster(given.url)))
    else:
        measure(given.documents, given.without)


if __name__ == "__main__":
    main()
