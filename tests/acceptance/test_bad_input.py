"""Each bad input gets its clear answer from the real process: a line or a problem, never a traceback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import struct
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tests.acceptance.conftest import Stage
from tests.acceptance.processes import KEY, WEBHOOK_SECRET, Process, Service, until

HUB = {
    "TIEOUT_HUB_URL": "http://127.0.0.1:9/v1",
    "TIEOUT_HUB_CLIENT_ID": "client",
    "TIEOUT_HUB_CLIENT_SECRET": "secret-of-the-test",
}
BODY_BYTES_MAX = 256 * 1024
NOTICE_SECONDS = 30.0


async def refusal(folder: Path, settings: Mapping[str, str]) -> Sequence[str]:
    """Run `tieout serve`, which must end with 1; returns what it says, as lines."""
    log = folder / "serve.log"
    process = Process(["serve"], log, settings)
    try:
        assert await process.ended() == 1, process.last_words()
    finally:
        process.stop()
    said = log.read_text()
    assert "Traceback" not in said
    return [line for line in said.splitlines() if not line.startswith("{")]


async def test_missing_settings_are_named_all_at_once(tmp_path: Path) -> None:
    """Without credentials of the hub the service says which variables it needs, and does not start."""
    assert await refusal(tmp_path, {"TIEOUT_DATA_DIR": str(tmp_path / "data")}) == [
        "tieout: 2 problems with the settings",
        "  TIEOUT_HUB_CLIENT_ID is not set; it is needed to sign in to the hub",
        "  TIEOUT_HUB_CLIENT_SECRET is not set; it is needed to sign in to the hub",
    ]
    assert not (tmp_path / "data").exists()


async def test_wrong_settings_are_named_all_at_once(tmp_path: Path) -> None:
    """Every wrong variable is told in one run, misspelt ones with the nearest name, values never repeated."""
    wrong = {
        "TIEOUT_LISTEN": "nowhere-xyzzy",
        "TIEOUT_ROLES": "web,xyzzy",
        "TIEOUT_POLL_SECONDS": "xyzzy",
        "TIEOUT_API_KEYS": "name:emperor-xyzzy:key",
        "TIEOUT_HUB_DIALECT": "xyzzy",
        "TIEOUT_WEBHOK_SECRETS": "xyzzy",
    }
    first, *problems = await refusal(tmp_path, {**HUB, **wrong})
    assert first == f"tieout: {len(wrong)} problems with the settings"
    assert {problem.split()[0].rstrip(":") for problem in problems} == set(wrong)
    assert any("did you mean TIEOUT_WEBHOOK_SECRETS?" in problem for problem in problems)
    assert not any("xyzzy" in problem for problem in problems)


async def test_an_unreachable_postgres_is_one_line(tmp_path: Path) -> None:
    """Where nobody answers, the line names the place and the variable, and not the password."""
    url = "postgresql://tieout:pass-word@127.0.0.1:9/books"
    (line,) = await refusal(tmp_path, {**HUB, "TIEOUT_DATABASE_URL": url})
    assert line.startswith("tieout: Postgres at 127.0.0.1:9/books does not answer: ")
    assert "TIEOUT_DATABASE_URL" in line
    assert "pass-word" not in line


async def test_an_old_postgres_is_one_line(tmp_path: Path) -> None:
    """A server that says it is version 13 is refused with both versions."""
    async with old_postgres() as port:
        url = f"postgresql://tieout@127.0.0.1:{port}/books"
        (line,) = await refusal(tmp_path, {**HUB, "TIEOUT_DATABASE_URL": url})
    assert line == f"tieout: Postgres at 127.0.0.1:{port}/books is version 13; tieout needs 14 or later"


async def test_an_empty_database_is_one_line(tmp_path: Path, empty_database_url: str) -> None:
    """A database that was never migrated is refused with the command that helps."""
    (line,) = await refusal(tmp_path, {**HUB, "TIEOUT_DATABASE_URL": empty_database_url})
    assert line.startswith("tieout: Postgres lacks ")
    assert line.endswith("run `tieout migrate`")


async def test_a_taken_port_is_one_line(stage: Stage, tmp_path: Path, database_url: str) -> None:
    """A port that something listens on is told with the variable, before any work is claimed."""
    hub = await stage.simulator(organizations=1, documents=1)
    service = stage.service(hub, database_url)
    await service.start()
    (line,) = await refusal(tmp_path, service.settings)
    assert line.startswith(
        f"tieout: TIEOUT_LISTEN: {service.settings['TIEOUT_LISTEN']} cannot be listened on"
    )


async def test_wrong_credentials_are_told(stage: Stage, database_url: str) -> None:
    """With credentials that the hub refuses the service starts, and says so in its status."""
    hub = await stage.simulator(organizations=1, documents=1)
    service = stage.service(hub, database_url, hub_client_secret="not-the-secret-of-the-hub")
    await service.start()

    async def told() -> object:
        status = await service.get("/status")
        return any(reason["code"] == "hub_unauthorized" for reason in status["reasons"]) and status

    status = await until("the status tells that the hub refuses us", told, NOTICE_SECONDS, 0.5)
    assert isinstance(status, dict)
    assert status["state"] == "degraded"
    assert "not-the-secret" not in service.log.read_text() + json.dumps(status)


async def test_bad_requests_get_their_problem(stage: Stage, database_url: str) -> None:
    """Unknown path, malformed query, bad key, wrong signature, oversized body: each its own answer."""
    hub = await stage.simulator(organizations=1, documents=1)
    service = stage.service(hub, database_url)
    await service.start()
    http = service.http

    unknown = await http.get(f"{service.url}/v1/nonsense")
    problem(unknown, 404)

    malformed = await http.get(f"{service.url}/v1/records?limit=0&state=fine&nonsense=1&after=x")
    named = problem(malformed, 422)
    for name in ("limit", "state", "nonsense", "after"):
        assert name in json.dumps(named), f"{name} is not named"

    for header in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic xyz"}):
        async with httpx.AsyncClient(trust_env=False) as stranger:
            refused = await stranger.get(
                f"{service.url}/status", headers={"accept": "application/json", **header}
            )
        problem(refused, 401)
        assert refused.headers["www-authenticate"].startswith("Bearer")

    body = b'{"id":"0d8f3f62-6a56-4a1c-8d3a-52bb4f1f6f5e"}'
    assert (await deliver(service, body, b"another secret")).status_code == 401
    assert (await deliver(service, body, WEBHOOK_SECRET.encode(), age_seconds=400_000)).status_code == 401
    huge = b"x" * (BODY_BYTES_MAX + 1)
    assert (await deliver(service, huge, WEBHOOK_SECRET.encode())).status_code == 413
    packed = await deliver(service, body, WEBHOOK_SECRET.encode(), encoding="gzip")
    assert packed.status_code == 415
    assert (await service.get("/v1/events"))["data"] == []

    retry = await http.post(f"{service.url}/v1/alerts/not-an-id/acknowledge", json={})
    assert retry.status_code in {404, 422}
    assert "Traceback" not in service.log.read_text()
    assert KEY not in service.log.read_text()


def problem(response: httpx.Response, status: int) -> Mapping[str, object]:
    """Expect a problem (RFC 9457) of a status, which says nothing of our inside."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content: Mapping[str, object] = response.json()
    assert content["status"] == status
    assert content["title"]
    assert not re.search(r"Traceback|File \"|asyncpg|starlette", response.text)
    return content


