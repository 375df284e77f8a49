"""One token for all: fetched once at a time, renewed in time, never asked for in a frenzy."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs

import httpx
import pytest

from service.errors import Fate, HubError, HubFailure
from service.hub.exchange import Answer
from service.hub.signing_in import Credentials
from service.hub.tokens import REFUSED_RETRY_SECONDS, Token, Tokens
from tests.hub.scripted_hub import BASE_URL, ScriptedHub, error, sample


class Source:
    """Gives tokens when told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.failure: HubError | None = None
        self.body: object = None
        self.now = 1000.0

    async def fetch(self) -> Answer:
        """Answer as the hub would."""
        self.asked += 1
        number = self.asked
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        granted = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 1800}
        body = granted if self.body is None else self.body
        return Answer(200, httpx.Headers(), json.dumps(body).encode())

    def tokens(self) -> Tokens:
        """Give what is tested."""
        return Tokens(self.fetch, clock=lambda: self.now)


def refused() -> HubError:
    """Give the failure of wrong credentials."""
    return HubError("no", failure=HubFailure.UNAUTHORIZED, fate=Fate.NOT_SENT, http_status=401)


async def test_a_hundred_callers_share_one_renewal() -> None:
    """Whoever comes while a token is fetched waits for that one."""
    source = Source()
    source.open.clear()
    tokens = source.tokens()
    waiting = [asyncio.create_task(tokens.get()) for _ in range(100)]
    await asyncio.sleep(0)
    source.open.set()
    assert {token.text for token in await asyncio.gather(*waiting)} == {"token-1"}
    assert source.asked == 1


async def test_a_token_is_used_until_shortly_before_its_end() -> None:
    """The stated life counts, less a minute."""
    source = Source()
    tokens = source.tokens()
    first = await tokens.get()
    source.now += 1739
    assert await tokens.get() is first
    source.now += 2
    assert (await tokens.get()).text == "token-2"


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [(3600, 3600), (10, 10), (10**12, 86_400), ("soon", 300), (None, 300), (0, 300), (-5, 300), ({}, 300)],
)
async def test_the_stated_life_is_kept_within_reason(expires_in: object, life: float) -> None:
    """Nonsense in place of a life gives a short one; a token is good for a day at most."""
    source = Source()
    source.body = {"access_token": "t", "expires_in": expires_in}
    assert (await source.tokens().get()).ends_at == source.now + life


async def test_a_good_token_outlives_a_failed_renewal() -> None:
    """While the old token still holds, trouble at the sign-in is nobody's trouble."""
    source = Source()
    tokens = source.tokens()
    first = await tokens.get()
    source.failure = refused()
    source.now += 1750
    assert await tokens.get() is first
    source.now += 51
    with pytest.raises(HubError):
        await tokens.get()


async def test_wrong_credentials_are_not_repeated_in_a_frenzy() -> None:
    """A refusal is told to all for a while, without asking again; afterwards it is tried once more."""
    source = Source()
    source.failure = refused()
    tokens = source.tokens()
    outcomes = await asyncio.gather(*(tokens.get() for _ in range(50)), return_exceptions=True)
    assert all(isinstance(outcome, HubError) for outcome in outcomes)
    for _ in range(50):
        with pytest.raises(HubError):
            await tokens.get()
    assert source.asked == 1
    source.now += REFUSED_RETRY_SECONDS
    source.failure = None
    assert (await tokens.get()).text == "token-2"


async def test_whatever_befalls_the_sign_in_the_call_was_not_sent() -> None:
    """An uncertain renewal leaves no doubt about the request that needed it."""
    source = Source()
    source.failure = HubError("late", failure=HubFailure.TIMEOUT, fate=Fate.UNCERTAIN)
    with pytest.raises(HubError) as caught:
        await source.tokens().get()
    assert caught.value.fate is Fate.NOT_SENT


async def test_a_cancelled_caller_does_not_cancel_the_renewal() -> None:
    """The others get the token that the cancelled one had asked for."""
    source = Source()
    source.open.clear()
    tokens = source.tokens()
    first, second = asyncio.create_task(tokens.get()), asyncio.create_task(tokens.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    source.open.set()
    assert (await second).text == "token-1"
    assert source.asked == 1


async def test_a_discarded_token_is_replaced_once() -> None:
    """Of many callers whose token was refused only the first has it replaced."""
    source = Source()
    tokens = source.tokens()
    old = await tokens.get()
    tokens.discard(old)
    new = await tokens.get()
    tokens.discard(old)
    assert await tokens.get() is new


async def test_closing_ends_a_renewal() -> None:
    """Nothing runs on after the end."""
    source = Source()
    source.open.clear()
    tokens = source.tokens()
    waiting = asyncio.create_task(tokens.get())
    await asyncio.sleep(0)
    await tokens.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": ""},
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": 7},
        {"access_token": "é"},
        [1],
    ],
)
async def test_what_is_no_token_is_refused(body: object) -> None:
    """Nothing that could not stand in a header becomes a token."""
    source = Source()
    source.body = body
    with pytest.raises(HubError) as caught:
        await source.tokens().get()
    assert caught.value.failure is HubFailure.UNREADABLE


def test_tokens_and_secrets_do_not_show() -> None:
    """Neither appears where objects are printed."""
    credentials = Credentials(client_id="me", client_secret="canary", token_url="https://x/auth/token")
    assert "canary" not in repr(credentials)
    assert "canary" not in repr(Token("canary", 0, 0))


async def test_the_json_grant(scripted: ScriptedHub) -> None:
    """The documented JSON form: body, version header, no organization."""
    scripted.grants_so(sample("token"))
    await scripted.hub().sign_in()
    request = scripted.grants[0]
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/auth/token")
    assert json.loads(request.content) == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": "canary-secret",
    }
    assert request.headers["X-Finops-Version"] == "2025-06-23"
    assert "X-Organization-Id" not in request.headers


async def test_the_form_grant(scripted: ScriptedHub) -> None:
    """An address that ends in /connect/token is sent the same fields as a form."""
    url = "https://sign-in.test/openid/connect/token"
    credentials = Credentials(client_id="client", client_secret="a&b=c é", token_url=url)
    await scripted.hub(credentials=credentials).sign_in()
    request = scripted.grants[0]
    assert str(request.url) == url
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": ["a&b=c é"],
    }


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, error("canary-secret is wrong")),
        (400, {"error": "invalid_client", "error_description": "canary-secret"}),
        (422, {"detail": [{"loc": ["body", "client_id"], "msg": "canary-secret", "type": "uuid"}]}),
        (403, {"anything": "canary-secret"}),
    ],
)
async def test_refused_credentials_tell_what_to_check(
    scripted: ScriptedHub, status: int, body: object
) -> None:
    """The error names the settings, not the secret, whatever the answer quotes."""
    scripted.grants_so(body, status)
    with pytest.raises(HubError, match="TIEOUT_HUB_CLIENT_SECRET") as caught:
        await scripted.hub().sign_in()
    assert caught.value.failure is HubFailure.UNAUTHORIZED
    assert "canary" not in str(caught.value)
    assert len(scripted.grants) == 1


async def test_trouble_at_the_sign_in_is_met_once_more(scripted: ScriptedHub) -> None:
    """A server error or a broken connection is no refusal: one repetition, then the token."""
    scripted.grants_so("<html>", 503)
    await scripted.hub().sign_in()
    scripted.breaks_sign_in(httpx.ConnectError("refused"))
    await scripted.hub().sign_in()
    assert len(scripted.grants) == 4
