"""The page on the life of a record says what the table says."""

from __future__ import annotations

import re
from pathlib import Path

from service.domain.pushing.attempt import EvidenceKind
from service.domain.record_state import MOVES, State

PAGE = (Path(__file__).parents[2] / "docs" / "lifecycle.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The table below a heading: the name in its first column, and all names in its second."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (.*?) \|(?:.*\|)?$", section, re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", text) for name, text in found}


def test_page_lists_every_move() -> None:
    """The page's moves are those of the table; every state may also stay what it is."""
    assert {State(name): {State(to) for to in moves} for name, moves in rows("The moves").items()} == {
        state: moves | {state} for state, moves in MOVES.items()
    }


def test_page_explains_every_state_and_evidence() -> None:
    """Each state and each kind of evidence has its line."""
    assert list(rows("The states")) == list(State)
    assert list(rows("What permits a push")) == list(EvidenceKind)
