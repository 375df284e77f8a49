"""How often garbage is searched for."""

from __future__ import annotations

import gc

from service import rings

USUALLY_AFTER = 700
"""New objects, as Python comes; the suite itself searches as seldom as the service."""


def test_what_is_there_is_searched_no_more() -> None:
    """Whatever has been imported is left alone from then on; rings that are made later are still found."""
    before = gc.get_threshold()
    gc.set_threshold(USUALLY_AFTER)
    try:
        rings.search_less()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > USUALLY_AFTER
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert gc.collect() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
