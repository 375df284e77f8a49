"""The list of commands, and how every one of them ends."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import click
import pytest

from service.commands import group, telling
from service.errors import SettingsError, TieoutError
from tests.commands.conftest import Command

ENTRIES = [entry for _title, entries in group.SECTIONS for entry in entries]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_listed_command_is_there(entry: group.Entry) -> None:
    """What the list names can be called by that name, and explains itself."""
    command = entry.load()
    assert command.name == entry.name
    assert command.help
    assert all(parameter.help or parameter.metavar for parameter in _options(command))


def _options(command: click.Command) -> list[click.Option]:
    options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    return [each for each in options if not isinstance(each.type, click.Choice)]


def test_help_lists_a_line_each(tieout: Command) -> None:
    """`tieout --help` tells of each command in one line of 80 columns."""
    shown = tieout("--help").stdout
    width = max(len(entry.name) for entry in ENTRIES)
    for entry in ENTRIES:
        assert f"  {entry.name.ljust(width)}  {entry.does}\n" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_help_waits_for_no_library(tieout: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tieout --help` answers at once: of all that is installed it loads `click` alone."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    bare = subprocess.run([sys.executable, "-c", ""], capture_output=True, text=True, check=True)
    loaded = _loaded(tieout("--help").stderr) - _loaded(bare.stderr)
    assert loaded & packages_distributions().keys() - {"service"} == {"click"}


def _loaded(told: str) -> set[str]:
    """The packages that an interpreter tells of importing."""
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in told.splitlines()}


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["simulator", "--listen", "nowhere"],
        ["simulator", "--listen", "ü..b:80"],
    ],
)
def test_wrong_usage_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be understood is told on standard error, and the exit code is 2."""
    assert telling.run(arguments) == telling.USAGE
    told = capsys.readouterr()
    assert not told.out
    assert "Usage: tieout" in told.err


def test_a_slip_is_told_with_the_nearest_command(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that does not exist is wrong usage, and the one that was probably meant is named."""
    assert telling.run(["record"]) == telling.USAGE
    assert "Did you mean 'records'?" in capsys.readouterr().err


def test_expected_trouble_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An expected refusal is one line on standard error, whatever line breaks its message has."""
    assert telling._tell(TieoutError("the hub\nis away; try again"), is_debugging=False) == telling.REFUSED
    assert capsys.readouterr().err == "tieout: the hub is away; try again\n"


def test_several_troubles_at_once_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    """Troubles of tasks that ran side by side are each told once; settings have a line for each problem."""
    settings = SettingsError(["TIEOUT_A is wrong", "TIEOUT_B is missing"])
    group_of_them = ExceptionGroup("tasks", [TieoutError("away"), TieoutError("away"), settings])
    assert telling._tell(group_of_them, is_debugging=False) == telling.REFUSED
    assert capsys.readouterr().err.splitlines() == [
        "tieout: away",
        "tieout: 2 problems with the settings",
        "  TIEOUT_A is wrong",
        "  TIEOUT_B is missing",
    ]


def test_our_own_mistakes_show_no_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected error is one line that names a file of its owner's alone, where the details are."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert telling._tell(ZeroDivisionError("oh"), is_debugging=False) == telling.REFUSED
    told = capsys.readouterr().err
    (written,) = tmp_path.glob("tieout-error-*")
    assert str(written) in told
    assert told.count("\n") == 1
    assert "ZeroDivisionError: oh" in written.read_text()
    assert written.stat().st_mode & 0o077 == 0
