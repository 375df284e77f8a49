"""Backing off: the wait after failures in a row."""

from __future__ import annotations

from service.domain.backoff import doubled


def test_each_failure_doubles_the_wait() -> None:
    """The first failure is followed by the first wait, each further one by twice as much, up to the bound."""
    assert [doubled(5.0, failures, 60.0) for failures in range(1, 7)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_any_number_of_failures_has_a_wait() -> None:
    """However many failures there were, the wait is the bound, and no number runs over."""
    assert doubled(0.5, 1_000_000, 3_600.0) == 3_600.0
