"""Group commit: deliveries that wait become durable together, in one statement and one commit.

Whoever hands in a delivery waits until the commit that holds it has been answered by Postgres. While one
batch is being committed the next gathers, so batches grow with the load and shrink with it; under load there
are two commits under way, so that neither Postgres nor we stand still while the other works. What waits is
bounded in number and bytes; beyond that a delivery is refused at once, while its sender still listens.

One that Postgres refuses for what it holds (which would be our mistake in reading it) must not take its batch
along, nor come back for ever: the batch is stored one by one, and that one as unreadable bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import TypeAlias

import msgspec
import structlog

from service import metrics, tracing
from service.errors import DatabaseError
from service.store.database import STATEMENT_POOL_SIZE_MAX, Database
from service.store.received import Key, Received, store_deliveries
from service.web.delivery import Delivery, unreadable

WAITING_MAX = 900
"""At ten thousand a second a tenth of a second's worth; whoever would wait longer is sent away. Fewer than
there may be connections: each hands in one at a time, so that more would never send anybody away."""

WAITING_BYTES_MAX = 32 * 1024 * 1024
STORE_SECONDS = 10.0
"""Whoever waits longer for a commit is told to come back; what was committed meanwhile folds."""

BATCH_MAX = 500
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""A batch is one message to Postgres, held in memory on both sides."""

WRITERS_MAX = STATEMENT_POOL_SIZE_MAX
"""Commits under way at once; more than two only take the processors from each other."""

ANOTHER_FROM = 32
"""So many must wait for a second commit beside the first: a few are cheaper together with those to come."""

SHARDS = 64
"""Rows among which replicas spread their counts; two that share one only wait for each other a moment. The
writers of one replica never do."""


_LOG = structlog.get_logger()


