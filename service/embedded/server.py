"""Starting, joining and leaving a server; the rules stand in the package's docstring."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from service.embedded import account as accounts
from service.embedded import binaries, cluster, watcher
from service.embedded.account import Account
from service.errors import EmbeddedPostgresError

START_SECONDS = 120.0
"""A start takes 0.1 s; after a crash Postgres first works through its log, which may take a minute or two."""

SHARED_SECONDS = 0.5
"""How long leaving waits for a sign that the server stops; without one, others are still using it."""

POLL_SECONDS = 0.01
TRIES = 20

HOST = "127.0.0.1"

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "wal_level": "minimal",  # nobody replicates from here
    "max_wal_senders": "0",
}
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# What a log says when trying again helps: another program took the port, or the last server's children are
# not gone.
_PASSING = (
    "Address already in use",
    "could not create any TCP/IP sockets",
    "shared memory block",
    "is still in use",
)


class EmbeddedPostgres:
    """A server that we use, ours or shared; it runs at least as long as this is open."""

    def __init__(self, folder: Path, settings: Mapping[str, str], chosen_by: str) -> None:
        self._folder = folder
        self._settings = settings
        self._chosen_by = chosen_by
        self._pipe: int | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Its address, password included."""
        assert self._pipe is not None, "the server is not started"
        password = cluster.read_password(self._folder)
        return f"postgresql://{cluster.USER}:{password}@{HOST}:{self._port}/{cluster.DATABASE}"

    def open(self) -> None:
        """Start the server, or join the one that runs."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._pipe, self._port = _enter(self._folder, self._settings)
        except PermissionError as error:
            raise EmbeddedPostgresError(
                f"{error.filename or self._folder} belongs to another user; "
                f"start tieout as that user, or choose another folder by {self._chosen_by}"
            ) from None
        except OSError as error:
            raise EmbeddedPostgresError(
                f"the folder {self._folder} cannot be used ({error.strerror}); "
                f"make room, or choose another one by {self._chosen_by}"
            ) from None

    def close(self) -> None:
        """Leave the server; when we were the last, it has stopped on return."""
        if self._pipe is None:
            return
        os.close(self._pipe)
        self._pipe = None
        deadline = time.monotonic() + SHARED_SECONDS
        while (self._folder / "server.json").exists():
            if time.monotonic() > deadline:
                return
            time.sleep(POLL_SECONDS)
        with _locked(self._folder):
            pass  # the watcher holds the lock until Postgres has stopped

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        opening = asyncio.ensure_future(asyncio.to_thread(self.open))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])  # the thread cannot be stopped; leave what it opened
            opening.exception()  # whoever breaks off need not be told that it failed, too
            await asyncio.to_thread(self.close)
            raise
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await asyncio.to_thread(self.close)


def start(
    data_dir: Path,
    *,
    is_durable: bool = True,
    settings: Mapping[str, str] | None = None,
    chosen_by: str = "TIEOUT_DATA_DIR",
) -> EmbeddedPostgres:
    """Give the server of a data folder, to be entered by `with` or `async with`.

    Without durability it is faster and may lose everything when the machine stops: for tests. `settings` are
    Postgres' own; they count for who starts the server, not for who joins it. `chosen_by` is what a person
    chooses another folder by, where this one cannot be used.
    """
    chosen = _SETTINGS | ({} if is_durable else _FORGETFUL) | dict(settings or {})
    return EmbeddedPostgres(data_dir.expanduser().absolute() / "postgres", chosen, chosen_by)


def _enter(folder: Path, settings: Mapping[str, str]) -> tuple[int, int]:
    """Join the running server or start one; gives the held pipe and the port."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with _locked(folder):
            pipe = _hold(folder / "alive")
            if pipe is None:
                return _launch(folder, settings, deadline)
            announced = _read_announcement(folder)
            if announced is not None:
                return pipe, announced
            os.close(pipe)
        time.sleep(POLL_SECONDS)  # its starter died on the way; the watcher needs the lock to stop it
    raise EmbeddedPostgresError(
        f"the Postgres on {folder / 'data'} neither starts nor stops; its log is {folder / 'log'}"
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        accounts.own_like(folder, folder / "lock")
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EmbeddedPostgresError(
                        f"another process has been starting or stopping Postgres on {folder / 'data'} "
                        f"for {START_SECONDS:g} s; its log is {folder / 'log'}"
                    ) from None
                time.sleep(POLL_SECONDS)
            else:
                break
        yield
    finally:
        os.close(descriptor)


def _hold(pipe: Path) -> int | None:
    """Hold the pipe of a living watcher; None when there is none."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ENOENT}:
            return None
        raise


def _read_announcement(folder: Path) -> int | None:
    try:
        return int(json.loads((folder / "server.json").read_text())["port"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _launch(folder: Path, settings: Mapping[str, str], deadline: float) -> tuple[int, int]:
    account = accounts.choose(folder / "data")
    programs = binaries.find(account)
    (folder / "server.json").unlink(missing_ok=True)
    cluster.prepare(folder, programs, account)
    cluster.read_password(folder)
    complaint: str | None = ""
    for _ in range(TRIES):
        port = _free_port()
        pipe = _watch(folder, programs, account, dict(settings) | {"port": str(port)})
        try:
            complaint = _wait_until_ready(folder, port, deadline)
            if complaint is None:
                _announce(folder, port)
                return pipe, port
        except BaseException:
            os.close(pipe)
            raise
        os.close(pipe)
        if not any(passing in complaint for passing in _PASSING):
            break
        time.sleep(POLL_SECONDS * 10)
    raise EmbeddedPostgresError(
        f"Postgres does not start: {cluster.last_line(complaint or '')}; its log is {folder / 'log'}"
    )


def _watch(folder: Path, programs: Path, account: Account | None, settings: Mapping[str, str]) -> int:
    """Start a watcher, and give the pipe that keeps it going."""
    alive = folder / "alive"
    if not alive.exists() or not stat.S_ISFIFO(alive.stat().st_mode):
        alive.unlink(missing_ok=True)
        os.mkfifo(alive, 0o600)
        accounts.own_like(folder, alive)
    log = folder / "log"
    if log.exists():
        log.rename(folder / "log.previous")
    log.touch(mode=0o600)
    accounts.own_like(folder, log)
    orders = {
        "postgres": str(programs / "postgres"),
        "data": str(folder / "data"),
        "account": [account.uid, account.gid] if account else None,
        "settings": dict(settings),
        "environment": binaries.environment(),
        "log": str(log),
        "lock": str(folder / "lock"),
        "announced": str(folder / "server.json"),
    }
    reading = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    holding = os.open(alive, os.O_WRONLY | os.O_NONBLOCK)
    try:
        with log.open("ab") as complaints:
            subprocess.run(  # noqa: S603 - this very interpreter
                [sys.executable, "-I", "-S", watcher.__file__, json.dumps(orders)],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                check=True,
                cwd="/",
                timeout=START_SECONDS,
                start_new_session=True,  # Ctrl-C must not reach it before it ignores that
            )
    except BaseException:
        os.close(holding)
        raise
    finally:
        os.close(reading)
    return holding


def _wait_until_ready(folder: Path, port: int, deadline: float) -> str | None:
    """Wait for Postgres to accept connections; gives its log when it ended instead."""
    while time.monotonic() < deadline:
        try:
            claim = (folder / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            claim = []
        if claim[3:4] == [str(port)] and claim[7:8] and claim[7].strip() == "ready":
            return None
        pipe = _hold(folder / "alive")
        if pipe is None:
            return (folder / "log").read_text(errors="replace")
        os.close(pipe)
        time.sleep(POLL_SECONDS)
    raise EmbeddedPostgresError(
        f"Postgres was not ready within {START_SECONDS:g} s; it may be recovering from a crash: try again"
    )


def _announce(folder: Path, port: int) -> None:
    draft = folder / "server.json.new"
    draft.write_text(json.dumps({"port": port}))
    accounts.own_like(folder, draft)
    draft.rename(folder / "server.json")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
