"""One call from end to end: what is sent again, what is said of what failed, what others hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Fate, HubError, HubFailure
from service.hub.budget import Budget, single_process
from service.hub.client import Hub
from service.hub.dialect import Dialect
from tests.hub.scripted_hub import (
    ORGANIZATION,
    OTHER_ORGANIZATION,
    RECORD,
    REQUESTS_PER_SECOND,
    ScriptedHub,
    error,
    sample,
)

HTML = b"<html>502 Bad Gateway</html>"
EXPIRED = error("The token has been expired.")


async def read(hub: Hub) -> Any:
    """Make a call that reads."""
    return await hub.record(ORGANIZATION, RECORD)


async def push(hub: Hub) -> Any:
    """Make the call that is sent once."""
    return await hub.push(ORGANIZATION, RECORD)


async def change(hub: Hub) -> Any:
    """Make another call that changes something."""
    return await hub.create_connection(ORGANIZATION)


async def failure(call: Awaitable[Any]) -> HubError:
    """Give the error of a call that must fail."""
    with pytest.raises(HubError) as caught:
        await call
    return caught.value


READ_ONCE_MORE: list[Callable[[ScriptedHub], None]] = [
    lambda hub: hub.says(status=503, content=HTML),
    lambda hub: hub.says(error("oops"), 500),
    lambda hub: hub.says(content=HTML),
    lambda hub: hub.says(content=b'{"id": "cut o'),
    lambda hub: hub.says({"nonsense": 1}),
    lambda hub: hub.breaks(httpx.ConnectError("refused")),
    lambda hub: hub.breaks(httpx.RemoteProtocolError("cut off")),
    lambda hub: hub.says(error("no"), 401),
    lambda hub: hub.says(EXPIRED, 400),
    lambda hub: hub.says({"message": "API rate limit exceeded"}, 429, {"Retry-After": "0.01"}),
]


@pytest.mark.parametrize("trouble", READ_ONCE_MORE)
async def test_a_read_is_asked_once_more(
    scripted: ScriptedHub, trouble: Callable[[ScriptedHub], None]
) -> None:
    """Passing trouble costs a read one repetition."""
    trouble(scripted)
    scripted.says(sample("record_pushed"))
    assert (await read(scripted.hub())).id == RECORD
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("trouble", READ_ONCE_MORE)
async def test_a_read_is_not_asked_thrice(
    scripted: ScriptedHub, trouble: Callable[[ScriptedHub], None]
) -> None:
    """Trouble that stays is told after the second time: calls are scarce."""
    trouble(scripted)
    trouble(scripted)
    await failure(read(scripted.hub()))
    assert len(scripted.requests) == 2


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_refused_read_is_not_repeated(scripted: ScriptedHub, status: int) -> None:
    """What the hub refused it would refuse again."""
    scripted.says(error("no"), status)
    assert (await failure(read(scripted.hub()))).http_status == status
    assert len(scripted.requests) == 1


async def test_a_read_that_hung_is_not_repeated(scripted: ScriptedHub) -> None:
    """Whoever hangs would hold its caller twice as long."""
    scripted.breaks(httpx.ReadTimeout("silence"))
    assert (await failure(read(scripted.hub()))).failure is HubFailure.TIMEOUT
    assert len(scripted.requests) == 1


async def test_a_long_silence_is_for_the_scheduler(scripted: ScriptedHub) -> None:
    """A throttled read is told at once when the wait is long, and so is every call within it, unsent."""
    budget = Budget(single_process(REQUESTS_PER_SECOND))
    hub = scripted.hub(budget=budget)
    scripted.says({"message": "API rate limit exceeded"}, 429, {"Retry-After": "90"})
    first = await failure(read(hub))
    assert (first.failure, first.fate, first.retry_after_seconds) == (
        HubFailure.THROTTLED,
        Fate.NOT_SENT,
        90.0,
    )
    second = await failure(push(hub))
    assert (second.failure, second.fate) == (HubFailure.THROTTLED, Fate.NOT_SENT)
    assert 80 < (second.retry_after_seconds or 0) <= 90
    assert len(scripted.requests) == 1


PUSH_FATES: list[tuple[Callable[[ScriptedHub], None], Fate]] = [
    (lambda hub: hub.says(error("no"), 401), Fate.NOT_SENT),
    (lambda hub: hub.says(EXPIRED, 400), Fate.NOT_SENT),
    (lambda hub: hub.says({"message": "API rate limit exceeded"}, 429, {"Retry-After": "0"}), Fate.NOT_SENT),
    (lambda hub: hub.breaks(httpx.ConnectError("refused")), Fate.NOT_SENT),
    (lambda hub: hub.breaks(httpx.ConnectTimeout("silence")), Fate.NOT_SENT),
    (lambda hub: hub.breaks(httpx.PoolTimeout("full")), Fate.NOT_SENT),
    (lambda hub: hub.says(error("no"), 403), Fate.REFUSED),
    (lambda hub: hub.says(error("no"), 404), Fate.REFUSED),
    (lambda hub: hub.says(error("no"), 405), Fate.REFUSED),
    (lambda hub: hub.says({"detail": [{"loc": [], "msg": "no", "type": "x"}]}, 422), Fate.REFUSED),
    (lambda hub: hub.says(error("pending"), 409), Fate.UNCERTAIN),
    (lambda hub: hub.says(error("oops"), 500), Fate.UNCERTAIN),
    (lambda hub: hub.says(status=503, content=HTML), Fate.UNCERTAIN),
    (lambda hub: hub.says(status=401, content=HTML), Fate.UNCERTAIN),
    (lambda hub: hub.says(status=404, content=HTML), Fate.UNCERTAIN),
    (lambda hub: hub.says(status=200, content=HTML), Fate.UNCERTAIN),
    (lambda hub: hub.says(status=200), Fate.UNCERTAIN),
    (lambda hub: hub.says(error("with a 200")), Fate.UNCERTAIN),
    (lambda hub: hub.says(content=b'{"id": "cut o'), Fate.UNCERTAIN),
    (lambda hub: hub.says({**sample("record_pushed"), "id": str(ORGANIZATION)}), Fate.UNCERTAIN),
    (lambda hub: hub.says({**sample("record_pushed"), "entity_id": str(OTHER_ORGANIZATION)}), Fate.UNCERTAIN),
    (
        lambda hub: hub.says(sample("record_pushed"), 200, {"X-Organization-Id": str(OTHER_ORGANIZATION)}),
        Fate.UNCERTAIN,
    ),
    (lambda hub: hub.says(status=302, headers={"Location": "https://evil.test/"}), Fate.UNCERTAIN),
    (lambda hub: hub.breaks(httpx.ReadTimeout("silence")), Fate.UNCERTAIN),
    (lambda hub: hub.breaks(httpx.WriteTimeout("silence")), Fate.UNCERTAIN),
    (lambda hub: hub.breaks(httpx.ReadError("reset")), Fate.UNCERTAIN),
    (lambda hub: hub.breaks(httpx.WriteError("reset")), Fate.UNCERTAIN),
    (lambda hub: hub.breaks(httpx.RemoteProtocolError("cut off")), Fate.UNCERTAIN),
    (lambda hub: hub.breaks(OSError("something")), Fate.UNCERTAIN),
]


@pytest.mark.parametrize(("trouble", "fate"), PUSH_FATES)
async def test_a_push_goes_out_once_and_its_fate_is_told(
    scripted: ScriptedHub, trouble: Callable[[ScriptedHub], None], fate: Fate
) -> None:
    """Whatever becomes of a push, it is not repeated, and nothing uncertain is called refused or unsent."""
    trouble(scripted)
    assert (await failure(push(scripted.hub()))).fate is fate
    assert len(scripted.requests) == 1


async def test_a_push_without_a_token_was_not_sent(scripted: ScriptedHub) -> None:
    """When the sign-in fails, however it fails, the push never left."""
    scripted.breaks_sign_in(httpx.ReadTimeout("silence"))
    assert (await failure(push(scripted.hub()))).fate is Fate.NOT_SENT
    assert scripted.requests == []


async def test_a_push_after_a_refused_token_has_a_new_one(scripted: ScriptedHub) -> None:
    """The push that was turned away is not repeated, but the next one signs in anew."""
    hub = scripted.hub()
    scripted.says(error("no"), 401)
    await failure(push(hub))
    scripted.says(sample("record_pushed"))
    await push(hub)
    assert [request.headers["Authorization"] for request in scripted.requests] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


async def test_a_push_without_budget_was_not_sent(scripted: ScriptedHub) -> None:
    """Trouble with the budget, or too long a queue for it, leaves no doubt."""

    async def broken(_: int) -> Any:
        raise ConnectionError("Postgres is gone")

    async def slow(_: int) -> Any:
        await asyncio.Event().wait()

    for reserve in (broken, slow):
        hub = scripted.hub(budget=Budget(reserve), patience_seconds=0.05)
        told = await failure(push(hub))
        assert (told.fate, told.http_status) == (Fate.NOT_SENT, None)
    assert scripted.requests == []
    assert scripted.grants == []


@pytest.mark.parametrize(("status", "body"), [(401, error("no")), (400, EXPIRED)])
async def test_what_was_turned_away_for_its_token_is_sent_again(
    scripted: ScriptedHub, status: int, body: Any
) -> None:
    """An expired token costs a sign-in, for calls that change something too: they were not carried out."""
    scripted.says(body, status)
    scripted.says(sample("connection_created"), 201)
    assert (await change(scripted.hub())).status == "pending_auth"
    assert len(scripted.grants) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        lambda hub: hub.says(status=503, content=HTML),
        lambda hub: hub.says(status=401, content=HTML),
        lambda hub: hub.says({"message": "too many"}, 429, {"Retry-After": "0"}),
        lambda hub: hub.breaks(httpx.ConnectError("refused")),
        lambda hub: hub.breaks(httpx.ReadError("reset")),
    ],
)
async def test_what_changes_something_is_not_repeated(
    scripted: ScriptedHub, trouble: Callable[[ScriptedHub], None]
) -> None:
    """Nothing but a refused token makes a call that changes something go out again."""
    trouble(scripted)
    await failure(change(scripted.hub()))
    assert len(scripted.requests) == 1


async def test_one_refused_token_costs_one_sign_in(scripted: ScriptedHub) -> None:
    """Callers whose tokens are refused together sign in once together."""
    hub = scripted.hub()
    scripted.expired.add("token-1")
    for _ in range(5):
        scripted.says(sample("record_pushed"))
    await asyncio.gather(*(read(hub) for _ in range(5)))
    assert len(scripted.grants) == 2


async def test_an_answer_about_another_organization_is_refused(scripted: ScriptedHub) -> None:
    """When the hub's own header names another tenant, nothing of the answer is believed, not even a 404."""
    headers = {"X-Organization-Id": str(OTHER_ORGANIZATION)}
    for _ in range(2):
        scripted.says({"data": [{"id": "1"}]}, headers=headers)
    hub = scripted.hub()
    told = await failure(hub.accounting_page(ORGANIZATION, "payables", offset=0, limit=5))
    assert told.failure is HubFailure.UNREADABLE
    for _ in range(2):
        scripted.says(error("no"), 404, headers)
    assert (await failure(hub.accounting_document(ORGANIZATION, "payables", "1"))).failure is (
        HubFailure.UNREADABLE
    )


