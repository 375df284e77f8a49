"""What the tests of the simulated hub share: a hub in process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulator.caller import Caller, OpenHub, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def open_hub() -> OpenHub:
    """Give the opener of hubs in process."""
    return opened


@pytest.fixture
async def hub() -> AsyncIterator[Caller]:
    """Give a small healthy hub."""
    async with opened() as caller:
        yield caller
