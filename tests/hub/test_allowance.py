"""The rate follows what the hub says and shows, and comes back."""

from __future__ import annotations

import pytest

from service.hub.allowance import RECOVERED_SECONDS, SHARE_MIN, Allowance


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        """Tell them."""
        return self.now


def test_a_lower_limit_is_heeded_a_higher_one_is_not() -> None:
    """The setting is the most; a limit that makes no sense changes nothing."""
    allowance = Allowance(30, Clock())
    for told, rate in [(100, 30), (10, 10), (0, 10), (30, 30)]:
        allowance.note_limit(told)
        assert allowance.rate_per_second == rate


def test_refusals_cut_the_rate_which_comes_back() -> None:
    """Each second with a 429 cuts the rate, down to a share; without any it is soon whole again."""
    clock = Clock()
    allowance = Allowance(30, clock)
    for _ in range(5):
        allowance.note_throttled()
    assert allowance.rate_per_second == pytest.approx(21), "refusals within one second are one"
    for _ in range(20):
        clock.now += 1
        allowance.note_throttled()
    assert allowance.rate_per_second == pytest.approx(30 * SHARE_MIN, rel=0.1)
    clock.now += RECOVERED_SECONDS / 2
    assert 15 < allowance.rate_per_second < 30
    clock.now += RECOVERED_SECONDS
    assert allowance.rate_per_second == 30
