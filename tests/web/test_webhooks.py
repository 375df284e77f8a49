"""The webhook receiver: what is authentic is on disk before the answer, what is not gets in nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.fleet import FLEET, WorkKind
from service.errors import DatabaseUnreachable
from service.store.database import Database
from service.store.received import store_deliveries
from service.store.work import claim_due_work, ensure_work, hold_work
from service.web.bodies import Memory
from service.web.delivery import Delivery, read
from service.web.group_commit import ANOTHER_FROM, WAITING_MAX, Full, GroupCommit, Stored
from service.web.signature import SignatureRefused, find, keyed, parse, require_authentic
from service.web.webhooks import BODY_BYTES_MAX, HELD_BYTES_MAX, PATH, Receiver
from tests.web.builders import (
    SECRET,
    client,
    encoded,
    event,
    eventually,
    settings,
    signature,
    signed,
    stored_events,
    webhook_counts,
)
from tests.web.wire import open_wire


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """The hub, as a sender of webhooks."""
    async with client(Receiver(settings(), database)) as sender:
        yield sender


async def send(hub: httpx.AsyncClient, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """Deliver a body, signed unless other headers are given."""
    return await hub.post(PATH, content=body, headers=signed(body) if headers is None else headers)


async def test_a_signed_delivery_is_stored_and_wakes_its_organization(
    hub: httpx.AsyncClient, database: Database
) -> None:
    """A signed event is answered 200 {}, stored byte for byte, and its organization is due."""
    content = event()
    body = encoded(content)
    answer = await send(hub, body)
    assert (answer.status_code, answer.json()) == (200, {})
    [row] = await stored_events(database)
    assert str(row["event_id"]) == content["id"]
    assert str(row["organization_id"]) == content["entity_id"]
    assert (row["object_type"], row["action"]) == ("payable", "updated")
    assert row["object_id"] == content["object"]["id"]
    assert (row["raw"], row["source"], row["quarantined"]) == (body, "webhook", None)
    async with database.fleet() as connection:
        work = await connection.fetch("SELECT organization_id, kind, due_at <= tieout.now() AS due FROM work")
    assert [tuple(row) for row in work] == [(UUID(content["entity_id"]), "ingest", True)]


async def test_one_event_fifty_times_at_once_is_one_row(database: Database) -> None:
    """One delivery, 50 times at once to three replicas and after a restart, is one row, always 200."""
    body = encoded(event())
    replicas = [client(Receiver(settings(), database, shard=shard)) for shard in range(3)]
    answers = await asyncio.gather(*(send(replicas[index % 3], body) for index in range(50)))
    answers.append(await send(client(Receiver(settings(), database)), body))
    assert {answer.status_code for answer in answers} == {200}
    [row] = await stored_events(database)
    assert row["duplicates"] == 50
    assert await webhook_counts(database) == {"stored": 1, "duplicate": 50}


async def test_many_different_events_at_once_are_all_stored(
    hub: httpx.AsyncClient, database: Database
) -> None:
    """Two hundred deliveries at once, of twenty organizations, are 200 rows and 20 due organizations."""
    organizations = [str(uuid4()) for _ in range(20)]
    bodies = [encoded(event(entity_id=organizations[index % 20])) for index in range(200)]
    answers = await asyncio.gather(*(send(hub, body) for body in bodies))
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(row["raw"] for row in await stored_events(database)) == sorted(bodies)
    async with database.fleet() as connection:
        assert await connection.fetchval("SELECT count(*) FROM work WHERE kind = 'ingest'") == 20


async def test_the_same_event_for_two_subscriptions_is_kept_for_both(
    hub: httpx.AsyncClient, database: Database
) -> None:
    """An event that two subscriptions deliver is stored once for each."""
    content = event()
    await send(hub, encoded(content))
    await send(hub, encoded(content | {"webhook_subscription_id": str(uuid4())}))
    assert len(await stored_events(database)) == 2


async def test_an_event_found_in_the_log_is_adopted_by_its_late_delivery(
    hub: httpx.AsyncClient, database: Database
) -> None:
    """A delivery whose event was found in the hub's log before takes that row over."""
    content = event()
    async with database.fleet() as connection:
        await connection.execute(
            "INSERT INTO events (organization_id, event_id, subscription_id, source, received_at, raw)"
            " VALUES ($1, $2, $3, 'log', tieout.now(), '')",
            UUID(content["entity_id"]),
            UUID(content["id"]),
            FLEET,
        )
    assert (await send(hub, encoded(content))).status_code == 200
    [row] = await stored_events(database)
    assert (row["source"], str(row["subscription_id"])) == ("webhook", content["webhook_subscription_id"])


