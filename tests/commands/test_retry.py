"""`tieout retry` as a person runs it: the plan is shown, and exactly that is applied."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from service.commands import asking, retry, telling
from service.commands.retry_shown import show_plan
from service.domain.causes.names import Cause
from service.domain.money import format_minor
from service.domain.record_state import State
from service.errors import TieoutError
from service.store.database import Database
from service.web.api.retries import Ask, Retry
from service.web.retrying import Filter
from tests.commands.conftest import Command
from tests.web.builders import ORGANIZATION, add_organization, add_record, settings, write_record


async def test_it_plans_shows_asks_applies_and_cancels(
    tieout: Command, database: Database, database_url: str
) -> None:
    """What may be sent and what not is shown with its money; nothing happens unasked; programs get JSON."""
    await add_organization(database, ORGANIZATION, "Alder & Söhne")
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    await add_record(
        database, ORGANIZATION, state=State.QUARANTINED, cause=Cause.TIMEOUT_AMBIGUOUS, currency="EUR"
    )
    refused = tieout("retry", database_url=database_url)
    assert refused.returncode == 1
    told = " ".join(refused.stdout.split())
    for words in (
        "To be sent: 1 record, USD 125.00",
        "4 calls of the hub, 0.1 s of its budget",
        "Alder & Söhne",
        "Not sent: 1 record, 1 of them because sending might double it",
        "may already be in the books",
    ):
        assert words in told, words
    assert max(map(len, refused.stdout.splitlines())) <= 80
    assert "add --yes" in refused.stderr
    plan = json.loads(tieout("retry", "--json", "--state", "blocked", database_url=database_url).stdout)
    assert (plan["state"], len(plan["eligible"]), plan["excluded"]) == ("planned", 1, [])
    applied = json.loads(tieout("retry", "--json", "--yes", database_url=database_url).stdout)
    assert (applied["state"], applied["progress"]["queued"]) == ("running", 1)
    assert applied["applied_by"].startswith("command line: ")
    listed = tieout("retry", "--status", database_url=database_url)
    assert "1 waiting for their turn" in listed.stdout
    cancelled = tieout("retry", "--cancel", applied["id"], database_url=database_url)
    assert cancelled.stdout == f"Retry {applied['id']} is cancelled: 1 taken back.\n"


async def test_what_it_cannot_do_is_one_line(tieout: Command, database: Database, database_url: str) -> None:
    """Nothing that fits, nothing that may be sent, an unknown retry: each is told in a line."""
    await add_organization(database, ORGANIZATION, "Alder")
    nothing = tieout("retry", database_url=database_url)
    assert (nothing.returncode, nothing.stderr) == (0, "Nothing that failed fits.\n")
    await add_record(database, ORGANIZATION, state=State.QUARANTINED, cause=Cause.TIMEOUT_AMBIGUOUS)
    none = tieout("retry", "--yes", database_url=database_url)
    assert (none.returncode, none.stderr) == (
        1,
        "tieout: none of it may be sent now; the plan above says why\n",
    )
    for_programs = tieout("retry", "--yes", "--json", database_url=database_url)
    assert (for_programs.returncode, for_programs.stderr) == (1, none.stderr)
    assert json.loads(for_programs.stdout)["eligible"] == []
    for arguments, words in (
        (["--record", str(ORGANIZATION)], "Error: --record none of these records is known\n"),
        (["--state", "confirmed"], "Error: --state must be one of "),
    ):
        misuse = tieout("retry", *arguments, database_url=database_url)
        assert (misuse.returncode, words in misuse.stderr) == (2, True), misuse.stderr
    unknown = tieout("retry", "--status", str(ORGANIZATION), database_url=database_url)
    assert (unknown.returncode, unknown.stderr) == (1, "tieout: There is no such retry.\n")


async def test_a_plan_that_was_overtaken_is_refused(database: Database, database_url: str) -> None:
    """What has changed since it was planned is a refusal in the API's sentence, and no wrong usage."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    async with asking.opened_answers(settings(database_url=database_url), retry._operator()) as asked:
        plan = await asked.ask(retry.PLAN, {}, body=Ask(filter=Filter()))
        later = {"version": record.version + 1, "updated_at": record.updated_at + timedelta(hours=1)}
        await write_record(database, record, msgspec.structs.replace(record, **later))
        with pytest.raises(TieoutError, match="All records have changed since they were planned"):
            await retry._apply(asked, plan)


