"""A breaker between this replica and the hub: while the hub is down, one organization tries, not all of them.

It opens after several failures in a row that belong to different organizations, since one that hangs says
nothing of the hub. While it is open nothing is claimed but one probe now and then; the first success closes
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from service.errors import HubError, HubFailure

FAILURES_TO_OPEN: Final = 3
"""Organizations in a row that could not reach the hub."""

PROBE_SECONDS: Final = 5.0
"""How soon after its return the hub is noticed."""

HUB_IS_DOWN: Final = frozenset({HubFailure.UNREACHABLE, HubFailure.UNAUTHORIZED})
"""Failures that say something of the hub rather than of one organization or one list."""


class Circuit:
    """Whether the hub may be tried."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: set[UUID] = set()
        self._probed_at = -PROBE_SECONDS

    @property
    def is_open(self) -> bool:
        """Whether the hub counts as down."""
        return len(self._failed) >= FAILURES_TO_OPEN

    def lets_through(self) -> bool:
        """Whether a call may be tried now; one that is let through while open is the probe."""
        if not self.is_open:
            return True
        if self._clock() - self._probed_at < PROBE_SECONDS:
            return False
        self._probed_at = self._clock()
        return True

    def note_ok(self) -> None:
        """The hub answered."""
        self._failed.clear()

    def note_failure(self, organization_id: UUID, error: HubError) -> None:
        """A call failed; what speaks of the hub itself brings the circuit nearer to opening."""
        if error.failure in HUB_IS_DOWN and not self.is_open:
            self._failed.add(organization_id)
            self._probed_at = self._clock()
