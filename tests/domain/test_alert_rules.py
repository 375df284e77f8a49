"""What is wrong, and how it is said: the rules of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.domain.alerts.alert import FLEET_SCOPE, READING_BY_KIND, Condition, Kind, Severity
from service.domain.alerts.channel_rules import EVERY_CHANNEL_ALERT, NAMED_MAX
from service.domain.alerts.facts import (
    UNREADABLE_MAX,
    ChannelFact,
    Facts,
    GapFact,
    HubFact,
    OrganizationFact,
    PollingFact,
    QuietFact,
    SilenceFact,
    UnreadableFact,
)
from service.domain.alerts.fleet_rules import HUB_ALERTS
from service.domain.alerts.organization_rules import TOLD
from service.domain.alerts.rules import conditions
from service.domain.alerts.text import SUMMARY_MAX, amounts, neutral
from service.domain.fleet import FLEET
from tests.domain.alert_builders import POLICY, START, Desk, at, cause, lost, organization


def found(seconds: float = 60, **facts: Any) -> Mapping[str, Condition]:
    """What is wrong, by fingerprint, where nothing was told before."""
    return {
        condition.fingerprint: condition for condition in conditions(Facts(**facts), [], POLICY, at(seconds))
    }


def losses(*facts: OrganizationFact) -> dict[str, Any]:
    """Facts of lost connections."""
    return {"organizations": {Kind.CONNECTION_LOST: facts}}


def live(desk: Desk, seconds: float, **facts: Any) -> None:
    """One look of the alerter at a desk."""
    desk.look(seconds, *conditions(Facts(**facts), desk.open(), POLICY, at(seconds)))


def test_a_healthy_fleet_gives_no_condition() -> None:
    """Where nothing is wrong there is nothing to tell."""
    assert found() == {}


def test_every_kind_rests_on_a_reading() -> None:
    """No kind may resolve without something to be read."""
    assert set(READING_BY_KIND) == set(Kind)


def test_a_cause_is_one_condition_however_many_fail() -> None:
    """Five thousand records in two hundred organizations are one condition with their counts and money."""
    condition = found(causes=[cause(records=5_000, organizations=200)])["cause_failing:missing_tax_rate"]
    assert condition.summary == "Tax rate missing: 5,000 records in 200 organizations cannot be pushed"
    assert (condition.records_count, condition.organizations_count, len(condition.members)) == (
        5_000,
        200,
        200,
    )
    assert condition.money_at_risk == {"USD": 500_000}
    assert (condition.organization_id, condition.owner, condition.cause) == (
        FLEET,
        "bookkeeper",
        "missing_tax_rate",
    )
    assert condition.severity is Severity.CRITICAL


def test_a_cause_in_one_organization_names_it() -> None:
    """With one organization behind it, the summary says which."""
    condition = found(causes=[cause(records=1)])["cause_failing:missing_tax_rate"]
    assert condition.summary == "Tax rate missing: 1 record of Organization 0 cannot be pushed"
    assert condition.severity is Severity.WARNING


def test_an_unknown_cause_says_what_it_resembles() -> None:
    """Who is woken by an unknown error reads what its words resemble; of a known cause nothing is guessed."""
    said = "Nothing in your chart fits the sales side of this product"
    told = found(causes=[cause(each, example=said) for each in ("unknown", "missing_tax_rate")])
    hint = "Its words resemble “Account missing” (for the bookkeeper;"
    assert hint in told["cause_failing:unknown"].next_step
    assert hint not in told["cause_failing:missing_tax_rate"].next_step


@pytest.mark.parametrize(
    ("money", "hours", "expected"),
    [
        ({"USD": 9_999_99}, 1, Severity.WARNING),
        ({"USD": 100_000_00}, 1, Severity.CRITICAL),
        ({"JPY": 10_000_000}, 1, Severity.CRITICAL),
        ({"IDR": 10_000_000}, 1, Severity.WARNING),
        ({"USD": 60_000_00, "EUR": 40_000_00}, 1, Severity.CRITICAL),
        ({"USD": 10_000_00}, 23, Severity.WARNING),
        ({"USD": 10_000_00}, 24, Severity.CRITICAL),
        ({}, 1_000, Severity.WARNING),
    ],
)
def test_severity_follows_money_and_age(money: Mapping[str, int], hours: int, expected: Severity) -> None:
    """Much money is critical at once, less of it after a day."""
    (condition,) = found(3_600 * hours, causes=[cause(money_at_risk=money)]).values()
    assert condition.severity is expected


def test_what_time_cures_is_told_only_when_it_lasts_or_spreads() -> None:
    """A few throttled records wait out the first retries; many are told like anything else."""
    few = found(causes=[cause("rate_limited", records=3)])["cause_failing:rate_limited"]
    many = found(causes=[cause("rate_limited", records=50)])["cause_failing:rate_limited"]
    wide = found(causes=[cause("rate_limited", records=5, organizations=5)])["cause_failing:rate_limited"]
    assert (few.severity, few.wait_seconds) == (Severity.INFO, POLICY.patience_seconds)
    assert (many.wait_seconds, wide.wait_seconds) == (None, None)


def test_records_on_their_way_keep_an_alert_and_open_none() -> None:
    """A cause of which all records were pushed again opens nothing."""
    fact = cause(records=0, organizations=0, returning_count=4, money_at_risk={})
    (condition,) = found(causes=[fact]).values()
    assert not condition.opens
    assert "4 records pushed again, not back yet." in condition.detail


def test_records_without_a_retry_left_are_told_apart() -> None:
    """What was given up is an alert of its own, by cause."""
    assert "retry_exhausted:period_locked" in found(exhausted=[cause("period_locked")])


def test_a_lost_connection_is_the_organizations_own_alert() -> None:
    """One organization, one alert, which belongs to it."""
    (condition,) = found(**losses(lost(1, records_count=7, money_at_risk={"EUR": 12_345}))).values()
    assert condition.fingerprint == f"connection_lost:{organization(1)}"
    assert condition.organization_id == organization(1)
    assert condition.summary == "Organization 1 lost its accounting connection (quickbooks, deauthorized)"
    assert condition.detail == "Since 2026-11-20 03:00 UTC. 7 records behind it. At risk: 123.45 EUR."
    assert (condition.owner, condition.records_count) == ("accounting_admin", 7)


def test_five_lost_connections_at_once_are_one_incident() -> None:
    """A wave is told once, for the fleet, and none of its organizations alone."""
    desk = Desk()
    facts = losses(*(lost(number) for number in range(5)))
    for seconds in (0, 30, 60):
        live(desk, seconds, **facts)
    assert desk.only.fingerprint == "connection_lost:fleet"
    assert desk.only.summary == "5 organizations lost their accounting connection"
    assert (desk.only.organization_id, desk.only.owner) == (FLEET, "partner_engineer")
    assert desk.reasons == ["first"]


def test_a_wave_names_the_heaviest_of_its_organizations() -> None:
    """Whoever reads it in a chat learns of whom it is: of three by name, of the others by number."""
    names = ("Acme\u202e Ltd", "Beta", "Gamma", "Delta", "\u200b")
    money = {"Beta": {"USD": 500_00}, "Gamma": {"USD": 400_00}}
    told = found(
        **losses(*(lost(n, name=each, money_at_risk=money.get(each, {})) for n, each in enumerate(names)))
    )
    detail = told[f"connection_lost:{FLEET_SCOPE}"].detail
    assert detail.startswith("Beta, Gamma, Acme Ltd and 2 more. Since 2026-11-20 03:00 UTC.")


@pytest.mark.parametrize("kind", TOLD)
def test_a_wave_of_which_one_is_left_speaks_of_one(kind: Kind) -> None:
    """Its verb is that of a single organization, and the detail names it."""
    desk = Desk()
    for seconds in (0, 30):
        live(desk, seconds, organizations={kind: [lost(number) for number in range(6)]})
    live(desk, 5_000, organizations={kind: [lost(3)]})
    assert desk.only.summary == TOLD[kind].one.format(name="1 organization")
    assert desk.only.detail.startswith("Organization 3. Since")


def test_a_wave_seen_piece_by_piece_is_still_one_incident() -> None:
    """Those told before it was seen as one stay open, inhibited; whoever follows within the hour joins."""
    desk = Desk()
    for count in range(1, 60):
        live(desk, 60 * count, **losses(*(lost(number) for number in range(count))))
    alone = [alert for alert in desk.open() if alert.scope != FLEET_SCOPE]
    assert 1 <= len(alone) <= 4
    assert all(alert.is_inhibited for alert in alone)
    (fleet,) = [alert for alert in desk.open() if alert.scope == FLEET_SCOPE]
    assert fleet.organizations_count == 59
    assert len(desk.told) <= 4 + 3


def test_a_later_loss_is_not_hidden_by_a_wave_that_is_over() -> None:
    """A wave that nobody joined for an hour takes nobody in: the next organization is told alone."""
    desk = Desk()
    gone = [lost(number) for number in range(100)]
    for seconds in (0, 30, 3_700):
        live(desk, seconds, **losses(*gone))
    for seconds in (3_710, 3_740):
        live(desk, seconds, **losses(*gone, lost(100)))
    assert [notice.alert.scope for notice in desk.told if notice.reason.value == "first"] == [
        FLEET_SCOPE,
        str(organization(100)),
    ]


def test_a_wave_that_one_at_a_time_joins_is_over() -> None:
    """It lasts while five join within an hour: a customer lost every fifty minutes is told alone."""
    desk = Desk()
    for minute in range(36 * 60):
        live(desk, 60 * minute, **losses(*(lost(number) for number in range(5 + minute // 50))))
    (fleet,) = [alert for alert in desk.open() if alert.scope == FLEET_SCOPE]
    assert fleet.organizations_count == 6
    told_alone = {notice.alert.scope for notice in desk.told} - {FLEET_SCOPE}
    assert told_alone == {str(organization(number)) for number in range(6, 48)}


def test_who_joins_after_an_acknowledgement_is_told_alone() -> None:
    """Who took a wave on took on its organizations; five more that are lost are of it again, and told."""
    desk = Desk()
    for seconds in (0, 30):
        live(desk, seconds, **losses(*(lost(number) for number in range(5))))
    desk.change(acknowledged_at=at(600), acknowledged_by="ana")
    for minute in range(11, 60):
        live(desk, 60 * minute, **losses(*(lost(number) for number in range(5 + minute - 10))))
    alone = [notice.alert.scope for notice in desk.told if notice.alert.scope != FLEET_SCOPE]
    assert sorted(alone) == sorted(str(organization(number)) for number in range(5, 8))
    (fleet,) = [alert for alert in desk.open() if alert.scope == FLEET_SCOPE]
    assert (fleet.organizations_count, fleet.acknowledged_at) == (54, None)
    assert "grew" in desk.reasons


def test_waves_that_follow_an_acknowledged_one_within_the_hour_are_told() -> None:
    """Six more every fifty minutes are no part of what was acknowledged before the first of them."""
    desk = Desk()
    for minute in range(6 * 60):
        count = 5 + 6 * ((minute + 30) // 50)
        live(desk, 60 * minute, **losses(*(lost(number) for number in range(count))))
        if minute == 10:
            desk.change(acknowledged_at=at(600), acknowledged_by="ana")
    growths = [notice.alert.organizations_count for notice in desk.told if notice.reason.value == "grew"]
    assert growths == list(range(11, 48, 6))


def test_a_wave_after_one_that_was_acknowledged_is_told() -> None:
    """Who took on customers who left for good took on none of the 25 that are lost together days later."""
    desk = Desk()
    gone = [lost(number) for number in range(20)]
    for seconds in (0, 30):
        live(desk, seconds, **losses(*gone))
    desk.change(acknowledged_at=at(600), acknowledged_by="ana")
    for seconds in (86_400, 172_800):
        live(desk, seconds, **losses(*gone))
    for seconds in (172_810, 172_840):
        live(desk, seconds, **losses(*gone, *(lost(number) for number in range(20, 45))))
    assert desk.reasons == ["first", "grew"]
    assert (desk.only.organizations_count, desk.only.acknowledged_at) == (45, None)


def test_a_wave_heals_when_the_last_of_it_healed() -> None:
    """The fleet's alert stays open for the last of its organizations; nobody is told alone meanwhile."""
    desk = Desk()
    for seconds in (0, 30):
        live(desk, seconds, **losses(*(lost(number) for number in range(6))))
    for seconds in (5_000, 6_000, 20_000):
        live(desk, seconds, **losses(lost(3)))
    assert [alert.scope for alert in desk.open()] == [FLEET_SCOPE]
    for seconds in (21_000, 21_300):
        live(desk, seconds)
    assert desk.open() == []
    assert desk.reasons[-1] == "resolved"


