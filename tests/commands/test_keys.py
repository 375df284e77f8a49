"""`tieout keys`: made and shown once, listed without themselves, dead once revoked."""

from __future__ import annotations

import json
from uuid import uuid4

import httpx

from service.store.database import Database
from service.web.routes import build
from tests.commands.conftest import Command
from tests.web.builders import ORGANIZATION, add_organization, client, settings

ENVIRONMENT = "ada:viewer:key-of-ada-in-the-environment"


async def test_a_key_is_made_used_listed_and_revoked(
    tieout: Command, database: Database, database_url: str
) -> None:
    """What `make` prints opens the API, within its bounds, until it is revoked; `list` never shows it."""
    app = build(settings=settings(), database=database, replica_id="web-1", version="1")
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, uuid4(), "Birch")
    made = tieout(
        *("keys", "make", "ci", "--role", "operator", "--organization", str(ORGANIZATION)),
        database_url=database_url,
    )
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert "shown this once" in made.stderr
    async with client(app, authorization=f"Bearer {key}") as caller:
        assert await names(caller) == ["Alder"]
        assert (await caller.post(f"/v1/alerts/{uuid4()}/acknowledge")).status_code == 404
        listed = tieout("keys", "list", "--json", database_url=database_url, api_keys=ENVIRONMENT)
        rows = {row["name"]: row for row in json.loads(listed.stdout)["data"]}
        assert (rows["ci"]["role"], rows["ci"]["organization_id"]) == ("operator", str(ORGANIZATION))
        assert (rows["ci"]["source"], rows["ada"]["source"]) == ("database", "settings")
        assert key not in listed.stdout + listed.stderr
        assert "--yes" in tieout("keys", "revoke", "ci", database_url=database_url).stderr
        assert await names(caller) == ["Alder"]
        assert tieout("keys", "revoke", "ci", "--yes", database_url=database_url).returncode == 0
        assert (await caller.get("/v1/organizations")).status_code == 401
    readable = tieout("keys", "list", database_url=database_url).stdout
    assert "revoked" in readable
    assert max(map(len, readable.splitlines())) <= 80


async def names(caller: httpx.AsyncClient) -> list[str]:
    """The organizations that a caller sees."""
    return [row["name"] for row in (await caller.get("/v1/organizations")).json()["data"]]


def test_what_cannot_be_made_or_revoked_is_one_line(tieout: Command, database_url: str) -> None:
    """A name that is taken, an unknown organization and an unknown key are refused with the remedy."""
    given = {"database_url": database_url, "api_keys": ENVIRONMENT}
    assert tieout("keys", "make", "bob", **given).returncode == 0
    for arguments, words in (
        (["make", "bob"], "tieout keys revoke bob"),
        (["make", "ada"], "choose another name"),
        (["make", "login-link"], "choose another name"),
        (["make", "eve", "--organization", str(uuid4())], "there is no organization"),
        (["revoke", "eve", "--yes"], "tieout keys list"),
        (["revoke", "ada", "--yes"], "TIEOUT_API_KEYS"),
    ):
        refused = tieout("keys", *arguments, **given)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
        assert words in refused.stderr
    assert tieout("keys", "make", "no name", **given).returncode == 2
