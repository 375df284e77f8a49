"""Who may ask: keys known by digest, sessions that die with them, and guessing that gets nowhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.types import ASGIApp

from service.settings import Role
from service.store.access import mark_api_key_revoked
from service.store.database import Database
from service.web.authentication import COOKIE, SESSION_LIFETIME
from service.web.guessing import KNOWN_MAX, REFILL_SECONDS, SOURCES_MAX, WRONG_MAX, GuessLimit
from service.web.keys import create_key, digest_of, ensure_first_key, make_login_code, new_key
from service.web.routes import build
from tests.web.builders import KEYS, ORGANIZATION, add_alert, add_organization, client, settings


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"authorization": f"Bearer {key}"}


async def test_a_key_of_our_table_opens_until_it_is_revoked(app: ASGIApp, database: Database) -> None:
    """A made key works, is stored as a digest only, takes a free name, and is dead once revoked."""
    key = await create_key(database, name="ci", role=Role.VIEWER)
    assert key is not None
    assert re.fullmatch(r"tieout_[\w-]{43}", key)
    assert await create_key(database, name="ci", role=Role.OPERATOR) is None
    async with client(app, **bearer(key)) as caller:
        assert (await caller.get("/v1/records")).status_code == 200
        assert (await caller.post(f"/v1/alerts/{uuid4()}/acknowledge")).status_code == 403
        assert key not in await dump(database)
        async with database.fleet() as connection:
            assert await mark_api_key_revoked(connection, "ci")
        assert (await caller.get("/v1/records")).status_code == 401
    assert await create_key(database, name="ci", role=Role.VIEWER) is not None


async def dump(database: Database) -> str:
    """Everything in the tables of access, as text."""
    async with database.fleet(readonly=True) as connection:
        tables = [await connection.fetch(f"SELECT * FROM {name}") for name in ("api_keys", "sessions")]  # noqa: S608
    return str([[tuple(row) for row in table] for table in tables])


async def test_a_key_bound_to_an_organization_sees_it_alone(app: ASGIApp, database: Database) -> None:
    """A key of our table that is bound to an organization lists that one, and has no metrics."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, uuid4(), "Birch")
    key = await create_key(database, name="alder", role=Role.VIEWER, organization_id=ORGANIZATION)
    async with client(app, **bearer(key or "")) as caller:
        assert [row["name"] for row in (await caller.get("/v1/organizations")).json()["data"]] == ["Alder"]
        assert (await caller.get("/metrics")).status_code == 404


NO_KEYS: Sequence[Any] = (
    [],
    [("authorization", "")],
    [("authorization", "Bearer")],
    [("authorization", "Bearer ")],
    [("authorization", f"Basic {KEYS['viewer']}")],
    [("authorization", f"Bearer {KEYS['viewer']} x")],
    [("authorization", f"Bearer {KEYS['viewer']}x")],
    [("authorization", f"Bearer {KEYS['viewer'].upper()}")],
    [("authorization", b"Bearer \xff\xfe")],
    [("authorization", f"Bearer {'x' * 10_000}")],
    [("authorization", f"Bearer {KEYS['viewer']}")] * 2,
    [("x-api-key", KEYS["viewer"])],
    [("cookie", f"{COOKIE}=guess")],
    [("cookie", f"{COOKIE}={KEYS['viewer']}")],
)


