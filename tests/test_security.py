"""Security checks that belong to no single part; `docs/security.md` says which test shows which promise."""

from __future__ import annotations

import ast
import hmac
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from service import logs
from service.errors import DatabaseUnreachable
from service.store.database import Database
from service.web import signature
from service.web.routes import build
from service.web.table import ROUTES
from tests.web.builders import SECRET, client, encoded, event, fill, settings, signed

CHECKS = 22


def test_every_check_names_tests_that_exist(project: Path) -> None:
    """The table of `docs/security.md` has every check, and each test that it names is there."""
    text = (project / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, CHECKS + 1))
    for number, cell in rows:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", cell)
        assert named, f"check {number} names no test"
        for file, name in named:
            tree = ast.parse((project / file).read_text())
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
            assert name in {each.name for each in tree.body if isinstance(each, kinds)}, f"{file}::{name}"


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every live secret is compared by `compare_digest`, also when an earlier one fits."""
    compared: list[bool] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append(hmac.compare_digest(left, right))
        return compared[-1]

    class Spy:
        new = staticmethod(hmac.new)
        digest = staticmethod(hmac.digest)
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(signature, "hmac", Spy)
    body = encoded(event())
    [(_, value)] = [each for each in signed(body).items() if each[0].lower().endswith("signature")]
    found = signature.find([(b"tesouro-signature", value.encode())], [b"tesouro-signature"])
    signature.require_authentic(
        found, body, signature.keyed([SECRET.encode(), b"another", b"a third"], "sha256")
    )
    assert sorted(compared) == [False, False, True]


MAKE_CLIENTS = {"AsyncClient", "Client", "get", "post", "request", "stream"}

DIALLING = {
    "service/channels/post.py": "alerts, to addresses of the settings, judged before they are dialled",
    "service/hub/exchange.py": "the hub, at the address of the settings",
    "service/demo/service_api.py": "the demo's own service, on loopback",
    "service/demo/world.py": "the demo's own simulated hub, on loopback",
    "service/simulator/delivery.py": "the simulated hub's webhooks",
}
"""Who may open connections by HTTP, and to whom."""


def test_few_modules_can_dial(project: Path) -> None:
    """An HTTP client is made in a few named modules alone, and none of them follows redirects."""
    dialling = set()
    for path, tree in sources(project):
        for call in calls(tree):
            if owner_of(call) == "httpx" and name_of(call) in MAKE_CLIENTS:
                dialling.add(path)
                followed = {each.arg: ast.unparse(each.value) for each in call.keywords}
                assert followed.get("follow_redirects", "False") == "False", path
            assert name_of(call) != "urlopen", path
    assert dialling == set(DIALLING)


RAW_SQL = {
    "service/store/migrate.py": "runs the files of sql/migrations",
    "service/store/database.py": "sets up sessions and scopes",
    "service/commands/inspection.py": "asks for the server's version",
}
"""Modules whose SQL is not a named query; it holds no values all the same."""


def test_no_sql_is_put_together(project: Path) -> None:
    """Whatever is sent to Postgres is a named query, or a constant: no value is ever written into it."""
    asked = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "cursor", "prepare"}
    seen = 0
    for path, tree in sources(project):
        if path == "service/store/migrate.py" or "simulator" in path:
            continue
        for call in calls(tree):
            if name_of(call) not in asked or not call.args or "connection" not in owner_of(call):
                continue
            seen += 1
            sql = call.args[0]
            is_named = isinstance(sql, ast.Subscript) and ast.unparse(sql.value) == "QUERY"
            is_constant = isinstance(sql, ast.Constant) or (isinstance(sql, ast.Name) and path in RAW_SQL)
            assert is_named or is_constant, f"{path}:{call.lineno} {ast.unparse(sql)}"
    assert seen > 100


def sources(project: Path) -> Iterator[tuple[str, ast.Module]]:
    """Every module of the service, by its path."""
    for path in sorted((project / "service").rglob("*.py")):
        yield path.relative_to(project).as_posix(), ast.parse(path.read_text())


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    """Every call in a module."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def name_of(call: ast.Call) -> str:
    """What is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def owner_of(call: ast.Call) -> str:
    """On what it is called."""
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


FORBIDDEN = (
    "CREATE TABLE tieout.mine (x int)",
    "ALTER TABLE tieout.records ADD COLUMN mine int",
    "DROP TABLE tieout.records",
    "ALTER TABLE tieout.records DISABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON tieout.records USING (true)",
    "CREATE FUNCTION tieout.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "TRUNCATE tieout.attempts",
    "DELETE FROM tieout.attempts",
    "UPDATE tieout.evidence SET kind = 'named_person'",
    "DELETE FROM tieout.paper_trail",
    "UPDATE tieout.sign_offs SET act = 'approved'",
    "CREATE ROLE mine SUPERUSER",
)


async def test_the_role_of_the_service_can_change_no_schema(database: Database) -> None:
    """The role that the service works as owns nothing, and may change neither schema nor paper trail."""
    async with database.fleet() as connection:
        owned = await connection.fetchval(
            "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user"
        )
        able = await connection.fetch(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb "
            "FROM pg_roles WHERE rolname = current_user"
        )
    assert owned == 0
    assert [list(row) for row in able] == [[False] * 4]
    for statement in FORBIDDEN:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, DatabaseUnreachable)):
            async with database.fleet() as connection:
                await connection.execute(statement)


PLANTED = {
    "hub_client_id": "partner",
    "hub_client_secret": "planted-hub-secret-0123456789",
    "webhook_secrets": f"{SECRET},planted-webhook-secret-0123456789",
    "api_keys": "root:approver:planted-key-of-root-0123456789",
    "alert_channels": "webhook+https://user:planted-password-01@alerts.example/x?secret=planted-channel-secret-01",
    "database_url": "postgresql://tieout:planted-database-password@db.example/tieout",
}


async def test_planted_secrets_are_never_told(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is asked, rightly or wrongly, no answer, header or line of the log holds a secret."""
    given = settings(**PLANTED)
    logs.configure(logs.Masker(given.secrets()))
    key = "planted-key-of-root-0123456789"
    await fill(database)
    app = build(settings=given, database=database, replica_id="web-1", version="1")
    told: list[str] = []

    async def ask(caller: httpx.AsyncClient, method: str, path: str, **options: object) -> None:
        answer = await caller.request(method, path, **options)  # type: ignore[arg-type]
        told.append(f"{answer.status_code} {answer.text} {answer.headers!r}")

    async with client(app, authorization=f"Bearer {key}") as caller, client(app) as stranger:
        for route in ROUTES:
            path = re.sub(r"{\w+:uuid}", "3f2a9c1e-0000-4000-8000-000000000000", route.path)
            path = re.sub(r"{\w+}", "2026-10", path)
            for accept in ("application/json", "text/html"):
                await ask(caller, route.method, path, headers={"accept": accept}, json={"secret": key})
                await ask(caller, route.method, f"{path}?nonsense=1", headers={"accept": accept})
        body = encoded(event(description=SECRET))
        await ask(stranger, "POST", "/webhooks/hub", content=body, headers=signed(body, secret="wrong"))
        await ask(stranger, "POST", "/webhooks/hub", content=body, headers=signed(body))
        await ask(stranger, "POST", "/login", data={"key": "wrong"})
        await database.close()
        await ask(caller, "GET", "/v1/records")
        await ask(caller, "GET", "/readyz")
    written = "".join(capsys.readouterr())
    assert "request_" in written
    for secret in given.secrets():
        assert not [each for each in (written, *told) if secret in each]
