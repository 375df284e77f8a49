"""The first hour with the waits as they come: virtual time, looks every ten seconds, all kinds of channel."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from service.domain.alerts.alert import Severity
from service.domain.fleet import FLEET, WorkKind
from service.store.database import Database
from service.store.work import ensure_work
from service.workers.notifier import Notifier, channel_work
from tests.acceptance.listeners import listening
from tests.workers.alert_world import Watch, World

ORGANIZATIONS = 200
FAILURES_EACH = 25
LOOK_SECONDS = 10
HOUR_SECONDS = 3_600
SPREAD_SECONDS = 2_400
"""Failures come in for forty minutes, in one organization after the other."""

MESSAGES_MAX = 3


@pytest.mark.night
@pytest.mark.timeout(900)
async def test_five_thousand_failures_are_three_messages_an_hour_on_every_channel(
    database: Database, tmp_path: Path
) -> None:
    """In 200 organizations, 360 looks: each receiver has three messages at most, all of one alert."""
    world = World(database)
    async with listening(tmp_path) as listeners:
        channels = [channel for channel in listeners.channels if channel.kind != "alertmanager"]
        watch = Watch(world, channels)
        notifier = Notifier(database, channels, "replica", random=lambda: 1.0)
        async with database.fleet() as connection:
            ids = [FLEET, *(channel_work(channel.digest) for channel in channels)]
            await ensure_work(connection, ids, [WorkKind.NOTIFY])
        await world.add(*range(ORGANIZATIONS))
        failed = 0
        for second in range(0, HOUR_SECONDS, LOOK_SECONDS):
            while failed < ORGANIZATIONS * min(second + LOOK_SECONDS, SPREAD_SECONDS) / SPREAD_SECONDS:
                await world.fail(failed, FAILURES_EACH)
                failed += 1
            await watch.look(LOOK_SECONDS)
            while not (await notifier.run_once(await world.now())).is_idle:
                pass
        heard = listeners.heard()
        (alert,) = (await world.alerts()).values()
    assert (alert.records_count, alert.organizations_count) == (ORGANIZATIONS * FAILURES_EACH, ORGANIZATIONS)
    assert alert.severity is Severity.CRITICAL
    counts = {channel: len(heard[channel]) for channel in heard if channel != "alertmanager"}
    sys.stdout.write(f"{alert.records_count} failures, {HOUR_SECONDS} virtual seconds, messages: {counts}\n")
    assert len(counts) == len(channels) - 1  # the log has no receiver
    assert all(1 <= count <= MESSAGES_MAX for count in counts.values()), counts
    assert not any(each.is_end for told in heard.values() for each in told)
    assert len(Counter(listeners.pagerduty.incidents)) == 1
    assert [len(alerts) for alerts in listeners.opsgenie.alerts.values()] == [1]
