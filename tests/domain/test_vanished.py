"""Books that vanish at once are believed to be gone when two readings in a row say so."""

from __future__ import annotations

import pytest

from service.domain.comparing.vanished import doubt_of

FIRST = "900 of 1000 documents vanished at once; it is looked at again"


def test_few_or_less_than_half_are_believed_at_once() -> None:
    """A person may delete ten documents, or half of a large ledger."""
    assert doubt_of(10, 10, None) is None
    assert doubt_of(500, 1000, None) is None


def test_more_is_looked_at_again() -> None:
    """The first look says how many are missing, and that there will be a second."""
    assert doubt_of(900, 1000, None) == FIRST
    assert doubt_of(11, 11, None) == "11 of 11 documents vanished at once; it is looked at again"


@pytest.mark.parametrize("vanished", [890, 900, 910])
def test_the_second_look_in_a_row_is_believed(vanished: int) -> None:
    """Somebody may have entered or deleted a few between the two."""
    assert doubt_of(vanished, 1000, FIRST) is None


@pytest.mark.parametrize("last_error", ["GET receivables: timed out", "a pull ended while the list was read"])
def test_a_failure_of_another_kind_was_no_look(last_error: str) -> None:
    """A reading that could not tell what is missing does not speak for its being gone."""
    assert doubt_of(900, 1000, last_error) == FIRST


@pytest.mark.parametrize("vanished", [600, 889, 911, 1000])
def test_a_list_that_still_moves_is_looked_at_again(vanished: int) -> None:
    """When far more or fewer are missing than the last time, neither reading is the last word."""
    doubt = doubt_of(vanished, 1000, FIRST)
    assert doubt is not None
    assert doubt_of(vanished, 1000, doubt) is None
