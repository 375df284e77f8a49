"""Running a simulation: a loop, machines and a database in virtual time, and the engine's log silenced."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
import structlog

from service.workers import pusher
from tests.conftest import run_aside
from tests.simulation.interruptions import Plan, Report
from tests.simulation.simulation import Simulation
from tests.simulation.virtual import VirtualLoop, VirtualTime, machines_in, make_virtual

T = TypeVar("T")

PUSHES_MAX = 100
"""Of a run, while seeds are lived through: four times as many as usual, so that a seed holds more of them."""


def run_seed(seed: int, url: str, plan: Plan | None = None) -> Report:
    """Live through one seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pusher, "PUSHES_MAX", PUSHES_MAX)
        return in_virtual_time(url, lambda virtual: _live(seed, url, virtual, plan or Plan()))


async def _live(seed: int, url: str, virtual: VirtualTime, plan: Plan) -> Report:
    async with Simulation.opened(seed, url, virtual, plan) as simulation:
        return await simulation.live()


def in_virtual_time(url: str, story: Callable[[VirtualTime], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a loop, on machines and with a database whose time is virtual; quietly."""
    virtual = VirtualTime()
    run_aside(make_virtual(url))
    with (
        _silence(),
        machines_in(virtual),
        asyncio.Runner(loop_factory=lambda: VirtualLoop(virtual)) as runner,
    ):
        return runner.run(story(virtual))


@contextmanager
def _silence() -> Iterator[None]:
    """What the engine logs of ten thousand faults helps nobody."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