async def test_what_is_no_key_opens_nothing(app: ASGIApp, subtests: pytest.Subtests) -> None:
    """Without exactly one valid key the answer is 401 and says which scheme works."""
    async with client(app) as caller:
        for headers in NO_KEYS:
            with subtests.test(str(headers)[:60]):
                answer = await caller.get("/v1/records", headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == 'Bearer realm="tieout"'


async def test_the_scheme_is_written_in_any_case(app: ASGIApp) -> None:
    """`bearer` and `BEARER` carry a key as well."""
    async with client(app) as caller:
        for scheme in ("bearer", "BEARER"):
            headers = {"authorization": f"{scheme} {KEYS['viewer']}"}
            assert (await caller.get("/v1/records", headers=headers)).status_code == 200


async def test_a_key_in_the_address_is_no_key(app: ASGIApp) -> None:
    """A key in the query opens nothing: addresses end up in logs."""
    async with client(app) as caller:
        assert (await caller.get(f"/v1/records?key={KEYS['viewer']}")).status_code == 401


async def test_guessing_is_slowed_down_and_known_keys_keep_working(app: ASGIApp) -> None:
    """After too many wrong keys a source is answered 429, but for keys that were right before from there."""
    async with client(app) as caller:
        assert (await caller.get("/v1/records", headers=bearer(KEYS["viewer"]))).status_code == 200
        codes = [
            (await caller.get("/v1/records", headers=bearer(f"guess-{number}"))).status_code
            for number in range(WRONG_MAX + 5)
        ]
        assert codes == [401] * WRONG_MAX + [429] * 5
        limited = await caller.get("/v1/records", headers=bearer("guess"))
        assert 0 < int(limited.headers["retry-after"]) <= REFILL_SECONDS
        assert (await caller.get("/v1/records", headers=bearer(KEYS["viewer"]))).status_code == 200
        form = await caller.post("/login", data={"key": "guess"})
        assert form.status_code == 429


async def test_nobody_who_guesses_locks_others_out(app: ASGIApp, database: Database) -> None:
    """Behind one proxy a key that we made opens also for the first time while others guess there."""
    key = await create_key(database, name="ci", role=Role.VIEWER)
    assert key is not None
    async with client(app) as caller:
        for number in range(WRONG_MAX + 1):
            await caller.get("/v1/records", headers=bearer(f"guess-{number}"))
        assert (await caller.get("/v1/records", headers=bearer(new_key()))).status_code == 429
        assert (await caller.get("/v1/records", headers=bearer(key))).status_code == 200
        async with database.fleet() as connection:
            await mark_api_key_revoked(connection, "ci")
        assert (await caller.get("/v1/records", headers=bearer(key))).status_code == 401


def test_the_table_of_guessers_is_bounded_and_forgives() -> None:
    """Guesses come back with time, and neither sources nor remembered keys grow without end."""
    clock = [0.0]
    limit = GuessLimit(lambda: clock[0])
    for _ in range(WRONG_MAX):
        assert limit.wait_seconds("a", b"x") == 0
        limit.was_wrong("a")
    assert limit.wait_seconds("a", b"x") == REFILL_SECONDS
    clock[0] += REFILL_SECONDS
    assert limit.wait_seconds("a", b"x") == 0
    for number in range(KNOWN_MAX + 1):
        limit.was_right("a", bytes([number]))
    assert len(limit._sources["a"].known) == KNOWN_MAX
    for number in range(SOURCES_MAX + 1):
        limit.was_wrong(str(number))
    assert len(limit._sources) == SOURCES_MAX


async def test_the_first_key_is_made_once(database: Database) -> None:
    """Where no key exists one operator key is made and told once; afterwards none is."""
    key = await ensure_first_key(database)
    assert await ensure_first_key(database) is None
    app = build(settings=settings(api_keys=""), database=database, replica_id="r", version="1")
    async with client(app, **bearer(key or "")) as caller:
        assert (await caller.post(f"/v1/alerts/{uuid4()}/acknowledge")).status_code == 404


async def sign_in(caller: httpx.AsyncClient, key: str = KEYS["operator"], **fields: str) -> httpx.Response:
    """Type a key into the form."""
    return await caller.post("/login", data={"key": key, **fields})


async def test_a_session_lasts_until_signed_out(app: ASGIApp, database: Database) -> None:
    """Signing in gives a cookie that scripts cannot read; signing out ends it on our side too."""
    async with client(app) as caller:
        answer = await sign_in(caller)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= set(cookie.split("; "))
        assert "secure" not in cookie
        token = caller.cookies[COOKIE]
        assert token not in await dump(database)
        page = await caller.get("/")
        assert page.status_code == 200
        gone = await caller.post("/logout", data={"csrf_token": csrf_of(page)})
        assert (gone.status_code, gone.headers["location"]) == (303, "/login")
        assert (await caller.get("/", headers={"cookie": f"{COOKIE}={token}"})).status_code == 303


def csrf_of(page: httpx.Response) -> str:
    """The token that a page's forms carry."""
    match = re.search(r'name="csrf_token" value="([\w-]+)"', page.text)
    assert match
    return match[1]


async def test_over_https_the_cookie_is_secure(database: Database) -> None:
    """A service that people reach by https sends its cookie over nothing else, and says so for the future."""
    secure = settings(public_url="https://tieout.example")
    app = build(settings=secure, database=database, replica_id="r", version="1")
    async with client(app) as caller:
        answer = await sign_in(caller)
    assert "secure" in answer.headers["set-cookie"].lower().split("; ")
    assert answer.headers["strict-transport-security"]


async def test_a_session_dies_with_its_key(app: ASGIApp, database: Database) -> None:
    """Revoking a key ends the sessions that were opened with it, and a key gone from the settings as well."""
    key = await create_key(database, name="ada", role=Role.OPERATOR)
    async with client(app) as caller:
        await sign_in(caller, key or "")
        assert (await caller.get("/")).status_code == 200
        async with database.fleet() as connection:
            await mark_api_key_revoked(connection, "ada")
        assert (await caller.get("/")).status_code == 303
    async with client(app) as caller:
        await sign_in(caller)
        without = build(settings=settings(api_keys=""), database=database, replica_id="r", version="1")
        async with client(without, cookie=f"{COOKIE}={caller.cookies[COOKIE]}") as other:
            assert (await other.get("/")).status_code == 303


async def test_an_expired_session_opens_nothing(app: ASGIApp, database: Database) -> None:
    """After its hours a session is over."""
    async with client(app) as caller:
        await sign_in(caller)
        database.clock_offset = SESSION_LIFETIME
        assert (await caller.get("/")).status_code == 303


async def test_a_wrong_key_is_told_on_the_form(app: ASGIApp) -> None:
    """A wrong key gives the form again with the reason, no cookie, and never the key."""
    async with client(app) as caller:
        answer = await sign_in(caller, "<b>wrong</b>")
    assert answer.status_code == 401
    assert "not valid" in answer.text
    assert "wrong</b>" not in answer.text
    assert "set-cookie" not in answer.headers


TARGETS = {
    "/records": "/records",
    "/records?cause=period_locked&as_of=2026-11-01T00%3A00%3A00Z": (
        "/records?cause=period_locked&as_of=2026-11-01T00%3A00%3A00Z"
    ),
    "/?next=//evil.example": "/?next=//evil.example",
    "?//evil.example": "/",
    "//evil.example?/records": "/",
    '/records?"><script>': "/",
    "/records?a=\r\nset-cookie: x=y": "/",
    f"/records?a={'x' * 3_000}": "/",
    "//evil.example": "/",
    "https://evil.example": "/",
    "/\\evil.example": "/",
    "/a\r\nset-cookie: x=y": "/",
    "javascript:alert(1)": "/",
    "": "/",
}


async def test_signing_in_leads_nowhere_else(app: ASGIApp) -> None:
    """After signing in one goes to a page of ours, whatever the form says."""
    async with client(app) as caller:
        for target, location in TARGETS.items():
            answer = await sign_in(caller, next=target)
            assert (answer.status_code, answer.headers["location"]) == (303, location), target


async def test_an_action_needs_the_token_of_its_session(app: ASGIApp, database: Database) -> None:
    """With a cookie alone nothing can be done: not without the token, nor with that of another session."""
    alert = await add_alert(database)
    path = f"/alerts/{alert.alert_id}/acknowledge"
    async with client(app) as ada, client(app) as eve:
        await sign_in(ada)
        await sign_in(eve)
        foreign = csrf_of(await eve.get("/"))
        for data in ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": foreign}):
            assert (await ada.post(path, data=data)).status_code == 403, data
        api = f"/v1{path}"
        assert (await ada.post(api)).status_code == 403
        own = csrf_of(await ada.get("/"))
        cross = {"sec-fetch-site": "cross-site"}
        assert (await ada.post(path, data={"csrf_token": own}, headers=cross)).status_code == 403
        assert (await ada.post(api, headers={"x-csrf-token": own})).status_code == 200
        done = await ada.post(path, data={"csrf_token": own})
        assert (done.status_code, done.headers["location"]) == (303, f"/alerts/{alert.alert_id}")
        assert "Taken on by operator" in (await ada.get("/alerts")).text


async def test_a_form_from_another_site_signs_nobody_in(app: ASGIApp) -> None:
    """Another site cannot have a browser sign in with a key of its choice."""
    async with client(app) as caller:
        answer = await caller.post(
            "/login", data={"key": KEYS["viewer"]}, headers={"sec-fetch-site": "cross-site"}
        )
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_a_login_link_works_once(app: ASGIApp, database: Database) -> None:
    """A link opens one session, with its role; looking at it by HEAD does not use it up."""
    code = await make_login_code(database, Role.OPERATOR, 10)
    async with client(app) as caller:
        assert (await caller.head(f"/login?once={code}")).status_code == 200
        answer = await caller.get(f"/login?once={code}")
        assert (answer.status_code, COOKIE in answer.cookies) == (200, True)
        assert 'content="0; url=/"' in answer.text
        assert "login-link" in (await caller.get("/")).text
    async with client(app) as second:
        answer = await second.get(f"/login?once={code}")
        assert (answer.status_code, COOKIE in answer.cookies) == (401, False)


async def test_a_login_link_grows_old(app: ASGIApp, database: Database) -> None:
    """A link that was not used in its minutes opens nothing, and its code is nowhere in the tables."""
    code = await make_login_code(database, Role.OPERATOR, 10)
    async with database.fleet() as connection:
        assert await connection.fetchval("SELECT digest FROM login_codes") == digest_of(code)
    database.clock_offset = timedelta(minutes=10)
    async with client(app) as caller:
        assert (await caller.get(f"/login?once={code}")).status_code == 401


async def test_a_person_without_session_is_led_to_the_form(app: ASGIApp) -> None:
    """Pages lead to the form and back; the API does not."""
    async with client(app) as caller:
        answer = await caller.get("/organizations")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/organizations")
        assert (await caller.get(f"/login?next=/{'x' * 3_000}")).status_code == 200, "it leads to the start"
        form = await caller.get("/login?next=/organizations")
        assert 'value="/organizations"' in form.text
        answer = await caller.get("/records?cause=period_locked&state=blocked")
        form = await caller.get(answer.headers["location"])
        assert 'value="/records?cause=period_locked&amp;state=blocked"' in form.text
        answer = await caller.get(f"/records?after={'x' * 10_000}")
        assert answer.headers["location"] == "/login?next=/records"
        assert (await caller.get("/v1/organizations")).status_code == 401


@pytest.mark.parametrize("target", TARGETS)
async def test_who_comes_from_elsewhere_asks_again_from_here(app: ASGIApp, target: str) -> None:
    """A browser sends no cookie along from another site: a page of ours sends it on, and to us alone."""
    async with client(app) as caller:
        there = {"sec-fetch-site": "cross-site"}
        door = await caller.get("/login", params={"next": target}, headers=there)
        assert door.status_code == 200
        assert f'content="0; url={html.escape(TARGETS[target])}"' in door.text
        assert 'name="key"' not in door.text
        here = {"sec-fetch-site": "same-origin"}
        assert 'name="key"' in (await caller.get("/login", params={"next": target}, headers=here)).text
        assert 'name="key"' in (await caller.get("/login", headers=there)).text