def test_pushes_that_fail_of_a_lost_connection_are_not_told_beside_it() -> None:
    """Revoked connections are told as such; a cause that fails elsewhere too is told for itself."""
    revoked = cause("connection_revoked", organizations=1)
    name = "cause_failing:connection_revoked"
    assert found(causes=[revoked], **losses(lost(0)))[name].inhibited_by == (
        f"connection_lost:{organization(0)}",
    )
    assert found(causes=[revoked], **losses(lost(7)))[name].inhibited_by == ()
    assert (
        found(causes=[cause(organizations=1)], **losses(lost(0)))[
            "cause_failing:missing_tax_rate"
        ].inhibited_by
        == ()
    )


def test_stale_books_follow_from_a_hub_or_platform_that_is_away() -> None:
    """Staleness is inhibited by the hub's alerts, and by an outage that its organization is part of."""
    stale: dict[str, Any] = {"organizations": {Kind.SYNC_STALE: [lost(0)]}}
    name = f"sync_stale:{organization(0)}"
    assert found(**stale)[name].inhibited_by == ("hub_unreachable:fleet", "hub_unauthorized:fleet")
    wide = cause("platform_unavailable", records=100, organizations=20)
    assert "cause_failing:platform_unavailable" in found(causes=[wide], **stale)[name].inhibited_by
    narrow = cause("platform_unavailable", records=100, organizations=2)
    assert "cause_failing:platform_unavailable" not in found(causes=[narrow], **stale)[name].inhibited_by


