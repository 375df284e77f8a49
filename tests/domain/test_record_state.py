"""The life of a record: which moves are legal, and that every other one raises."""

from __future__ import annotations

import pytest

from service.domain.record_state import FAILED, MOVES, SETTLED, IllegalTransition, State, move


def test_every_state_is_in_the_table_and_is_left_for_the_hub() -> None:
    """Each state has its moves, and the hub may call any record pending or done at any time."""
    assert set(MOVES) == set(State)
    assert all({State.WAITING, State.ACKNOWLEDGED} <= targets for targets in MOVES.values())
    assert FAILED | SETTLED | {State.WAITING} == set(State)


@pytest.mark.parametrize("current", [None, *State])
def test_confirmed_comes_from_proof_alone(current: State | None) -> None:
    """Only what was acknowledged, or quarantined and then found in the books, becomes confirmed."""
    if current in {State.ACKNOWLEDGED, State.QUARANTINED, State.CONFIRMED}:
        assert move(current, State.CONFIRMED) is State.CONFIRMED
    else:
        with pytest.raises(IllegalTransition, match="to confirmed"):
            move(current, State.CONFIRMED)


@pytest.mark.parametrize("to", sorted(FAILED))
def test_a_failure_may_be_seen_anew(to: State) -> None:
    """Each failed state may become any other, and a new record may begin in it."""
    assert all(move(current, to) is to for current in (None, *FAILED))
