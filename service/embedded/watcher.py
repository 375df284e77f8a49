"""The watcher: a process of its own that runs Postgres as long as somebody needs it.

Run as a script, with its orders as one JSON argument and the reading end of the pipe as standard input. It
imports nothing but the standard library, so that it starts at once and survives whatever the service is
doing.

Nobody writes to the pipe: reading it yields *nothing yet* while somebody holds it, and its end when the last
holder is gone. Between seeing the end and stopping, somebody new may have come; hence the second look under
the lock that newcomers hold too. Signals are ignored: Ctrl-C in a terminal and the stop of a service manager
reach everybody at once, and Postgres must outlast those who use it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PIPE = 0
LOOK_SECONDS = 0.2
"""How late the death of Postgres is noticed; the end of the pipe is noticed at once."""

STOP_SECONDS = 30.0
RESTARTS_MAX = 5
"""Restarts in a row of a Postgres that dies young; then there is a trouble that restarting does not cure."""

YOUNG_SECONDS = 60.0

LOG_BYTES_MAX = 10_000_000
"""A log of warnings beyond this repeats itself; it begins anew."""


def main(orders: dict[str, Any]) -> None:
    """Run Postgres, again if it dies, until nobody holds the pipe."""
    # Nobody waits for us: we belong to no terminal, and our end is nobody's to collect.
    if os.fork():
        os._exit(0)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    announced = Path(orders["announced"])
    restarts = 0
    while True:
        born = time.monotonic()
        server = _launch(orders)
        if _is_unneeded(server, Path(orders["lock"]), Path(orders["log"]), announced):
            _stop(server)
            announced.unlink(missing_ok=True)
            return
        if not announced.exists():
            return  # it never came up; who started it reads the log
        restarts = restarts + 1 if time.monotonic() - born < YOUNG_SECONDS else 1
        if restarts > RESTARTS_MAX:
            announced.unlink(missing_ok=True)
            return


def _launch(orders: dict[str, Any]) -> subprocess.Popen[bytes]:
    command = [orders["postgres"]]
    descriptors: tuple[int, ...] = ()
    options: dict[str, Any] = {}
    data = orders["data"]
    if orders["account"]:
        descriptor = os.open(data, os.O_PATH | os.O_DIRECTORY)
        data = f"/proc/self/fd/{descriptor}"
        descriptors = (descriptor,)
        uid, gid = orders["account"]
        options = {"user": uid, "group": gid, "extra_groups": []}
    for name, value in orders["settings"].items():
        command += ["-c", f"{name}={value}"]
    with Path(orders["log"]).open("ab") as log:
        server = subprocess.Popen(  # noqa: S603 - a program of ours
            [*command, "-D", data],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=orders["environment"],
            cwd="/",
            pass_fds=descriptors,
            restore_signals=True,
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 - this process has one thread
            **options,
        )
    for descriptor in descriptors:
        os.close(descriptor)
    return server


def _die_with_parent() -> Callable[[], None] | None:
    """Have the system stop Postgres, should this very process be killed; Linux only."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - not everywhere, and slow to import

    library = ctypes.CDLL(None, use_errno=True)
    set_death_signal = 1

    def ask() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        library.prctl(set_death_signal, signal.SIGINT)

    return ask


def _is_unneeded(server: subprocess.Popen[bytes], lock: Path, log: Path, announced: Path) -> bool:
    """Wait until nobody holds the pipe (true, holding the lock), or until Postgres is dead (false)."""
    while server.poll() is None:
        readable, _, _ = select.select([PIPE], [], [], LOOK_SECONDS)
        if log.stat().st_size > LOG_BYTES_MAX:
            os.truncate(log, 0)
        if not readable or _is_held():
            continue
        # The lock stays ours to the end: who comes now waits for us to have stopped.
        descriptor = os.open(lock, os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not _is_held():
            announced.unlink(missing_ok=True)
            return True
        os.close(descriptor)
    return False


def _is_held() -> bool:
    try:
        return bool(os.read(PIPE, 1))
    except BlockingIOError:
        return True


def _stop(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        server.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
            return


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
