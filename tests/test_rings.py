"""How often garbage is searched for."""

from __future__ import annotations

import gc

from service import rings


def test_what_is_there_is_searched_no_more() -> None:
    """Whatever has been imported is left alone from then on; rings that are made later are still found."""
    threshold = gc.get_threshold()
    try:
        rings.search_less()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > threshold[0]
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert gc.collect() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
