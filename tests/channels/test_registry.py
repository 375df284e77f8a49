"""Channel URLs: every kind has its scheme, and whatever is wrong is told at once, without secrets."""

from __future__ import annotations

import pytest

from service.channels.registry import open_channels
from service.errors import SettingsError

GOOD = [
    "webhook+https://hooks.example.org/a?secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "webhook+http://1.1.1.1:9000/b",
    "alertmanager+https://alerts.example.org",
    "alertmanager+http://1.1.1.1:9093/prefix",
    "pagerduty://0123456789abcdefABCDEF0123456789",
    "pagerduty://0123456789abcdefABCDEF012345678a?region=eu",
    "slack+https://hooks.slack.com/services/T0/B0/secretpath",
    "teams+https://flows.example.org/workflows/1/triggers/manual/paths/invoke?sig=secret",
    "opsgenie://eb243592-faa2-4ba2-a551-1afdf565c889?region=eu",
    "heartbeat+https://hc-ping.example.org/secret",
    "mailtos://user:secret@example.org?to=a@example.org,b@example.org",
]


async def opened(*urls: str, allow_private: bool = False) -> list[str]:
    """The labels of the channels that are opened."""
    channels = open_channels(urls, allow_private=allow_private)
    labels = [channel.label for channel in channels]
    for channel in channels:
        await channel.close()
    return labels


async def test_every_kind_is_opened_by_its_scheme() -> None:
    """The log comes first, and labels name hosts, nothing secret."""
    assert await opened(*GOOD) == [
        "log",
        "webhook to hooks.example.org",
        "webhook to 1.1.1.1:9000",
        "Alertmanager at alerts.example.org",
        "Alertmanager at 1.1.1.1:9093",
        "PagerDuty at events.pagerduty.com",
        "PagerDuty at events.eu.pagerduty.com",
        "Slack at hooks.slack.com",
        "Teams at flows.example.org",
        "Opsgenie at api.eu.opsgenie.com",
        "heartbeat to hc-ping.example.org",
        "E-Mail by Apprise",
    ]


async def test_digests_differ_by_receiver_and_not_by_secret() -> None:
    """What waits for a receiver still waits for it after its secret was changed."""
    channels = open_channels(GOOD, allow_private=False)
    rotated = open_channels(["webhook+https://hooks.example.org/a?secret=another"], allow_private=False)
    assert len({channel.digest for channel in channels}) == len(channels)
    assert rotated[1].digest == channels[1].digest
    for channel in (*channels, *rotated):
        await channel.close()


async def test_an_international_host_is_named_as_it_is_dialled() -> None:
    """A name in any letters is encoded when its URL is read, as no header could bear it otherwise."""
    assert await opened("webhook+https://alarm.bücher.example/x", "slack+https://straße.example/y") == [
        "log",
        "webhook to alarm.xn--bcher-kva.example",
        "Slack at xn--strae-oqa.example",
    ]


BAD = [
    ("carrier+pigeon://loft", "is of no kind that is built in (webhook+http"),
    ("webhook+ftp://host/x", "is of no kind"),
    ("webhook+http://", "names no host"),
    ("webhook+http://host:99999/", "is no URL"),
    ("webhook+http://a..b/hunter2", "names a host that cannot exist"),
    (f"webhook+http://{'a' * 64}.example/hunter2", "names a host that cannot exist"),
    ("webhook+http://-bücher-.example/hunter2", "names a host that cannot exist"),
    ("webhook+http://127。0。0。1/hunter2", "is on a private network"),
    ("webhook+http://host/#part", "has a part after #"),
    ("webhook+https://host/?secret=", "has an empty secret"),
    ("webhook+http://127.0.0.1/hunter2", "is on a private network; set TIEOUT_ALERT_ALLOW_PRIVATE=true"),
    ("webhook+http://localhost/hunter2", "is on a private network"),
    ("webhook+http://[::1]/hunter2", "is on a private network"),
    ("slack+https://a.localhost/hunter2", "is on a private network"),
    ("webhook+http://169.254.169.254/latest", "is no address of a receiver"),
    ("alertmanager+http://host/?secret=hunter2", "takes no query"),
    ("pagerduty://hunter2", "needs the integration's routing key"),
    ("pagerduty://0123456789abcdefABCDEF0123456789?region=mars", "takes ?region=us or ?region=eu"),
    ("opsgenie://hunter2", "needs the key of an API integration"),
    ("opsgenie://eb243592-faa2-4ba2-a551-1afdf565c889?region=mars", "takes ?region=us or ?region=eu"),
    ("teams+http://10.0.0.1/hunter2", "is on a private network"),
]


@pytest.mark.parametrize(("url", "complaint"), BAD)
def test_what_is_wrong_is_told(url: str, complaint: str) -> None:
    """Each wrong URL has its own words, which name the variable and the entry and repeat no secret."""
    with pytest.raises(SettingsError) as raised:
        open_channels([url], allow_private=False)
    (problem,) = raised.value.problems
    assert problem.startswith(f"TIEOUT_ALERT_CHANNELS: entry 1 ({url.partition('://')[0]}) ")
    assert complaint in problem
    assert "hunter2" not in problem


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Problems are counted by entry, and the same receiver twice is one."""
    urls = [url for url, _ in BAD] + ["slack+https://h.org/a", "slack+https://h.org/a"]
    with pytest.raises(SettingsError) as raised:
        open_channels(urls, allow_private=False)
    assert len(raised.value.problems) == len(BAD) + 1
    assert f"entry {len(urls)} (slack+https) names the same receiver as another" in raised.value.problems[-1]


async def test_private_targets_may_be_allowed() -> None:
    """With the setting, an Alertmanager in the cluster is as good as any."""
    assert await opened("alertmanager+http://10.0.0.5:9093", allow_private=True) == [
        "log",
        "Alertmanager at 10.0.0.5:9093",
    ]
