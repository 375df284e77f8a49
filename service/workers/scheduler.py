"""The loop around all workers: who runs, in how many lanes, and what happens when one fails.

- Postgres knows what is due; APScheduler is a clock only (one instance, missed ticks merged into one). At
  each tick one query asks how much of each kind waits, and as many lanes as that are opened, up to the
  worker's own number.
- A lane does one unit of work after the other until nothing is due. An organization that hangs holds one lane
  only.
- The single catch-all of the service stands here. Whatever a run fails by, it is logged in one line and
  counted; the work that it was at is postponed, each time for longer, and the others go on.
- Stopping: no more claims, a bounded time for the runs under way, then they are cancelled and give their
  claims back. Who is in a hurry cancels the stopping: then there is no such time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]

from service import metrics
from service.domain.fleet import WorkKind
from service.errors import DatabaseError, Superseded, TieoutError
from service.logs import get_logger
from service.store.database import Database
from service.store.work import DueWork, count_due_work
from service.workers.work import RELEASE_SECONDS, Tally, Worker, WorkFailed, postpone

TICK_SECONDS: Final = 0.5
"""How long new work may lie before a lane looks at it."""

TICKS_APART_SECONDS: Final = 0.1
"""A run that did something often makes other work due, so another tick follows it, but not more often than
this."""

DRAIN_SECONDS: Final = 15.0
"""How long runs may go on when the service stops: half of what Kubernetes grants."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Something that each replica does again and again for itself, apart from any work."""

    name: str
    seconds: float
    act: Callable[[], Awaitable[object]]


class Scheduler:
    """Runs workers until it is stopped."""

    def __init__(
        self,
        database: Database,
        workers: Sequence[Worker],
        beats: Sequence[Beat] = (),
        *,
        tick_seconds: float = TICK_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        self._database = database
        self._worker_by_kind = {worker.kind: worker for worker in workers}
        self._lanes: dict[WorkKind, set[asyncio.Task[None]]] = {kind: set() for kind in self._worker_by_kind}
        self._drain_seconds = drain_seconds
        self._is_stopping = False
        self._asking = asyncio.Lock()
        self._asked: tuple[float, DueWork] | None = None
        # The noise about runs that take longer than a tick; that is what lanes are for.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._clock = AsyncIOScheduler(
            timezone=UTC, job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        )
        ticks = [Beat(name="tick", seconds=tick_seconds, act=self._tick)] if workers else []
        for beat in [*ticks, *beats]:
            self._clock.add_job(
                _carefully(beat), "interval", seconds=beat.seconds, next_run_time=datetime.now(UTC)
            )

    def start(self) -> None:
        """Begin to claim."""
        self._clock.start()

    async def stop(self) -> None:
        """Claim no more, let the runs under way end for a while, and cancel those that do not.

        Where whoever stops us is cancelled, before or meanwhile, no run is waited for.
        """
        self._is_stopping = True
        if self._clock.running:
            self._clock.shutdown(wait=False)
        running = [lane for lanes in self._lanes.values() for lane in lanes]
        try:
            if running and not _is_cancelled():
                await asyncio.wait(running, timeout=self._drain_seconds)
        finally:
            late = [lane for lane in running if not lane.done()]
            for lane in late:
                lane.cancel()
            if late:
                await asyncio.wait(late, timeout=2 * RELEASE_SECONDS)

    @property
    def lanes_busy(self) -> int:
        """How many lanes are open just now."""
        return sum(len(lanes) for lanes in self._lanes.values())

    async def _tick(self) -> None:
        """Ask what is due, and open lanes for it."""
        async with self._asking:
            if self._asked is not None and time.monotonic() - self._asked[0] < TICKS_APART_SECONDS:
                return
            most = max(worker.lanes for worker in self._worker_by_kind.values())
            async with self._database.fleet(readonly=True) as connection:
                due = await count_due_work(connection, list(self._worker_by_kind), most)
            self._asked = (time.monotonic(), due)
        for kind, waiting in due.due_by_kind.items():
            free = self._worker_by_kind[kind].lanes - len(self._lanes[kind])
            for _ in range(min(waiting, free)):
                self._open_lane(kind)

    def _open_lane(self, kind: WorkKind) -> None:
        if self._is_stopping:
            return
        lane = asyncio.create_task(self._run_lane(self._worker_by_kind[kind]), name=f"lane {kind}")
        self._lanes[kind].add(lane)
        lane.add_done_callback(self._lanes[kind].discard)

    async def _run_lane(self, worker: Worker) -> None:
        """Do one unit of work after the other until nothing is due."""
        while not self._is_stopping:
            tally = await self._run(worker)
            if tally is None or tally.is_idle:
                return
            if not self._is_stopping:
                await _carefully(Beat(name="tick", seconds=0, act=self._tick))()

    async def _run(self, worker: Worker) -> Tally | None:
        """One run; None when it failed and the lane had better end."""
        began = time.monotonic()
        try:
            tally = await worker.run_once(self._now())
        except Superseded as error:
            log.info("run_superseded", worker=worker.kind, error=str(error))
            _count(worker, "superseded", began)
            return Tally(claimed=1)
        except Exception as error:  # noqa: BLE001 - the single catch-all: the others go on
            await self._note_failure(worker, error)
            _count(worker, "failed", began)
            return None
        _count(worker, "idle" if tally.is_idle else "done", began)
        if not tally.is_idle:
            write = log.info if any(tally.counts.values()) else log.debug
            write("run_done", worker=worker.kind, seconds=round(time.monotonic() - began, 3), **tally.counts)
        return tally

    async def _note_failure(self, worker: Worker, error: Exception) -> None:
        if isinstance(error, DatabaseError):
            log.warning("run_failed", worker=worker.kind, error=str(error))
            return
        log.error("run_failed", worker=worker.kind, error=str(error), exc_info=error)
        if isinstance(error, WorkFailed):
            try:
                await postpone(self._database, error.claim, str(error))
            except TieoutError as trouble:
                log.warning("work_not_postponed", worker=worker.kind, error=str(trouble))

    def _now(self) -> datetime:
        """The database's time: as it told it at the last tick, and what has passed since."""
        assert self._asked is not None, "lanes are opened by ticks"
        asked_at, due = self._asked
        return due.now + timedelta(seconds=time.monotonic() - asked_at)


def _is_cancelled() -> bool:
    """Whether the task that runs just now was told to end, and does so."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _count(worker: Worker, outcome: str, began: float) -> None:
    metrics.WORKER_RUNS.labels(worker.kind.value, outcome).inc()
    if outcome != "idle":
        metrics.WORKER_RUN_SECONDS.labels(worker.kind.value).observe(time.monotonic() - began)


def _carefully(beat: Beat) -> Callable[[], Awaitable[None]]:
    """The same, with its trouble told instead of raised: the next beat comes in any case."""

    async def act() -> None:
        try:
            await beat.act()
        except asyncio.CancelledError:
            return  # told to end; the scheduler's library would call that a mistake, with a traceback
        except TieoutError as error:
            log.warning("beat_failed", beat=beat.name, error=str(error))
        except Exception as error:
            log.exception("beat_failed", beat=beat.name, error=str(error))

    return act
