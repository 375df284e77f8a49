"""Faults: everything that a network, a gateway or the hub itself may do to a request, on demand.

A fault applies to requests whose endpoint matches its pattern (`"POST */push"`, `"GET /accounting/*"`; shell
wildcards over `METHOD /template` in Tesouro's spelling), of one organization or of all, so many times, with a
probability drawn from the seed. The first that applies is taken and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.simulator.chance import Chance
    from service.simulator.organization import Organization


class FaultKind(StrEnum):
    """What can go wrong. Comments say whether the hub carries the request out."""

    NOT_SENT = "not_sent"  # no: nothing reaches the hub
    SENT_AND_LOST = "sent_and_lost"  # no: read, then the connection breaks
    EXECUTED_ANSWER_LOST = "executed_answer_lost"  # yes, then the connection breaks
    EXECUTED_LATE = "executed_late"  # yes, after the connection broke
    EXECUTED_TWICE = "executed_twice"  # yes, twice
    STALE = "stale"  # yes, on the world as it was when the fault was added, `seconds` ago at most
    DRIP = "drip"  # yes, the answer comes byte by byte
    BOMB = "bomb"  # no: a small body that inflates to 200 MB
    HTML = "html"  # no: a gateway's page
    TRUNCATED = "truncated"  # yes, the JSON is cut
    NULLS = "nulls"  # yes, optional fields are null or absent
    UNKNOWN_VALUES = "unknown_values"  # yes, enums hold words that nobody documented
    SHIFTING_OFFSETS = "shifting_offsets"  # yes, later pages of offset lists have moved
    LOOPING_PAGES = "looping_pages"  # yes, the first page for ever, always with a next token
    MISSING_ROWS = "missing_rows"  # yes, every other row of a list is left out
    EMPTY = "empty"  # yes, a list without rows
    ERROR_200 = "error_200"  # no: an error with the status of success
    HUGE_TEXTS = "huge_texts"  # yes, texts of a list's first row grow to 10 MB
    THROTTLE = "throttle"  # no: 429
    FOREIGN_ROWS = "foreign_rows"  # yes, with rows of another organization
    HANG = "hang"  # no: no answer at all
    SERVER_ERROR = "server_error"  # no, unless `executed` is set
    UNAUTHORIZED = "unauthorized"  # no: 401
    EXPIRED_400 = "expired_400"  # no: the documented answer to an expired token
    DROP_WEBHOOK = "drop_webhook"  # the delivery is lost
    DUPLICATE_WEBHOOK = "duplicate_webhook"  # the delivery is made twice
    REORDER_WEBHOOK = "reorder_webhook"  # the delivery comes later than younger ones


WEBHOOK_KINDS = frozenset({FaultKind.DROP_WEBHOOK, FaultKind.DUPLICATE_WEBHOOK, FaultKind.REORDER_WEBHOOK})


@dataclass(slots=True)
class Fault:
    """One fault; `options` are those of its kind (`seconds`, `status`, `executed`, `retry_after`)."""

    id: str
    kind: FaultKind
    endpoint: str = "*"
    organization_id: str | None = None
    count: int | None = None
    probability: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    hits: int = 0
    frozen: Mapping[str, Organization] | None = None
    frozen_until: datetime | None = None
    """Until when what is stale is told; None for as long as the fault is on."""

    def is_frozen(self, now: datetime) -> bool:
        """Whether the world as it was is still told."""
        return self.frozen_until is None or now < self.frozen_until

    def seconds(self, default: float) -> float:
        """Return how long the fault takes, where it takes time."""
        return float(self.options.get("seconds", default))


class Faults:
    """The faults that are on."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._faults: dict[str, Fault] = {}

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        self._faults[fault.id] = fault

    def remove(self, fault_id: str) -> None:
        """Switch one off."""
        self._faults.pop(fault_id, None)

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def all(self) -> list[Fault]:
        """Return the faults that are on."""
        return list(self._faults.values())

    def strike(
        self, endpoint: str, organization_id: str | None, kinds: frozenset[FaultKind] | None = None
    ) -> Fault | None:
        """Take and count the first fault that applies, of `kinds` or (by default) of requests."""
        for fault in list(self._faults.values()):
            wanted = fault.kind in kinds if kinds is not None else fault.kind not in WEBHOOK_KINDS
            if not wanted or fault.organization_id not in {None, organization_id}:
                continue
            if not fnmatchcase(endpoint, fault.endpoint) or not self._chance.happens(fault.probability):
                continue
            fault.hits += 1
            if fault.count is not None and fault.hits >= fault.count:
                del self._faults[fault.id]
            return fault
        return None
