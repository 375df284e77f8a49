"""What was found in a list of the books, kept until there is a newer one.

A look reads a whole ledger. What was proven absent, and is not sent since it waits for something else, would
have it read in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from service.domain.pushing.readback import Finding, Look
from service.domain.record import Record

KEPT: Final = frozenset({Finding.ABSENT, Finding.UNCLEAR})
"""What only a newer list changes; what is not yet proven may be in minutes."""

LOOKS_MAX: Final = 10_000
"""Some ten megabytes; then all are looked for anew."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A look, and what it was taken at."""

    version: int
    scanned_at: datetime | None
    look: Look


class Looked:
    """Looks of earlier runs; no truth: another replica looks for itself, and a new process anew."""

    def __init__(self) -> None:
        self._kept: dict[UUID, _Kept] = {}

    def of(self, record: Record, scanned_at: datetime | None, now: datetime) -> Look | None:
        """The look at this version of a record in the list that was read at `scanned_at`, while it holds."""
        kept = self._kept.get(record.record_id)
        if kept is None or (kept.version, kept.scanned_at) != (record.version, scanned_at):
            return None
        return kept.look if now < kept.look.again_at else None

    def keep(
        self,
        records: Mapping[UUID, Record],
        scanned_at: Mapping[UUID, datetime | None],
        looks: Mapping[UUID, Look],
    ) -> None:
        """Keep what was found of records in the lists that were read then."""
        if len(self._kept) + len(looks) > LOOKS_MAX:
            self._kept.clear()
        for key, look in looks.items():
            self._kept.pop(key, None)
            if look.finding in KEPT:
                kept = replace(look, is_kept=True)
                self._kept[key] = _Kept(records[key].version, scanned_at[key], kept)
