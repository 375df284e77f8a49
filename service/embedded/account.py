"""Who Postgres runs as: ourselves, or as root somebody else, since Postgres refuses to be root."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import EmbeddedPostgresError

UNPRIVILEGED = ("tieout", "nobody")
"""Users to run as in root's stead: our own where an administrator made it, else one that everybody has."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user other than ourselves; None in its place means ourselves."""

    uid: int
    gid: int


def choose(data: Path) -> Account | None:
    """Choose who runs the server on this data folder, which need not exist yet."""
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise EmbeddedPostgresError(
            "Postgres does not run as root; start tieout as an ordinary user, or set TIEOUT_DATABASE_URL"
        )
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "Postgres does not run as root, and there is no user tieout or nobody to run it as; "
        "create one, or set TIEOUT_DATABASE_URL"
    )


def require_name(account: Account | None) -> None:
    """Refuse a user that the system has no name for: Postgres looks it up to make a data folder."""
    uid = account.uid if account else os.geteuid()
    try:
        pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedPostgresError(
            f"user {uid} has no name here, without which Postgres makes no data folder; "
            "start tieout as a user that /etc/passwd names, or set TIEOUT_DATABASE_URL"
        ) from None


def process_options(account: Account | None) -> Mapping[str, Any]:
    """Arguments of `subprocess` that start a process as `account`."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def give(path: Path, account: Account | None) -> None:
    """Make `account` the owner of a file or folder."""
    if account is not None:
        os.chown(path, account.uid, account.gid)


def own_like(folder: Path, path: Path) -> None:
    """Give what root made to the owner of the folder that it lies in, who may come next."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def reach(folder: Path, account: Account | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give a path by which `account` reaches a folder of its own, and the descriptors to hand down for it.

    Another user may have no way through the folders above, such as root's home. A descriptor needs none.
    """
    if account is None:
        yield str(folder), ()
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)