async def test_an_adopted_event_keeps_its_other_subscription(database: Database) -> None:
    """When two deliveries of an event known from the log come in one batch, both are kept."""
    content = event()
    async with database.fleet() as connection:
        await connection.execute(
            "INSERT INTO events (organization_id, event_id, subscription_id, source, received_at, raw)"
            " VALUES ($1, $2, $3, 'log', tieout.now(), '')",
            UUID(content["entity_id"]),
            UUID(content["id"]),
            FLEET,
        )
    commits = GroupCommit(database)
    both = [read(encoded(content)), read(encoded(content | {"webhook_subscription_id": str(uuid4())}))]
    await asyncio.gather(*(commits.store(each) for each in both))
    rows = await stored_events(database)
    assert {str(row["subscription_id"]) for row in rows} == {each.subscription_id for each in both}
    assert {row["source"] for row in rows} == {"webhook"}


ACCEPTED: dict[str, Callable[[bytes], str]] = {
    "upper-case hex": lambda body: (
        signature(body).replace("v1=", "v1=X").upper().replace("T=", "t=").replace("V1=X", "v1=")
    ),
    "several signatures": lambda body: (
        f"{signature(body, secret='old')},v1={signature(body).rpartition('=')[2]}"
    ),
    "spaces and unknown parts": lambda body: f"v0=abc, {signature(body).replace(',', ' , ')}, kid=7",
}


