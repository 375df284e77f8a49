"""The runbook: whatever an alert links to is there."""

from __future__ import annotations

import re
from pathlib import Path

from service.domain.alerts.alert import Kind
from service.domain.causes.facts import Owner
from service.domain.causes.names import Cause


def test_every_kind_and_every_cause_has_a_section(project: Path) -> None:
    """Headings are exactly the kinds of alerts and the causes, each once, so that links find them."""
    text = (project / "docs" / "runbook.md").read_text()
    headings = re.findall(r"^#+ `([a-z_]+)`$", text, re.MULTILINE)
    assert sorted(headings) == sorted([*Kind, *Cause])


def test_whose_turn_it_is_can_be_looked_up(project: Path) -> None:
    """Every owner that an alert may name is explained."""
    text = (project / "docs" / "runbook.md").read_text().split("\n## Who is who\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE)) == set(Owner)
