"""The data folder: made whole or not at all, checked before each start, freed of what a dead server left."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from service.embedded import account as accounts
from service.embedded import binaries
from service.embedded.account import Account
from service.errors import EmbeddedPostgresError

USER = "tieout"
DATABASE = "tieout"

MAKE_SECONDS = 120.0
"""Making a data folder takes half a second; a very slow disk may need a hundred times that."""

STOP_SECONDS = 30.0
POLL_SECONDS = 0.02

_MAKING = "making-"

_FULL = (os.strerror(errno.ENOSPC), "Check free disk space")
"""How Postgres tells that the disk is full: when nothing, and when only a part could be written."""


def prepare(folder: Path, programs: Path, account: Account | None) -> None:
    """Make the data folder where there is none, and refuse one that this Postgres cannot use."""
    for leftover in folder.glob(f"{_MAKING}*"):
        shutil.rmtree(leftover)
    data = folder / "data"
    if not data.exists() or not any(data.iterdir()):
        _make(folder, programs, account)
    _check(data)
    _free(data)


def read_password(folder: Path) -> str:
    """Give the password of the server's owner."""
    try:
        return (folder / "password").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedPostgresError(
            f"{folder / 'password'} is missing, without which {folder / 'data'} cannot be opened; "
            "restore it, or move the folder away to start with an empty database"
        ) from None


def _make(folder: Path, programs: Path, account: Account | None) -> None:
    accounts.require_name(account)
    password = secrets.token_urlsafe(32)
    making = folder / f"{_MAKING}{secrets.token_hex(4)}"
    making.mkdir(mode=0o700)
    (making / "password").touch(mode=0o600)
    (making / "password").write_text(f"{password}\n")
    accounts.give(making / "password", account)
    accounts.give(making, account)
    with accounts.reach(making, account) as (path, descriptors):
        _run(
            [
                programs / "initdb",
                f"--pgdata={path}/data",
                f"--pwfile={path}/password",
                f"--username={USER}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",  # sorts the same on every machine that the folder is moved to
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
            ],
            "",
            account,
            descriptors,
        )
        # The folder is complete once it holds our database, and no server need run to make it.
        _run(
            [programs / "postgres", "--single", "-D", f"{path}/data", "postgres"],
            f"CREATE DATABASE {DATABASE}\n",
            account,
            descriptors,
        )
    accounts.own_like(folder, making / "password")
    (making / "password").rename(folder / "password")
    if (folder / "data").exists():
        (folder / "data").rmdir()  # it is empty, or we would not be here
    (making / "data").rename(folder / "data")
    making.rmdir()


def _run(command: list[Path | str], sent: str, account: Account | None, descriptors: tuple[int, ...]) -> None:
    try:
        subprocess.run(  # noqa: S603 - a program of ours
            command,
            input=sent,
            check=True,
            capture_output=True,
            text=True,
            timeout=MAKE_SECONDS,
            env=binaries.environment(),
            cwd="/",
            pass_fds=descriptors,
            # Ctrl-C is for us. Were we killed, it ends soon all the same: nobody reads it, or tells it more.
            start_new_session=True,
            **accounts.process_options(account),
        )
    except subprocess.CalledProcessError as error:
        if any(full in error.stderr for full in _FULL):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        raise EmbeddedPostgresError(
            f"Postgres cannot make its data folder: {last_line(error.stderr)}"
        ) from None
    except subprocess.TimeoutExpired:
        raise EmbeddedPostgresError(
            f"Postgres did not make its data folder within {MAKE_SECONDS:g} s; is the disk full?"
        ) from None


def last_line(log: str) -> str:
    """The line of a log that says why: the last fatal one, or else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL:" in line or "error:" in line] or lines or ["it said nothing"]
    return telling[-1]


def _check(data: Path) -> None:
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        found = ""
    if not found or not (data / "global" / "pg_control").exists():
        raise EmbeddedPostgresError(
            f"{data} is no complete Postgres data folder; "
            "restore it, or move it away to start with an empty database"
        )
    if found != str(binaries.MAJOR):
        raise EmbeddedPostgresError(
            f"{data} was made by Postgres {found}, and this release brings {binaries.MAJOR}; dump it "
            "with the release that made it and load it here, or move it away to start with an empty database"
        )


def _free(data: Path) -> None:
    """Stop a server that lost its watcher, and drop the claim of one that is gone.

    Postgres itself believes a stale claim when any other process bears the number by now, as happens in
    containers.
    """
    claim = data / "postmaster.pid"
    try:
        process_id = int(claim.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        process_id = 0
    if process_id and serves(process_id, data):
        _stop(process_id, data)
    claim.unlink(missing_ok=True)


def _stop(process_id: int, data: Path) -> None:
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        os.kill(process_id, number)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if not serves(process_id, data):
                return
            time.sleep(POLL_SECONDS)
    raise EmbeddedPostgresError(
        f"Postgres, process {process_id}, uses {data} and cannot be stopped; end it by hand"
    )


def serves(process_id: int, data: Path) -> bool:
    """Whether the process is a living Postgres that works on this data folder."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{process_id}/cwd").readlink() == data.resolve()
        except OSError:  # gone, a zombie, or somebody else's
            return False
    listed = subprocess.run(  # noqa: S603 - numbers only
        ["/bin/ps", "-o", "stat=,comm=", "-p", str(process_id)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return "postgres" in listed and not listed.startswith("Z")
