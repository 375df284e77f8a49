"""The first commands: what the Makefile offers, and what is installed by it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

COMMANDS = ["demo", "test", "check", "lint", "types", "schema", "night", "bench", "lock", "clean", "help"]


def test_make_lists_every_command(project: Path) -> None:
    """Typing `make` alone tells every command there is, each with what it does."""
    if not shutil.which("make"):
        pytest.skip("there is no make")
    listed = subprocess.run(["make"], cwd=project, capture_output=True, text=True, check=True).stdout
    lines = [line.split(maxsplit=2) for line in listed.splitlines()]
    assert {name for _make, name, _meaning in lines} >= set(COMMANDS)


LOCKS = ["requirements.lock", "requirements-extras.lock", "requirements-build.lock", "requirements-dev.lock"]


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_hashes_and_no_hosts(project: Path, name: str) -> None:
    """Every pinned package has hashes, and no line says where it is to be had from."""
    text = (project / name).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    packages = text.replace("\\\n", "").splitlines()
    assert [line for line in packages if line.strip() and "--hash=sha256:" not in line] == []


def test_what_builds_is_what_is_tested(project: Path) -> None:
    """The image is built by the very backend, and what that needs, that developers build with."""
    build, dev = ((project / f"requirements-{name}.lock").read_text() for name in ("build", "dev"))
    packages = [each for each in build.replace("\\\n", "").splitlines() if each.strip()]
    assert any(each.startswith("hatchling==") for each in packages)
    assert set(packages) <= set(dev.replace("\\\n", "").splitlines())


def test_every_submission_runs_the_suite(project: Path) -> None:
    """What is run on a submission is the whole suite, as `make test` runs it."""
    assert "make test" in (project / ".ci" / "run").read_text()
