"""`tieout records` and `tieout differences`: the API's answers, for people at 80 columns and for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.domain.record_state import State
from service.store.database import Database
from service.web.routes import build
from tests.commands.conftest import Command
from tests.web.builders import KEYS, ORGANIZATION, OTHER, add_organization, add_record, client, fill, settings

LISTS = {"records": ("state", "blocked"), "differences": ("kind", "amount")}


async def test_json_is_what_the_api_answers(tieout: Command, database: Database, database_url: str) -> None:
    """With --json a list is the very answer of the API, for each filter and page."""
    await fill(database)
    app = build(settings=settings(), database=database, replica_id="web-1", version="1")
    async with client(app, authorization=f"Bearer {KEYS['viewer']}") as caller:
        for name, (filtered, value) in LISTS.items():
            for options, query in (
                (["--all"], {}),
                (["--limit", "1"], {"limit": "1"}),
                ([f"--{filtered}", value], {filtered: value}),
                (["--organization", str(OTHER)], {"organization_id": str(OTHER), "limit": "25"}),
            ):
                shown = tieout(name, "--json", *options, database_url=database_url)
                assert shown.returncode == 0, shown.stderr
                assert json.loads(shown.stdout) == (await caller.get(f"/v1/{name}", params=query)).json()


async def test_a_list_goes_on_where_it_ended(tieout: Command, database: Database, database_url: str) -> None:
    """A page leads to the next one by its token, and all of them together are the whole list."""
    filled = await fill(database)
    first = json.loads(tieout("records", "--json", "--limit", "9", database_url=database_url).stdout)
    rest = json.loads(
        tieout("records", "--json", "--all", "--after", first["next"], database_url=database_url).stdout
    )
    ids = [row["id"] for row in (*first["data"], *rest["data"])]
    assert (len(first["data"]), rest["next"]) == (9, None)
    assert sorted(ids) == sorted(str(record.record_id) for some in filled.records.values() for record in some)


async def test_people_read_it_at_80_columns(tieout: Command, database: Database, database_url: str) -> None:
    """Piped, a list has neither colours nor lines beyond 80 columns, and says how to have more of it."""
    filled = await fill(database)
    for name in LISTS:
        shown = tieout(name, "--limit", "3", database_url=database_url)
        assert shown.returncode == 0, shown.stderr
        assert max(map(len, shown.stdout.splitlines())) <= 80
        assert all(line.isprintable() and line == line.rstrip() for line in shown.stdout.splitlines())
        assert "Alder & Finch" in shown.stdout
        assert "--all shows all" in shown.stderr
    nothing = tieout("records", "--cause", "period_locked", database_url=database_url)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "No record fits.\n")
    failing = next(each for each in filled.records[ORGANIZATION] if each.attempts_count)
    story = tieout("records", str(failing.record_id), database_url=database_url)
    assert story.returncode == 0, story.stderr
    for words in ("Alder & Finch", "missing tax rate, bookkeeper", "history, the newest first"):
        assert words in " ".join(story.stdout.split())


async def test_an_output_that_lacks_characters_loses_nothing(
    tieout: Command, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the output's encoding lacks a character it is escaped, so that JSON says the same as ever."""
    await add_organization(database, ORGANIZATION, "Sőhne")
    await add_record(database, ORGANIZATION, state=State.BLOCKED, reason="Create ✓ and 𝄞 there.")
    usual = tieout("records", "--json", database_url=database_url)
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    shown = tieout("records", database_url=database_url)
    assert shown.returncode == 0, shown.stderr
    assert "S\\u0151hne" in shown.stdout
    assert "Create \\u2713 and \\ud834\\udd1e there." in shown.stdout
    same = tieout("records", "--json", database_url=database_url)
    assert same.stdout.isascii()
    assert json.loads(same.stdout) == json.loads(usual.stdout)


@pytest.mark.parametrize("arguments", [["records", "--json"], ["status"]])
def test_an_output_that_takes_no_more_is_told(database_url: str, project: Path, arguments: list[str]) -> None:
    """Where the disk is full, that is told in one line, and nothing of a mistake of ours."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no such device here")
    environment = os.environ | {"PYTHONPATH": str(project), "TIEOUT_DATABASE_URL": database_url}
    with full.open("w") as output:
        told = subprocess.run(
            [sys.executable, "-P", "-m", "service", *arguments],
            env=environment, stdout=output, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    words = "tieout: the answer could not be written whole: No space left on device\n"
    assert (told.returncode, told.stderr) == (1, words)


async def test_what_cannot_be_asked_is_told(tieout: Command, database_url: str) -> None:
    """An unknown record is a refusal, and a filter or token that is none is wrong usage."""
    unknown = tieout("records", str(OTHER), database_url=database_url)
    assert (unknown.returncode, unknown.stderr) == (1, "tieout: There is no such record.\n")
    for arguments, words in (
        (["records", "--state", "lost"], "'blocked'"),
        (["records", "--as-of", "yesterday"], "must be a time like"),
        (["records", "--after", "x"], "--after must be the `next` of the page before"),
        (["records", str(OTHER), "--state", "blocked"], "one record is not filtered"),
        (["records", "--as-of", "2020-01-01T00:00:00Z"], "--as-of history is kept for 400 days: must be "),
        (["records", str(OTHER), "--as-of", "2999-01-01T00:00:00Z"], "--as-of must not lie in the future"),
        (["records", "--json", "--after", "x"], "--after must be the `next` of the page before"),
        (["differences", "--organization", "alder"], "must be a UUID"),
        (["differences", "--limit", "0"], "--limit"),
    ):
        refused = tieout(*arguments, database_url=database_url)
        assert (refused.returncode, refused.stdout) == (2, ""), refused.stderr
        assert words in refused.stderr
