"""Attacks in every text of a message: nothing planted becomes a mention, a link, a tag or a line."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
import structlog

from service import logs
from service.channels import alertmanager, opsgenie, pagerduty, slack, teams
from service.channels.channel import Fate, Message
from service.channels.log import Log
from service.channels.registry import open_channels
from tests.channels.receiver import Answer, Received, receiving
from tests.channels.samples import message

ATTACKS = [
    "<!channel> <@U024BE7LH> <https://evil.example|Sign in>",
    "[Sign in](https://evil.example) ![](https://evil.example/pixel)",
    "@everyone @here <at>Ana</at>",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "{{DATE(2017-02-14T06:08:39Z,SHORT)}} ${secret} %s {0}",
]

OURS = frozenset(
    {"id", "fingerprint", "status", "severity", "kind", "url", "runbook_url", "started_at", "organizations"}
)
"""What never holds a word from outside; the cause is from our own list, and planted all the same."""


def planted(attack: str) -> Message:
    """A message with the attack in each of its texts."""
    changes: dict[str, Any] = {
        name: attack for name, value in message().body.items() if isinstance(value, str) and name not in OURS
    }
    assert {"summary", "detail", "owner", "next_step", "cause"} <= set(changes)
    return message(**changes)


async def logged(sent: Message) -> str:
    """What the log's own channel writes; logging is left as it was."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(logs.Masker(), stream=stream)
    try:
        await Log().send(sent)
    finally:
        root.handlers = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
    return stream.getvalue()


def strings(value: Any) -> Iterator[str]:
    """Every text within."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)


def is_active(text: str) -> bool:
    """Whether it holds what begins a mention, a link or a tag in any chat or mail."""
    return any(mark in text for mark in ("<", ">", "](", "@everyone", "@here"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_slack(attack: str) -> None:
    """Texts are plain or escaped, and `text` is no markup; the only links are our own."""
    body = slack.payload(planted(attack))
    *sections, links = body["blocks"]
    assert all(each["text"]["type"] == "plain_text" for each in sections)
    assert not any("<" in text or ">" in text for text in [body["text"], *strings(sections)])
    assert body["mrkdwn"] is False
    assert body["unfurl_links"] is False
    assert "evil" not in str(links)


@pytest.mark.parametrize("attack", ATTACKS)
def test_teams(attack: str) -> None:
    """What was planted stands in text runs alone, which have no markup, and calls no function."""
    card = teams.payload(planted(attack))["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert not any("{{" in text for text in strings(card))
    assert "evil" not in str(card["actions"])
    assert "entities" not in card["msteams"]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("channel", ["alertmanager", "pagerduty", "opsgenie"])
def test_those_that_pass_it_on(channel: str, attack: str) -> None:
    """What others will put into chats and mails of their own holds no markup of any of them."""
    sent = planted(attack)
    texts: Any
    if channel == "alertmanager":
        annotations = alertmanager.alert(sent.body, alertmanager._now())["annotations"]
        texts = [annotations[name] for name in ("summary", "description", "next_step")]
    elif channel == "pagerduty":
        event = pagerduty.event(sent, "k")["payload"]
        texts = [event["summary"], event["custom_details"]["detail"], event["custom_details"]["next_step"]]
    else:
        alert = opsgenie.opening(sent)
        texts = [alert["message"], alert["description"], alert["note"]]
    assert [text for text in texts if is_active(text)] == []


@pytest.mark.parametrize(
    "attack", [*ATTACKS, 'x\n{"event":"forged"}\r\n\x1b[2J', "\u202e reversed \u2028 line"]
)
async def test_log(attack: str) -> None:
    """One notification is one line of JSON, whatever is in it."""
    (line,) = (await logged(planted(attack))).splitlines()
    told = json.loads(line)
    assert told["event"] == "alert_notified"
    assert "\x1b" not in told["summary"]
    assert "\u202e" not in told["summary"]


@pytest.mark.parametrize(
    "url",
    [
        "webhook+http://user:hunter2-passw0rd@{at}/hook/hunter2-in-path?secret=whsec_aHVudGVyMi1zZWNyZXQh&t=hunter2-in-query",
        "slack+http://{at}/services/T0/B0/hunter2-in-path",
        "teams+http://{at}/workflows/1/invoke?sig=hunter2%2Din%2Dquery",
        "pagerduty+http://hunter2hunter2hunter2hunter20123@{at}",
        "opsgenie+http://hunter2-in-the-key-1234@{at}",
        "heartbeat+http://{at}/hunter2-in-path",
    ],
)
async def test_what_a_receiver_repeats_is_told_without_our_secrets(url: str) -> None:
    """An answer that holds the whole request holds no secret any more when it is told on other channels."""
    async with receiving() as receiver:

        def echo(request: Received) -> Answer:
            text = f"no route to {request.path} {unquote(request.path)} {dict(request.headers)} ".encode()
            return Answer(status=404, text=text + request.content[:200])

        receiver.decide = echo
        (channel,) = open_channels([url.format(at=f"127.0.0.1:{receiver.port}")], allow_private=True)[1:]
        outcome = await channel.send(message())
        if not receiver.received:
            outcome = await channel.refresh([])
        await channel.close()
    assert outcome.fate is Fate.REFUSED
    assert "no route to" in outcome.detail
    assert "hunter2" not in outcome.detail
    assert base64.b64encode(b"user:hunter2-passw0rd").decode() not in outcome.detail
