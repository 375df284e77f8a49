"""The demo's processes: started with nothing of our environment's settings, ended in good order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import service
from service.errors import TieoutError
from service.settings.variables import PREFIX

STOP_SECONDS: Final = 15.0
LOG_LINES: Final = 3

OPTION: Final = "--data-dir"
"""What chooses another folder for the demo than the system's for temporary files."""


class ProcessEnded(TieoutError):  # noqa: N818 - names what is the case, like the rest of the tree
    """One of the demo's processes ended before its time."""


class Process:
    """A command of ours as a child process; its log is a file."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, settings: Mapping[str, str]) -> None:
        self.name = name
        self._log = log
        with _opened(log) as file:
            self._process = subprocess.Popen(  # noqa: S603 - this very interpreter
                [sys.executable, "-P", "-m", "service.demo.child", *arguments],
                stdin=subprocess.PIPE,  # whose end tells the child that we are gone
                stdout=subprocess.PIPE,
                stderr=file,
                env=_environment(settings),
                start_new_session=True,  # Ctrl-C is for us; we end our children in order
            )

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process.poll() is None

    def first_line(self) -> bytes:
        """Wait for the first line of its output."""
        assert self._process.stdout is not None, "its output is a pipe"
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self.require_running()
        return line

    def require_running(self) -> None:
        """Raise `ProcessEnded`, with the end of its log, when it is not."""
        if self.is_running:
            return
        lines = self._log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        said = " / ".join(lines) or "without a word"
        raise ProcessEnded(f"{self.name} ended with {self._process.returncode}: {said}")

    def stop(self) -> None:
        """Ask it to end, and make it when it does not."""
        if self.is_running:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _opened(log: Path) -> BinaryIO:
    try:
        return log.open("wb")
    except OSError as error:
        raise TieoutError(
            f"{log} cannot be written ({error.strerror}); make room, or choose another folder by {OPTION}"
        ) from None


def _environment(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Give our environment without any setting but those of the demo."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    folder = str(Path(service.__path__[0]).parent)
    path = os.pathsep.join([folder, *filter(None, [inherited.get("PYTHONPATH")])])
    return {**inherited, "PYTHONPATH": path, **settings}
