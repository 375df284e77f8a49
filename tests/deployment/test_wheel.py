"""What is installed is whole: the wheel carries everything that the service reads at run time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[2]
READ_AT_RUN_TIME = {".css", ".html", ".js", ".sql", ".svg", ".toml", ".typ"}
"""Endings of files that are no code and are read all the same."""


def test_wheel_holds_what_the_source_tree_does(tmp_path: Path) -> None:
    """Every template, style, rule, query, migration and the runbook are in the wheel, at their places."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(ROOT)], check=True, timeout=90)
    [wheel] = tmp_path.glob("tieout-*.whl")
    held = set(ZipFile(wheel).namelist())
    package = [path for path in (ROOT / "service").rglob("*") if path.suffix in READ_AT_RUN_TIME | {".py"}]
    needed = {str(path.relative_to(ROOT)) for path in package}
    needed |= {f"service/{path.relative_to(ROOT)}" for path in (ROOT / "sql").rglob("*.sql")}
    needed.add("service/docs/runbook.md")
    assert needed <= held, sorted(needed - held)
    assert len(needed) > 100
