"""The budget: never more than was granted, whatever happens; nobody waits who need not."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.hub.budget import PAUSE_SECONDS_MAX, Budget, Forward, Priority, Slots, single_process
from tests.hub.virtual_time import VirtualLoop, run_virtually


def most_in_any_second(times: Sequence[float]) -> int:
    """Count the fullest second, wherever it begins; a billionth is left to the arithmetic of floats."""
    ordered = sorted(times)
    most, start = 0, 0
    for end, time in enumerate(ordered):
        while time - ordered[start] >= 1 - 1e-9:
            start += 1
        most = max(most, end - start + 1)
    return most


@dataclass(frozen=True)
class Trouble:
    """What a run meets: how late reservations are, in both directions, and when the process stands still."""

    replicas: int
    callers: int
    rate: int
    latencies: Sequence[tuple[float, float]]
    stalls: Sequence[tuple[float, float]]


seconds = st.floats(0, 0.3)
troubles = st.builds(
    Trouble,
    replicas=st.integers(1, 3),
    callers=st.integers(1, 120),
    rate=st.integers(20, 120),
    latencies=st.lists(st.tuples(seconds, seconds), min_size=1, max_size=20),
    stalls=st.lists(st.tuples(st.floats(0, 5), st.one_of(seconds, st.floats(0, 3))), max_size=12),
)


def run(trouble: Trouble) -> list[float]:
    """Let every replica's callers ask at once; give the times at which they got their turns."""
    times: list[float] = []

    async def story(loop: VirtualLoop) -> None:
        reserve_now = single_process(trouble.rate, loop.time)
        latencies = itertools.cycle(trouble.latencies)

        async def reserve(wanted: int) -> Slots:
            there, back = next(latencies)
            await asyncio.sleep(there)
            slots = await reserve_now(wanted)
            await asyncio.sleep(back)
            return slots

        async def call(budget: Budget, number: int) -> None:
            await budget.acquire(Priority.PUSH if number % 7 == 0 else Priority.READ)
            times.append(loop.time())

        for at, duration in trouble.stalls:
            loop.call_at(at, loop.stall, duration)
        budgets = [Budget(reserve, clock=loop.time) for _ in range(trouble.replicas)]
        await asyncio.gather(*(call(budget, n) for n in range(trouble.callers) for budget in budgets))

    run_virtually(story)
    return times


@settings(deadline=None, max_examples=300)
@given(troubles)
def test_never_too_many_in_any_second(trouble: Trouble) -> None:
    """However late reservations are and whenever a process stalls, a second holds at most 5 % too many."""
    times = run(trouble)
    assert len(times) == trouble.callers * trouble.replicas
    assert most_in_any_second(times) <= trouble.rate * 1.05


def test_the_whole_budget_is_used() -> None:
    """With a Postgres as slow as a few milliseconds, three replicas together go as fast as they may."""
    times = run(Trouble(replicas=3, callers=200, rate=30, latencies=[(0.002, 0.003)], stalls=[]))
    assert max(times) == pytest.approx(600 / 30, rel=0.03)


def test_a_slow_reservation_is_made_up_for() -> None:
    """A Postgres that takes longer than an interval costs speed, not progress."""
    times = run(Trouble(replicas=1, callers=100, rate=30, latencies=[(0.1, 0.1)], stalls=[]))
    assert max(times) < 3 * 100 / 30


Story = Callable[[VirtualLoop, Budget], Coroutine[Any, Any, None]]


def virtually(story: Story, forward: Forward | None = None) -> None:
    """Tell a story about one budget of ten a second, in made time."""
    run_virtually(
        lambda loop: story(loop, Budget(single_process(10, loop.time), forward=forward, clock=loop.time))
    )


def test_pushes_go_first_and_readers_in_the_order_of_their_coming() -> None:
    """Tokens come before pushes, pushes before reads, and whoever came earlier before his equals."""
    served: list[str] = []

    async def call(budget: Budget, name: str, priority: Priority) -> None:
        await budget.acquire(priority)
        served.append(name)

    async def story(_: VirtualLoop, budget: Budget) -> None:
        tasks = [asyncio.create_task(call(budget, f"read {n}", Priority.READ)) for n in range(3)]
        await asyncio.sleep(0.05)  # made time: the first reader has gone, two wait
        tasks += [asyncio.create_task(call(budget, f"push {n}", Priority.PUSH)) for n in range(2)]
        tasks += [asyncio.create_task(call(budget, "token", Priority.TOKEN))]
        await asyncio.gather(*tasks)

    virtually(story)
    assert served == ["read 0", "token", "push 0", "push 1", "read 1", "read 2"]


