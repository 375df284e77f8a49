"""The webhook receiver: verified, stored, answered; everything else is the workers' business.

A bare ASGI callable in front of the framework, since it is the one place with real traffic. Its answers:

| answer | when | what the sender does |
|---|---|---|
| 200 | the delivery is on disk, or was already, or its content is set aside unread | forgets it |
| 503 | it cannot be stored just now, or no secret is set; too many wait, whatever it is | sends it again |
| 401, 408, 413, 415 | it is not from the hub, or not as the hub sends | nothing: it is not the hub |

A delivery that is correctly signed and timely gets nothing but 200 or 503: the hub may not repeat others.
That is why its age is judged by the database's time, asked anew before it is held against anybody.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.types import Message, Receive, Scope, Send

from service import metrics
from service.errors import DatabaseError
from service.settings import Settings
from service.store.database import Database
from service.store.received import add_webhook_counts
from service.web import signature
from service.web.bodies import BodyRefused, ClientGone, Memory, read_body
from service.web.database_time import DatabaseTime
from service.web.delivery import Delivery, read
from service.web.group_commit import Full, GroupCommit, Outcome, Stored
from service.web.problems import MEDIA_TYPE, problem
from service.web.short_way import Answer
from service.web.signature import Refusal, SignatureRefused

PATH = "/webhooks/hub"

BODY_BYTES_MAX = 256 * 1024

HELD_BYTES_MAX = 64 * 1024 * 1024
"""What all bodies together may hold of this process' memory while they arrive and wait."""

RETRY_AFTER_SECONDS = 5

COUNT_SECONDS = 1.0
"""What anybody can make happen is written to Postgres and to the log this often at most."""

_LOG = structlog.get_logger()