async def test_the_organizations_own_header_is_fine(scripted: ScriptedHub) -> None:
    """The tenant comes back as it was sent, in whatever case."""
    scripted.says(sample("record_pushed"), headers={"X-Monite-Entity-Id": str(ORGANIZATION).upper()})
    await read(scripted.hub(Dialect.MONITE))


async def test_an_id_that_cannot_be_an_address_is_not_asked_for(scripted: ScriptedHub) -> None:
    """Ids of the books are free texts: what would lead elsewhere is not sent, the rest is encoded."""
    hub = scripted.hub()
    for odd in ("", ".", "..", "x" * 300, "\ud800"):
        told = await failure(hub.accounting_document(ORGANIZATION, "payables", odd))
        assert told.fate is Fate.NOT_SENT
    assert scripted.requests == []
    scripted.says({"id": "../a?b=c#d/é%2e"})
    await hub.accounting_document(ORGANIZATION, "payables", "../a?b=c#d/é%2e")
    assert scripted.requests[0].url.raw_path == b"/v1/accounting/payables/..%2Fa%3Fb%3Dc%23d%2F%C3%A9%252e"


async def test_a_spent_second_costs_a_slot(scripted: ScriptedHub) -> None:
    """When nothing remains of the hub's second, the next slot is let go by."""
    given_up: list[str] = []

    class Noting(Budget):
        def give_up_slot(self) -> None:
            given_up.append("slot")

    hub = scripted.hub(budget=Noting(single_process(REQUESTS_PER_SECOND)))
    scripted.says(sample("record_pushed"), headers={"RateLimit-Remaining": "1"})
    await read(hub)
    assert given_up == []
    scripted.says(sample("record_pushed"), headers={"RateLimit-Remaining": "0"})
    await read(hub)
    assert given_up == ["slot"]