@pytest.mark.parametrize("kind", [Kind.SYNC_STALE, Kind.CONFIRMATION_OVERDUE])
def test_what_a_lost_connection_hides_is_not_over(kind: Kind) -> None:
    """It stays open beside the lost connection and says nothing; who was not told of it is not either."""
    desk = Desk()
    for seconds in (0, 30):
        live(desk, seconds, organizations={kind: [lost(0)]})
    for seconds in range(300, 1_200, 30):
        kept = [lost(0, is_connected=False), lost(1, is_connected=False)]
        gone = [lost(0, since=300), lost(1, since=300)]
        live(desk, seconds, organizations={kind: kept, Kind.CONNECTION_LOST: gone})
    known = {alert.fingerprint: alert for alert in desk.open()}
    assert known[f"{kind}:{organization(0)}"].is_inhibited
    assert f"{kind}:{organization(1)}" not in known
    assert [notice.reason.value for notice in desk.told] == ["first"] * 3


def test_a_wave_of_which_all_lost_their_connection_is_not_over() -> None:
    """Organizations whose connection was lost stay in the wave that they are in, and make none."""
    desk = Desk()
    for seconds in (0, 30):
        live(desk, seconds, organizations={Kind.SYNC_STALE: [lost(number) for number in range(6)]})
    kept = [lost(number, is_connected=False) for number in range(12)]
    gone = [lost(number) for number in range(12)]
    for seconds in range(300, 1_200, 30):
        live(desk, seconds, organizations={Kind.SYNC_STALE: kept, Kind.CONNECTION_LOST: gone})
    (stale,) = [alert for alert in desk.open() if alert.kind is Kind.SYNC_STALE]
    assert (stale.organizations_count, stale.is_inhibited) == (6, True)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ("unreachable", ["hub_unreachable:fleet"]),
        ("timeout", ["hub_unreachable:fleet"]),
        ("unauthorized", ["hub_unauthorized:fleet"]),
        ("throttled", []),
    ],
)
def test_a_hub_that_fails_for_a_group_wait_is_told(failure: str, expected: Sequence[str]) -> None:
    """One failed call is nothing; half a minute is critical, unless the hub merely asked for patience."""
    hub = HubFact(failing_since=START, last_failure_at=at(40), failure=failure, message="no route to host")
    assert list(found(29, hub=hub)) == []
    conditions_found = found(30, hub=hub)
    assert list(conditions_found) == expected
    assert all(condition.severity is Severity.CRITICAL for condition in conditions_found.values())
    assert all(condition.wait_seconds == 0 for condition in conditions_found.values())


