"""The beats of the story, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from service.demo.beat import Outcome, Telling
from service.demo.beats import edited_bill, landed_timeout, lost_tax_rate, revoked_connection

Beat = Callable[[Telling], Outcome]

BEATS: Final[Sequence[Beat]] = (
    lost_tax_rate.tell,
    landed_timeout.tell,
    edited_bill.tell,
    revoked_connection.tell,
)
