"""A new connection names its creation as its last pull."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.domain.cadence.pulled import pulled_at

CREATED = datetime(2026, 10, 1, 12, tzinfo=UTC)
PULLED = CREATED + timedelta(minutes=5)


def test_a_pull_is_later_than_the_connection() -> None:
    """What is named some microseconds after the creation was set before anything was pulled."""
    assert pulled_at(CREATED + timedelta(microseconds=5), CREATED) is None
    assert pulled_at(CREATED, CREATED) is None
    assert pulled_at(PULLED, CREATED) == PULLED


def test_what_is_not_told_is_not_doubted() -> None:
    """Without a creation the pull stands; without a pull there is none."""
    assert pulled_at(PULLED, None) == PULLED
    assert pulled_at(None, CREATED) is None
