"""The schema as one file: what all migrations together make of an empty database.

Run as a script it prints the file (`make schema`); a test compares. Written by the embedded Postgres' own
pg_dump, less what names its version or sets up its session.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from service import embedded
from service.embedded import binaries
from service.store.migrate import migrate

HEADER = """\
-- The sum of sql/migrations, written by `make schema`: for reading, never applied. The role tieout_app
-- belongs to the cluster and is not in it, nor are the few rows that migrations insert.
"""

_NOISE = re.compile(r"^(--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(un)?restrict .*)$", re.MULTILINE)


def dump(url: str) -> str:
    """The schema of a migrated database; the server is of the embedded version."""
    command = [str(binaries.find(None) / "pg_dump"), "--schema-only", "--schema=tieout", "--no-owner", url]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return HEADER + "\n" + re.sub(r"\n{3,}", "\n\n", _NOISE.sub("", dumped)).strip() + "\n"


def main() -> None:
    """Print the schema that the migrations make."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.start(Path(folder), is_durable=False) as server,
    ):
        asyncio.run(migrate(server.url))
        sys.stdout.write(dump(server.url))


if __name__ == "__main__":
    main()
