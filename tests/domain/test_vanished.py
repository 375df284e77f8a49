"""Books that vanish at once are believed to be gone when the next pull says so too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.comparing.vanished import doubt_of

PULL = datetime(2026, 10, 1, 12, tzinfo=UTC)
NEXT = PULL + timedelta(hours=1)

FIRST = (
    "900 of 1000 documents vanished at once with the pull of 2026-10-01T12:00:00+00:00; "
    "it is looked at again after the next"
)


def test_few_or_less_than_half_are_believed_at_once() -> None:
    """A person may delete ten documents, or half of a large ledger."""
    assert doubt_of(10, 10, PULL, None) is None
    assert doubt_of(500, 1000, PULL, None) is None


def test_more_is_looked_at_again() -> None:
    """The first look says how many are missing, and that there will be a second."""
    assert doubt_of(900, 1000, PULL, None) == FIRST
    assert (doubt_of(11, 11, PULL, None) or "").startswith("11 of 11 documents vanished at once")


@pytest.mark.parametrize("vanished", [890, 900, 910])
def test_the_next_pull_is_believed(vanished: int) -> None:
    """Somebody may have entered or deleted a few between the two."""
    assert doubt_of(vanished, 1000, NEXT, FIRST) is None


def test_the_same_pull_read_again_was_no_second_look() -> None:
    """What is served may be emptied before it is filled anew, and an older pull tells no more."""
    assert doubt_of(900, 1000, PULL, FIRST) == FIRST
    assert doubt_of(900, 1000, PULL - timedelta(hours=1), FIRST) == FIRST


def test_a_doubt_of_an_older_release_was_no_look() -> None:
    """It did not say of which pull it was."""
    assert doubt_of(900, 1000, PULL, "900 of 1000 documents vanished at once; it is looked at again") == FIRST


@pytest.mark.parametrize("last_error", ["GET receivables: timed out", "a pull ended while the list was read"])
def test_a_failure_of_another_kind_was_no_look(last_error: str) -> None:
    """A reading that could not tell what is missing does not speak for its being gone."""
    assert doubt_of(900, 1000, PULL, last_error) == FIRST


@pytest.mark.parametrize("vanished", [600, 889, 911, 1000])
def test_a_list_that_still_moves_is_looked_at_again(vanished: int) -> None:
    """When far more or fewer are missing than the last time, neither reading is the last word."""
    doubt = doubt_of(vanished, 1000, NEXT, FIRST)
    assert doubt is not None
    assert doubt_of(vanished, 1000, NEXT + timedelta(hours=1), doubt) is None