async def test_every_form_of_a_right_signature_is_accepted(
    hub: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    """Hex in either case, several signatures and unknown parts do not keep an authentic delivery out."""
    for name, value_of in ACCEPTED.items():
        with subtests.test(name):
            body = encoded(event())
            assert (await send(hub, body, {"Tesouro-Signature": value_of(body)})).status_code == 200


REFUSED: dict[str, Any] = {
    "no header": lambda _body: [],
    "empty header": lambda _body: [("Tesouro-Signature", "")],
    "doubled header": lambda body: [("Tesouro-Signature", signature(body))] * 2,
    "wrong secret": lambda body: [("Tesouro-Signature", signature(body, secret="other"))],
    "empty secret": lambda body: [("Tesouro-Signature", signature(body, secret=""))],
    "other body": lambda body: [("Tesouro-Signature", signature(body + b" "))],
    "other digest": lambda body: [("Tesouro-Signature", signature(body, digest="sha512"))],
    "no time": lambda body: [("Tesouro-Signature", signature(body).partition(",")[2])],
    "two times": lambda body: [("Tesouro-Signature", f"t=1,{signature(body)}")],
    "no signature": lambda body: [("Tesouro-Signature", signature(body).partition(",")[0])],
    "empty signature": lambda body: [("Tesouro-Signature", signature(body).partition("v1=")[0] + "v1=")],
    "a time that is none": lambda body: [("Tesouro-Signature", signature(body).replace("t=", "t=x"))],
    "a negative time": lambda body: [("Tesouro-Signature", signature(body, at=-5))],
    "too many signatures": lambda body: [("Tesouro-Signature", signature(body) + ",v1=00" * 10)],
    "not ASCII": lambda body: [("Tesouro-Signature", signature(body).encode() + b"\xc3\xa9")],
    "a right one under a later name": lambda body: [
        ("Tesouro-Signature", signature(body, secret="other")),
        ("Monite-Signature", signature(body)),
    ],
    "too old": lambda body: [("Tesouro-Signature", signature(body, at=int(time.time()) - 46_900))],
    "too new": lambda body: [("Tesouro-Signature", signature(body, at=int(time.time()) + 400))],
}


async def test_what_is_not_authentic_is_refused_and_counted(
    hub: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
) -> None:
    """A signature missing, doubled, malformed, wrong or of the wrong time is 401; nothing is stored."""
    for name, headers_of in REFUSED.items():
        with subtests.test(name):
            body = encoded(event())
            answer = await hub.post(PATH, content=body, headers=headers_of(body))
            assert answer.status_code == 401
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == 401
    assert await stored_events(database) == []

    async def are_counted() -> bool:
        return sum((await webhook_counts(database)).values()) == len(REFUSED)

    await eventually(are_counted)


@pytest.mark.parametrize("part", [b" " * 4_000, b"a" * 4_000, b"t=" + b" " * 4_000 + b"x", b"=" * 4_000])
def test_a_signature_header_costs_no_more_than_its_length(part: bytes) -> None:
    """Whatever a header is filled with, to refuse ten takes a moment: anybody may send them."""
    began = time.process_time()
    for _ in range(10):
        with pytest.raises(SignatureRefused):
            parse(part)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(
    "header",
    ["t=1,v1=AB", " t=1 ,\tv1=AB\t", "t=1,v1=AB, = ,=x,t =2,v1,t-=3,,v 1=cd", "t=1,v1=AB,V1=cd,t1=2"],
)
def test_parts_of_a_signature_header_are_told_by_their_names(header: str) -> None:
    """Blanks around a part are no part of it; what bears another name than `t` and `v1` is left aside."""
    found = parse(header.encode())
    assert (found.timestamp, found.offered) == (b"1", [b"ab"])


async def test_every_live_secret_header_and_digest_works(database: Database) -> None:
    """Each of several secrets is tried, under each header name, with the digest of the settings."""
    headers = ("Tesouro-Signature", "X-Tesouro-Signature", "Monite-Signature")
    secrets = ("one", "two", SECRET)
    for digest in ("sha256", "sha512"):
        app = Receiver(settings(webhook_secrets=",".join(secrets), webhook_digest=digest), database)
        async with client(app) as hub:
            for secret, header in itertools.product(secrets, headers):
                body = encoded(event())
                answer = await send(hub, body, {header: signature(body, secret=secret, digest=digest)})
                assert answer.status_code == 200


def test_an_empty_secret_opens_nothing() -> None:
    """A signature made with the empty key is refused even if an empty secret slipped in."""
    made = find([(b"x", signature(b"{}", secret="").encode())], [b"x"])
    with pytest.raises(SignatureRefused):
        require_authentic(made, b"{}", keyed([b""], "sha256"))


@given(st.binary(max_size=300))
def test_no_header_breaks_the_parser(header: bytes) -> None:
    """Any bytes in the signature header are a signature or a refusal, never an error."""
    with contextlib.suppress(SignatureRefused):
        parsed = parse(header)
        assert 0 <= parsed.at < 10**12
        assert parsed.offered


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(event())) | st.text(), inner),
    ).map(lambda value: json.dumps(event(**value) if isinstance(value, dict) else value).encode())
)
def test_no_body_breaks_the_reader(body: bytes) -> None:
    """Any bytes are an event or set aside with a reason, kept as they came."""
    delivery = read(body)
    assert delivery.raw == body
    assert (delivery.organization_id == str(FLEET)) is (delivery.quarantined is not None)
    texts = (delivery.object_type, delivery.action, delivery.object_id, delivery.quarantined)
    assert all(text.isprintable() for text in texts if text is not None)
    assert all(str(UUID(each)) == each for each in delivery.key)


def test_ids_are_the_same_however_they_are_written() -> None:
    """An event whose ids come in capitals or without dashes is the one whose ids are written as usual."""
    content = event()
    names = ("id", "entity_id", "webhook_subscription_id")
    usual = read(encoded(content))
    assert usual.quarantined is None
    for write in (str.upper, lambda text: text.replace("-", "")):
        other = read(encoded(content | {name: write(content[name]) for name in names}))
        assert (other.key, other.quarantined) == (usual.key, None)


async def test_age_is_judged_by_the_databases_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica whose clock is a day off judges the age of a delivery by the database's time."""
    hub = client(Receiver(settings(webhook_tolerance_seconds="600"), database))
    moment = int(time.time())
    monkeypatch.setattr(time, "time", lambda: moment + 86_400.0)
    body = encoded(event())
    assert (await send(hub, body, signed(body, at=moment - 590))).status_code == 200
    assert (await send(hub, body, signed(body, at=moment - 620))).status_code == 401
    assert (await send(hub, body, signed(body, at=moment + 290))).status_code == 200
    assert (await send(hub, body, signed(body, at=moment + 320))).status_code == 401