async def test_every_exchange_is_told(scripted: ScriptedHub) -> None:
    """The observer hears of each exchange, the sign-in and repetitions too, in words without ids."""
    scripted.says(status=503, content=HTML)
    scripted.says(sample("record_pushed"))
    scripted.breaks(httpx.ReadTimeout("silence"))
    hub = scripted.hub()
    await read(hub)
    await failure(push(hub))
    told = [(call.endpoint, call.status, call.failure, call.fate) for call in scripted.finished]
    assert told == [
        ("sign_in", 200, None, None),
        ("get_record", 503, HubFailure.SERVER_ERROR, Fate.UNCERTAIN),
        ("get_record", 200, None, None),
        ("push_record", None, HubFailure.TIMEOUT, Fate.UNCERTAIN),
    ]
    assert all(call.seconds >= 0 for call in scripted.finished)


async def test_no_secret_shows_in_an_error(scripted: ScriptedHub) -> None:
    """Neither the secret nor the token stands in what is told."""
    scripted.says(error("no"), 403)
    told = await failure(push(scripted.hub()))
    assert "canary" not in repr(told)
    assert "token-" not in repr(told)


NONSENSE = [b"[]", b"{}", b"null", b'{"data":[]}', b'{"data":[[{}]]}']
HEADERS = ["Retry-After", "RateLimit-Remaining", "Content-Encoding", "X-Request-Id"]


@settings(deadline=None, max_examples=400)
@given(
    body=st.binary(max_size=120) | st.sampled_from(NONSENSE),
    status=st.integers(200, 599),
    headers=st.dictionaries(
        st.sampled_from(HEADERS),
        st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12),
    ),
)
def test_no_answer_raises_anything_else(body: bytes, status: int, headers: dict[str, str]) -> None:
    """Any status, headers and bytes are an answer or a `HubError`, for a list, an object and a push."""

    async def ask() -> None:
        scripted = ScriptedHub()
        hub = scripted.hub(patience_seconds=0.01)
        for _ in range(6):
            scripted.says(status=status, headers=headers, content=body)
        with suppress(HubError):
            await hub.accounting_page(ORGANIZATION, "receivables", offset=0, limit=5)
        await failure(read(hub))
        await failure(push(hub))

    asyncio.run(ask())