class Stored(StrEnum):
    """How a delivery ended, as counted."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


class Full(Exception):  # noqa: N818 - names what is the case
    """Too much waits already."""


Outcome: TypeAlias = Stored | Exception
"""How a delivery ended, or why it did not: a `DatabaseError`, a `TimeoutError`, or a mistake of ours."""

Tell = Callable[[Outcome], None]
"""Whoever waits for a delivery is told by this, once."""


class _Waiting(msgspec.Struct):
    delivery: Delivery
    tell: Tell
    until: float
    is_told: bool = False


class GroupCommit:
    """Stores deliveries of one replica."""

    def __init__(self, database: Database, *, shard: int = 0) -> None:
        self._database = database
        self._shards = [shard + writer * SHARDS for writer in range(WRITERS_MAX)]
        """Those that no writer counts in just now."""
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._writers: set[asyncio.Task[None]] = set()
        self._unanswered: deque[_Waiting] = deque()
        """Everybody who waits, in the order in which their patience ends; one timer serves them all."""
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_full(self) -> bool:
        """Whether the next one would be refused, however small."""
        return len(self._waiting) >= WAITING_MAX

    async def store(self, delivery: Delivery) -> Stored:
        """Return once the delivery is on disk; raise `Full`, `DatabaseError` or `TimeoutError` if not."""
        told: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()

        def tell(outcome: Outcome) -> None:
            if told.done():
                return  # nobody waits any more
            if isinstance(outcome, Exception):
                told.set_exception(outcome)
            else:
                told.set_result(outcome)

        self.submit(delivery, tell)
        return await told

    def submit(self, delivery: Delivery, tell: Tell) -> None:
        """Hand a delivery in; its sender is told when it is on disk, or why it is not. Raises `Full`."""
        size = len(delivery.raw)
        if self.is_full or self._waiting_bytes + size > WAITING_BYTES_MAX:
            raise Full
        waiting = _Waiting(delivery, tell, time.monotonic() + STORE_SECONDS)
        self._waiting.append(waiting)
        self._waiting_bytes += size
        self._unanswered.append(waiting)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STORE_SECONDS, self._lose_patience)
        if self._needs(writers=len(self._writers) + 1):
            self._writers.add(
                asyncio.get_running_loop().create_task(
                    self._write(self._shards.pop()), name="webhook group commit"
                )
            )

    def _needs(self, *, writers: int) -> bool:
        """Whether what waits is enough for so many writers."""
        return len(self._waiting) >= (1 if writers == 1 else ANOTHER_FROM) and writers <= WRITERS_MAX

    async def _write(self, shard: int) -> None:
        """Commit batch after batch while there is enough for all who write."""
        try:
            while self._needs(writers=len(self._writers)):
                await self._settle(self._take(), shard)
        finally:
            self._writers = {writer for writer in self._writers if writer is not asyncio.current_task()}
            self._shards.append(shard)

    def _lose_patience(self) -> None:
        """Send away whoever has waited too long, and look again when the next one will have."""
        now = time.monotonic()
        while self._unanswered and (self._unanswered[0].is_told or self._unanswered[0].until <= now):
            _tell(self._unanswered.popleft(), TimeoutError())
        self._timer = None
        if self._unanswered:
            self._timer = asyncio.get_running_loop().call_later(
                self._unanswered[0].until - now, self._lose_patience
            )

    def _take(self) -> Sequence[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < BATCH_MAX and size < BATCH_BYTES_MAX:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].delivery.raw)
        self._waiting_bytes -= size
        return batch

    async def _settle(self, batch: Sequence[_Waiting], shard: int) -> None:
        """Store a batch and tell everybody who waits for it; never raises."""
        try:
            outcomes: Sequence[Outcome] = await self._commit([each.delivery for each in batch], shard)
        except DatabaseError as error:
            outcomes = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - one bad row must not take its batch along
            _LOG.error(
                "webhook_batch_refused", deliveries=len(batch), error=f"{type(error).__name__}: {error}"
            )
            outcomes = [await self._store_alone(each.delivery, shard) for each in batch]
        told: Counter[Stored] = Counter()
        for each, outcome in zip(batch, outcomes, strict=True):
            if not each.is_told and isinstance(outcome, Stored):
                told[outcome] += 1
            _tell(each, outcome)
        for stored, times in told.items():
            metrics.WEBHOOK_DELIVERIES.labels(outcome=stored.value).inc(times)
        while self._unanswered and self._unanswered[0].is_told:
            self._unanswered.popleft()

    async def _store_alone(self, delivery: Delivery, shard: int) -> Outcome:
        for form in (delivery, unreadable(delivery.raw, "Postgres refused what was read from it")):
            try:
                return (await self._commit([form], shard))[0]
            except Exception as error:  # noqa: BLE001 - the next form is the answer to the first's failure
                failure = error
        return failure

    async def _commit(self, deliveries: Sequence[Delivery], shard: int) -> Sequence[Stored]:
        """Store deliveries in one durable statement, and wish for their events to be worked off."""
        first_by_key: dict[Key, Delivery] = {}
        for delivery in deliveries:
            first_by_key.setdefault(delivery.key, delivery)
        repeats_by_delivery: dict[Received, int] = dict.fromkeys(first_by_key.values(), 0)
        if len(first_by_key) < len(deliveries):
            times_by_key = Counter(delivery.key for delivery in deliveries)
            repeats_by_delivery = {delivery: times_by_key[key] - 1 for key, delivery in first_by_key.items()}
        started = time.perf_counter()
        with tracing.span("webhooks commit", events=len(deliveries)):
            async with self._database.fleet_statements() as connection:
                known = await store_deliveries(connection, repeats_by_delivery, shard)
        metrics.WEBHOOK_COMMIT_SECONDS.observe(time.perf_counter() - started)
        metrics.WEBHOOK_COMMIT_EVENTS.observe(len(deliveries))
        return _outcomes(deliveries, first_by_key.keys() - known)


def _tell(waiting: _Waiting, outcome: Outcome) -> None:
    """Tell somebody how a delivery ended, unless they have been told that it takes too long."""
    if waiting.is_told:
        return
    waiting.is_told = True
    try:
        waiting.tell(outcome)
    except Exception as error:  # noqa: BLE001 - the others of its batch are to be told all the same
        _LOG.error("webhook_answer_failed", error=f"{type(error).__name__}: {error}")


def _outcomes(deliveries: Sequence[Delivery], fresh: AbstractSet[Key]) -> Sequence[Stored]:
    """Tell how each delivery ended: of several with one key the first is the event, the others repeat it."""
    fresh = set(fresh)
    outcomes: list[Stored] = []
    for delivery in deliveries:
        if delivery.key not in fresh:
            outcomes.append(Stored.DUPLICATE)
            continue
        fresh.discard(delivery.key)
        outcomes.append(Stored.STORED if delivery.quarantined is None else Stored.QUARANTINED)
    return outcomes
