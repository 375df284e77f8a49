"""`tieout statement` as a person runs it."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from service.commands import statement
from service.errors import TieoutError
from service.store.database import Database
from tests.commands.conftest import Command
from tests.web.builders import ORGANIZATION, OTHER, add_organization
from tests.web.statement_world import october, put


async def test_it_writes_every_format(
    tieout: Command, database: Database, database_url: str, tmp_path: Path
) -> None:
    """Text goes to standard output, files where they are wanted, all of them as the API gives them."""
    await add_organization(database, ORGANIZATION, "Alder & Söhne")
    await put(database, ORGANIZATION, october())

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return tieout(
            "statement", str(ORGANIZATION), "--period", "2026-10", *arguments, database_url=database_url
        )

    shown = run("--format", "csv")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("organization,period,")
    assert "'=cmd|' /C calc'!A0" in shown.stdout
    for form, begins in (("pdf", b"%PDF-"), ("xlsx", b"PK"), ("json", b"{")):
        written = run("--format", form, "--output", f"october.{form}")
        assert written.returncode == 0, written.stderr
        assert written.stderr == f"Wrote october.{form} (Complete, not signed).\n"
        assert (tmp_path / f"october.{form}").read_bytes().startswith(begins)
    refused = run("--output", "nowhere/october.pdf")
    assert refused.returncode == 1
    assert refused.stderr.startswith("tieout: cannot write nowhere/october.pdf: ")


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path: Path) -> None:
    """A disk without room leaves the file of before, and nothing else; a link stays one, and so do rights."""
    old, link = tmp_path / "october.pdf", tmp_path / "newest.pdf"
    old.write_bytes(b"signed")
    old.chmod(0o640)
    link.symlink_to(old)
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, bounds[1]))
    try:
        with pytest.raises(TieoutError, match="cannot write"):
            statement._write(b"x" * 1_000, str(old))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)
    assert old.read_bytes() == b"signed"
    statement._write(b"new", str(link))
    assert (old.read_bytes(), old.stat().st_mode & 0o777, link.is_symlink()) == (b"new", 0o640, True)
    assert sorted(tmp_path.iterdir()) == [link, old]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """What is no file is written to, and not replaced by one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        statement._write(b"told", str(pipe))
        assert os.read(reader, 100) == b"told"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


async def test_what_it_cannot_do_is_one_line(tieout: Command, database: Database, database_url: str) -> None:
    """An unknown organization is refused in one line, and a month that is none is wrong usage."""
    await add_organization(database, ORGANIZATION, "Alder")
    unknown = tieout("statement", str(OTHER), "--period", "2026-10", database_url=database_url)
    assert (unknown.returncode, unknown.stderr.count("\n")) == (1, 1)
    assert "there is no organization" in unknown.stderr
    for arguments in (
        [str(ORGANIZATION)],
        [str(ORGANIZATION), "--period", "2026-13"],
        ["acme", "--period", "2026-10"],
    ):
        assert tieout("statement", *arguments, database_url=database_url).returncode == 2
