"""The life of a synced record as we follow it: its states, and the moves that are legal.

Why the table reads as it does:

- The hub decides between `waiting`, `acknowledged` and failed; we decide what a failure needs. So every
  state may become `waiting` (it is being pushed, by whomever) and `acknowledged` (it is done) as soon as
  the hub says so.
- `confirmed` is reached from `acknowledged` alone, by reading the very document; and from `quarantined`,
  where the books proved that an attempt which the hub calls failed had landed. Nothing else is ever taken
  for confirmed.
- The five failed states may follow each other: a cause is understood better, a cure is lost, a budget is
  used up, a person looked. None of them may be left by anything but the hub, an attempt or proof, which is
  what the first rule says.
- A settled record fails again only as a new episode (`observe`), so `acknowledged` and `confirmed`
  lead there too.
- `confirmed` falls back to `acknowledged` when the hub points at another document than the one that was
  read.

A move that is not in the table is our mistake and raises: the unit of work stops and nothing of it is
stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a record stands."""

    WAITING = "waiting"
    """On its way: the hub says pending, or took our push and has not told the outcome."""
    ACKNOWLEDGED = "acknowledged"
    """Done, as the hub says; not yet seen in the books, or of a type that cannot be."""
    CONFIRMED = "confirmed"
    """Read back from the books, and equal."""
    RETRYING = "retrying"
    """Time may cure it."""
    BLOCKED = "blocked"
    """Waits for its cure, which is watched."""
    QUARANTINED = "quarantined"
    """An attempt may have landed: no push until the books prove that it did not."""
    NEEDS_PERSON = "needs_person"
    """No retry can help; the owner says whose turn it is."""
    GIVEN_UP = "given_up"
    """Its budget of attempts is used up."""


FAILED = frozenset({State.RETRYING, State.BLOCKED, State.QUARANTINED, State.NEEDS_PERSON, State.GIVEN_UP})
"""The states of an errored record."""
SETTLED = frozenset({State.ACKNOWLEDGED, State.CONFIRMED})
"""The hub calls it done."""

_BY_HUB = frozenset({State.WAITING, State.ACKNOWLEDGED})

MOVES: Mapping[State, frozenset[State]] = {
    State.WAITING: _BY_HUB | FAILED,
    State.ACKNOWLEDGED: _BY_HUB | FAILED | {State.CONFIRMED},
    State.CONFIRMED: _BY_HUB | FAILED | {State.CONFIRMED},
    State.RETRYING: _BY_HUB | FAILED,
    State.BLOCKED: _BY_HUB | FAILED,
    State.QUARANTINED: _BY_HUB | FAILED | {State.CONFIRMED},
    State.NEEDS_PERSON: _BY_HUB | FAILED,
    State.GIVEN_UP: _BY_HUB | FAILED,
}
"""Every legal move; a state may always stay what it is."""


BEGINNINGS: frozenset[State] = frozenset(State) - {State.CONFIRMED}
"""Where a record that is new may begin."""


class IllegalTransition(AssertionError):  # noqa: N818 - names what happened, as h11's LocalProtocolError does not
    """A record was about to make a move that its life does not have."""


def move(current: State | None, to: State) -> State:
    """The new state, or `IllegalTransition`; a record that is new may begin anywhere but as confirmed."""
    allowed = BEGINNINGS if current is None else MOVES[current]
    if to not in allowed:
        raise IllegalTransition(f"a record cannot go from {current or 'nothing'} to {to}")
    return to
