"""The named queries: every statement that the service sends stands in `sql/queries`, under its name.

A query opens with `-- name: claim_due_work :many` (one of `:one`, `:many`, `:exec`), followed by comment
lines: its purpose in a sentence, then its parameters in order, a line of `$1 ..., $2 ...`. What stands above
a file's first name is about the whole file. A malformed header or a name used twice is our own mistake,
hence an assertion.

The text of a query keeps its name in a comment, so that Postgres' own views and logs show who asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from service.store.sources import SQL

_HEADER = re.compile(r"-- name: (?P<name>[a-z][a-z0-9_]*) :(?P<rows>one|many|exec)")


class Rows(StrEnum):
    """What a query answers: at most one row, any number of rows, or nothing that is looked at."""

    ONE = "one"
    MANY = "many"
    EXEC = "exec"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One named query, with what its header says."""

    name: str
    rows: Rows
    purpose: str
    parameters: str
    text: str
    source: str


def read(folder: Path) -> Mapping[str, Query]:
    """Read all queries of a folder, by name."""
    found: dict[str, Query] = {}
    for path in sorted(folder.glob("*.sql")):
        for query in parse(path.read_text(encoding="utf-8"), path.name):
            known = found.get(query.name)
            assert known is None, f"{query.source}: {query.name} is also in {known and known.source}"
            found[query.name] = query
    return MappingProxyType(found)


def parse(text: str, source: str) -> Iterator[Query]:
    """Take one file apart at its headers."""
    starts = list(re.finditer(r"^-- *name\b.*$", text, re.MULTILINE))
    preamble = text[: starts[0].start()] if starts else text
    assert not _without_comments(preamble), f"{source}: a statement stands above the first name"
    ends = [start.start() for start in starts[1:]] + [len(text)]
    for start, end in zip(starts, ends, strict=True):
        yield _query(start[0].rstrip(), text[start.end() : end].strip().splitlines(), source)


def _query(header: str, lines: Sequence[str], source: str) -> Query:
    match = _HEADER.fullmatch(header)
    assert match, f"{source}: malformed header {header!r}"
    name = match["name"]
    length = next((index for index, line in enumerate(lines) if not line.startswith("--")), len(lines))
    comments = [line.removeprefix("--").strip() for line in lines[:length]]
    split = next((index for index, line in enumerate(comments) if line.startswith("$")), len(comments))
    statement = "\n".join(lines[length:]).strip()
    assert statement.endswith(";"), f"{source}: {name} does not end with a semicolon"
    return Query(
        name=name,
        rows=Rows(match["rows"]),
        purpose=" ".join(comments[:split]),
        parameters=" ".join(comments[split:]),
        text=f"-- {name}\n{statement.removesuffix(';')}",
        source=source,
    )


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()


QUERIES: Mapping[str, Query] = read(SQL / "queries")
"""Every named query, with its purpose and parameters."""

QUERY: Mapping[str, str] = MappingProxyType({name: query.text for name, query in QUERIES.items()})
"""The text of every named query."""
