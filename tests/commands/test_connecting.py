"""`tieout connect` and `tieout disconnect` against the simulated hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from service.commands import connect
from service.commands.connecting import authorisation_url
from service.errors import TieoutError
from service.hub.payloads import Connection
from tests.acceptance.processes import Process, until
from tests.commands.conftest import Command, World

UNKNOWN = "11111111-1111-4111-8111-111111111111"


async def test_an_organization_is_connected_anew(tieout: Command, world: World, tmp_path: Path) -> None:
    """A live connection is refused, ended on demand, and made anew: told once somebody has signed in."""
    hub, organization_id = world.settings, await world.connected()
    refused = tieout("connect", organization_id, **hub)
    assert refused.returncode == 1
    assert f"tieout disconnect {organization_id}" in refused.stderr
    unasked = tieout("disconnect", organization_id, **hub)
    assert unasked.returncode == 1
    assert "--yes" in unasked.stderr
    ended = tieout("disconnect", organization_id, "--yes", **hub)
    assert (ended.returncode, "is disconnected from" in ended.stdout) == (0, True)
    again = tieout("disconnect", organization_id, "--yes", **hub)
    assert again.returncode == 1
    assert f"tieout connect {organization_id}" in again.stderr

    process = connecting(organization_id, hub, tmp_path / "first.log")
    try:
        assert "  https://" in await told(process, "Waiting until that is done")
        process.interrupt()
        assert await process.ended() == 130
        said = process.last_words()
        assert "Stopped waiting. The address stays good" in said
        assert "Traceback" not in said
    finally:
        process.stop()

    process = connecting(organization_id, hub, tmp_path / "second.log")
    try:
        said = await told(process, "Waiting until that is done")
        assert "waits to be authorised already" in said
        await world.control("connect", organization_id=organization_id)
        assert " is connected to " in (await process.first_line()).decode()
        assert await process.ended() == 0
    finally:
        process.stop()


def connecting(organization_id: str, hub: Mapping[str, object], log: Path) -> Process:
    """The command, as a process that waits."""
    settings = {f"TIEOUT_{name.upper()}": str(value) for name, value in hub.items()}
    return Process(["connect", organization_id], log, settings)


async def told(process: Process, words: str) -> str:
    """Wait until a process has said this; gives all that it said."""

    async def look() -> str | None:
        said = process.last_words()
        return said if words in said else None

    return await until(f"it says {words!r}", look, 60)


async def test_connecting_need_not_wait(tieout: Command, world: World) -> None:
    """With --minutes 0 the address is told at once, as JSON where wanted; lost consent is no connection."""
    organization_id = await world.connected()
    await world.control("revoke-connection", organization_id=organization_id)
    refused = tieout("connect", organization_id, **world.settings)
    assert refused.returncode == 1
    assert "consent was withdrawn; authorise it again at https://" in refused.stderr
    tieout("disconnect", organization_id, "--yes", **world.settings)
    begun = tieout("connect", organization_id, "--minutes", "0", "--json", **world.settings)
    assert begun.returncode == 0, begun.stderr
    shown = json.loads(begun.stdout)
    assert (shown["status"], shown["organization_id"]) == ("pending_auth", organization_id)
    assert shown["connection_url"].startswith("https://")


@pytest.mark.parametrize("url", [None, "https://sites.example/x"])
def test_a_finished_connection_is_told_without_an_address(url: str | None) -> None:
    """Nobody has to sign in any more: whatever address the hub still gives, or none, is told as null."""
    connection = Connection(id=UUID(UNKNOWN), status="connected", connection_url=url, payload={})
    told = connect._told(UUID(UNKNOWN), "Alder", connection)
    assert (told["status"], told["connection_url"]) == ("connected", None)


async def test_an_unknown_organization_is_told_in_one_line(tieout: Command, world: World) -> None:
    """An id that the hub does not know is refused, and one that is none is wrong usage."""
    for name in ("connect", "disconnect"):
        refused = tieout(name, UNKNOWN, **world.settings)
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "knows no organization" in refused.stderr
        assert tieout(name, "alder", **world.settings).returncode == 2


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "http://sites.example/x",
        "javascript:alert(1)",
        "https://",
        "https://x\x1b[2J",
        "https://a b",
    ],
)
def test_only_a_plain_https_address_is_shown(url: str | None) -> None:
    """What the hub gives as address reaches a terminal only if it is one that a person may follow."""
    connection = Connection(id=UNKNOWN, connection_url=url, payload={})  # type: ignore[arg-type]
    with pytest.raises(TieoutError, match="gave no https"):
        authorisation_url(connection)
