"""Ending on request: Ctrl-C, SIGTERM and a closed terminal are noted, and heeded at the next step or wait.

An exception out of a signal handler comes up wherever Python happens to be: in a finaliser it is lost, and in
code that is being imported it has Python end as if killed, although it was caught. Only who asks a second
time gets that.
"""

from __future__ import annotations

import signal
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - names what is the case, like the rest of the tree
    """Somebody has seen enough."""


class Ending:
    """Whether somebody has asked to end."""

    def __init__(self) -> None:
        self.is_asked = False

    def listen(self) -> None:
        """Note the signals that ask for it from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        hangup = getattr(signal, "SIGHUP", None)  # not on Windows
        if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # as under nohup
            signal.signal(hangup, self._note_hangup)

    def require_none(self) -> None:
        """Raise `Interrupted` when it was asked for."""
        if self.is_asked:
            raise Interrupted

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True

    def _note_hangup(self, _number: int, _frame: FrameType | None) -> None:
        # A closed terminal tells twice, by the shell and by the system, and nobody is waiting.
        self.is_asked = True