async def test_nobody_is_turned_away_for_an_age_that_was_not_asked_anew(database: Database) -> None:
    """When the database's time moves, a timely delivery is not refused by what was known of it before."""
    receiver = Receiver(settings(webhook_tolerance_seconds="600"), database)
    hub = client(receiver)
    body = encoded(event())
    assert (await send(hub, body)).status_code == 200
    database.clock_offset = timedelta(hours=2)
    receiver._time._asked_at -= 5  # older than what one may be turned away by
    assert (await send(hub, body, signed(body, at=int(time.time()) + 7200))).status_code == 200


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_beyond_the_cap_is_cut(
    hub: httpx.AsyncClient, database: Database, *, is_announced: bool
) -> None:
    """A body of one byte too many is answered 413, its length announced or not; the cap itself is fine."""
    body = b'{"' + b"x" * (BODY_BYTES_MAX - 2)
    assert (await send(hub, body)).status_code == 200

    async def chunks() -> AsyncIterator[bytes]:
        yield body
        yield b"!"
        pytest.fail("read on beyond the cap")

    larger = body + b"!"
    answer = await hub.post(PATH, content=larger if is_announced else chunks(), headers=signed(larger))
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert len(await stored_events(database)) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_compressed_bodies_are_refused(hub: httpx.AsyncClient, encoding: str) -> None:
    """A compressed body is answered 415 before anything of it is read."""
    body = encoded(event())
    answer = await send(hub, body, signed(body) | {"Content-Encoding": encoding})
    assert answer.status_code == 415


async def test_only_post_is_a_delivery(hub: httpx.AsyncClient) -> None:
    """Any other method is answered 405 with the one that works."""
    answer = await hub.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_bodies_together_are_bounded(database: Database) -> None:
    """While arriving bodies hold all the memory they may, another delivery is told to come back."""
    receiver = Receiver(settings(), database)
    body = encoded(event())
    with receiver._memory.share() as take:
        take(HELD_BYTES_MAX - 10)
        answer = await send(client(receiver), body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert receiver._memory.held_bytes == 0
    assert (await send(client(receiver), body)).status_code == 200


async def test_memory_goes_back_when_a_body_is_refused() -> None:
    """What a refused body had taken is free again."""
    memory = Memory(10)
    with memory.share() as take:
        take(10)
        assert memory.held_bytes == 10
    assert memory.held_bytes == 0


POISON = {
    "empty": b"",
    "not JSON": b"<html>hello</html>",
    "not UTF-8": b'{"id": "\xff\xfe"}',
    "truncated": encoded(event())[:-5],
    "a list": b"[1, 2, 3]",
    "a number": b"1e999",
    "NaN": encoded(event()).replace(b'"updated"', b"NaN"),
    "no entity_id": encoded({key: value for key, value in event().items() if key != "entity_id"}),
    "no id": encoded({key: value for key, value in event().items() if key != "id"}),
    "null entity_id": encoded(event(entity_id=None)),
    "the nil organization": encoded(event(entity_id=str(UUID(int=0)))),
    "a wrong uuid": encoded(event(entity_id="not-a-uuid")),
    "a wrong subscription": encoded(event(webhook_subscription_id="7")),
    "a NUL in the action": encoded(event(action="up\0dated")),
    "an escape sequence in the type": encoded(event(object_type="pay\x1b[31mable")),
    "a lone surrogate": encoded(event(action="X")).replace(b'"X"', rb'"\ud800"'),
    "a lone surrogate aside": encoded(event(description="X")).replace(b'"X"', rb'"\udfff"'),
    "an endless word": encoded(event(action="x" * 10_000)),
    "deep nesting": encoded(event(object=1)).replace(b'"object": 1', b'"object": ' + b"[" * 100_000),
    "balanced deep nesting": encoded(event(object=1)).replace(
        b'"object": 1', b'"object": ' + b"[" * 60_000 + b"]" * 60_000
    ),
}


async def test_signed_but_unreadable_content_is_kept_aside(
    hub: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
) -> None:
    """What is signed but unreadable is answered 200, kept with a reason, folded, and wakes nobody."""
    for name, body in POISON.items():
        with subtests.test(name):
            answers = [await send(hub, body), await send(hub, body)]
            assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 2
            row = {row["raw"]: row for row in await stored_events(database)}[body]
            assert (row["organization_id"], row["duplicates"]) == (FLEET, 1)
            assert row["quarantined"]
            assert row["worked_at"] is not None
    assert len(await stored_events(database)) == len(POISON)
    async with database.fleet() as connection:
        assert await connection.fetchval("SELECT count(*) FROM work") == 0


ODD = {
    "a NUL aside": event(description="a\0b"),
    "no subscription": event(webhook_subscription_id=None),
    "no object": event(object=None),
    "an object that is a text": event(object="hello"),
    "an object of another shape": event(object={"id": ["x"], "object_id": 7}),
    "a time that is none": event(created_at="yesterday"),
    "a time without zone": event(created_at="2026-11-20T10:00:00"),
    "a time before the calendar": event(created_at="0001-01-01T00:00:00+14:00"),
    "an unknown type and action": event(object_type="spaceship", action="payment_method.us_ach.launched"),
    "unknown fields": event(new_field={"a": [1, 2.5, None]}),
    "a huge number": event(object={"amount": 10**300}),
}


async def test_odd_but_readable_content_is_an_event(
    hub: httpx.AsyncClient, database: Database, subtests: pytest.Subtests
) -> None:
    """Unknown words and nonsense in what nothing depends on do not make an event unreadable."""
    for name, content in ODD.items():
        with subtests.test(name):
            assert (await send(hub, encoded(content))).status_code == 200
            row = {str(row["event_id"]): row for row in await stored_events(database)}[content["id"]]
            assert row["quarantined"] is None


async def test_without_a_secret_nothing_is_accepted(database: Database) -> None:
    """A receiver without secrets answers 503, since it cannot tell the hub from anybody else."""
    body = encoded(event())
    async with client(Receiver(settings(webhook_secrets=""), database)) as hub:
        answer = await send(hub, body)
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)


