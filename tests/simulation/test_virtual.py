"""Virtual time moves, whatever is waited for."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulation.virtual import VirtualLoop, VirtualTime


@pytest.mark.parametrize("seconds", [1e-13, 1e-7, 0.5])
def test_time_moves_by_what_is_waited_for(seconds: float) -> None:
    """However short a wait is, time is later after it: whoever looks again sees that."""
    virtual = VirtualTime()
    virtual.advance(4_096.0)

    async def waited() -> float:
        before = virtual.read()
        await asyncio.sleep(seconds)
        return virtual.read() - before

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(virtual)) as runner:
        assert 0 < runner.run(waited()) <= seconds + 1e-5
