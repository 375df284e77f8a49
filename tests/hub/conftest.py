"""What the tests of the hub client share."""

from __future__ import annotations

import pytest

from tests.hub.scripted_hub import ScriptedHub


@pytest.fixture
def scripted() -> ScriptedHub:
    """Give a hub that says what it is told to."""
    return ScriptedHub()
