"""Alerts whose scope is an organization: lost connections, stale books, stuck records, differences.

`TOLD` says for each kind what it is worth, whose turn it is and what to do; `spread` decides between one
alert for many organizations and alerts of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from service.domain.alerts.alert import FLEET_SCOPE, Alert, Condition, Kind, Severity
from service.domain.alerts.facts import Facts, OrganizationFact
from service.domain.alerts.severity import severity
from service.domain.alerts.spread import Wave, spread
from service.domain.alerts.text import (
    DETAIL_MAX,
    NAME_MAX,
    amounts,
    count,
    instant,
    listing,
    neutral,
    organizations,
)

NAMED_MAX: Final = 3
"""Organizations of a wave whose names are told: enough to know which customers will call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a kind is told. `one` and `many` are completed with a name and with a count."""

    severity: Severity
    owner: str
    one: str
    many: str
    next_step: str
    wave_owner: str
    wave_step: str
    one_thing: str = "record"
    many_things: str = "records"


TOLD: Final[Mapping[Kind, Told]] = {
    Kind.CONNECTION_LOST: Told(
        severity=Severity.WARNING,
        owner="accounting_admin",
        one="{name} lost its accounting connection",
        many="{count} lost their accounting connection",
        next_step="Ask the organization's accounting admin to connect again; the page has the link.",
        wave_owner="partner_engineer",
        wave_step="So many at once are rarely their own doing: check the app's registration with the "
        "platform and the hub's provider before asking anybody to reconnect.",
    ),
    Kind.SYNC_STALE: Told(
        severity=Severity.WARNING,
        owner="partner_engineer",
        one="The books of {name} are no longer read",
        many="The books of {count} are no longer read",
        next_step="Ask the hub for a sync of this connection; if the time of the last pull does not "
        "move, open a ticket with the hub.",
        wave_owner="partner_engineer",
        wave_step="The hub has stopped pulling for many: look at its status page and open a ticket with it.",
    ),
    Kind.RECORD_STUCK: Told(
        severity=Severity.WARNING,
        owner="partner_engineer",
        one="Records of {name} stay pending",
        many="Records of {count} stay pending",
        next_step="Ask the hub what became of them; do not push them again, they may already be on "
        "their way.",
        wave_owner="partner_engineer",
        wave_step="The hub's queue of pushes seems to stand still: open a ticket with it. Push "
        "nothing again.",
    ),
    Kind.CONFIRMATION_OVERDUE: Told(
        severity=Severity.WARNING,
        owner="bookkeeper",
        one="{name} has documents that are said to be in the books and are not found there",
        many="{count} have documents that are said to be in the books and are not found there",
        next_step="Look for each document in the books, by its number and amount. Where it is missing, "
        "report it to the hub; do not push it again before that.",
        wave_owner="partner_engineer",
        wave_step="The hub calls pushes done that left nothing in the books: report it with the records.",
    ),
    Kind.NEVER_ATTEMPTED: Told(
        severity=Severity.WARNING,
        owner="partner_engineer",
        one="Documents of {name} were never sent to the books",
        many="Documents of {count} were never sent to the books",
        next_step="Open the differences of kind never_attempted: no push exists for these documents, "
        "so none can be retried. Report them to the hub, or enter them by hand.",
        wave_owner="partner_engineer",
        wave_step="The hub leaves documents out for many: report it with the list of differences.",
        one_thing="document",
        many_things="documents",
    ),
    Kind.DIFFERENCE_FOUND: Told(
        severity=Severity.INFO,
        owner="bookkeeper",
        one="The books of {name} differ from its documents",
        many="The books of {count} differ from their documents",
        next_step="Open the differences and settle each on the side that is wrong; what was edited "
        "in the books is never overwritten by us.",
        wave_owner="bookkeeper",
        wave_step="Differences in many organizations at once hint at a mapping or a tax rule: "
        "compare a few first.",
        one_thing="document",
        many_things="documents",
    ),
    Kind.DUPLICATE_IN_BOOKS: Told(
        severity=Severity.CRITICAL,
        owner="bookkeeper",
        one="{name} has documents twice in the books",
        many="{count} have documents twice in the books",
        next_step="Compare both documents of each pair and void the one without payment.",
        wave_owner="partner_engineer",
        wave_step="Stop automatic retries until it is clear where the second documents come from.",
        one_thing="document",
        many_things="documents",
    ),
}


def organization_conditions(
    facts: Facts, open_alerts: Mapping[str, Alert], now: datetime
) -> Iterator[Condition]:
    """Say what is wrong with organizations, in the order of `TOLD`."""
    for kind, told in TOLD.items():
        division = spread(kind, facts.organizations.get(kind, ()), open_alerts, now)
        for fact in division.alone:
            yield _own(kind, told, fact, now, opens=fact.is_connected)
        if division.wave is not None:
            wave = _wave(kind, told, division.wave, now)
            yield wave
            for fact in division.inhibited:
                yield _own(kind, told, fact, now, opens=False, inhibited_by=(wave.fingerprint,))


def _own(
    kind: Kind,
    told: Told,
    fact: OrganizationFact,
    now: datetime,
    *,
    opens: bool = True,
    inhibited_by: tuple[str, ...] = (),
) -> Condition:
    summary = told.one.format(name=_name(fact))
    return Condition(
        kind=kind,
        scope=str(fact.organization_id),
        organization_id=fact.organization_id,
        severity=severity(told.severity, now=now, since=fact.since, money_at_risk=fact.money_at_risk),
        summary=f"{summary} ({neutral(fact.note, NAME_MAX)})" if fact.note else summary,
        detail=_detail(told, fact.since, fact.records_count, fact.money_at_risk),
        owner=told.owner,
        next_step=told.next_step,
        members=(fact.organization_id,),
        organizations_count=1,
        records_count=fact.records_count,
        money_at_risk=fact.money_at_risk,
        since=fact.since,
        opens=opens,
        inhibited_by=inhibited_by,
    )


def _wave(kind: Kind, told: Told, wave: Wave, now: datetime) -> Condition:
    number = len(wave.facts)
    whose = organizations(number)
    behind = _detail(told, wave.since, wave.records_count, wave.money_at_risk)
    return Condition(
        kind=kind,
        scope=FLEET_SCOPE,
        severity=severity(
            told.severity,
            now=now,
            since=wave.since,
            money_at_risk=wave.money_at_risk,
            organizations_count=number,
        ),
        summary=told.one.format(name=whose) if number == 1 else told.many.format(count=whose),
        detail=neutral(f"{_names(wave)} {behind}", DETAIL_MAX),
        owner=told.wave_owner,
        next_step=told.wave_step,
        members=wave.members,
        organizations_count=number,
        records_count=wave.records_count,
        money_at_risk=wave.money_at_risk,
        since=wave.since,
        is_anew=wave.is_anew,
        opens=wave.opens,
    )


def _names(wave: Wave) -> str:
    """The heaviest by name, the others by number, as a sentence."""
    names = [_name(fact) for fact in wave.facts[:NAMED_MAX]]
    if len(wave.facts) > NAMED_MAX:
        names.append(f"{len(wave.facts) - NAMED_MAX:,} more")
    return listing(names).removesuffix(".") + "."


def _name(fact: OrganizationFact) -> str:
    return neutral(fact.name, NAME_MAX) or str(fact.organization_id)


def _detail(told: Told, since: datetime | None, records_count: int, money_at_risk: Mapping[str, int]) -> str:
    sentences = []
    if since is not None:
        sentences.append(f"Since {instant(since)}.")
    if records_count:
        sentences.append(f"{count(records_count, told.one_thing, told.many_things)} behind it.")
    if money_at_risk:
        sentences.append(f"At risk: {amounts(money_at_risk)}.")
    return neutral(" ".join(sentences), DETAIL_MAX)
