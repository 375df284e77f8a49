"""Alerts about the channels themselves: one that takes nothing is told on the others, all of them in the log.

Where no channel takes messages each would tell of all the others to receivers that do not hear it, and
whoever comes back would read as many messages about what is over. One alert says it instead, with every
channel in it: it is told in the log, shown in /status, and its end goes to all, so that people learn for how
long they were told nothing. Those about single channels are shown meanwhile, not sent.

A channel that fails on one message and takes others is told of, and still tells people: only those that took
nothing of late count among all of them, and are spared what is said of channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from service.domain.alerts.alert import Condition, Kind, Policy, Severity, fingerprint
from service.domain.alerts.facts import ChannelFact, Facts
from service.domain.alerts.text import EXCERPT_MAX, NAME_MAX, count, instant, neutral

PATIENCE_GROUPS: Final = 4.0
"""A channel may refuse for this many group waits: receivers restart."""

EVERY_CHANNEL: Final = "every"
"""What is told under when no channel takes messages; the scope of one is its digest, which is longer."""

EVERY_CHANNEL_ALERT: Final = fingerprint(Kind.CHANNEL_FAILING, EVERY_CHANNEL)

NAMED_MAX: Final = 5
"""Channels whose last answers are told; few have more."""


def failing_channels(facts: Facts, policy: Policy, now: datetime) -> Sequence[ChannelFact]:
    """Those that have not taken what they were sent for so long, or refused it for good."""
    patience_seconds = PATIENCE_GROUPS * policy.group_seconds
    return [
        channel
        for channel in facts.channels
        if channel.refused_count or (now - channel.since).total_seconds() >= patience_seconds
    ]


def deaf_channels(facts: Facts, policy: Policy, now: datetime) -> Sequence[ChannelFact]:
    """Of those that fail the ones that took nothing else for as long."""
    patience_seconds = PATIENCE_GROUPS * policy.group_seconds
    return [
        channel
        for channel in failing_channels(facts, policy, now)
        if channel.sent_at is None or (now - channel.sent_at).total_seconds() >= patience_seconds
    ]


def channel_conditions(facts: Facts, policy: Policy, now: datetime) -> Iterator[Condition]:
    """Say which channels take nothing, and whether any is left that does."""
    deaf = deaf_channels(facts, policy, now)
    is_every = 0 < facts.channels_count <= len(deaf)
    if is_every:
        yield _every(deaf)
    for channel in failing_channels(facts, policy, now):
        yield _one(channel, (EVERY_CHANNEL_ALERT,) if is_every else ())


def _every(channels: Sequence[ChannelFact]) -> Condition:
    since = max(channel.since for channel in channels)
    answers = [
        f"{neutral(channel.label, NAME_MAX)}: {neutral(channel.error, EXCERPT_MAX)}"
        for channel in channels[:NAMED_MAX]
    ]
    if len(channels) > NAMED_MAX:
        answers.append(count(len(channels) - NAMED_MAX, "more channel", "more channels"))
    return Condition(
        kind=Kind.CHANNEL_FAILING,
        scope=EVERY_CHANNEL,
        severity=Severity.CRITICAL,
        summary="No alert channel takes messages: people are told nothing",
        detail=f"The last of them failed {instant(since)}. Last answers: {'; '.join(answers)}",
        owner="partner_engineer",
        next_step="Check the way out of this network, then each channel with `tieout check`. Until then read "
        "the list of alerts; what waits goes out by itself.",
        since=since,
    )


def _one(channel: ChannelFact, inhibited_by: tuple[str, ...]) -> Condition:
    label = neutral(channel.label, NAME_MAX)
    troubles = []
    if channel.waiting_count:
        troubles.append(f"{count(channel.waiting_count, 'message waits', 'messages wait')} to be sent")
    if channel.refused_count:
        troubles.append(f"{count(channel.refused_count, 'was', 'were')} refused for good")
    return Condition(
        kind=Kind.CHANNEL_FAILING,
        scope=channel.channel,
        severity=Severity.WARNING,
        summary=f"The alert channel {label} does not take messages",
        detail=f"{' and '.join(troubles)} since {instant(channel.since)}. Last answer: "
        f"{neutral(channel.error, EXCERPT_MAX)}",
        owner="partner_engineer",
        next_step="Check the channel's URL in TIEOUT_ALERT_CHANNELS and its receiver. Waiting "
        "messages go out by themselves once it answers; refused ones stay in the list of alerts.",
        since=channel.since,
        inhibited_by=inhibited_by,
    )
