"""A command as a process of the demo, which ends when its parent does, `kill -9` included.

Standard input is a pipe that only the parent holds open. When it closes, the process is asked to end as
SIGTERM would ask it, and after a while made to.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Final

from service.commands.telling import run

GRACE_SECONDS: Final = 20.0
"""Longer than the service takes to end what is under way."""


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(run(sys.argv[1:]))
