"""Everybody who is told, at once, on loopback: doubles of the services, a mail server, an Alertmanager.

The Alertmanager is a real one where one is installed; what it makes of our messages is told to a receiver of
ours. It can be stopped and started under its address, like the service that crashes beside it.
"""

from __future__ import annotations

import html
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from service.channels.channel import Channel
from service.channels.registry import open_channels
from tests.acceptance.processes import reserve_port, until
from tests.channels.fakes import (
    Fake,
    OpsgenieService,
    PagerDutyService,
    SignedReceiver,
    SlackChannel,
    TeamsWorkflow,
)
from tests.channels.mailbox import Mailbox, mailbox
from tests.channels.receiver import Receiver, receiving

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

ROUTING_KEY = "0123456789abcdefABCDEF0123456789"
GENIE_KEY = "eb243592-faa2-4ba2-a551-1afdf565c889"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

READY_SECONDS = 30.0

ROUTE = """
route:
  receiver: us
  group_by: [alertname, fingerprint]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 4h
receivers:
- name: us
  webhook_configs: [{{url: 'http://127.0.0.1:{port}/', send_resolved: true}}]
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as a person has it."""

    fingerprint: str
    summary: str
    is_end: bool
    is_marked: bool = False


class Alertmanager:
    """A real one, which may be down."""

    def __init__(self, folder: Path, port: int, receiver: Receiver) -> None:
        self.port = port
        self.receiver = receiver
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and return when it is ready."""
        self._launch()
        async with httpx.AsyncClient(trust_env=False) as client:

            async def is_ready() -> bool:
                return (await client.get(f"http://127.0.0.1:{self.port}/-/ready")).is_success

            await until("Alertmanager is ready", is_ready, READY_SECONDS)

    def _launch(self) -> None:
        assert ALERTMANAGER, "asked for before"
        configuration = self._folder / "alertmanager.yml"
        configuration.write_text(ROUTE.format(port=self.receiver.port))
        self._process = subprocess.Popen(
            [
                ALERTMANAGER,
                f"--config.file={configuration}",
                f"--storage.path={self._folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
            ],
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """Have it gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def heard(self) -> Sequence[Heard]:
        """What it told its receiver."""
        groups = [request.body for request in self.receiver.received]
        return [
            Heard(
                group["groupLabels"]["fingerprint"],
                group["commonAnnotations"].get("summary", ""),
                group["status"] == "resolved",
            )
            for group in groups
        ]


@dataclass
class Listeners:
    """All of them, by their kind of channel."""

    receivers: Mapping[str, Receiver]
    webhook: SignedReceiver
    slack: SlackChannel
    teams: TeamsWorkflow
    pagerduty: PagerDutyService
    opsgenie: OpsgenieService
    mail: Mailbox
    alertmanager: Alertmanager | None
    urls: Sequence[str]
    channels: Sequence[Channel]

    @property
    def fakes(self) -> Mapping[str, Fake]:
        """Those that a test can put into trouble."""
        return {
            "webhook": self.webhook,
            "slack": self.slack,
            "teams": self.teams,
            "pagerduty": self.pagerduty,
            "opsgenie": self.opsgenie,
        }

    @property
    def setting(self) -> str:
        """As TIEOUT_ALERT_CHANNELS has it."""
        return ",".join(self.urls)

    def heard(self) -> Mapping[str, Sequence[Heard]]:
        """What each was told, in order."""
        found: dict[str, Sequence[Heard]] = {
            "webhook": [_of_body(body) for bodies in self.webhook.messages.values() for body in bodies],
            "slack": [_of_text(html.unescape(each["text"])) for each in self.slack.messages],
            "teams": [_of_text(_card_title(each)) for each in self.teams.messages],
            "pagerduty": [_of_event(each) for each in self.pagerduty.messages],
            "opsgenie": [
                _of_alert(each) for each in self.opsgenie.messages if "priority" not in each or len(each) > 1
            ],
            "apprise": [_of_text(str(each["subject"])) for each in self.mail.mails],
        }
        if self.alertmanager is not None:
            found["alertmanager"] = self.alertmanager.heard()
        return found


@asynccontextmanager
async def listening(folder: Path) -> AsyncIterator[Listeners]:
    """Run them all; an Alertmanager where there is one, not started yet."""
    async with AsyncExitStack() as stack:
        kinds = ("webhook", "slack", "teams", "pagerduty", "opsgenie", "alertmanager")
        receivers = {kind: await stack.enter_async_context(receiving()) for kind in kinds}
        mail = await stack.enter_async_context(mailbox())
        port = {kind: receiver.port for kind, receiver in receivers.items()}
        urls = [
            f"webhook+http://127.0.0.1:{port['webhook']}/?secret={SECRET}",
            f"slack+http://127.0.0.1:{port['slack']}/services/T0/B0/x",
            f"teams+http://127.0.0.1:{port['teams']}/workflows/1/triggers/manual/paths/invoke?sig=x",
            f"pagerduty+http://{ROUTING_KEY}@127.0.0.1:{port['pagerduty']}",
            f"opsgenie+http://{GENIE_KEY}@127.0.0.1:{port['opsgenie']}",
            f"mailto://127.0.0.1:{mail.port}?from=tieout@example.org&to=night@example.org",
        ]
        alertmanager = None
        if ALERTMANAGER:
            own = stack.enter_context(reserve_port()).getsockname()[1]
            alertmanager = Alertmanager(folder, own, receivers["alertmanager"])
            stack.callback(alertmanager.stop)
            urls.append(f"alertmanager+http://127.0.0.1:{own}")
        channels = open_channels(urls, allow_private=True)
        for channel in channels:
            stack.push_async_callback(channel.close)
        listeners = Listeners(
            receivers=receivers,
            webhook=SignedReceiver(),
            slack=SlackChannel(),
            teams=TeamsWorkflow(),
            pagerduty=PagerDutyService(),
            opsgenie=OpsgenieService(key=GENIE_KEY),
            mail=mail,
            alertmanager=alertmanager,
            urls=urls,
            channels=channels,
        )
        for kind, fake in listeners.fakes.items():
            receivers[kind].decide = fake
        yield listeners


MARK = " (this may be a repeat)"


def _of_body(body: Any) -> Heard:
    return Heard(body["fingerprint"], body["summary"], body["status"] == "resolved", body["is_repeat"])


def _of_text(text: str) -> Heard:
    """A title: a mark, the severity, the summary, and whether it may be a repeat."""
    summary = text.removesuffix(MARK).partition(": ")[2]
    return Heard("", summary, summary.startswith("Resolved: "), text.endswith(MARK))


def _card_title(message: Any) -> str:
    return str(message["attachments"][0]["content"]["body"][0]["inlines"][0]["text"])


def _of_event(event: Any) -> Heard:
    payload = event.get("payload", {})
    is_marked = payload.get("custom_details", {}).get("is_repeat", False)
    return Heard(
        event["dedup_key"], payload.get("summary", ""), event["event_action"] == "resolve", is_marked
    )


def _of_alert(body: Any) -> Heard:
    first = body["note"].partition("\n")[0]
    told = _of_text(first)
    return Heard(body.get("alias", ""), told.summary, "message" not in body, told.is_marked)
