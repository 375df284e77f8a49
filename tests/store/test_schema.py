"""The file sql/schema.sql: what the migrations add up to, for people who read."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from service.embedded import binaries
from tests.store.schema import dump


async def test_the_schema_file_is_the_sum_of_the_migrations(database_url: str, project: Path) -> None:
    """The file equals a migrated database's schema, word for word; if not, `make schema` writes it anew."""
    connection = await asyncpg.connect(database_url)
    version = connection.get_server_version().major
    await connection.close()
    if version != binaries.MAJOR:
        pytest.skip("the file is written by the embedded version of Postgres")
    assert (project / "sql" / "schema.sql").read_text() == dump(database_url)
