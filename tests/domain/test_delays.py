"""When a result is looked for: learned from how long others took, and priced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.cadence.delays import MEMORY, PROMPT_SECONDS, Delays, Outlook

EVENLY = [5 + each / 10 for each in range(550)]
"""Delays from five seconds to a minute."""


def outlook(delays: list[float], late: int = 0) -> Outlook:
    """What is expected after these were seen, several times over."""
    return Outlook(Delays.unknown().learned(delays * 4, late))


def test_what_was_seen_outweighs_the_guess() -> None:
    """After some hundred results the shares are those that were seen, within a bucket's width."""
    known = outlook(EVENLY)
    assert known.shown(4) < 0.02
    assert known.shown(32.5) == pytest.approx(0.5, abs=0.05)
    assert known.shown(75) > 0.95


def test_a_changed_delay_is_learned_anew() -> None:
    """The histogram forgets: a hub that has become slow is known to be slow."""
    delays = Delays.unknown().learned(EVENLY * 4)
    for _ in range(100):
        delays = delays.learned([200.0] * int(MEMORY / 20))
    assert Outlook(delays).shown(100) < 0.1


def test_looks_come_when_most_have_probably_shown() -> None:
    """A dearer look is a later one; a look in vain is followed by another that expects the rest."""
    known = outlook(EVENLY)
    waits = [known.next_look([0.0], price, 3_600) for price in (0.3, 1, 4, 16)]
    assert waits == sorted(waits)
    assert waits[0] > 5
    assert known.next_look([40.0], 4.0, 3_600) < waits[2]


def test_several_results_are_worth_an_earlier_look() -> None:
    """Of many awaited results some show soon: one look serves them all."""
    known = outlook(EVENLY)
    assert known.next_look([0.0] * 10, 4.0, 3_600) < known.next_look([0.0], 4.0, 3_600)


def test_what_never_comes_promptly_is_not_looked_for() -> None:
    """Where most events lead to no prompt result, fewer looks are spent on each."""
    seldom = outlook(EVENLY, late=20_000)
    assert seldom.next_look([0.0], 4.0, 3_600) > outlook(EVENLY).next_look([0.0], 4.0, 3_600)
    assert seldom.next_look([PROMPT_SECONDS], 4.0, 3_600) == 3_600
    assert seldom.is_late(61)
    assert not outlook(EVENLY).is_late(20)


@given(
    seen=st.lists(st.floats(0, 5_000), max_size=200),
    late=st.integers(0, 100),
    ages=st.lists(st.floats(-100, 5_000), max_size=5),
    price=st.floats(0.3, 600),
    longest=st.floats(1, 100_000),
)
def test_a_look_is_never_in_the_past_nor_too_late(
    seen: list[float], late: int, ages: list[float], price: float, longest: float
) -> None:
    """Whatever was seen and is awaited: within the bound, and never more remembered than is meant to be."""
    known = Outlook(Delays.unknown().learned(seen, late))
    assert 0 <= known.next_look(ages, price, longest) <= longest
    assert sum(known.delays.prompt) + known.delays.late <= MEMORY + 1e-6
