"""Commands against a real Postgres and a real simulated hub."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec
import pytest

from service.commands import serve
from service.settings import VARIABLES
from service.store.migrate import MIGRATIONS, migrate, read
from service.web.api.status import Status
from tests.acceptance.processes import Process
from tests.commands.conftest import Command
from tests.conftest import command

SLIPPED_IN = """
WITH slipped_in AS (
    INSERT INTO tieout.evidence (organization_id, evidence_id, record_id, kind, detail, observed_at)
    SELECT lpad('7', 32, '0')::uuid, lpad('8', 32, '0')::uuid, gen_random_uuid(), 'named_person', '{}', now()
    RETURNING *
)
INSERT INTO tieout.paper_trail (
    organization_id, position, kind, entry, content_hash, chain_hash, written_at
)
SELECT organization_id, 1, 'evidence', evidence_id::text, '', '', now() FROM slipped_in
"""

DELIVERIES = """
INSERT INTO tieout.webhook_counts (day, outcome, shard, deliveries)
SELECT (tieout.now() AT TIME ZONE 'UTC')::date, outcome, 1, deliveries FROM (
    VALUES ('stored', 7), ('quarantined', 1), ('signature_wrong', 1200), ('signature_too_old', 2)
) AS ended (outcome, deliveries)
"""


def test_migrate_tells_what_it_applied(tieout: Command, empty_database_url: str) -> None:
    """The first run names every migration, the second one none; the password is not shown."""
    first = tieout("migrate", database_url=empty_database_url)
    assert first.returncode == 0, first.stderr
    names = [migration.name for migration in read()]
    assert first.stdout.splitlines()[:-1] == [f"applied {name}" for name in names]
    second = tieout("migrate", database_url=empty_database_url)
    assert second.stdout.endswith("is up to date; nothing was missing\n")
    third = json.loads(tieout("migrate", "--json", database_url=empty_database_url).stdout)
    assert third["applied"] == []
    assert third["postgres"] in second.stdout
    password = urlsplit(empty_database_url).password
    assert password is None or password not in first.stdout + second.stdout


def test_status_is_that_of_the_api(tieout: Command, database_url: str) -> None:
    """`status --json` has the very fields of `GET /status`; the readable form tells state and reasons."""
    shown = tieout("status", "--json", database_url=database_url)
    assert shown.returncode == 0, shown.stderr
    found = msgspec.json.decode(shown.stdout, type=Status)
    assert list(json.loads(shown.stdout)) == list(Status.__dataclass_fields__)
    readable = tieout("status", database_url=database_url).stdout
    assert readable.startswith(f"tieout is {found.state}")
    assert all(reason.message in " ".join(readable.split()) for reason in found.reasons)


def test_openapi_describes_the_api(tieout: Command) -> None:
    """The description is valid JSON of OpenAPI 3.1 and speaks of the status."""
    described = json.loads(tieout("openapi").stdout)
    assert described["openapi"].startswith("3.1")
    assert "/status" in described["paths"]


async def test_check_finds_all_in_order(tieout: Command, hub: dict[str, object], database_url: str) -> None:
    """With a hub and a migrated database `check` ends with 0 and says so."""
    found = tieout("check", database_url=database_url, **hub)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Ready to serve" in found.stdout
    assert "working as tieout_app" in " ".join(found.stdout.split())


async def test_check_takes_the_address_that_serve_takes(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """Through pgbouncer, around which migrating goes, a database that serves is called fine."""
    found = tieout("check", "--json", database_url=f"{database_url}?pgbouncer=true", **hub)
    assert found.returncode == 0, found.stdout
    [told] = [each for each in json.loads(found.stdout)["findings"] if each["subject"] == "database"]
    assert told["outcome"] == "fine"


async def test_check_tells_of_a_server_that_forgets(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """A database whose commits do not wait for the disk works, and is told with the setting to change."""
    name = urlsplit(database_url).path.lstrip("/")
    for setting in ("off", "on"):
        await command(database_url, f'ALTER DATABASE "{name}" SET synchronous_commit = {setting}')
        found = tieout("check", "--json", database_url=database_url, **hub)
        assert found.returncode == 0, found.stdout
        findings = json.loads(found.stdout)["findings"]
        remedies = [each["remedy"] for each in findings if each["subject"] == "durability"]
        assert ("synchronous_commit" in " ".join(remedies)) == (setting == "off")


async def test_check_tells_where_the_paper_trail_breaks(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """A row of the trail that somebody slipped in is told with its organization, and `check` ends with 1."""
    await command(database_url, SLIPPED_IN)
    found = tieout("check", "--json", database_url=database_url, **hub)
    assert found.returncode == 1
    [told] = [each for each in json.loads(found.stdout)["findings"] if each["subject"] == "paper trail"]
    assert told["outcome"] == "wrong"
    assert f"of organization {UUID(int=7)} it breaks at link 1: evidence {UUID(int=8)}" in told["told"]


async def test_check_tells_which_webhooks_are_turned_away(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """Today's refusals are told by outcome, with what helps against the most frequent; older ones are not."""
    await command(database_url, DELIVERIES)
    await command(database_url, "UPDATE tieout.webhook_counts SET day = day - 1 WHERE outcome LIKE 'sig%'")
    well = await deliveries(tieout, hub, database_url)
    assert (well["outcome"], well["told"]) == ("fine", "8 taken in today, none turned away")
    await command(database_url, "UPDATE tieout.webhook_counts SET day = day + 1 WHERE outcome LIKE 'sig%'")
    ill = await deliveries(tieout, hub, database_url)
    assert ill["outcome"] == "unwise"
    assert ill["told"] == "8 taken in today, turned away: 1,200 signature_wrong, 2 signature_too_old"
    assert "TIEOUT_WEBHOOK_SECRETS" in ill["remedy"]


