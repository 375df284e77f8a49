"""Sends webhooks to a receiver: signed beforehand, as fast as they are answered or at a steady rate.

    python -m benchmarks.measuring.deliveries PORT SECONDS CONNECTIONS [--rate N] [--first N]

Without a rate every connection sends again as soon as it is answered. With one, deliveries fall due one after
the other, and how long one took is counted from when it was due, whether or not a connection was free. The
last line of output is JSON: how many answers of each status, how long they took, and which numbers were
answered 200. A process of its own, since it shares two cores with what it measures.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import cast

import uvloop

from benchmarks.measuring.process import SECRET
from benchmarks.measuring.wire import percentile, request

ORGANIZATIONS = 1_000
MADE_MAX = 150_000
"""Requests made beforehand; a run that outlasts them makes more as it goes."""

PAUSE_SECONDS = 0.001
"""Between looks at what is due. Shorter ones are none to uvloop, and the sender would take a whole core from
what it measures."""

SETTLING_SECONDS = 0.5
"""Connections are accepted after they are told to be open, and only then is the load a steady one."""


def event_id(number: int) -> str:
    """Tell the id of an event by its number."""
    return f"00000000-0000-4000-8000-{number:012x}"


def delivery(number: int, at: int) -> bytes:
    """Make a signed request of the size that the hub's have."""
    organization = f"{number % ORGANIZATIONS:08x}-0000-4000-8000-000000000000"
    body = (
        f'{{"id":"{event_id(number)}","created_at":"2026-10-01T12:00:00+00:00","entity_id":"{organization}",'
        f'"object_type":"receivable","action":"issued","api_version":"2025-06-23",'
        f'"description":"A document was issued",'
        f'"object":{{"id":"{number:08x}-1111-4111-8111-111111111111"}},'
        '"webhook_subscription_id":"5a4f9d0e-7c2b-4f3e-9a51-2f3b1c9d8e70"}'
    ).encode()
    digest = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = [("content-type", "application/json"), ("tesouro-signature", f"t={at},v1={digest}")]
    return request("POST", "/webhooks/hub", headers, body)


class Load:
    """What is to be sent, and what came of it."""

    def __init__(self, port: int, first: int, made: int) -> None:
        self.port = port
        self.at = int(time.time())
        self._first = first
        self._numbers = iter(range(first, sys.maxsize))
        self._made = deque(delivery(number, self.at) for number in range(first, first + made))
        self.answers: Counter[int] = Counter()
        self.durations: defaultdict[int, list[float]] = defaultdict(list)
        self.acknowledged: list[int] = []
        self.is_over = False
        self.broken = 0

    def take(self) -> tuple[int, bytes]:
        """Take the next delivery."""
        number = next(self._numbers)
        return number, self._made.popleft() if self._made else delivery(number, self.at)

    def note(self, number: int, status: int, seconds: float) -> None:
        """Remember an answer."""
        self.answers[status] += 1
        self.durations[status].append(seconds)
        if status == 200:
            self.acknowledged.append(number)


class Sender(asyncio.Protocol):
    """One connection: sends, waits for the answer, and then asks what is next."""

    def __init__(self, load: Load, rest: deque[Sender] | None) -> None:
        self._load = load
        self._rest = rest
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._number = -1
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.free()

    def free(self) -> None:
        """Send the next delivery, or wait for one that is due."""
        if self._load.is_over:
            return
        if self._rest is not None:
            self._rest.append(self)
        else:
            self.send(*self._load.take(), time.perf_counter())

    @property
    def is_open(self) -> bool:
        """Whether it can send."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, number: int, bytes_: bytes, due: float) -> None:
        """Send one delivery that was due then."""
        self._number, self._began = number, due
        assert self._transport is not None
        self._transport.write(bytes_)

    def data_received(self, data: bytes) -> None:
        """Take an answer in."""
        data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = data
            return
        head = data[:end].lower()
        mark = head.find(b"content-length:") + 15
        if len(data) < end + 4 + int(head[mark:].split(b"\r\n", 1)[0]):
            self._buffer = data
            return
        self._buffer = b""
        self._load.note(self._number, int(data[9:12]), time.perf_counter() - self._began)
        self._number = -1
        if b"connection: close" not in head:
            self.free()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's own signature
        """Connect anew: a sender does not give up."""
        self._transport = None
        if self._number >= 0:
            self._load.broken += 1
        if not self._load.is_over:
            asyncio.get_running_loop().create_task(connect(self._load, self._rest))


async def connect(load: Load, rest: deque[Sender] | None) -> None:
    """Open one more connection, however long that takes."""
    while not load.is_over:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: Sender(load, rest), "127.0.0.1", load.port
            )
        except OSError:
            await asyncio.sleep(0.01)
        else:
            return


async def run(load: Load, seconds: float, connections: int, rate: float | None) -> float:
    """Send for so long; return how long it was."""
    rest: deque[Sender] | None = None if rate is None else deque()
    for _ in range(connections):
        await connect(load, rest)
    if rate is not None:
        await asyncio.sleep(SETTLING_SECONDS)
    began = time.perf_counter()
    if rate is None or rest is None:
        await asyncio.sleep(seconds)
    else:
        await steadily(load, rest, began, seconds, rate)
    load.is_over = True
    took = time.perf_counter() - began
    await asyncio.sleep(0.3)  # what is under way is answered
    return took


async def steadily(load: Load, rest: deque[Sender], began: float, seconds: float, rate: float) -> None:
    """Send what falls due, on whatever connection is free."""
    due = dues(began, seconds, rate)
    waiting: deque[float] = deque()
    following = next(due, None)
    while following is not None or waiting:
        now = time.perf_counter()
        while following is not None and following <= now:
            waiting.append(following)
            following = next(due, None)
        while waiting and rest:
            sender = rest.popleft()
            if sender.is_open:
                sender.send(*load.take(), waiting.popleft())
        if now > began + seconds + 2:
            return
        await asyncio.sleep(0 if waiting and rest else PAUSE_SECONDS)


def dues(began: float, seconds: float, rate: float) -> Iterator[float]:
    """Tell when deliveries fall due."""
    for number in range(int(seconds * rate)):
        yield began + number / rate


def stretches(numbers: list[int]) -> list[tuple[int, int]]:
    """Write numbers as stretches from the first to the last."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def main() -> None:
    """Send, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("connections", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--made", type=int, default=MADE_MAX)
    given = parser.parse_args()
    load = Load(given.port, given.first, given.made)
    began = time.process_time()
    took = uvloop.run(run(load, given.seconds, given.connections, given.rate))
    told = {
        "seconds": took,
        "processor_seconds": time.process_time() - began,
        "answers": dict(load.answers),
        "broken": load.broken,
        "durations": {
            status: {share: percentile(values, float(share)) for share in ("0.5", "0.99", "1")}
            for status, values in load.durations.items()
        },
        "acknowledged": stretches(load.acknowledged),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
