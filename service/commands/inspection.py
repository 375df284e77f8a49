"""What `tieout check` looks at, one function for each subject; each gives findings and never raises trouble.

A finding that is wrong names its remedy. Subjects stand on their own as far as they can: who mends a password
should learn in the same run that the hub's credentials are wrong too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

import httpx

from service import elapsed, tracing
from service.channels.registry import open_channels
from service.commands import deliveries
from service.commands.hub import opened_hub
from service.commands.postgres import database_url
from service.commands.subscriptions import Act, list_all, plan, webhook_url
from service.errors import DatabaseError, HubError, HubFailure, SettingsError, TieoutError
from service.hub.client import Hub
from service.settings import Settings
from service.store.database import Database
from service.store.durability import list_forgetful_settings
from service.store.migrate import migrate, require_migrated
from service.store.paper_trail import (
    get_paper_trail_head,
    list_paper_trail_faults,
    list_trailed_organizations,
)
from service.store.received import sum_deliveries_today

SKEW_SECONDS_MAX: Final = 5.0
"""Signatures and tokens bear much more; a clock that is this far off is seldom kept at all."""

TRAIL_SECONDS_MAX: Final = 60.0
"""Of reading the paper trail, organization by organization; of most fleets that is all of it."""

HTTP_DATE_SECONDS: Final = 1.0
"""An HTTP date has whole seconds."""


class Mark(StrEnum):
    """How a finding is."""

    FINE = "✓"
    UNWISE = "!"
    WRONG = "✗"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: how it is, in a sentence, and what to do where it is not fine."""

    mark: Mark
    subject: str
    told: str
    remedy: str = ""


def fine(subject: str, told: str) -> Finding:
    """Tell of something in order."""
    return Finding(mark=Mark.FINE, subject=subject, told=told)


def unwise(subject: str, told: str, remedy: str) -> Finding:
    """Tell of something that works but should be seen to."""
    return Finding(mark=Mark.UNWISE, subject=subject, told=told, remedy=remedy)


def wrong(subject: str, told: str, remedy: str) -> Finding:
    """Tell of something that keeps the service from working; there is always something to do about it."""
    found = remedy or f"mend it as told, and run `tieout check` again; {subject} is needed to serve"
    return Finding(mark=Mark.WRONG, subject=subject, told=told, remedy=found)


def inspect_settings(settings: Settings) -> Sequence[Finding]:
    """Look at what can be read but is unwise."""
    return [
        fine("settings", "all of them can be read"),
        *(unwise("settings", *_parted(advice)) for advice in settings.advice()),
    ]


def inspect_traces(settings: Settings) -> Sequence[Finding]:
    """Look whether traces that are asked for can be sent."""
    if settings.telemetry_otlp_url is None:
        return []
    try:
        tracing.require_extra()
    except TieoutError as error:
        return [wrong("traces", *_parted(str(error)))]
    return [fine("traces", "are sent over OTLP")]


async def inspect_channels(settings: Settings) -> Sequence[Finding]:
    """Look at where alerts go; nothing is sent."""
    try:
        channels = open_channels(settings.alert_channels, allow_private=settings.alert_allow_private)
    except SettingsError as error:
        return [wrong("alert channels", *_parted(_shortened(problem))) for problem in error.problems]
    for channel in channels:
        await channel.close()
    if len(channels) == 1:
        return [unwise("alert channels", "alerts go to the log alone", "set TIEOUT_ALERT_CHANNELS")]
    return [fine("alert channels", ", ".join(channel.label for channel in channels))]


async def inspect_database(settings: Settings) -> Sequence[Finding]:
    """Look at the server, the schema, our rights and the clock."""
    try:
        async with database_url(settings) as url:
            await (require_migrated(url) if settings.database_url else migrate(url))
            async with await Database.open(url, pool_size=1) as database:
                return await _inspect_open(database)
    except DatabaseError as error:
        return [wrong("database", *_parted(str(error)))]