async def test_postgres_away_means_come_back(database_url: str) -> None:
    """While Postgres is away an authentic delivery is answered 503, a forged one still 401."""
    async with open_wire(database_url) as wire, await Database.open(wire.url) as database:
        hub = client(Receiver(settings(), database))
        body = encoded(event())
        assert (await send(hub, body)).status_code == 200
        wire.cut()
        answer = await send(hub, encoded(event()))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert (await send(hub, body, signed(body, secret="forged"))).status_code == 401
        wire.mend()
        assert (await send(hub, encoded(event()))).status_code == 200
        assert len(await stored_events(database)) == 2


async def test_postgres_away_from_the_start_means_come_back(database_url: str) -> None:
    """A receiver that never learned the database's time judges nobody's age: it says come back."""
    async with open_wire(database_url) as wire, await Database.open(wire.url) as database:
        wire.cut()
        body = encoded(event())
        answer = await send(client(Receiver(settings(), database)), body, signed(body, at=5))
        assert answer.status_code == 503


@pytest.mark.parametrize("has_known", [True, False])
async def test_postgres_hanging_means_come_back_soon(
    database_url: str, monkeypatch: pytest.MonkeyPatch, *, has_known: bool
) -> None:
    """While Postgres hangs, all who deliver are told to come back while they still listen, however many."""
    monkeypatch.setattr("service.web.database_time.ANSWER_SECONDS", 0.2)
    monkeypatch.setattr("service.web.group_commit.STORE_SECONDS", 0.2)
    async with open_wire(database_url) as wire, await Database.open(wire.url) as database:
        receiver = Receiver(settings(), database)
        hub = client(receiver)

        async def is_taken() -> bool:
            return (await send(hub, encoded(event()))).status_code == 200

        if has_known:
            await eventually(is_taken)  # a Postgres that works may take longer than we listen here
            receiver._time._asked_at -= 100  # so old that the time is asked anew
        wire.stall()
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(send(hub, encoded(event())) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {503}
        wire.mend()
        await eventually(is_taken)


async def test_a_row_that_postgres_refuses_takes_no_other_along(database: Database) -> None:
    """Beside a delivery that Postgres cannot take the others are stored, and that one is kept as bytes."""
    commits = GroupCommit(database)
    good = [read(encoded(event())) for _ in range(5)]
    bad = Delivery(
        organization_id=str(uuid4()),
        event_id=str(uuid4()),
        subscription_id=str(uuid4()),
        object_type="a\0b",
        action="x",
        raw=b"{}",
    )
    outcomes = await asyncio.gather(*(commits.store(each) for each in [*good[:2], bad, *good[2:]]))
    assert outcomes == [Stored.STORED, Stored.STORED, Stored.QUARANTINED, *[Stored.STORED] * 3]
    rows = await stored_events(database)
    [aside] = [row for row in rows if row["quarantined"]]
    assert aside["quarantined"].startswith("Postgres refused")


async def test_what_waits_is_bounded(database: Database) -> None:
    """Beyond the bound a delivery is refused at once; those that waited are stored."""
    commits = GroupCommit(database)
    waiting = [asyncio.ensure_future(commits.store(read(encoded(event())))) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(Full):
        await commits.store(read(encoded(event())))
    assert set(await asyncio.gather(*waiting)) == {Stored.STORED}


async def test_many_do_not_wait_for_a_commit_that_waits(database: Database, database_url: str) -> None:
    """While one commit waits for somebody else's, those who come in numbers are stored beside it."""
    watcher = await asyncpg.connect(database_url)
    commits = GroupCommit(database)
    first, *others = (read(encoded(event())) for _ in range(1 + ANOTHER_FROM))
    async with database.fleet() as connection:
        await store_deliveries(connection, {first: 0}, shard=-1)
        waiting = asyncio.ensure_future(commits.store(first))
        await eventually(lambda: watcher.fetchval(IS_BLOCKED))
        async with asyncio.timeout(5):
            assert set(await asyncio.gather(*map(commits.store, others))) == {Stored.STORED}
        assert not waiting.done()
    assert await waiting is Stored.DUPLICATE
    await watcher.close()
    assert await webhook_counts(database) == {"stored": 1 + len(others), "duplicate": 1}


IS_BLOCKED = (
    "SELECT count(*) > 0 FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def test_a_lost_commit_is_told_to_everybody_in_the_batch(database: Database, database_url: str) -> None:
    """When Postgres ends our session in mid-commit, nobody in the batch is told that it was stored."""
    connection, watcher = [await asyncpg.connect(database_url) for _ in range(2)]
    blocker = connection.transaction()
    await blocker.start()
    await connection.execute("LOCK TABLE tieout.events")
    commits = GroupCommit(database)
    waiting = [asyncio.ensure_future(commits.store(read(encoded(event())))) for _ in range(3)]
    await eventually(lambda: watcher.fetchval(IS_BLOCKED))
    await watcher.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), $1)",
        connection.get_server_pid(),
    )
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DatabaseUnreachable] * 3
    await blocker.rollback()
    await connection.close()
    await watcher.close()
    assert await stored_events(database) == []