async def deliver(
    service: Service, body: bytes, secret: bytes, *, age_seconds: int = 0, encoding: str | None = None
) -> httpx.Response:
    """Deliver a webhook signed with a secret."""
    at = int(time.time()) - age_seconds
    signature = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"tesouro-signature": f"t={at},v1={signature}", "content-type": "application/json"}
    if encoding:
        headers["content-encoding"] = encoding
    return await service.http.post(f"{service.url}/webhooks/hub", content=body, headers=headers)


@asynccontextmanager
async def old_postgres() -> AsyncIterator[int]:
    """Speak just enough of Postgres' protocol to let somebody in and say that this is version 13."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length, code) = struct.unpack("!ii", await reader.readexactly(8))
            if code == 80_877_103:  # asks for TLS
                writer.write(b"N")
                (length, code) = struct.unpack("!ii", await reader.readexactly(8))
            await reader.readexactly(length - 8)
            writer.write(b"R" + struct.pack("!ii", 8, 0))
            for name, value in (("server_version", "13.18"), ("client_encoding", "UTF8")):
                text = f"{name}\0{value}\0".encode()
                writer.write(b"S" + struct.pack("!i", 4 + len(text)) + text)
            writer.write(b"K" + struct.pack("!iii", 12, 1, 1))
            writer.write(b"Z" + struct.pack("!i", 5) + b"I")
            await writer.drain()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_worker_answers_its_probes_alone(stage: Stage, database_url: str) -> None:
    """A replica without the web side answers probes and metrics, and 404 to everything else."""
    hub = await stage.simulator(organizations=1, documents=1)
    service = stage.service(hub, database_url, roles="worker")
    await service.start()
    assert (await service.http.get(f"{service.url}/livez")).status_code == 200
    assert "tieout_" in (await service.http.get(f"{service.url}/metrics")).text
    problem(await service.http.get(f"{service.url}/status"), 404)
