"""Processor time of processes and what they start, as Linux tells it: it does not matter who else is busy."""

from __future__ import annotations

import asyncio
import os
import resource
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import perf_counter, process_time

import asyncpg


def postmaster(url: str) -> int:
    """Tell the process that a local Postgres is."""
    return asyncio.run(_postmaster(url))


class Stopwatch:
    """Time on the wall and time of processors, of this process and of a Postgres, since it was made.

    Looking through all processes takes some time itself, which is left out.
    """

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._used = used_by(pids)
        self._own, self._began = process_time(), perf_counter()

    def told(self) -> Mapping[str, float]:
        """Tell both so far."""
        taken, own = perf_counter() - self._began, process_time() - self._own
        return {"seconds": taken, "processor_seconds": own + used_by(self._pids) - self._used}


def parent_of(pid: int) -> int:
    """Tell who started a process."""
    return int(_fields(pid)[1])


def used_by(pids: Iterable[int]) -> float:
    """Tell the seconds that these have used, with all that they started, whether it still runs or not."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                children[parent_of(int(folder.name))].append(int(folder.name))
            except (OSError, IndexError):
                continue  # it has just ended
    waiting, ticks = list(pids), 0
    while waiting:
        pid = waiting.pop()
        try:
            ticks += sum(int(field) for field in _fields(pid)[11:15])
        except OSError:
            continue
        waiting += children[pid]
    return ticks / os.sysconf("SC_CLK_TCK")


def used_by_ended() -> float:
    """Tell the seconds that those which we started and which have ended used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _fields(pid: int) -> list[str]:
    """Read what Linux tells of a process, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


async def _postmaster(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return parent_of(int(await connection.fetchval("SELECT pg_backend_pid()")))
    finally:
        await connection.close()