async def deliveries(tieout: Command, hub: dict[str, object], database_url: str) -> dict[str, str]:
    """What `check` finds of webhooks."""
    found = tieout("check", "--json", database_url=database_url, **hub)
    assert found.returncode == 0, found.stdout
    [finding] = [each for each in json.loads(found.stdout)["findings"] if each["subject"] == "deliveries"]
    assert isinstance(finding, dict)
    return finding


async def test_check_tells_everything_wrong_at_once(tieout: Command, hub: dict[str, object]) -> None:
    """Wrong credentials, an unreachable database and a bad channel are told in one run, with remedies."""
    wrong = {**hub, "hub_client_secret": "not-the-secret"}
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://someone:pass-word@127.0.0.1:{closed.getsockname()[1]}/x"
        found = tieout("check", database_url=url, alert_channels="pigeon://loft", **wrong)
    assert found.returncode == 1
    told = " ".join(found.stdout.split())
    assert told.count("✗") == 3, found.stdout
    for words in ("TIEOUT_DATABASE_URL", "TIEOUT_HUB_CLIENT_SECRET", "pigeon"):
        assert words in told
    assert "pass-word" not in told
    assert "not-the-secret" not in told
    listed = tieout("check", "--json", database_url=url, alert_channels="pigeon://loft", **wrong)
    findings = json.loads(listed.stdout)["findings"]
    assert listed.returncode == 1
    assert sum(each["outcome"] == "wrong" for each in findings) == 3
    assert all(each["remedy"] for each in findings if each["outcome"] != "fine")


async def test_check_wants_migrations(
    tieout: Command, hub: dict[str, object], empty_database_url: str
) -> None:
    """A database that was never migrated is told with the command that helps, and left as it is."""
    found = tieout("check", database_url=empty_database_url, **hub)
    assert found.returncode == 1
    assert "run `tieout migrate`" in found.stdout
    assert tieout("migrate", database_url=empty_database_url).stdout.startswith("applied 0001")


async def test_every_command_wants_migrations(
    tieout: Command, empty_database_url: str, tmp_path: Path
) -> None:
    """Of a schema that lacks migrations no command tells anything but that, and the command that helps."""
    folder = tmp_path / "older"
    folder.mkdir()
    for path in sorted(MIGRATIONS.glob("*.sql"))[:5]:
        (folder / path.name).write_bytes(path.read_bytes())
    await migrate(empty_database_url, folder=folder)
    for arguments in (["status"], ["records"], ["differences"], ["keys", "list"], ["retry"]):
        refused = tieout(*arguments, database_url=empty_database_url)
        assert (refused.returncode, refused.stdout) == (1, ""), arguments
        assert refused.stderr.startswith("tieout: Postgres lacks ")
        assert refused.stderr.endswith("; run `tieout migrate`\n")


