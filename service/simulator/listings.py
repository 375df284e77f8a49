"""Lists that are sorted once per state and served page by page.

`version` moves with every change; a listing sorted at another version is forgotten.
"""

from __future__ import annotations

LISTINGS_MAX = 64
"""Sorted listings kept per owner; one read uses one, concurrent readers a few."""


class Versioned:
    """Something whose lists are served page by page, and sorted once per state rather than once per page."""

    __slots__ = ("listings", "version")

    def __init__(self) -> None:
        self.version = 0
        self.listings: dict[object, tuple[int, list[object]]] = {}

    def touch(self) -> None:
        """Forget what was sorted: something changed."""
        self.version += 1

    def listing(self, key: object) -> list[object] | None:
        """Return the listing sorted earlier, unless something changed since."""
        kept = self.listings.get(key)
        return kept[1] if kept is not None and kept[0] == self.version else None

    def keep(self, key: object, rows: list[object]) -> None:
        """Keep a sorted listing for the next page."""
        if len(self.listings) >= LISTINGS_MAX:
            self.listings.clear()
        self.listings[key] = (self.version, rows)
