"""Guessing is limited per source: whoever sends wrong keys gets fewer and fewer answers.

Behind a proxy many callers share one source, and one dashboard with an old key must not lock the others
out: keys that were right before from that source keep working while it is limited. An attacker knows none
of those. Nor can anybody guess a key that we made, a login code, or a chosen key as long as we ask for: such
a one is tried in any case, or whoever guesses would lock out all who come through the same proxy after a
restart. A shorter one has to wait, since trying it in any case would let it be guessed as fast as we answer.
The table is bounded, and the source that was quiet longest makes room.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

WRONG_MAX = 20
"""Wrong keys in a row that are a mistake and no attack."""

REFILL_SECONDS = 6.0
"""One more guess: 10 a minute, 5 million a year, against keys of 256 bits."""

SOURCES_MAX = 10_000
KNOWN_MAX = 32
"""Right keys remembered for a source."""


@dataclass(slots=True)
class _Source:
    left: float
    at: float
    known: OrderedDict[bytes, None] = field(default_factory=OrderedDict)


class GuessLimit:
    """Counts wrong keys by source, in this process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    def wait_seconds(self, source: str, digest: bytes) -> int:
        """How long this source must wait before it may try this key; 0 when it may now."""
        known = self._sources.get(source)
        if known is None or digest in known.known:
            return 0
        self._refill(known)
        return 0 if known.left >= 1 else math.ceil((1 - known.left) * REFILL_SECONDS)

    def was_wrong(self, source: str) -> None:
        """A key from this source was wrong."""
        entry = self._entry(source)
        entry.left = max(0.0, entry.left - 1)

    def was_right(self, source: str, digest: bytes) -> None:
        """A key from this source was right."""
        entry = self._entry(source)
        entry.known[digest] = None
        entry.known.move_to_end(digest)
        if len(entry.known) > KNOWN_MAX:
            entry.known.popitem(last=False)

    def _entry(self, source: str) -> _Source:
        entry = self._sources.setdefault(source, _Source(left=WRONG_MAX, at=self._monotonic()))
        self._sources.move_to_end(source)
        if len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)
        self._refill(entry)
        return entry

    def _refill(self, entry: _Source) -> None:
        now = self._monotonic()
        entry.left = min(WRONG_MAX, entry.left + (now - entry.at) / REFILL_SECONDS)
        entry.at = now