class Receiver:
    """Takes deliveries at `POST /webhooks/hub`."""

    def __init__(self, settings: Settings, database: Database, *, shard: int = 0) -> None:
        self._keys = signature.keyed(
            [secret.reveal().encode() for secret in settings.webhook_secrets], settings.webhook_digest.value
        )
        self._header_names = [name.lower().encode() for name in settings.webhook_signature_headers]
        self._tolerance_seconds = settings.webhook_tolerance_seconds
        self._database = database
        self._shard = shard
        self._time = DatabaseTime(database)
        self._commits = GroupCommit(database, shard=shard)
        self._memory = Memory(HELD_BYTES_MAX)
        self._complained_at = float("-inf")
        self._turned_away: Counter[str] = Counter()
        self._counting: asyncio.Task[None] | None = None

    path = PATH.encode()

    def take(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, answer: Answer) -> bool:
        """Take a delivery that came the short way; not so when there is anything to say against it."""
        now = self._time.known()
        if now is None or not self._keys or not self._memory.has_room(len(body)):
            return False
        if self._commits.is_full:  # to look at it would only keep those that wait
            self._refuse(Full(), answer)
            return True
        try:
            signed = signature.find(headers, self._header_names)
            signature.require_authentic(signed, body, self._keys)
            signature.require_timely(signed, now, self._tolerance_seconds)
        except SignatureRefused:
            return False
        delivery = read(body)
        if delivery.quarantined is not None:
            return False
        try:
            self._commits.submit(delivery, partial(self._settled, len(body), answer))
        except Full as full:
            self._refuse(full, answer)
        else:
            self._memory.held_bytes += len(body)
        return True

    def _settled(self, body_bytes: int, answer: Answer, outcome: Outcome) -> None:
        """Answer what came the short way, now that it is stored, or is not."""
        self._memory.held_bytes -= body_bytes
        if isinstance(outcome, Stored):
            answer(_DONE_HEAD, _DONE_BODY)
        else:
            self._refuse(outcome, answer)

    def _refuse(self, error: Exception, answer: Answer) -> None:
        self._note_unavailable(*_why(error))
        content = _UNAVAILABLE.body(str(uuid4()))
        answer(b"%bcontent-length: %d\r\n" % (_UNAVAILABLE_HEAD, len(content)), content)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await problem(405, "Webhooks are sent by POST.", headers={"allow": "POST"})(scope, receive, send)
            return
        if not self._keys:
            await self._unavailable("no_secret", "No webhook secret is set.", scope, receive, send)
            return
        try:
            with self._memory.share() as take:
                await self._receive(scope, receive, send, take)
        except ClientGone:
            metrics.WEBHOOK_DELIVERIES.labels(outcome="gone").inc()
        except Exception as error:  # noqa: BLE001 - whatever it was, the sender must send it again
            await self._unavailable("mistake", f"{type(error).__name__}: {error}", scope, receive, send)

    async def _receive(self, scope: Scope, receive: Receive, send: Send, take: Callable[[int], None]) -> None:
        try:
            body = await read_body(receive, scope["headers"], limit_bytes=BODY_BYTES_MAX, take=take)
            await self._require_signed(scope, body)
        except BodyRefused as refused:
            if refused.status == HTTPStatus.SERVICE_UNAVAILABLE:
                await self._unavailable("full", refused.detail, scope, receive, send)
                return
            self._count(f"status_{refused.status}")
            await problem(refused.status, refused.detail, close=True)(scope, receive, send)
        except SignatureRefused as refused:
            self._count(refused.refusal.value)
            await problem(401, _SAID[refused.refusal])(scope, receive, send)
        except DatabaseError as error:
            await self._unavailable("database", str(error), scope, receive, send)
        else:
            await self._store(read(body), scope, receive, send)

    async def _require_signed(self, scope: Scope, body: bytes) -> None:
        signed = signature.find(scope["headers"], self._header_names)
        signature.require_authentic(signed, body, self._keys)
        try:
            signature.require_timely(signed, await self._time.now(), self._tolerance_seconds)
        except SignatureRefused:
            signature.require_timely(signed, await self._time.fresh(), self._tolerance_seconds)

    async def _store(self, delivery: Delivery, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            stored = await self._commits.store(delivery)
        except (Full, TimeoutError, DatabaseError) as error:
            await self._unavailable(*_why(error), scope, receive, send)
        else:
            if stored is Stored.QUARANTINED:
                _LOG.warning(
                    "webhook_quarantined", event_id=str(delivery.event_id), reason=delivery.quarantined
                )
            await _done(send)

    async def _unavailable(self, outcome: str, why: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the sender to come back; why is for our log, not for strangers."""
        self._note_unavailable(outcome, why)
        await _UNAVAILABLE_AND_CLOSE(scope, receive, send)

    def _note_unavailable(self, outcome: str, why: str) -> None:
        metrics.WEBHOOK_DELIVERIES.labels(outcome=f"unavailable_{outcome}").inc()
        now = time.monotonic()
        if now - self._complained_at >= COUNT_SECONDS:  # the metric counts them all
            self._complained_at = now
            _LOG.warning("webhook_unavailable", outcome=outcome, why=why)

    def _count(self, outcome: str) -> None:
        """Count one that is turned away, at once for ourselves and soon for all."""
        metrics.WEBHOOK_DELIVERIES.labels(outcome=outcome).inc()
        self._turned_away[outcome] += 1
        if self._counting is None:
            self._counting = asyncio.get_running_loop().create_task(self._write_counts())

    async def _write_counts(self) -> None:
        try:
            await asyncio.sleep(COUNT_SECONDS)
            counted, self._turned_away = self._turned_away, Counter()
            async with self._database.fleet() as connection:
                await add_webhook_counts(connection, counted, self._shard)
        except DatabaseError as error:
            _LOG.warning("webhook_counts_lost", counts=dict(counted), error=str(error))
        finally:
            self._counting = None


_SAID = {
    Refusal.MISSING: "The signature header is missing.",
    Refusal.DOUBLED: "The signature header came more than once.",
    Refusal.MALFORMED: "The signature header cannot be read; it looks like t=<unix seconds>,v1=<hex>.",
    Refusal.WRONG: "The signature does not fit the body and any live secret.",
    Refusal.TOO_OLD: "The signature is too old.",
    Refusal.TOO_NEW: "The signature is from the future.",
}


_RETRY = {"retry-after": str(RETRY_AFTER_SECONDS)}
_UNAVAILABLE = problem(503, "The delivery could not be stored; send it again.", headers=_RETRY)
_UNAVAILABLE_AND_CLOSE = replace(_UNAVAILABLE, close=True)


def _why(error: BaseException) -> tuple[str, str]:
    """Say why a delivery was not stored, in a word for the metrics and in a sentence for the log."""
    match error:
        case Full():
            return "full", "Too many deliveries wait already."
        case TimeoutError():
            return "slow", "It could not be stored in time."
        case DatabaseError():
            return "database", str(error)
    return "mistake", f"{type(error).__name__}: {error}"


_DONE_BODY = b"{}"
_DONE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n"
_UNAVAILABLE_HEAD = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: %b\r\nretry-after: %d\r\n" % (
    MEDIA_TYPE,
    RETRY_AFTER_SECONDS,
)

_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
}
_BODY: Message = {"type": "http.response.body", "body": _DONE_BODY}


async def _done(send: Send) -> None:
    await send(_START)
    await send(_BODY)
