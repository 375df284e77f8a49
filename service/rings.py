"""How often Python searches for rings of garbage.

Everything else is freed the moment that nobody holds it. What the service makes in large numbers, rows of
answers and of tables, is never part of a ring; yet at the usual settings each page of a list was searched
through several times, and all modules now and then: a tenth of what reading costs.
"""

from __future__ import annotations

import gc
from typing import Final

SEARCHED_AFTER: Final = 10_000
"""New objects, instead of 700: a page of a list and what is made of it is some thousands."""


def search_less() -> None:
    """Leave what is there already, modules and their like, out of every search, and search less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SEARCHED_AFTER)
