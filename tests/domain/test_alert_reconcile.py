"""The life of an alert: told once, reminded seldom, resolved only by healing that was seen."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.alerts.alert import FLEET_SCOPE, MOVES, Alert, Condition, Kind, Severity, Status
from service.domain.alerts.reconcile import REGRESSION_SPAN, Evidence, reconcile
from tests.domain.alert_builders import POLICY, START, Desk, at, condition, organization


def firing(*conditions: Condition) -> Desk:
    """A desk at which these conditions are told."""
    desk = Desk()
    desk.look(0, *conditions)
    desk.look(30, *conditions)
    return desk


def test_an_alert_waits_for_its_group_before_it_is_told() -> None:
    """Nothing is told before the group wait is over, and then once."""
    desk = Desk()
    desk.look(0, condition())
    desk.look(29, condition())
    assert (desk.only.status, desk.reasons) == (Status.PENDING, [])
    desk.look(30, condition())
    desk.look(40, condition())
    assert (desk.only.status, desk.reasons) == (Status.FIRING, ["first"])


def test_what_passes_within_the_group_wait_is_forgotten() -> None:
    """Trouble that goes before anybody was told leaves nothing behind."""
    desk = Desk()
    desk.look(0, condition())
    desk.look(20)
    assert (desk.alerts, desk.told) == ({}, [])


def test_what_needs_no_group_is_told_at_once_with_its_true_beginning() -> None:
    """A condition that brings its own grace is told at the first look, as having begun when it did."""
    desk = Desk()
    desk.look(40, condition(kind=Kind.HUB_UNREACHABLE, scope=FLEET_SCOPE, since=START, wait_seconds=0.0))
    assert (desk.reasons, desk.only.started_at) == (["first"], START)


def test_a_reminder_comes_after_the_repeat_time_only() -> None:
    """While nothing changes, one message per repeat time."""
    desk = firing(condition())
    for seconds in range(60, 3 * 14_400, 60):
        desk.look(seconds, condition())
    assert desk.reasons == ["first", "reminder", "reminder"]


def test_growth_is_told_when_it_doubled_and_not_sooner_than_an_eighth_of_the_repeat_time() -> None:
    """A growing count alone is news when it doubled, half an hour after the last message."""
    desk = firing(condition())
    desk.look(1_000, condition(records_count=500))
    desk.look(1_829, condition(records_count=500))
    assert desk.reasons == ["first"]
    desk.look(1_830, condition(records_count=500))
    desk.look(3_630, condition(records_count=999))
    assert desk.reasons == ["first", "grew"]


def test_one_record_that_became_two_is_no_news() -> None:
    """Doubling counts from a handful on."""
    desk = firing(condition(records_count=1))
    desk.look(3_600, condition(records_count=2))
    assert desk.reasons == ["first"]


def test_becoming_critical_is_told_at_once() -> None:
    """Critical does not wait, not even for whoever acknowledged the warning; and it is told once."""
    desk = firing(condition())
    desk.change(acknowledged_at=at(35), acknowledged_by="ana")
    desk.look(40, condition(severity=Severity.CRITICAL))
    desk.look(50, condition())
    desk.look(60, condition(severity=Severity.CRITICAL))
    assert desk.reasons == ["first", "worse"]


def test_becoming_a_warning_waits_its_turn() -> None:
    """What is worse, yet wakes nobody, is told no sooner than growth would be."""
    desk = firing(condition(severity=Severity.INFO))
    desk.look(40, condition())
    assert desk.reasons == ["first"]
    desk.look(1_830, condition())
    assert desk.reasons == ["first", "worse"]


def test_an_acknowledgement_silences_repeats() -> None:
    """Who took it on is not reminded; the end is still told."""
    desk = firing(condition())
    desk.change(acknowledged_at=at(35), acknowledged_by="ana")
    desk.look(20_000, condition(records_count=5_000))
    assert desk.reasons == ["first"]
    desk.look(20_010)
    desk.look(20_310)
    assert desk.reasons == ["first", "resolved"]


def test_a_snooze_silences_until_its_end() -> None:
    """Nothing is told while snoozed, not even that it became critical; the reminder comes after."""
    desk = firing(condition())
    desk.change(snoozed_until=at(30_000))
    desk.look(20_000, condition(severity=Severity.CRITICAL))
    assert desk.reasons == ["first"]
    desk.look(30_000, condition(severity=Severity.CRITICAL))
    assert desk.reasons == ["first", "worse"]


def test_it_resolves_after_a_quiet_time() -> None:
    """Absent for the quiet time, and read since: resolved, as of the instant at which it went."""
    desk = firing(condition())
    desk.look(100)
    desk.look(399)
    assert len(desk.open()) == 1
    desk.look(400)
    assert (desk.only.status, desk.only.ended_at, desk.reasons) == (
        Status.RESOLVED,
        at(100),
        ["first", "resolved"],
    )


def test_silence_does_not_resolve() -> None:
    """Without a reading since the condition last held, it fires for ever."""
    desk = firing(condition())
    for seconds in range(100, 100_000, 1_000):
        desk.look(seconds, is_read=False)
    assert (desk.only.status, desk.reasons) == (Status.FIRING, ["first"])


def test_a_reading_from_before_does_not_resolve() -> None:
    """What was read before the condition last held proves nothing."""
    desk = firing(condition())
    alert = desk.only
    evidence = Evidence(observed_at_by_alert={alert.alert_id: at(30)})
    for seconds in (100, 1_000):
        changes = reconcile([desk.only], [], evidence, now=at(seconds), policy=POLICY)
        for changed in changes.upserts:
            desk.alerts[changed.alert_id] = changed
    assert desk.only.status is Status.FIRING


def test_blindness_holds_what_needs_the_hub() -> None:
    """While the hub is away nothing heals, and the quiet time begins anew when it is back and was read."""
    desk = firing(condition())
    desk.look(100)
    desk.look(500, is_blind=True)
    assert desk.only.quiet_since is None
    desk.look(1_000)
    desk.look(1_200)
    assert len(desk.open()) == 1
    desk.look(1_300)
    assert desk.open() == []


def test_blindness_does_not_hold_what_is_our_own() -> None:
    """Reading that has caught up is seen without the hub."""
    behind = condition(kind=Kind.POLLING_BEHIND, scope=FLEET_SCOPE)
    desk = firing(behind)
    desk.look(100, is_blind=True)
    desk.look(400, is_blind=True)
    assert desk.only.status is Status.RESOLVED


def test_coming_back_during_the_quiet_time_is_no_event() -> None:
    """A condition that was away for less than the quiet time goes on, and nobody hears of it."""
    desk = firing(condition())
    desk.look(100)
    desk.look(200, condition())
    desk.look(450)
    desk.look(700)
    assert (desk.only.status, desk.reasons) == (Status.FIRING, ["first"])


def test_coming_back_is_a_regression_of_the_same_alert() -> None:
    """Within a day it is the same alert, told as a regression, with its sequence going on."""
    desk = firing(condition())
    desk.change(acknowledged_at=at(35), acknowledged_by="ana")
    desk.look(100)
    desk.look(400)
    desk.look(1_000, condition())
    assert desk.reasons == ["first", "resolved", "regression"]
    assert (desk.only.regressions_count, desk.only.started_at, desk.only.ended_at) == (1, at(1_000), None)
    assert desk.only.acknowledged_at is None
    assert [notice.sequence for notice in desk.told] == [1, 2, 3]


def test_coming_back_after_a_day_is_a_new_alert() -> None:
    """What was away for longer than a day is another story."""
    desk = firing(condition())
    desk.look(100)
    desk.look(400)
    later = 400 + REGRESSION_SPAN.total_seconds() + 1
    desk.look(later, condition())
    desk.look(later + 30, condition())
    assert len(desk.alerts) == 2
    assert desk.reasons == ["first", "resolved", "first"]


def test_a_flapping_alert_takes_ever_longer_to_resolve() -> None:
    """Coming and going every ten minutes for a day gives a handful of messages, not hundreds."""
    desk = firing(condition())
    for seconds in range(60, 86_400, 10):
        is_there = (seconds // 600) % 2 == 0
        desk.look(seconds, *([condition()] if is_there else []))
    assert len(desk.told) <= 12


def test_a_condition_that_opens_nothing_keeps_what_is_open() -> None:
    """A record that was pushed again neither opens an alert nor lets one resolve."""
    returning = condition(opens=False, records_count=0)
    desk = Desk()
    desk.look(0, returning)
    assert desk.alerts == {}
    desk = firing(condition())
    desk.look(100, returning)
    desk.look(10_000, returning)
    assert desk.only.status is Status.FIRING
    desk.look(10_100)
    desk.look(10_400)
    desk.look(10_500, returning)
    assert (desk.only.status, desk.reasons[-1]) == (Status.RESOLVED, "resolved")


def test_what_is_on_its_way_keeps_its_organizations() -> None:
    """Those that an alert was about stay known, and are named at its end, while records are pushed again."""
    desk = firing(condition(summary="25 records of Acme"))
    returning = condition(
        opens=False, records_count=0, members=(), organizations_count=0, summary="pushed again"
    )
    desk.look(100, returning)
    assert (desk.only.members, desk.only.records_count) == ((organization(0),), 0)
    desk.look(200)
    desk.look(500)
    assert desk.told[-1].alert.summary == "25 records of Acme"


def test_inhibition_silences_as_long_as_the_other_is_open() -> None:
    """What another open alert says is shown and not sent; when that one is over, it is told if it holds."""
    hub = condition(kind=Kind.HUB_UNREACHABLE, scope=FLEET_SCOPE, wait_seconds=0.0, since=START)
    stale = condition(kind=Kind.SYNC_STALE, scope="one", inhibited_by=(hub.fingerprint,))
    desk = Desk()
    for seconds in (0, 30, 60, 600):
        desk.look(seconds, hub, stale)
    assert [notice.alert.kind for notice in desk.told] == [Kind.HUB_UNREACHABLE]
    assert {alert.kind: alert.is_inhibited for alert in desk.open()}[Kind.SYNC_STALE]
    for seconds in (700, 1_000, 1_010):
        desk.look(seconds, stale)
    assert [(notice.alert.kind, notice.reason.value) for notice in desk.told] == [
        (Kind.HUB_UNREACHABLE, "first"),
        (Kind.HUB_UNREACHABLE, "resolved"),
        (Kind.SYNC_STALE, "first"),
    ]


def test_who_was_never_told_of_the_beginning_is_not_told_of_the_end() -> None:
    """An alert that was inhibited all its life ends without a word."""
    hub = condition(kind=Kind.HUB_UNREACHABLE, scope=FLEET_SCOPE, wait_seconds=0.0, since=START)
    stale = condition(kind=Kind.SYNC_STALE, scope="one", inhibited_by=(hub.fingerprint,))
    desk = Desk()
    for seconds in (0, 60):
        desk.look(seconds, hub, stale)
    for seconds in (100, 400, 500):
        desk.look(seconds)
    assert {notice.alert.kind for notice in desk.told} == {Kind.HUB_UNREACHABLE}
    assert desk.open() == []


def test_nothing_is_written_when_nothing_changed() -> None:
    """A look at an unchanged trouble writes only that it holds."""
    desk = firing(condition())
    changes = desk.look(60, condition())
    assert (list(changes.upserts), list(changes.dropped), list(changes.notices)) == ([], [], [])
    assert [alert.held_at for alert in changes.held] == [at(60)]


def test_two_conditions_of_one_name_are_our_mistake() -> None:
    """A fingerprint names one trouble."""
    with pytest.raises(AssertionError, match="one fingerprint"):
        reconcile([], [condition(), condition()], Evidence(), now=START, policy=POLICY)


def test_five_thousand_failures_in_two_hundred_organizations_are_at_most_three_messages() -> None:
    """However the failures of one cause come in within an hour, a channel gets three messages at most."""
    for seed in range(20):
        chance = random.Random(seed)  # noqa: S311 - a seeded world, no secret
        desk = Desk()
        records = 0
        span = chance.choice([10, 600, 1_800, 3_600])
        for seconds in range(0, 3_600, 10):
            records = (
                min(5_000, max(records, int(5_000 * (seconds / span) ** chance.choice([0.5, 1, 3])))) or 1
            )
            organizations = max(1, records // 25)
            desk.look(
                seconds,
                condition(
                    records_count=records,
                    organizations_count=organizations,
                    members=tuple(organization(number) for number in range(organizations)),
                    severity=Severity.CRITICAL if organizations >= 50 else Severity.WARNING,
                ),
            )
        assert 1 <= len(desk.told) <= 3, seed
        assert {notice.alert.alert_id for notice in desk.told} == {desk.only.alert_id}


# Three troubles that come and go, a person who presses buttons, and a hub that is away at times.
STEPS = st.lists(
    st.tuples(
        st.integers(1, 2_000),  # seconds since the step before
        st.frozensets(st.sampled_from(["a", "b", "c"])),  # what is wrong
        st.integers(1, 10_000),  # how many records
        st.sampled_from(list(Severity)),
        st.booleans(),  # blind
        st.booleans(),  # read
        st.sampled_from(["", "", "", "acknowledge", "snooze"]),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_whatever_happens_the_rules_hold(
    steps: list[tuple[int, frozenset[str], int, Severity, bool, bool, str]],
) -> None:
    """One open alert per name, none resolved while it holds or unseen, legal moves, bounded messages."""
    desk = Desk()
    seconds = 0.0
    for wait, wrong, records, severity, is_blind, is_read, press in steps:
        seconds += wait
        before = dict(desk.alerts)
        conditions = [condition(scope, records_count=records, severity=severity) for scope in sorted(wrong)]
        shuffled = list(reversed(conditions))
        again = reconcile(
            list(reversed(list(desk.alerts.values()))),
            shuffled,
            Evidence(
                is_blind=is_blind,
                observed_at_by_alert={
                    alert_id: at(seconds) - timedelta(seconds=1) if is_read else None
                    for alert_id in desk.alerts
                },
            ),
            now=at(seconds),
            policy=POLICY,
        )
        changes = desk.look(seconds, *conditions, is_blind=is_blind, is_read=is_read)
        assert changes == again, "the order of the arguments matters"
        assert max(Counter(alert.fingerprint for alert in desk.open()).values(), default=1) == 1
        for alert in changes.upserts:
            _check_move(before.get(alert.alert_id), alert, wrong, is_blind=is_blind, is_read=is_read)
        if press:
            for alert in desk.open():
                pressed: dict[str, Any] = {"acknowledged_at": at(seconds)}
                if press == "snooze":
                    pressed = {"snoozed_until": at(seconds + 3_000)}
                if alert.status is Status.FIRING:
                    desk.alerts[alert.alert_id] = replace(alert, **pressed)
    _check_messages(desk, seconds)


def _check_move(
    before: Alert | None, after: Alert, wrong: frozenset[str], *, is_blind: bool, is_read: bool
) -> None:
    if before is not None:
        assert after.version == before.version + 1
        assert before.status is after.status or (before.status, after.status) in MOVES
        if before.status is Status.FIRING and after.status is Status.RESOLVED:
            assert after.scope not in wrong
            assert is_read
            assert not is_blind
            assert after.ended_at is not None
            assert after.held_at < after.ended_at


def _check_messages(desk: Desk, seconds: float) -> None:
    by_alert: dict[object, list[int]] = {}
    for notice in desk.told:
        by_alert.setdefault(notice.alert.alert_id, []).append(notice.sequence)
    for sequences in by_alert.values():
        assert sequences == list(range(1, len(sequences) + 1))
    # Growth and reminders every half hour at most; a beginning, a worsening and an end per episode besides.
    episodes = sum(1 + alert.regressions_count for alert in desk.alerts.values())
    assert len(desk.told) <= 3 * (seconds / 1_800 + 1) + 3 * episodes
