"""Microsoft Teams: cards that a workflow takes, with the whole present state and no markup from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from service.channels.channel import Fate
from service.channels.teams import open_teams, payload
from tests.channels.fakes import TeamsWorkflow
from tests.channels.receiver import Received, receiving
from tests.channels.samples import message

WORKFLOW = "/workflows/1/triggers/manual/paths/invoke?api-version=2016-06-01&sig=s3cr3t"


def texts(card: Any) -> Iterator[str]:
    """Every text of a card that people see."""
    for block in card["body"]:
        assert block["type"] == "RichTextBlock", "text blocks and facts have markup"
        yield from (run["text"] for run in block["inlines"])


async def test_a_workflow_takes_the_card() -> None:
    """What, how many, money, whose turn, next step and both links; the signature stays in the address."""
    async with receiving() as receiver:
        receiver.decide = workflow = TeamsWorkflow()
        channel = open_teams(f"http://127.0.0.1:{receiver.port}{WORKFLOW}", allow_private=True)
        assert (await channel.send(message(is_repeat=True))).fate is Fate.SENT
        await channel.close()
    (posted,) = workflow.messages
    card = posted["attachments"][0]["content"]
    title, detail, turn = texts(card)
    assert title.startswith("warning: Tax rate missing: 25 records of Acme <!channel> & Co cannot be pushed")
    assert title.endswith("(this may be a repeat)")
    assert detail == "At risk: 1,234.50 USD."
    assert turn == "Whose turn: bookkeeper. Create the tax rate."
    assert [action["url"] for action in card["actions"]] == [
        message().body["url"],
        message().body["runbook_url"],
    ]
    assert receiver.received[0].path == WORKFLOW
    assert "s3cr3t" not in channel.label


async def test_the_receiver_stays_the_same_when_its_signature_is_renewed() -> None:
    """What waits for a workflow still waits for it after its address was signed anew."""
    channels = [
        open_teams(f"https://flows.example.org{WORKFLOW}{more}", allow_private=False) for more in ("", "x")
    ]
    assert channels[0].digest == channels[1].digest
    for channel in channels:
        await channel.close()


def test_a_card_fits_whatever_is_in_it() -> None:
    """Longest texts of the widest characters stay within what Teams takes."""
    wide = "\U0001f4a3" * 5_000
    receiver = TeamsWorkflow()
    card = payload(message(summary=wide, detail=wide, next_step=wide))
    assert max(map(len, texts(card["attachments"][0]["content"]))) <= 1_500
    request = Received(method="POST", path="/", headers={}, content=msgspec.json.encode(card))
    assert receiver(request).status == 202


def test_an_end_needs_nobody() -> None:
    """A resolved alert names no turn and no step."""
    card = payload(message(status="resolved", summary="Resolved: it"))["attachments"][0]["content"]
    assert not any("Whose turn" in text for text in texts(card))
