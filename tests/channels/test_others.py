"""Alertmanager, PagerDuty and Slack: one incident where identity is known, no markup from outside."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.channels.alertmanager import STANDS_FOR, alert, open_alertmanager
from service.channels.channel import Channel, Fate
from service.channels.pagerduty import open_pagerduty_proxy
from service.channels.slack import open_slack, payload
from tests.channels.receiver import Answer, Receiver, receiving
from tests.channels.samples import message

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
KEY = "0123456789abcdefABCDEF0123456789"


def alertmanager(receiver: Receiver) -> Channel:
    """A channel to an Alertmanager on loopback."""
    return open_alertmanager(f"http://127.0.0.1:{receiver.port}/prefix/", allow_private=True)


def pagerduty(receiver: Receiver) -> Channel:
    """A channel to PagerDuty on loopback."""
    return open_pagerduty_proxy(f"http://{KEY}@127.0.0.1:{receiver.port}", allow_private=True)


def slack(receiver: Receiver) -> Channel:
    """A channel to Slack on loopback."""
    return open_slack(f"http://127.0.0.1:{receiver.port}/services/T/B/x", allow_private=True)


@pytest.mark.parametrize("opened", [alertmanager, pagerduty, slack])
async def test_each_tells_the_fate_as_the_webhook_does(opened: object) -> None:
    """Sent, refused and later mean the same for every kind of channel."""
    assert callable(opened)
    async with receiving() as receiver:
        receiver.answer(Answer(status=202), Answer(status=400), Answer(status=429))
        channel = opened(receiver)
        fates = [(await channel.send(message())).fate for _ in range(3)]
        await channel.close()
    assert fates == [Fate.SENT, Fate.REFUSED, Fate.LATER]


async def test_alertmanager_knows_an_alert_by_labels_that_do_not_change() -> None:
    """Counts and texts are annotations; what fires ends in a day, what ended ended when it did."""
    async with receiving() as receiver:
        channel = alertmanager(receiver)
        await channel.send(message())
        await channel.send(message(records_count=99, summary="Grown", organizations_count=7))
        await channel.send(message(status="resolved", ended_at="2026-11-20T05:00:00.000Z"))
        await channel.close()
    (first,), (grown,), (over,) = (request.body for request in receiver.received)
    assert receiver.received[0].path == "/prefix/api/v2/alerts"
    assert first["labels"] == grown["labels"] == over["labels"]
    assert first["labels"] == {
        "alertname": "cause_failing",
        "service": "tieout",
        "severity": "warning",
        "fingerprint": "cause_failing:missing_tax_rate",
        "cause": "missing_tax_rate",
    }
    assert first["startsAt"] == "2026-11-20T03:00:00.000Z"
    assert over["endsAt"] == "2026-11-20T05:00:00.000Z"
    assert grown["annotations"]["records_count"] == "99"
    assert first["annotations"]["money_at_risk"] == "1,234.50 USD"


def test_alertmanager_keeps_what_fires_for_a_day() -> None:
    """An alert that is not repeated stands for a day: our own silence heals nothing sooner."""
    assert alert(message().body, NOW)["endsAt"] == "2026-11-21T04:00:00.000Z"
    assert STANDS_FOR.days == 1


async def test_alertmanager_ends_the_former_severity() -> None:
    """When severity rises the alert under its former labels is ended, so that one incident is left."""
    async with receiving() as receiver:
        channel = alertmanager(receiver)
        await channel.send(message(severity="critical", previous_severity="warning"))
        await channel.close()
    now, former = receiver.received[0].body
    assert (now["labels"]["severity"], former["labels"]["severity"]) == ("critical", "warning")
    assert former["endsAt"] < now["endsAt"]


async def test_alertmanager_is_told_again_what_stands() -> None:
    """Everything that stands goes in one request; nothing is sent where nothing stands."""
    async with receiving() as receiver:
        channel = alertmanager(receiver)
        assert (await channel.refresh([])).fate is Fate.SENT
        await channel.refresh([message().body, message(fingerprint="hub_unreachable:fleet").body])
        await channel.close()
    (request,) = receiver.received
    assert len(request.body) == 2


def test_alertmanager_tells_installations_apart() -> None:
    """Two of us that share one Alertmanager have alerts of their own, and neither ends those of the other."""
    sandbox, production, unnamed = (
        alert(message(**given).body, NOW)["labels"]
        for given in ({"instance": "sandbox.example.com"}, {"instance": "example.com"}, {"instance": None})
    )
    assert (sandbox["instance"], production["instance"]) == ("sandbox.example.com", "example.com")
    assert "instance" not in unnamed


async def test_pagerduty_tells_installations_apart() -> None:
    """Two of us that share one integration have incidents of their own, from beginning to end."""
    async with receiving() as receiver:
        channel = pagerduty(receiver)
        for instance in ("sandbox.example.com", "example.com"):
            await channel.send(message(instance=instance))
            await channel.send(
                message(instance=instance, status="resolved", ended_at="2026-11-20T05:00:00.000Z")
            )
        await channel.close()
    keys = [request.body["dedup_key"] for request in receiver.received]
    assert keys[0] == keys[1] == "sandbox.example.com/cause_failing:missing_tax_rate"
    assert keys[2] == keys[3] == "example.com/cause_failing:missing_tax_rate"


async def test_pagerduty_gets_one_incident_per_fingerprint() -> None:
    """Trigger and resolve bear one deduplication key; the routing key travels in the body alone."""
    async with receiving() as receiver:
        channel = pagerduty(receiver)
        await channel.send(message(is_repeat=True))
        await channel.send(message(status="resolved", ended_at="2026-11-20T05:00:00.000Z"))
        await channel.close()
    trigger, resolve = (request.body for request in receiver.received)
    assert receiver.received[0].path == "/v2/enqueue"
    assert "authorization" not in receiver.received[0].headers
    assert (trigger["event_action"], resolve["event_action"]) == ("trigger", "resolve")
    assert trigger["dedup_key"] == resolve["dedup_key"] == "cause_failing:missing_tax_rate"
    assert trigger["routing_key"] == KEY
    assert trigger["payload"]["severity"] == "warning"
    assert trigger["payload"]["custom_details"]["is_repeat"] is True
    assert KEY not in channel.label + channel.digest


def test_slack_is_told_all_that_fits() -> None:
    """A long detail goes whole; what escaping lengthens beyond the limit is cut visibly."""
    blocks = [payload(message(detail=detail))["blocks"][1] for detail in ("x" * 2_000, "&" * 2_000)]
    whole, cut = (block["text"]["text"] for block in blocks)
    assert whole == "x" * 2_000
    assert cut.endswith("&amp;…")
    assert len(cut) <= 3_000


async def test_slack_shows_upstream_text_as_text() -> None:
    """Nothing from outside becomes markup, a mention or a link; a possible repeat says so."""
    evil = "<!channel> <https://evil.example|click> & *bold* <@U1>"
    async with receiving() as receiver:
        channel = slack(receiver)
        await channel.send(message(summary=evil, detail=evil + "x" * 5_000, is_repeat=True))
        await channel.close()
    body = receiver.received[0].body
    shown = [body["text"], *(block["text"]["text"] for block in body["blocks"] if block["type"] == "section")]
    assert all("<" not in text and ">" not in text for text in shown)
    assert all(len(text) <= 3_000 for text in shown)
    assert all(
        block["text"]["type"] == "plain_text" for block in body["blocks"] if block["type"] == "section"
    )
    assert "this may be a repeat" in body["text"]
    assert shown[2].endswith("x…"), "what is cut says so"
    assert "Whose turn: bookkeeper" in shown[-1]
    assert body["blocks"][-1]["elements"][0]["text"].count("<") == 2
