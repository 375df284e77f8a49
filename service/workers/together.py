"""Doing together what several ask for at about the same time.

The first who asks begins a round at once; whoever asks while it is under way shares the next. So rounds grow
with what is asked and shrink with it, and nobody waits for company.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

ROUND_MAX: Final = 50
"""Of one round: a statement on so many rows takes a few milliseconds, however many more wait."""


class Together(Generic[Asked, Answer]):
    """Rounds of one thing; `carry_out` gives an answer to each of a round, or fails for all of it."""

    def __init__(self, carry_out: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._carry_out = carry_out
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._going: asyncio.Task[None] | None = None

    def ask(self, asked: Asked) -> asyncio.Future[Answer]:
        """Take part in the next round; it is not called off by whoever does not wait for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((asked, answer))
        if self._going is None:
            self._going = loop.create_task(self._go_on(), name="together")
        return answer

    async def _go_on(self) -> None:
        """Hold round after round until nobody waits."""
        try:
            while self._waiting:
                count = min(len(self._waiting), ROUND_MAX)
                await self._hold([self._waiting.popleft() for _ in range(count)])
        finally:
            self._going = None

    async def _hold(self, party: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        """Hold one round, and tell everybody who still waits for it."""
        try:
            answers = await self._carry_out([asked for asked, _ in party])
        except Exception as error:  # noqa: BLE001 - theirs who asked
            for _, waiting in party:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(party, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