async def _inspect_open(database: Database) -> Sequence[Finding]:
    async with database.fleet(readonly=True) as connection:
        server = await connection.fetchval("show server_version")
        role = await connection.fetchval("select current_user")
        forgetful = await list_forgetful_settings(connection)
        deliveries_by_outcome = await sum_deliveries_today(connection)
    began = datetime.now(UTC)
    at = await database.now()
    ended = datetime.now(UTC)
    return [
        fine("database", f"PostgreSQL {str(server).split()[0]} at {database.place}, working as {role}"),
        _judge_skew("clock", "Postgres", at - (began + (ended - began) / 2), database.place),
        *_judge_durability(forgetful),
        _judge_deliveries(deliveries_by_outcome),
        await _inspect_trail(database),
    ]


async def _inspect_trail(database: Database) -> Finding:
    """Read the paper trail of each organization, as long as anybody waits for a command."""
    subject = "paper trail"
    async with database.fleet(readonly=True) as connection:
        organization_ids = await list_trailed_organizations(connection)
    began, links = elapsed.seconds(), 0
    for count, organization_id in enumerate(organization_ids):
        if elapsed.seconds() - began > TRAIL_SECONDS_MAX:
            told = f"{links:,} links fit, of {count:,} of {len(organization_ids):,} organizations: it is long"
            return fine(subject, told)
        async with database.organization(organization_id, readonly=True) as connection:
            faults = await list_paper_trail_faults(connection, organization_id, 1)
            head = await get_paper_trail_head(connection, organization_id)
        if faults:
            [first] = faults
            at = "" if first.position is None else f" at link {first.position}"
            told = (
                f"of organization {organization_id} it breaks{at}: {first.kind} {first.entry}, {first.fault}"
            )
            return wrong(subject, told, "compare with a backup, and find out who may change tables")
        links += head.position if head else 0
    return fine(subject, f"{links:,} links, each fits the one before and the row that it vouches for")


def _judge_durability(forgetful: Sequence[str]) -> Sequence[Finding]:
    if not forgetful:
        return []
    remedy = f"set them on, for the server, the database and the role: {', '.join(forgetful)}"
    if forgetful == ["synchronous_commit"]:
        told = "commits are answered before they are on disk, but for pushes, webhooks and what people decide"
        return [unwise("durability", told, remedy)]
    return [unwise("durability", "Postgres may lose all of its data when its machine stops", remedy)]


def _judge_deliveries(deliveries_by_outcome: Mapping[str, int]) -> Finding:
    told, remedy = deliveries.judge(deliveries_by_outcome)
    return unwise("deliveries", told, remedy) if remedy else fine("deliveries", told)


async def inspect_hub(settings: Settings) -> Sequence[Finding]:
    """Sign in, ask one cheap question, and look at what the answers say of clock, budget and webhooks."""
    heard = _Heard()
    async with opened_hub(settings, [heard.listen]) as hub:
        try:
            await hub.sign_in()
            async for page in hub.organizations():
                seen = f"{len(page.items)} organizations on the first page"
                break
            else:
                seen = "no organization yet"
        except HubError as error:
            return [_judge_failure(error, settings)]
        return [
            fine("hub", f"signed in at {settings.hub_url}; {seen}"),
            *heard.clock(),
            *heard.budget(settings.hub_rate_per_second),
            *await _inspect_subscriptions(hub, settings),
        ]