async def test_a_commit_waits_for_the_disk_however_the_server_is_set(database_url: str) -> None:
    """On a server with synchronous_commit off the receiver's transactions are durable all the same."""
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    # The trigger notes what the inserting transaction was set to.
    await connection.execute(
        "CREATE TABLE public.seen (setting text); GRANT INSERT ON public.seen TO tieout_app;"
        "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO public.seen VALUES (current_setting('synchronous_commit'));"
        " RETURN NULL; END $$;"
        "CREATE TRIGGER note AFTER INSERT ON tieout.webhook_counts EXECUTE FUNCTION public.note()"
    )
    async with await Database.open(database_url) as fresh:
        await send(client(Receiver(settings(), fresh)), encoded(event()))
    assert await connection.fetchval("SELECT array_agg(setting) FROM public.seen") == ["on"]
    await connection.close()


async def test_a_delivery_does_not_wait_for_a_worker_that_holds_its_organization(
    hub: httpx.AsyncClient, database: Database
) -> None:
    """While a worker holds an organization its deliveries are stored, and nobody claims it away."""
    content = event()
    organization_id = UUID(content["entity_id"])
    async with database.fleet() as connection:
        await ensure_work(connection, [organization_id], [WorkKind.INGEST])
        [claim] = await claim_due_work(connection, WorkKind.INGEST, "a", 0.001, 1)
    async with database.fleet() as worker:
        await hold_work(worker, claim)
        async with asyncio.timeout(5):
            assert (await send(hub, encoded(content))).status_code == 200
        async with database.fleet() as connection:
            assert await claim_due_work(connection, WorkKind.INGEST, "b", 60, 1) == []
    async with database.fleet() as connection:
        assert len(await claim_due_work(connection, WorkKind.INGEST, "b", 60, 1)) == 1
