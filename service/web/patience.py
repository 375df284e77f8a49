"""Waiting for an answer for so long and no longer.

`asyncio.timeout` also waits until what it ends has ended, and a question to a Postgres that hangs takes as
long to end as the driver's patience lasts. Whoever probes has hung up by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_ENDING: set[asyncio.Task[Any]] = set()
"""What nobody waits for any more; the loop alone would not keep it."""


async def within(seconds: float, asking: Coroutine[Any, Any, T]) -> T:
    """Await an answer; after so many seconds raise `TimeoutError` and leave the question to its end."""
    task = asyncio.get_running_loop().create_task(asking)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        if not task.done():
            _ENDING.add(task)
            task.add_done_callback(_ended)
            task.cancel()
    if not task.done():
        raise TimeoutError
    return task.result()


def _ended(task: asyncio.Task[Any]) -> None:
    _ENDING.discard(task)
    if not task.cancelled():
        task.exception()  # nobody is there to be told