async def test_it_follows_what_it_applied(
    database: Database,
    database_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Applied, a retry is followed until nothing moves, and then says how to look again."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    monkeypatch.setattr(retry, "STILL_SECONDS", 0.0)
    given = settings(database_url=database_url)
    await retry._retry(given, Filter(), is_asked=False, as_json=False)
    told = capsys.readouterr()
    assert "is running: 1 waiting for their turn." in told.out
    assert "It goes on by itself; look again with: tieout retry --status " in told.err


async def test_who_stops_watching_is_told_how_to_go_on(
    database: Database, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Interrupted, or failing while it follows, it says that it goes on being sent, and what stops that."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_record(database, ORGANIZATION, state=State.BLOCKED)
    async with asking.opened_answers(settings(database_url=database_url), retry._operator()) as asked:
        plan = await asked.ask(retry.PLAN, {}, body=Ask(filter=Filter()))
        await retry._apply(asked, plan)
        watching = asyncio.ensure_future(retry._watch(asked, plan.id))
        await asyncio.wait([watching], timeout=0)
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        told = capsys.readouterr().err
        assert "Stopped watching; it goes on by itself.\n" in told
        for option in ("--status", "--cancel"):
            assert f"tieout retry {option} {plan.id}\n" in told
        with pytest.raises(TieoutError, match="no such retry"):
            await retry._watch(asked, ORGANIZATION)
        assert f"tieout retry --status {ORGANIZATION}\n" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 40])
async def test_names_give_way_and_money_never(database: Database, database_url: str, width: int) -> None:
    """However long names are, the number and the amount of each document that is to be sent stand whole."""
    await add_organization(database, ORGANIZATION, "The Alder & Söhne Trading Company of the North " * 3)
    amounts = (1_234_567_89, 99_00, 45_678_00)
    for minor in amounts:
        await add_record(database, ORGANIZATION, state=State.BLOCKED, amount_minor=minor)
    async with asking.opened_answers(settings(database_url=database_url), retry._operator()) as asked:
        plan: Retry = await asked.ask(retry.PLAN, {}, body=Ask(filter=Filter()))
        names = await asked.names({ORGANIZATION})
    party = "Harbour Coffee Roasters and Partners, Limited, 日本 " * 3
    numbered = [
        replace(each, number=f"INV-2026-{position:04}", party=party)
        for position, each in enumerate(plan.eligible)
    ]
    out = StringIO()
    show_plan(Console(file=out, width=width), replace(plan, eligible=numbered), names)
    lines = out.getvalue().splitlines()
    for each in numbered:
        told = format_minor(each.amount_minor or 0, "USD")
        assert any(str(each.number) in line and told in line for line in lines), out.getvalue()
    assert ("Harbour" in out.getvalue()) is (width == 80)
    assert all(cell_len(line) <= width for line in lines if "INV" in line)


@pytest.mark.parametrize("arguments", [["retry"], ["serve"], ["migrate"], ["status"]])
def test_an_address_with_an_impossible_port_is_one_line(tieout: Command, arguments: list[str]) -> None:
    """An address of Postgres without a host, with a port that is none, is told with the setting's name."""
    given = {"hub_client_id": "a", "hub_client_secret": "b", "listen": "127.0.0.1:0"}
    done = tieout(*arguments, database_url="postgresql://?port=abc", **given)
    assert done.returncode == 1
    assert "TIEOUT_DATABASE_URL cannot be used: its option port is no port" in " ".join(done.stderr.split())
    assert "went wrong" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--status", "--cancel", str(ORGANIZATION)], ["--cancel", str(ORGANIZATION), "--yes"]]
)
def test_one_thing_at_a_time(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Asking about a retry, cancelling one and planning another do not mix."""
    assert telling.run(["retry", *arguments]) == telling.USAGE
    assert "stand alone" in capsys.readouterr().err