def test_reading_that_is_late_twice_over_is_told() -> None:
    """Polling is behind when the oldest is overdue by two of its bounds."""
    assert found(polling=PollingFact(overdue=3, oldest_overdue_seconds=599)) == {}
    assert list(found(polling=PollingFact(overdue=3, oldest_overdue_seconds=600))) == ["polling_behind:fleet"]


def test_stretched_bounds_are_told() -> None:
    """That all bounds are stretched is told with by how much, as information while they are kept."""
    (told,) = found(polling=PollingFact(stretch=4.0, comparing_stretch=2.5)).values()
    assert told.severity is Severity.INFO
    assert "stretched 4.0 times" in told.detail
    assert "every 20 min" in told.detail
    assert "2.5 times as seldom" in told.detail
    assert found(polling=PollingFact(stretch=1.2)) == {}


def test_an_object_type_that_cannot_be_read_is_told_for_itself() -> None:
    """One alert per stream, whatever else is read; it names the organization or counts them."""
    one = SilenceFact(
        stream="records:bill",
        organizations_count=1,
        organizations=(organization(3),),
        organization_name="Acme\n<b>",
        since=START,
        error="HTTP 500",
    )
    many = replace(one, stream="books:payable", organizations_count=80, since=None)
    (bills, books) = found(3_600, silences=[one, many]).values()
    assert bills.fingerprint == "polling_behind:records:bill"
    assert bills.summary == "The list of records bill of Acme <b> cannot be read"
    assert bills.detail.startswith("Last read 2026-11-20 03:00 UTC.")
    assert (bills.severity, bills.members) == (Severity.WARNING, (organization(3),))
    assert books.summary == "The list of books payable of 80 organizations cannot be read"
    assert books.detail.startswith("Never read.")
    assert books.severity is Severity.CRITICAL
    assert set(HUB_ALERTS) <= set(books.inhibited_by)


