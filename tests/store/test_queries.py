"""The named queries: headers are read strictly, and every query is one that Postgres takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from service.store.database import STATEMENTS_MAX, Database
from service.store.queries import QUERIES, QUERY, Rows, parse, read

FILE = """\
-- Work that is due.

-- name: claim_work :many
-- Claims what has been due longest;
-- the oldest first.
-- $1 kind text,
-- $2 limit integer
SELECT *
FROM work -- all of it
WHERE kind = $1 LIMIT $2;

-- name: delete_work :exec
-- Forgets everything.
DELETE FROM work;
"""


def test_a_file_is_taken_apart() -> None:
    """Name, kind of answer, purpose, parameters and text of each query are told apart."""
    claim, delete = parse(FILE, "work.sql")
    assert (claim.name, claim.rows, claim.source) == ("claim_work", Rows.MANY, "work.sql")
    assert claim.purpose == "Claims what has been due longest; the oldest first."
    assert claim.parameters == "$1 kind text, $2 limit integer"
    assert claim.text == "-- claim_work\nSELECT *\nFROM work -- all of it\nWHERE kind = $1 LIMIT $2"
    assert (delete.name, delete.rows, delete.parameters) == ("delete_work", Rows.EXEC, "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: claim :some\n-- Why.\nSELECT 1;", "malformed header"),
        ("-- name claim :many\n-- Why.\nSELECT 1;", "malformed header"),
        ("-- name: Claim :many\n-- Why.\nSELECT 1;", "malformed header"),
        ("-- name: claim :many\n-- Why.\nSELECT 1", "does not end with a semicolon"),
        ("SELECT 1;\n-- name: claim :many\n-- Why.\nSELECT 1;", "above the first name"),
    ],
)
def test_a_malformed_file_is_our_mistake(text: str, complaint: str) -> None:
    """What does not follow the form is an assertion that names the file."""
    with pytest.raises(AssertionError, match=rf"work\.sql.*{complaint}"):
        list(parse(text, "work.sql"))


def test_all_queries_stay_prepared() -> None:
    """A connection has room for all queries, and for the few statements of the driver."""
    assert len(QUERIES) + 10 < STATEMENTS_MAX


def test_a_name_used_twice_is_our_mistake(tmp_path: Path) -> None:
    """Two queries of one name are an assertion that names both files."""
    (tmp_path / "a.sql").write_text("-- name: claim :many\n-- Why.\nSELECT 1;")
    (tmp_path / "b.sql").write_text("-- name: claim :many\n-- Why.\nSELECT 1;")
    with pytest.raises(AssertionError, match=r"b\.sql: claim is also in a\.sql"):
        read(tmp_path)


def test_every_query_names_its_parameters() -> None:
    """Each header names exactly the parameters that its query takes."""
    wrong: dict[str, str] = {}
    for name, query in QUERIES.items():
        taken = set(re.findall(r"\$(\d+)", re.sub(r"--.*", "", query.text)))
        named = set(re.findall(r"\$(\d+)", f"{query.purpose} {query.parameters}"))
        if taken != named:
            wrong[name] = f"{query.source}: takes {sorted(taken)}, names {sorted(named)}"
    assert wrong == {}


def test_no_query_asks_what_is_not_in_another() -> None:
    """Absence is asked with NOT EXISTS: what NOT IN lists is searched row by row beyond work_mem."""
    asked = re.compile(r"\bNOT\s+IN\s*\(\s*(SELECT|WITH|TABLE)\b", re.IGNORECASE)
    assert [query.name for query in QUERIES.values() if asked.search(query.text)] == []


async def test_every_query_is_taken_by_postgres(database: Database) -> None:
    """Each query can be prepared against the migrated schema, in the service's role."""
    refused: dict[str, str] = {}
    for name, text in QUERY.items():
        try:
            async with database.fleet() as connection:
                await connection.prepare(text)
        except asyncpg.PostgresError as error:
            refused[name] = f"{QUERIES[name].source}: {error}"
    assert refused == {}


def test_queries_cannot_be_changed() -> None:
    """The mapping of queries is read-only."""
    assert isinstance(QUERY, Mapping)
    assert not hasattr(QUERY, "__setitem__")
