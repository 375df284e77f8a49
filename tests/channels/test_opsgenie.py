"""Opsgenie: one alert per fingerprint from its beginning to its end, whatever is told in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.channels.channel import Fate
from service.channels.opsgenie import Opsgenie, open_opsgenie, open_opsgenie_proxy
from tests.channels.fakes import THROTTLED, OpsgenieService
from tests.channels.receiver import Answer, Receiver, receiving
from tests.channels.samples import message

KEY = "eb243592-faa2-4ba2-a551-1afdf565c889"
ALIAS = "cause_failing:missing_tax_rate"


@asynccontextmanager
async def opened(key: str = KEY) -> AsyncIterator[tuple[Opsgenie, OpsgenieService, Receiver]]:
    """A channel to an Opsgenie on loopback that knows `KEY`."""
    async with receiving() as receiver:
        receiver.decide = service = OpsgenieService(key=KEY)
        channel = open_opsgenie_proxy(f"http://{key}@127.0.0.1:{receiver.port}", allow_private=True)
        try:
            yield channel, service, receiver
        finally:
            await channel.close()


async def test_one_alert_from_its_beginning_to_its_end() -> None:
    """Repeats and growth count up and add a note, a rise changes the priority, the end closes it."""
    async with opened() as (channel, service, receiver):
        for each in [
            message(),
            message(is_repeat=True),
            message(
                sequence=2, summary="Worse: 90 records", severity="critical", previous_severity="warning"
            ),
            message(sequence=3, status="resolved", severity="critical", summary="Resolved: it"),
        ]:
            assert (await channel.send(each)).fate is Fate.SENT
        (alert,) = service.alerts[ALIAS]
        assert (alert.is_open, alert.count, alert.priority) == (False, 3, "P1")
        assert "may be a repeat" in alert.notes[1]
        assert alert.notes[2].startswith("critical: Worse: 90 records")
        await channel.send(message(sequence=4, reason="regression"))
        assert [each.is_open for each in service.alerts[ALIAS]] == [False, True]
    opening = service.messages[0]
    assert opening["details"]["money_at_risk"] == "1,234.50 USD"
    assert "Whose turn: bookkeeper. Create the tax rate." in opening["description"]
    assert message().body["url"] in opening["description"]
    assert KEY not in channel.label + channel.digest
    assert all(KEY not in request.content.decode() + request.path for request in receiver.received)


async def test_installations_are_told_apart() -> None:
    """Two of us that share one integration have alerts of their own: the end of one leaves the other open."""
    async with opened() as (channel, service, _):
        await channel.send(message(instance="sandbox.example.com"))
        await channel.send(message(instance="example.com"))
        await channel.send(message(sequence=2, instance="sandbox.example.com", status="resolved"))
        ((sandbox,), (production,)) = (
            service.alerts[f"{instance}/{ALIAS}"] for instance in ("sandbox.example.com", "example.com")
        )
        assert (sandbox.is_open, production.is_open) == (False, True)


async def test_a_rise_that_did_not_arrive_is_sent_again_before_anything_else() -> None:
    """Throttled at its first call a message counts as not sent; what follows finds the order kept."""
    async with opened() as (channel, service, _):
        await channel.send(message())
        service.trouble = lambda request: THROTTLED if request.method == "PUT" else None
        worse = message(sequence=2, severity="critical", previous_severity="warning")
        outcome = await channel.send(worse)
        assert (outcome.fate, outcome.retry_after_seconds) == (Fate.LATER, 1.0)
        assert len(service.messages) == 1
        service.trouble = lambda request: Answer(status=404) if request.method == "PUT" else None
        assert (await channel.send(worse)).fate is Fate.SENT
        assert len(service.messages) == 2


async def test_a_wrong_key_is_a_refusal() -> None:
    """Nothing that is sent again would be taken."""
    async with opened("another-key-of-somebody-else") as (channel, _, _receiver):
        outcome = await channel.send(message())
    assert outcome.fate is Fate.REFUSED
    assert "Could not authenticate" in outcome.detail


@pytest.mark.parametrize(("query", "host"), [("", "api.opsgenie.com"), ("?region=eu", "api.eu.opsgenie.com")])
async def test_accounts_live_in_two_regions(query: str, host: str) -> None:
    """The region chooses the host."""
    channel = open_opsgenie(f"opsgenie://{KEY}{query}", allow_private=False)
    assert channel.label == f"Opsgenie at {host}"
    await channel.close()