@pytest.mark.parametrize(
    ("active_count", "hours"), [(19, None), (20, 72), (100, 24), (200, 12), (10_000, 12)]
)
def test_a_fleet_in_which_nothing_changes_is_told(active_count: int, hours: int | None) -> None:
    """The more organizations are active, the sooner it is strange that none changes; of few it never is."""
    quiet = QuietFact(changed_at=START, active_count=active_count)
    if hours is None:
        assert found(1_000 * 3_600, quiet=quiet) == {}
        return
    assert found(hours * 3_600 - 1, quiet=quiet) == {}
    (told,) = found(hours * 3_600, quiet=quiet).values()
    assert told.fingerprint == "polling_behind:records"
    assert set(HUB_ALERTS) <= set(told.inhibited_by)


def test_webhooks_that_do_not_come_are_told_from_ten_on() -> None:
    """A lost delivery now and then is no news."""
    few = GapFact(missing_count=9, organizations=(organization(0),), oldest_at=START)
    many = GapFact(missing_count=10, organizations=(organization(0),), oldest_at=START)
    assert found(gap=few) == {}
    assert list(found(gap=many)) == ["webhook_gap:fleet"]


def test_one_delivery_that_cannot_be_read_is_told() -> None:
    """It was signed by the hub, so its format is news; what it says of itself is shown without its tricks."""
    (told,) = found(unreadable=UnreadableFact(deliveries_count=1, since=START, reason="<b>no\nuuid")).values()
    assert told.fingerprint == "webhook_gap:unreadable"
    assert told.detail.startswith("1 delivery of the last hour ")
    assert "\n" not in told.detail
    many = UnreadableFact(deliveries_count=UNREADABLE_MAX, since=START, reason="")
    (told,) = found(unreadable=many).values()
    assert told.detail.startswith("1,000 deliveries or more of the last hour ")


@pytest.mark.parametrize(("overdue", "words"), [(1, "1 organization waits"), (2, "2 organizations wait")])
def test_who_waits_longer_than_was_stated_is_counted(overdue: int, words: str) -> None:
    """One waits, several wait."""
    polling = PollingFact(overdue=overdue, oldest_overdue_seconds=10_000)
    (condition,) = found(polling=polling).values()
    assert f"{words} longer than was stated" in condition.detail


