"""The requests per second that the hub grants the partner, shared by all replicas.

Elsewhere (Postgres) the seconds are divided into slots, each given away once: `Reserve` takes the next few,
so there is no round trip per request. Here the slots taken become turns for the callers of this process. The
promise: **whatever stalls this process, the hub meets at most one request more than `rate` in any second**
(5 % at 20 a second and above). It rests on three rules.

1. Slots that follow each other are an exclusive *stretch* of time. When the reservation took long to arrive,
   nobody knows when in between it was made: the stretch begins when the answer is here, and ends as if it had
   been made when it was asked for. What falls off its end is thrown away, never made up for.
2. Within a stretch, requests go out at least one interval apart, counted from the one before as it really
   went out.
3. A caller takes its turn in its own time, after it woke: a turn that was promised and overslept is not a
   turn.

What lies between a turn and the first byte (a connection to open, a busy loop) is `Turn.is_over`: asked again
just before the byte, it sends latecomers back for another turn.

Callers are served by priority, then in the order of their coming; but none that waits is passed over for
ever: reading keeps a share however many pushes there are, and proving what became of them one however much
there is to read. There is no task behind this: the first in the queue does the waiting and the reserving, so
a budget that nobody uses costs nothing and needs no closing.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from service import elapsed
from service.hub.allowance import Allowance

SLICE_SECONDS: Final = 0.25
"""What is taken at once lasts no longer than this, since by so much a push of another replica may be
delayed."""

SLICE_MIN: Final = 8
"""Slots that may be taken at once at any rate; at the usual 30 a second both bounds are the same."""

SLACK_SECONDS_MAX: Final = 1.0
"""What is taken besides, to make up for a slow reservation: a Postgres slower than this is as good as
down."""

PAUSE_SECONDS_MAX: Final = 3600.0
"""No answer stops the service for longer; a slip in a header must not silence it for a year."""


class Priority(IntEnum):
    """Who goes first: nothing works without a token, and a push is what the service exists for.

    Reading tells how pushes went; proving it, by documents of both sides, can wait a little.
    """

    TOKEN = 0
    PUSH = 1
    READ = 2
    PROVE = 3


PASSED_OVER_MAX: Final = {Priority.TOKEN: 0, Priority.PUSH: 0, Priority.READ: 2, Priority.PROVE: 5}
"""How many turns in a row others may have while one of these waits. A storm of pushes leaves reading a
quarter of the turns; where all want more than there is, proving gets a sixth of what pushes leave, which is
the share that its bounds are stretched by (`domain.cadence.pace.COMPARING_SHARE`)."""


@dataclass(frozen=True, slots=True)
class Slots:
    """What a reservation gives: `count` slots, the first in so many seconds, then one each interval."""

    first_in_seconds: float
    interval_seconds: float
    count: int


Reserve = Callable[[int], Awaitable[Slots]]
Forward = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to send one request now."""

    taken_at: float
    interval_seconds: float
    clock: Callable[[], float]

    @property
    def is_over(self) -> bool:
        """Whether so much time went by that the request would crowd those that follow."""
        return self.clock() - self.taken_at > self.interval_seconds


@dataclass(slots=True)
class _Stretch:
    """Time that is ours alone: how many requests it still holds, and from when on the next may go out."""

    next_at: float
    ends_at: float
    interval: float
    left: int

    @property
    def is_spent(self) -> bool:
        return self.left == 0 or self.next_at >= self.ends_at


@dataclass(slots=True, eq=False)
class _Caller:
    """One who waits; the first in the queue is woken."""

    priority: Priority
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    is_gone: bool = False


