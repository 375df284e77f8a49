"""Any other URL whose scheme Apprise knows: mail, SMS and a hundred services, by the extra `tieout[apprise]`.

Apprise blocks, so it sends in a thread, under a deadline. What it is known for, and what is done about it:

- It says *true* or *false*, and the reason only in its log. A status there is heard; without one, *false* may
  mean that the message arrived at some of several addressees, so it is sent again as a possible repeat.
- One object sleeps for seconds between its sends: each message has an object of its own.
- It resolves names by itself: `guard` judges each address as it is dialled.
- It would keep files about what it sent: its storage is memory.
- A thread cannot be ended. One that is late is left alone, and the next message waits until it is gone.

Its services have a hundred markups, so texts go without whatever mentions, links or tags in any of them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from service.channels import wording
from service.channels.address import parse, why_forbidden
from service.channels.channel import SENT, Fate, Message, Outcome, digest
from service.channels.guard import guarded
from service.channels.post import judge
from service.channels.url import Unusable

if TYPE_CHECKING:
    import apprise

DEADLINE_SECONDS: Final = 30.0
"""A mail server may take its time; half of what a message's sender is given."""

EXTRA: Final = "pip install 'tieout[apprise]'"

_TYPE_BY_SEVERITY: Final = {"critical": "failure", "warning": "warning", "info": "info"}
_STATUS: Final = re.compile(r"error[ =:]+([1-5]\d\d)\b")


class Unknown(Unusable):
    """Nobody here knows such a URL."""


class Apprise:
    """Sends by one of Apprise's services."""

    kind = "apprise"
    pace_seconds = 1.1
    refresh_seconds = None

    def __init__(
        self, url: str, service: str, *, allow_private: bool, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._url = url
        self._allow_private = allow_private
        self._deadline_seconds = deadline_seconds
        self._is_sending = False
        self.label = f"{service} by Apprise"
        self.digest = digest(f"{self.kind} {url}")

    async def send(self, message: Message) -> Outcome:
        """Send one message in a thread."""
        if self._is_sending:
            return Outcome(fate=Fate.LATER, detail="the message before it is still being sent")
        loop = asyncio.get_running_loop()
        sent: asyncio.Future[Outcome] = loop.create_future()

        def run() -> None:
            outcome = _sent(self._url, message, allow_private=self._allow_private)
            self._is_sending = False
            with suppress(RuntimeError):  # the loop is closed: the service ended meanwhile
                loop.call_soon_threadsafe(_settle, sent, outcome)

        self._is_sending = True
        threading.Thread(target=run, name="apprise", daemon=True).start()
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await sent
        except TimeoutError:
            return Outcome(fate=Fate.UNKNOWN, detail=f"no answer within {self._deadline_seconds:g} s")

    async def refresh(self, bodies: Sequence[Mapping[str, Any]]) -> Outcome:  # noqa: ARG002 - nothing to tell again
        """Nothing is known of who forgets."""
        return SENT

    async def close(self) -> None:
        """Nothing is kept open."""


def open_apprise(url: str, *, allow_private: bool) -> Apprise:
    """Read any URL of Apprise's."""
    try:
        found = _instance(url)
    except ImportError:
        raise Unknown(f"if it is one of Apprise's: {EXTRA}") from None
    if found is None:
        raise Unknown("Apprise cannot read it either")
    host = str(getattr(found, "host", None) or "")
    is_address = ("." in host or ":" in host) and (address := parse(host)) is not None
    reason = why_forbidden(address, allow_private=allow_private) if is_address and address else ""
    if reason:
        raise Unusable(f"points to {reason}")
    return Apprise(url, str(found.service_name), allow_private=allow_private)


def _instance(url: str) -> apprise.NotifyBase | None:
    import apprise  # noqa: PLC0415 - an extra

    asset = apprise.AppriseAsset(async_mode=False, secure_logging=True, storage_mode="memory")
    logging.getLogger("apprise").propagate = False  # it speaks of addresses and keys
    return apprise.Apprise.instantiate(url, asset=asset)


def _sent(url: str, message: Message, *, allow_private: bool) -> Outcome:
    """Send, in this thread, and say what became of it."""
    ear = _Ear()
    logger = logging.getLogger("apprise")
    logger.addHandler(ear)
    try:
        with guarded(allow_private=allow_private) as watch:
            has_succeeded = _notify(url, message)
    except Exception as error:  # noqa: BLE001 - whatever code that is not ours may raise
        return Outcome(fate=Fate.UNKNOWN, detail=f"Apprise failed: {type(error).__name__}")
    finally:
        logger.removeHandler(ear)
    if has_succeeded:
        return SENT
    if watch.refused:
        return Outcome(fate=Fate.LATER, detail=f"points to {watch.refused}")
    if ear.status is not None:
        return judge(ear.status, {}, "by Apprise")
    return Outcome(fate=Fate.UNKNOWN, detail="Apprise could not send it, and does not say why")


def _notify(url: str, message: Message) -> bool:
    found = _instance(url)
    assert found is not None, "it was read when it was opened"
    body = message.body
    kind = "success" if wording.is_over(message) else _TYPE_BY_SEVERITY.get(body["severity"], "warning")
    text = wording.inert("\n".join(wording.lines(message)))
    return bool(
        found.notify(
            title=wording.inert(wording.title(message)),
            body=f"{text}\n{body['url']}\n{body['runbook_url']}",
            body_format="text",
            notify_type=kind,
            overflow="truncate",
        )
    )


class _Ear(logging.Handler):
    """Hears in Apprise's log which status a service of this thread answered with."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a status."""
        if record.thread == self._thread and (found := _STATUS.search(record.getMessage())):
            self.status = int(found[1])


def _settle(sent: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not sent.done():
        sent.set_result(outcome)
