"""The demo as a real process: its story comes true, and nothing outlives it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.acceptance.processes import reserve_port

STORY_SECONDS = 600
"""A minute on an idle machine."""

START_SECONDS = 100
GONE_SECONDS = 40
LOOK_SECONDS = 0.1

MARK = "DEMO_OF_TEST"
"""A variable that every process of one demo inherits, so that they can be found."""

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc"),
    pytest.mark.timeout(STORY_SECONDS + 2 * GONE_SECONDS),
]


class Demo:
    """A demo under way."""

    def __init__(self, project: Path, folder: Path, *arguments: str) -> None:
        self.mark = f"{MARK}={uuid4()}"
        self.data_dir = folder / "data"
        self._output = folder / "output"
        name, _, value = self.mark.partition("=")
        # A credential of the environment must not matter: the demo never reaches a real hub.
        stray = {"TIEOUT_HUB_URL": "http://127.0.0.1:9/v1", "TIEOUT_NONSENSE": "1"}
        environment = {**os.environ, "PYTHONPATH": str(project), "COLUMNS": "80", name: value, **stray}
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "service", "demo"),
                    *("--data-dir", str(self.data_dir), *arguments),
                ],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def told(self) -> str:
        """What it has printed, its line breaks and indents taken out."""
        return " ".join(self._output.read_text(errors="replace").split())

    def others(self) -> set[int]:
        """Its living processes beside itself, Postgres included."""
        found = {each for each in _processes() if _bears(each, self.mark)} | self._postgres()
        return found - {self.process.pid}

    def until_told(self, words: str) -> None:
        """Wait until it has printed some words."""
        deadline = time.monotonic() + START_SECONDS
        while words not in self.told:
            assert self.process.poll() is None, f"it ended early: {self.told}"
            assert time.monotonic() < deadline, f"not told after {START_SECONDS} s: {words}\n{self.told}"
            time.sleep(LOOK_SECONDS)

    def require_nothing_left(self) -> None:
        """Wait until none of its processes lives."""
        deadline = time.monotonic() + GONE_SECONDS
        while left := self.others():
            assert time.monotonic() < deadline, f"still there after {GONE_SECONDS} s: {left}"
            time.sleep(LOOK_SECONDS)

    def _postgres(self) -> set[int]:
        """Postgres runs in an environment of its own, but says who it is."""
        try:
            lines = (self.data_dir / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return set()
        return {int(lines[0])} & set(_processes()) if lines else set()


def _processes() -> Iterator[int]:
    return (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())


def _bears(process: int, mark: str) -> bool:
    try:
        return mark.encode() in (Path("/proc") / str(process) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


@contextmanager
def demo(project: Path, folder: Path, *arguments: str) -> Iterator[Demo]:
    """Start a demo, and make sure that it is gone afterwards."""
    begun = Demo(project, folder, *arguments)
    try:
        yield begun
    finally:
        if begun.process.poll() is None:
            begun.process.kill()
        begun.process.wait()
        begun.require_nothing_left()


def test_the_whole_story_comes_true(project: Path, tmp_path: Path) -> None:
    """`demo --once` tells four beats, sums up without a duplicate, ends with 0 and leaves nothing."""
    with demo(project, tmp_path, "--once") as begun:
        assert begun.process.wait(STORY_SECONDS) == 0, begun.told
        told = begun.told
        begun.require_nothing_left()
    for sentence in (
        "/login?once=",
        "All three pushes failed",
        "One alert for all of them",
        "pushed each invoice once",
        "exactly one invoice is there, and no push was made",
        "The difference is USD 15.00",
        "lost its accounting connection",
        "tax rate lost, 3 invoices failed healed by themselves 3 0",
        "push timed out after landing found, not repeated 0 0",
        "bill edited in the books explained: USD 15.00 0 0",
        "connection revoked, then renewed healed by themselves 2 0",
        "in all 5 0",
        "Every balance ties out: 8 ledgers of 4 organizations",
    ):
        assert sentence in told, f"not told: {sentence}\n{told}"


def test_nothing_outlives_a_killed_demo(project: Path, tmp_path: Path) -> None:
    """After `kill -9` of the demo alone the hub, the service and Postgres end by themselves."""
    with reserve_port() as taken:
        taken.listen()
        port = str(taken.getsockname()[1])
        with demo(project, tmp_path, "--port", port) as begun:
            begun.until_told("The service, web side and workers")
            assert f"Port {port} is taken, so the service takes " in begun.told
            assert len(begun.others()) >= 3
            begun.process.kill()
            begun.process.wait()
            begun.require_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_quietly(project: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end everything in good order, as a demo may be ended: exit code 0, no complaint."""
    with demo(project, tmp_path, "--port", "1") as begun:
        begun.until_told("Simulated hub")
        begun.process.send_signal(number)
        assert begun.process.wait(GONE_SECONDS) == 0
        begun.require_nothing_left()
        assert "Traceback" not in begun.told
        assert "went wrong" not in begun.told


def test_a_closed_terminal_leaves_nothing(project: Path, tmp_path: Path) -> None:
    """SIGHUP, with nobody left to print to, ends everything in good order, and the data is gone."""
    own = tmp_path / "own"
    own.mkdir()
    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "service", "demo", "--port", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project), "TMPDIR": str(own)},
        stdin=subprocess.DEVNULL,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    try:
        os.close(inner)
        told = b""
        while b"Simulated hub" not in told:
            told += os.read(terminal, 4096)
        assert list(own.iterdir()) != []
        os.close(terminal)
        for _ in ("the shell", "the system"):
            process.send_signal(signal.SIGHUP)
        assert process.wait(GONE_SECONDS) == 0
    finally:
        process.kill()
        process.wait()
    assert list(own.iterdir()) == []


def test_a_folder_in_use_is_refused(project: Path, tmp_path: Path) -> None:
    """Each demo tells a new story, so a folder that holds something is refused, and left as it is."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").write_text("precious")
    with demo(project, tmp_path) as begun:
        assert begun.process.wait(START_SECONDS) == 1
        assert "name an empty folder" in begun.told
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["mine"]
