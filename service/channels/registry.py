"""Every kind of channel, by the scheme of its URL, and the channels that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from service.channels.alertmanager import open_alertmanager
from service.channels.apprise import Unknown, open_apprise
from service.channels.channel import Channel
from service.channels.heartbeat import open_heartbeat
from service.channels.log import Log
from service.channels.opsgenie import open_opsgenie, open_opsgenie_proxy
from service.channels.pagerduty import open_pagerduty, open_pagerduty_proxy
from service.channels.slack import open_slack
from service.channels.teams import open_teams
from service.channels.url import Unusable
from service.channels.webhook import open_webhook
from service.errors import SettingsError

VARIABLE: Final = "TIEOUT_ALERT_CHANNELS"

Opener = Callable[..., Channel]

# What stands before a plus sign is the kind; the opener is given the rest.
_OPENERS: Final[Mapping[str, Opener]] = {
    "webhook+http": open_webhook,
    "webhook+https": open_webhook,
    "alertmanager+http": open_alertmanager,
    "alertmanager+https": open_alertmanager,
    "pagerduty": open_pagerduty,
    "pagerduty+http": open_pagerduty_proxy,
    "pagerduty+https": open_pagerduty_proxy,
    "heartbeat+http": open_heartbeat,
    "heartbeat+https": open_heartbeat,
    "slack+http": open_slack,
    "slack+https": open_slack,
    "teams+http": open_teams,
    "teams+https": open_teams,
    "opsgenie": open_opsgenie,
    "opsgenie+http": open_opsgenie_proxy,
    "opsgenie+https": open_opsgenie_proxy,
}

SCHEMES: Final = tuple(_OPENERS)
"""The schemes that are built in, for the documentation; all others are left to Apprise."""


def open_channels(urls: Sequence[str], *, allow_private: bool) -> Sequence[Channel]:
    """Open every channel, the log first; raises `SettingsError` with all that is wrong with them."""
    found: list[Channel] = [Log()]
    problems: list[str] = []
    for number, url in enumerate(urls, start=1):
        try:
            channel = _opened(url, allow_private=allow_private)
        except Unusable as problem:
            problems.append(f"{VARIABLE}: entry {number} ({_scheme(url)}) {problem}")
            continue
        if any(channel.digest == other.digest for other in found):
            problems.append(f"{VARIABLE}: entry {number} ({_scheme(url)}) names the same receiver as another")
        else:
            found.append(channel)
    if problems:
        raise SettingsError(problems)
    return found


def _opened(url: str, *, allow_private: bool) -> Channel:
    scheme = url.partition("://")[0].lower()
    opener = _OPENERS.get(scheme)
    if opener is None:
        try:
            return open_apprise(url, allow_private=allow_private)
        except Unknown as problem:
            raise Unusable(f"is of no kind that is built in ({', '.join(SCHEMES)}); {problem}") from None
    return opener(url.partition("+")[2] if "+" in scheme else url, allow_private=allow_private)


def _scheme(url: str) -> str:
    """The scheme as far as it is one of words; the rest may be secret."""
    scheme = url.partition("://")[0].lower()
    return scheme[:30] if scheme.replace("+", "").isalnum() else "…"
