"""Guessing slows down whoever guesses: a right key opens, also for the first time from there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp

from service.settings import KEY_CHARACTERS_MIN, Role
from service.store.database import Database
from service.web.authentication import COOKIE
from service.web.guessing import REFILL_SECONDS, WRONG_MAX
from service.web.keys import make_login_code
from service.web.routes import build
from tests.web.builders import KEYS, client, settings

CHOSEN = "c" * KEY_CHARACTERS_MIN
SHORT = "c" * (KEY_CHARACTERS_MIN - 1)


@pytest.fixture
def app(database: Database) -> ASGIApp:
    """The application, with one key of 128 bits in its settings and one that is a character short of them."""
    given = settings(api_keys=f"chosen:viewer:{CHOSEN},short:viewer:{SHORT}")
    return build(settings=given, database=database, replica_id="r", version="1")


@pytest.fixture
async def caller(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    """A client from whose address somebody has guessed too often since the service started."""
    async with client(app) as found:
        for number in range(WRONG_MAX):
            assert await tried(found, f"guess-{number}") == 401
        yield found


async def tried(caller: httpx.AsyncClient, key: str) -> int:
    """How a key is answered."""
    return (await caller.get("/v1/records", headers={"authorization": f"Bearer {key}"})).status_code


async def test_a_chosen_key_is_locked_out_by_nobody(caller: httpx.AsyncClient) -> None:
    """A key of the settings that is long enough opens for the first time too, by header and by form."""
    assert await tried(caller, CHOSEN) == 200
    assert (await caller.post("/login", data={"key": CHOSEN})).status_code == 303


async def test_whoever_guesses_stays_limited(caller: httpx.AsyncClient) -> None:
    """Long guesses are refused like short ones, also after a right key came from the same address."""
    assert await tried(caller, CHOSEN) == 200
    for guess in ("guess", CHOSEN[:-1] + "d", KEYS["operator"], "g" * 10_000):
        assert await tried(caller, guess) == 429


async def test_a_short_key_can_be_guessed_and_has_to_wait(caller: httpx.AsyncClient) -> None:
    """What can be guessed is not tried while somebody guesses, or guessing it would be as fast as asking."""
    answer = await caller.get("/v1/records", headers={"authorization": f"Bearer {SHORT}"})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= REFILL_SECONDS


async def test_a_login_link_is_locked_out_by_nobody(caller: httpx.AsyncClient, database: Database) -> None:
    """The code of a link has 256 bits: it opens its session whoever guesses, and wrong ones open none."""
    code = await make_login_code(database, Role.OPERATOR, 10)
    assert (await caller.get("/login?once=guess")).status_code == 401
    answer = await caller.get(f"/login?once={code}")
    assert (answer.status_code, COOKIE in answer.cookies) == (200, True)
