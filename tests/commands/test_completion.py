"""Shell completion: what each shell is told, and that a real bash offers it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.commands.completion import SHELLS, VARIABLE
from tests.commands.conftest import Command


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_its_script(tieout: Command, shell: str) -> None:
    """The script asks `tieout` itself, by the variable that it answers to."""
    told = tieout("completion", shell)
    assert told.returncode == 0, told.stderr
    assert f"{VARIABLE}={shell}_complete" in told.stdout


def test_another_shell_is_wrong_usage(tieout: Command) -> None:
    """A shell that is not known is told with those that are."""
    refused = tieout("completion", "tcsh")
    assert refused.returncode == 2
    assert "'bash', 'zsh', 'fish'" in refused.stderr


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tieout mig", ["migrate"]),
        ("tieout s", ["simulator", "serve", "subscribe", "status", "statement"]),
        ("tieout keys re", ["revoke"]),
        ("tieout keys make ci --role a", ["approver"]),
        ("tieout backfill --an", ["--anew"]),
    ],
)
def test_bash_offers_what_fits(project: Path, tmp_path: Path, typed: str, offered: list[str]) -> None:
    """Bash, told by the script, completes commands, options and their values."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    (tmp_path / "tieout").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m service "$@"\n')
    (tmp_path / "tieout").chmod(0o755)
    script = f"""
        eval "$(tieout completion bash)"
        COMP_WORDS=({typed}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _tieout_completion tieout 2>/dev/null
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {**os.environ, "PYTHONPATH": str(project), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = subprocess.run(
        [bash, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert told.stdout.split() == offered