class Budget:
    """Turns for the callers of one process, out of slots shared by all."""

    def __init__(
        self,
        reserve: Reserve,
        *,
        forward: Forward | None = None,
        allowance: Allowance | None = None,
        clock: Callable[[], float] = elapsed.seconds,
    ) -> None:
        """Draw on `reserve`; `forward` tells the other replicas to pause; `clock` never goes back.

        `allowance` is what `reserve` goes by, if it goes by one: it is told what answers say of limits.
        """
        self._reserve = reserve
        self._forward = forward
        self._allowance = allowance
        self._clock = clock
        self._queues: dict[Priority, deque[_Caller]] = {priority: deque() for priority in Priority}
        self._passed_over: Counter[Priority] = Counter()
        self._reserving = asyncio.Lock()
        self._stretch: _Stretch | None = None
        self._paused_until = -math.inf
        self._slice = SLICE_MIN
        self._slack = 0

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        return sum(not caller.is_gone for queue in self._queues.values() for caller in queue)

    @property
    def paused_seconds(self) -> float:
        """For how long the hub is to be left alone, 0 when it is not."""
        return max(0.0, self._paused_until - self._clock())

    async def acquire(self, priority: Priority) -> Turn:
        """Wait for a turn; whoever is cancelled, or fails to reserve, leaves the queue and wakes the next."""
        caller = _Caller(priority)
        self._queues[priority].append(caller)
        try:
            while True:
                if self._first() is not caller:
                    caller.woken.clear()
                    await caller.woken.wait()
                elif (turn := self._take()) is not None:
                    self._count_turn(priority)
                    return turn
                else:
                    await self._come_closer()
        finally:
            caller.is_gone = True
            self._wake_first()

    async def pause(self, seconds: float) -> None:
        """Leave the hub alone for `seconds`, here at once and elsewhere by `forward`.

        Should the others not be told, each learns it from its own next answer: that is no reason to fail
        here.
        """
        seconds = min(max(seconds, 0.0), PAUSE_SECONDS_MAX)
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._stretch = None
        if self._forward is not None:
            with suppress(Exception):
                await self._forward(seconds)

    def note_limit(self, limit: float | None) -> None:
        """Heed what the hub says that it allows in a second, if it does."""
        if self._allowance is not None and limit is not None:
            self._allowance.note_limit(limit)

    def note_throttled(self) -> None:
        """Heed that the hub refused a request because there were too many."""
        if self._allowance is not None:
            self._allowance.note_throttled()

    def give_up_slot(self) -> None:
        """Let one slot go by: the hub said that nothing remains of this second."""
        if self._stretch is not None and self._stretch.left:
            self._stretch.left -= 1
            self._stretch.next_at += self._stretch.interval

    def _first(self) -> _Caller | None:
        first: _Caller | None = None
        for priority, queue in self._queues.items():
            while queue and queue[0].is_gone:
                queue.popleft()
            if not queue:
                self._passed_over[priority] = 0
            elif first is None or (
                first.priority is not Priority.TOKEN
                and self._passed_over[priority] >= PASSED_OVER_MAX[priority]
                and not self._is_passed_over(first.priority)
            ):
                first = queue[0]
        return first

    def _is_passed_over(self, priority: Priority) -> bool:
        return 0 < PASSED_OVER_MAX[priority] <= self._passed_over[priority]

    def _count_turn(self, served: Priority) -> None:
        """Remember who was passed over by whoever has just been served; nobody is by a token."""
        if served is Priority.TOKEN:
            return
        for priority, queue in self._queues.items():
            is_waiting = any(not caller.is_gone for caller in queue)
            self._passed_over[priority] += is_waiting and priority is not served
        self._passed_over[served] = 0

    def _wake_first(self) -> None:
        first = self._first()
        if first is not None:
            first.woken.set()

    def _take(self) -> Turn | None:
        """Take a turn if now is one."""
        now, stretch = self._clock(), self._stretch
        if stretch is None or now < stretch.next_at or now < self._paused_until:
            return None
        if stretch.left == 0 or now >= stretch.ends_at:
            self._stretch = None
            return None
        stretch.left -= 1
        stretch.next_at = now + stretch.interval
        return Turn(now, stretch.interval, self._clock)

    async def _come_closer(self) -> None:
        """Wait out a pause, or reserve, or wait for the next slot: one step, then all is looked at anew."""
        now, stretch = self._clock(), self._stretch
        if now < self._paused_until:
            await asyncio.sleep(self._paused_until - now)
        elif stretch is None or stretch.is_spent:
            await self._reserve_stretch(stretch)
        elif now < stretch.next_at:
            await asyncio.sleep(stretch.next_at - now)

    async def _reserve_stretch(self, spent: _Stretch | None) -> None:
        """Reserve for those who wait; one at a time, since a second reservation would find their need met."""
        async with self._reserving:
            if self._stretch is not spent:
                return
            asked_at = self._clock()
            slots = await self._reserve(min(self.waiting, self._slice) + self._slack)
            arrived_at = self._clock()
            assert slots.count > 0 < slots.interval_seconds, "a reservation gives at least one slot"
            self._stretch = _Stretch(
                next_at=arrived_at + slots.first_in_seconds,
                ends_at=asked_at + slots.first_in_seconds + slots.count * slots.interval_seconds,
                interval=slots.interval_seconds,
                left=slots.count,
            )
            self._slice = max(SLICE_MIN, int(SLICE_SECONDS / slots.interval_seconds))
            self._slack = int(min(arrived_at - asked_at, SLACK_SECONDS_MAX) / slots.interval_seconds)


def single_process(rate_per_second: float, clock: Callable[[], float] = elapsed.seconds) -> Reserve:
    """Slots of a process that shares the hub with no other: for tests, and commands without Postgres."""
    next_at = -math.inf

    async def reserve(wanted: int) -> Slots:
        nonlocal next_at
        now = clock()
        first_at = max(now, next_at)
        next_at = first_at + wanted / rate_per_second
        return Slots(first_at - now, 1 / rate_per_second, wanted)

    return reserve