async def test_backfill_reads_everything_without_a_worker(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """Where no worker runs, `backfill` reads the fleet by itself; a second one reads it anew."""
    done = tieout("backfill", database_url=database_url, **hub)
    assert (done.returncode, done.stdout) == (0, "Read 3 organizations.\n"), done.stderr
    again = tieout("backfill", "--json", database_url=database_url, **hub)
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert (told["organizations"], told["failing"]) == (3, 0)
    assert told["lists"] > 0
    status = json.loads(tieout("status", "--json", database_url=database_url).stdout)
    assert status["organizations"]["total"] == 3
    assert status["records"]["total"] > 0


async def test_backfill_of_an_unknown_organization_is_refused(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """An id that the hub does not list is told in one line, with exit code 1."""
    unknown = "11111111-1111-4111-8111-111111111111"
    refused = tieout("backfill", unknown, database_url=database_url, **hub)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == f"tieout: the hub lists no organization {unknown}; check the id"


async def test_backfill_tells_a_hub_that_could_not_be_read(
    tieout: Command, hub: dict[str, object], database_url: str
) -> None:
    """Of a hub that is unreachable or refuses us nothing is concluded about what it lists."""
    some = "11111111-1111-4111-8111-111111111111"
    for arguments, wrong in (
        ([], {"hub_url": "http://127.0.0.1:1/v1"}),
        ([some], {"hub_url": "http://127.0.0.1:1/v1"}),
        ([some], {"hub_client_secret": "not-the-secret"}),
    ):
        refused = tieout("backfill", *arguments, database_url=database_url, **{**hub, **wrong})
        assert refused.returncode == 1
        told = refused.stderr.splitlines()[-1]
        assert told.startswith("tieout: the list of organizations was not read: ")
        assert told.endswith("; run `tieout check`")
        assert "lists no" not in refused.stderr


def test_simulator_on_a_taken_port_is_refused(tieout: Command) -> None:
    """A port that something listens on is told in one line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        refused = tieout("simulator", "--listen", address)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"tieout: cannot listen on {address}: ")
    assert refused.stderr.count("\n") == 1


def test_serve_tells_every_problem_before_it_starts_anything(tieout: Command, tmp_path: Path) -> None:
    """Channels are judged with all other settings, and no Postgres is started for a start that cannot be."""
    data = tmp_path / "data"
    refused = tieout(
        "serve",
        data_dir=data,
        poll_seconds="soon",
        alert_channels="pigeon://loft,webhook+http://127.0.0.1/x",
        hub_client_id="x",
        hub_client_secret="x",
    )
    assert refused.returncode == 1
    told = refused.stderr.splitlines()
    assert told[0] == "tieout: 3 problems with the settings"
    assert [line.split()[0].strip(":") for line in told[1:]] == [
        "TIEOUT_POLL_SECONDS",
        "TIEOUT_ALERT_CHANNELS",
        "TIEOUT_ALERT_CHANNELS",
    ]
    assert not data.exists()


def test_serve_tells_that_traces_need_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces that are asked for and cannot be sent are one more problem with the settings."""
    assert serve._judge_traces({"telemetry_otlp_url": None}) == ()
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    (problem,) = serve._judge_traces({"telemetry_otlp_url": "http://collector.test"})
    assert problem.startswith("TIEOUT_TELEMETRY_OTLP_URL: traces need an extra")


async def test_simulator_listens_on_ipv6(tmp_path: Path) -> None:
    """An address in brackets is listened on, and told in brackets."""
    with socket.socket(socket.AF_INET6) as free:
        try:
            free.bind(("::1", 0))
        except OSError:
            pytest.skip("there is no IPv6 here")
        address = f"[::1]:{free.getsockname()[1]}"
    process = Process(["simulator", "--listen", address, "--organizations", "1"], tmp_path / "log", {})
    try:
        url = json.loads(await process.first_line())["url"]
        assert url == f"http://{address}/v1"
        async with httpx.AsyncClient(trust_env=False) as http:
            assert (await http.get(f"{url}/entities")).status_code == 400, "it lacks its headers"
    finally:
        process.stop()


async def test_simulator_interrupted_twice_ends_quietly(tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for open requests, and shows no traceback either."""
    log = tmp_path / "simulator.log"
    process = Process(["simulator", "--listen", "127.0.0.1:0", "--organizations", "1"], log, {})
    try:
        port = urlsplit(json.loads(await process.first_line())["url"]).port
        _, open_request = await asyncio.open_connection("127.0.0.1", port)
        open_request.write(b"POST /v1/auth/token HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\n{")
        await open_request.drain()
        process.interrupt()
        await asyncio.sleep(0.05)  # as quickly as a person presses it twice
        process.interrupt()
        assert await process.ended() == 0
        open_request.close()
    finally:
        process.stop()
    assert log.read_text() == ""


def test_readme_lists_every_setting(project: Path) -> None:
    """The README's table names exactly the variables that there are, with their defaults."""
    lines = [
        line for line in (project / "README.md").read_text().splitlines() if line.startswith("| `TIEOUT_")
    ]
    rows = {cells[1].strip("` "): cells[2].strip() for cells in (line.split("|") for line in lines)}
    assert list(rows) == [variable.name for variable in VARIABLES]
    for variable in VARIABLES:
        expected = f"`{variable.default}`" if variable.default is not None else variable.otherwise
        assert rows[variable.name] == expected
