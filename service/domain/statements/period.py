"""The period of a statement: one calendar month, from its first day to its last, ended at midnight UTC.

The hub tells no time zone of an organization, so the month ends where the dates of documents end: a document
dated on the 31st is in, whatever the clock said where it was written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self

PATTERN: Final = "[12][0-9]{3}-(0[1-9]|1[0-2])"
"""How a period is written, as a regular expression of any dialect."""

FORM: Final = "a month like 2026-10"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A month, by its first day."""

    first: date

    def __post_init__(self) -> None:
        """Refuse any other day: two periods of one month would not be equal."""
        assert self.first.day == 1, f"{self.first} is not the first day of a month"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `2026-10`; anything else is a `ValueError`."""
        if re.fullmatch(PATTERN, text, re.ASCII) is None:
            raise ValueError(f"must be {FORM}")
        year, month = text.split("-")
        return cls(date(int(year), int(month), 1))

    @property
    def last(self) -> date:
        """The last day."""
        return self.ends_at.date() - timedelta(days=1)

    @property
    def day_before(self) -> date:
        """The last day of the month before: what stood then is the opening."""
        return self.first - timedelta(days=1)

    @property
    def ends_at(self) -> datetime:
        """The first instant after it."""
        year, month = divmod(self.first.year * 12 + self.first.month, 12)
        return datetime(year, month + 1, 1, tzinfo=UTC)

    @property
    def name(self) -> str:
        """How people write it: `October 2026`."""
        return f"{self.first:%B %Y}"

    def __str__(self) -> str:
        """Write it as programs do: `2026-10`."""
        return f"{self.first:%Y-%m}"