def test_a_channel_that_takes_nothing_is_told_after_a_while() -> None:
    """A receiver may restart; a refusal for good is told at once."""
    waiting = ChannelFact(
        channel="c",
        label="webhook to example.org",
        waiting_count=2,
        refused_count=0,
        since=START,
        error="500",
    )
    assert found(119, channels=[waiting]) == {}
    (condition,) = found(120, channels=[waiting]).values()
    assert condition.fingerprint == "channel_failing:c"
    assert condition.detail == "2 messages wait to be sent since 2026-11-20 03:00 UTC. Last answer: 500"
    refused = ChannelFact(channel="c", label="x", waiting_count=0, refused_count=1, since=START, error="404")
    assert list(found(1, channels=[refused])) == ["channel_failing:c"]


def test_channels_that_all_fail_are_one_alert() -> None:
    """It names some of them, and inhibits what is told of each; as long as one is left there is none."""
    failing = [
        ChannelFact(
            channel=f"c{n}", label=f"l{n}", waiting_count=1, refused_count=0, since=at(n), error="500"
        )
        for n in range(NAMED_MAX + 2)
    ]
    assert EVERY_CHANNEL_ALERT not in found(600, channels=failing, channels_count=len(failing) + 1)
    assert EVERY_CHANNEL_ALERT not in found(121, channels=failing, channels_count=len(failing))
    single = dict(found(600, channels=failing, channels_count=len(failing)))
    every = single.pop(EVERY_CHANNEL_ALERT)
    assert every.severity is Severity.CRITICAL
    assert "l0: 500; l1: 500" in every.detail
    assert every.detail.endswith("; 2 more channels")
    assert {condition.inhibited_by for condition in single.values()} == {(EVERY_CHANNEL_ALERT,)}
    assert EVERY_CHANNEL_ALERT not in found(600, channels=[], channels_count=0)


def test_a_channel_that_took_something_lately_tells_people() -> None:
    """One that refuses some messages and takes others is told of as before, and leaves people not without."""
    facts: dict[str, Any] = {"label": "x", "waiting_count": 1, "since": START, "error": "400"}
    deaf = ChannelFact(channel="deaf", refused_count=1, **facts)
    picky = ChannelFact(channel="picky", refused_count=1, sent_at=at(500), **facts)
    told = found(619, channels=[deaf, picky], channels_count=2)
    assert list(told) == ["channel_failing:deaf", "channel_failing:picky"]
    assert not any(condition.inhibited_by for condition in told.values())
    assert EVERY_CHANNEL_ALERT in found(620, channels=[deaf, picky], channels_count=2)


def test_upstream_text_cannot_act() -> None:
    """Names and error texts lose control characters, line breaks and what reverses or hides text."""
    evil = "a\x00b\x1b[31m\r\nINJECTED\u202egnp.exe\u200b \ud800{name}%s" + "x" * 10_000
    (condition,) = found(causes=[cause(organization_name=evil, example=evil)]).values()
    (loss,) = found(**losses(lost(0, name=evil, note=evil))).values()
    for text in (condition.summary, condition.detail, loss.summary):
        assert text.isprintable()
        assert "\u202e" not in text
        assert len(text) <= 2 * SUMMARY_MAX + 200
    assert "INJECTED" in condition.summary


def test_an_organization_without_a_name_is_told_by_its_id() -> None:
    """A name that consists of nothing visible is replaced."""
    (condition,) = found(**losses(lost(0, name="\u200b\n"))).values()
    assert condition.summary.startswith(f"{organization(0)} lost")


def test_neutral_text_is_cut_visibly() -> None:
    """What is too long ends with an ellipsis and within its limit."""
    assert neutral("word " * 100, 20) == "word word word word…"
    assert len(neutral("x" * 100, 20)) == 20


def test_amounts_are_told_in_major_units_largest_first() -> None:
    """Currencies keep their own decimals, and only three are named."""
    assert amounts({"JPY": 300, "USD": 123_450}) == "1,234.50 USD and 300 JPY"
    assert amounts({"KWD": 1_500}) == "1.500 KWD"
    assert amounts({"A": 1, "B": 10_000, "C": 20_000, "D": 1, "E": 30_000}).endswith("and 2 more currencies")