def test_nobody_who_waits_is_passed_over_for_ever() -> None:
    """A storm of pushes leaves reading a quarter of the turns, and proving what became of them a tenth."""
    served: Counter[Priority] = Counter()

    async def keep_asking(budget: Budget, priority: Priority) -> None:
        for _ in range(700):
            await budget.acquire(priority)
            served[priority] += 1

    async def story(_: VirtualLoop, budget: Budget) -> None:
        kinds = (Priority.PUSH, Priority.READ, Priority.PROVE)
        tasks = [asyncio.create_task(keep_asking(budget, each)) for each in kinds for _ in range(3)]
        await asyncio.sleep(100)
        for task in tasks:
            task.cancel()

    virtually(story)
    total = sum(served.values())
    assert total == pytest.approx(1_000, abs=20)
    assert served[Priority.PUSH] > served[Priority.READ] > served[Priority.PROVE]
    assert served[Priority.READ] > 0.25 * total
    assert served[Priority.PROVE] > 0.1 * total


def test_a_long_list_holds_up_nobody_else() -> None:
    """One that asks for page after page leaves every other turn to another that asks."""
    turns: list[str] = []

    async def walk(budget: Budget, name: str, pages: int) -> None:
        for _ in range(pages):
            await budget.acquire(Priority.READ)
            turns.append(name)

    async def story(_: VirtualLoop, budget: Budget) -> None:
        huge = asyncio.create_task(walk(budget, "huge", 400))
        await walk(budget, "small", 20)
        huge.cancel()

    virtually(story)
    assert turns.count("huge") <= 22


def test_reservations_are_few_when_many_wait() -> None:
    """Eighty callers that wait at once cost a dozen round trips, not eighty."""
    asked: list[int] = []

    async def story(loop: VirtualLoop) -> None:
        reserve = single_process(30, loop.time)

        async def counting(wanted: int) -> Slots:
            asked.append(wanted)
            return await reserve(wanted)

        budget = Budget(counting, clock=loop.time)
        await asyncio.gather(*(budget.acquire(Priority.READ) for _ in range(80)))

    run_virtually(story)
    assert len(asked) <= 12
    assert max(asked) <= 8


def test_a_caller_that_is_cancelled_holds_nobody_up() -> None:
    """Whoever gives up, at the front of the queue or in it, leaves his place to the next."""

    async def story(_: VirtualLoop, budget: Budget) -> None:
        await budget.acquire(Priority.READ)
        tasks = [asyncio.create_task(budget.acquire(Priority.READ)) for _ in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(outcome, BaseException) for outcome in outcomes] == [True, False, True, False]
        assert budget.waiting == 0

    virtually(story)


def test_a_failed_reservation_fails_one_caller() -> None:
    """Trouble in Postgres is told to the caller in front; the next one tries anew."""

    async def story(loop: VirtualLoop) -> None:
        reserve = single_process(10, loop.time)
        troubles_left = [ConnectionError("gone")]

        async def failing(wanted: int) -> Slots:
            if troubles_left:
                raise troubles_left.pop()
            return await reserve(wanted)

        budget = Budget(failing, clock=loop.time)
        calls = (budget.acquire(Priority.READ) for _ in range(3))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome).__name__ for outcome in outcomes] == ["ConnectionError", "Turn", "Turn"]

    run_virtually(story)


def test_a_pause_holds_everybody_and_is_passed_on() -> None:
    """Whoever waits when the hub asks for silence waits until it is over, here and elsewhere."""
    passed_on: list[float] = []

    async def story(loop: VirtualLoop, budget: Budget) -> None:
        waiting = [asyncio.create_task(budget.acquire(Priority.PUSH)) for _ in range(3)]
        await asyncio.sleep(0)
        await budget.pause(7)
        await asyncio.gather(*waiting[1:])
        assert loop.time() >= 7
        assert budget.paused_seconds == 0

    async def forward(seconds: float) -> None:
        passed_on.append(seconds)

    virtually(story, forward)
    assert passed_on == [7]


def test_a_pause_holds_though_nobody_can_be_told() -> None:
    """When the other replicas cannot be told, this one pauses all the same, and no error comes of it."""

    async def forward(_: float) -> None:
        raise ConnectionError("Postgres is gone")

    async def story(_: VirtualLoop, budget: Budget) -> None:
        await budget.pause(5)
        assert budget.paused_seconds == 5

    virtually(story, forward)


def test_no_answer_silences_the_service_for_ever() -> None:
    """A pause is bounded, whatever the header said."""

    async def story(_: VirtualLoop, budget: Budget) -> None:
        await budget.pause(1e12)
        assert budget.paused_seconds == PAUSE_SECONDS_MAX

    virtually(story)


def test_a_slot_given_up_is_not_made_up_for() -> None:
    """When the hub says that nothing remains, the next request goes out one interval later."""

    async def story(loop: VirtualLoop, budget: Budget) -> None:
        waiting = [asyncio.create_task(budget.acquire(Priority.READ)) for _ in range(3)]
        await waiting[0]
        budget.give_up_slot()
        await waiting[1]
        assert loop.time() == pytest.approx(0.2)

    virtually(story)


def test_a_turn_is_over_after_an_interval() -> None:
    """Whoever was held up between his turn and the first byte is told so."""

    async def story(loop: VirtualLoop, budget: Budget) -> None:
        turn = await budget.acquire(Priority.READ)
        assert not turn.is_over
        loop.stall(0.11)
        assert turn.is_over

    virtually(story)
