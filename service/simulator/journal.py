"""What a test asks afterwards: which requests arrived and when, which pushes were asked for and carried out.

Both logs are bounded; the counts per second and the documents created (kept by the books) are not lost with
them.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

REQUESTS_MAX = 100_000
"""Fifty minutes at the hub's budget of 30 a second, and about 10 MB."""

PUSHES_MAX = 200_000
"""Every push of the largest generated fleet that tests count through the journal."""


@dataclass(slots=True)
class Request:
    """One request to the hub API, with its arrival by the wall clock."""

    arrived_at: float
    method: str
    path: str
    endpoint: str
    organization_id: str | None
    status: int | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """One push `requested` or `carried_out`, by the hub itself (`trigger` issued) or through the API."""

    at: datetime
    step: str
    organization_id: str
    record_id: str
    object_type: str
    object_id: str
    trigger: str
    cause: str | None = None
    books_id: str | None = None


class Journal:
    """The two logs."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=REQUESTS_MAX)
        self.pushes: deque[Push] = deque(maxlen=PUSHES_MAX)
        self.counts: Counter[str] = Counter()

    def arrived(self, request: Request) -> None:
        """Note a request."""
        self.requests.append(request)
        self.counts["requests"] += 1

    def pushed(self, push: Push) -> None:
        """Note a push."""
        self.pushes.append(push)
        self.counts[push.step] += 1

    def per_second(self) -> dict[int, int]:
        """Count arrivals per second of the wall clock, throttled ones included."""
        return dict(Counter(int(request.arrived_at) for request in self.requests))

    def busiest_second(self) -> int:
        """Return the most requests that arrived within any sliding second."""
        most, start = 0, 0
        arrivals = [request.arrived_at for request in self.requests]
        for end, arrived_at in enumerate(arrivals):
            while arrived_at - arrivals[start] >= 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most