class _Heard:
    """What headers of the hub's answers told."""

    def __init__(self) -> None:
        self.limit: float | None = None
        self.skew: timedelta | None = None

    async def listen(self, response: httpx.Response) -> None:
        """Note the headers of one answer."""
        with suppress(KeyError, ValueError):
            self.limit = float(response.headers["RateLimit-Limit"])
        try:
            at = parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError, OverflowError, TypeError):
            return
        self.skew = at + timedelta(seconds=HTTP_DATE_SECONDS / 2) - datetime.now(UTC)

    def clock(self) -> Sequence[Finding]:
        """Judge the hub's clock, where it told its time."""
        return [] if self.skew is None else [_judge_skew("clock", "the hub", self.skew, "the hub")]

    def budget(self, rate_per_second: float) -> Sequence[Finding]:
        """Judge the setting by what the hub says that it allows."""
        if self.limit is None:
            return [
                fine("rate budget", f"{rate_per_second:g} requests a second by setting; the hub tells none")
            ]
        told = f"{rate_per_second:g} requests a second by setting, {self.limit:g} by the hub"
        if rate_per_second > self.limit:
            return [wrong("rate budget", told, f"set TIEOUT_HUB_RATE_PER_SECOND={self.limit:g}, or less")]
        return [fine("rate budget", told)]


def _judge_failure(error: HubError, settings: Settings) -> Finding:
    match error.failure:
        case HubFailure.UNAUTHORIZED:
            remedy = "check TIEOUT_HUB_CLIENT_ID and TIEOUT_HUB_CLIENT_SECRET, and TIEOUT_HUB_TOKEN_URL"
        case HubFailure.UNREACHABLE | HubFailure.TIMEOUT:
            remedy = f"check TIEOUT_HUB_URL ({settings.hub_url}) and the way out of this network"
        case HubFailure.THROTTLED:
            remedy = "lower TIEOUT_HUB_RATE_PER_SECOND, or find who else uses these credentials"
        case HubFailure.NOT_FOUND | HubFailure.UNREADABLE:
            remedy = f"check TIEOUT_HUB_URL ({settings.hub_url}), prefix included, and TIEOUT_HUB_DIALECT"
        case _:
            remedy = "try again later; if it stays so, ask the hub's support"
    return wrong("hub", _parted(str(error))[0], remedy)


async def _inspect_subscriptions(hub: Hub, settings: Settings) -> Sequence[Finding]:
    subject = "webhooks"
    ours = webhook_url(settings.public_url)
    try:
        found = await list_all(hub)
    except HubError as error:
        return [unwise(subject, str(error), "without webhooks changes are found by polling alone, later")]
    to_us = [each for each in found if each.url == ours]
    missing = [step.object_type for step in plan(found, ours) if step.act is not Act.KEPT]
    findings = []
    if not to_us:
        elsewhere = f" ({len(found)} to other addresses)" if found else ""
        remedy = "set TIEOUT_PUBLIC_URL to where the hub reaches this service, and run `tieout subscribe`"
        findings.append(unwise(subject, f"no subscription leads to {ours}{elsewhere}", remedy))
    elif missing:
        findings.append(unwise(subject, f"not subscribed: {', '.join(missing)}", "run `tieout subscribe`"))
    else:
        findings.append(fine(subject, f"{len(to_us)} subscriptions lead to {ours}"))
    if to_us and not settings.webhook_secrets:
        told = "subscribed, but TIEOUT_WEBHOOK_SECRETS is not set: every delivery is answered 503"
        findings.append(wrong(subject, told, "set TIEOUT_WEBHOOK_SECRETS to the subscriptions' secrets"))
    return findings


def _judge_skew(subject: str, whose: str, ahead: timedelta, where: str) -> Finding:
    seconds = ahead.total_seconds()
    if abs(seconds) <= SKEW_SECONDS_MAX:
        return fine(subject, f"{whose} and this machine agree within {max(abs(seconds), 0.1):.1f} s")
    side = "ahead of" if seconds > 0 else "behind"
    told = f"{whose} is {abs(seconds):.0f} s {side} this machine"
    return unwise(subject, told, f"let a time service set the clocks here and of {where}")


def _shortened(problem: str) -> str:
    """Leave the name of the variable out where the subject says it."""
    return problem.removeprefix("TIEOUT_ALERT_CHANNELS: ")


def _parted(told: str) -> tuple[str, str]:
    """Part what is the case from what to do about it: our messages put a semicolon between the two."""
    what, _, remedy = told.partition("; ")
    return what, remedy
