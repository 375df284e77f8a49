"""Killed at every wait of pushing, following up, recovering and confirming, before and after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.domain.fleet import WorkKind
from tests.simulation.conftest import Databases
from tests.simulation.interruptions import Plan
from tests.simulation.killing import Killing, KillingAllReading, KillingTwice
from tests.simulation.running import in_virtual_time
from tests.simulation.virtual import VirtualTime

Tell = Callable[[str, object], None]

WAITS_MIN = {WorkKind.PUSH: 80, WorkKind.POLL: 60, WorkKind.COMPARE: 35}
"""Different waits of a run; with fewer of them it has changed its nature."""

PAIRS_MIN = 100
"""Kills in the very run that takes over after another kill."""


def kill(url: str, kind: type[Killing]) -> Killing:
    """Kill everywhere, in a world of one organization."""

    async def told(virtual: VirtualTime) -> Killing:
        async with kind.opened(1, url, virtual, Plan(organizations=1, documents=0)) as killing:
            await killing.kill_everywhere()
            return killing

    return in_virtual_time(url, told)


@pytest.mark.timeout(900)
def test_killed_at_any_wait_nothing_is_doubled_or_forgotten(
    databases: Databases, record_property: Tell
) -> None:
    """Wherever a run ends, before or after a wait, and whoever takes over ends too, all lands once."""
    with databases() as url:
        killing = kill(url, Killing)
    for each, reached in killing.reached.items():
        assert not reached.missing
        assert len({site for site, _ in reached.stopped}) >= WAITS_MIN[each], f"{each} has few waits"
    assert len(killing.pairs) >= PAIRS_MIN
    waits = sum(len(reached.stopped) for reached in killing.reached.values())
    record_property("simulation", f"killed at {waits} places, {len(killing.pairs)} pairs; {killing.report}")
    assert killing.report.landed == killing.report.documents


@pytest.mark.night
@pytest.mark.timeout(10_800)
@pytest.mark.parametrize("kind", [KillingAllReading, KillingTwice])
def test_killed_in_any_reading_and_in_many_pairs(
    databases: Databases, record_property: Tell, kind: type[Killing]
) -> None:
    """The same at every wait of every reading; and in pairs of kills of a pusher and its successor."""
    with databases() as url:
        killing = kill(url, kind)
    record_property("simulation", f"{kind.__name__}: {len(killing.pairs)} pairs; {killing.report}")
    assert killing.report.landed == killing.report.documents
