"""Alerting on real Postgres: facts become alerts, alerts become messages, and only what was read heals."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.channels.log import Log
from service.channels.registry import open_channels
from service.domain.alerts.alert import Severity, Status
from service.domain.causes.names import Cause
from service.domain.record_state import State
from service.errors import Superseded
from service.store import alert_facts
from service.store.alerts import mark_alert_acknowledged, mark_alert_snoozed
from service.store.database import Database
from service.store.received import store_deliveries
from service.web.delivery import read
from tests.conftest import command
from tests.web.builders import add_difference
from tests.workers.alert_world import Watch, World, organization


@pytest.fixture
def world(database: Database) -> World:
    """An empty fleet."""
    return World(database)


@pytest.fixture
def watch(world: World) -> Watch:
    """An alerter with the log as its only channel."""
    return Watch(world, [Log()])


async def test_an_empty_fleet_is_quiet(world: World, watch: Watch) -> None:
    """Where there is nothing, nothing is told."""
    await watch.look()
    assert await world.alerts() == {}


async def test_a_failing_cause_is_told_and_heals_in_the_open(world: World, watch: Watch) -> None:
    """From the first failure through the retry to the certain end: one alert, two messages."""
    await world.add(1, 2)
    records = await world.fail(1, 3)
    await world.fail(2, 1)
    await watch.look()
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.PENDING
    assert await world.outbox() == []
    await watch.look(30)
    (told,) = await world.outbox()
    assert told["summary"] == "Tax rate missing: 4 records in 2 organizations cannot be pushed"
    assert told["organizations"] == [str(organization(1)), str(organization(2))]
    assert (told["records_count"], told["money_at_risk"], told["owner"]) == (4, {"USD": 40_000}, "bookkeeper")

    await world.move(1, records, State.ACKNOWLEDGED)
    others = [alert.records_count for alert in (await world.alerts()).values()]
    assert others == [4]
    async with world.database.organization(organization(2)) as connection:
        ids = [row["record_id"] for row in await connection.fetch("SELECT record_id FROM records")]
    await world.move(2, ids, State.WAITING)  # pushed again
    await watch.look(600)
    await watch.look(600)
    alert = (await world.alerts())["cause_failing:missing_tax_rate"]
    assert (alert.status, alert.quiet_since) == (Status.FIRING, None)

    await world.move(2, ids, State.ACKNOWLEDGED)
    await world.read(1, 2)
    await watch.look(10)
    await watch.look(299)
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.FIRING
    await watch.look(1)
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.RESOLVED
    assert [body["status"] for body in await world.outbox()] == ["firing", "resolved"]


async def test_what_was_not_read_again_does_not_heal(world: World, watch: Watch) -> None:
    """A record that left the failing ones without a reading since keeps its alert; the reading ends it."""
    await world.add(1)
    await watch.look()
    records = await world.fail(1)
    await watch.look(10)
    await watch.look(30)
    await world.move(1, records, State.ACKNOWLEDGED)
    for _ in range(10):
        await watch.look(600)
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.FIRING
    await world.read(1)
    await watch.look(1)
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.RESOLVED


async def test_five_thousand_failures_of_one_cause_are_at_most_three_messages(
    world: World, watch: Watch
) -> None:
    """In two hundred organizations, within forty minutes: one alert, three messages in the first hour."""
    await world.add(*range(200))
    for step in range(40):
        for number in range(5 * step, 5 * step + 5):
            await world.fail(number, 25)
        await watch.look(60)
    for _ in range(20):
        await watch.look(60)
    (alert,) = (await world.alerts()).values()
    assert (alert.records_count, alert.organizations_count, alert.severity) == (5_000, 200, Severity.CRITICAL)
    messages = await world.outbox()
    assert 1 <= len(messages) <= 3
    assert {body["id"] for body in messages} == {str(alert.alert_id)}
    assert all(len(body["organizations"]) <= 20 for body in messages)
    assert len(messages[-1]["organizations"]) == 20


async def test_a_lost_connection_is_told_and_explains_its_failures(world: World, watch: Watch) -> None:
    """One message for the connection, none for pushes that fail of it; renewed and read, it is over."""
    await world.add(1)
    await world.fail(1, 4, cause=Cause.CONNECTION_REVOKED)
    world.pass_time(60)
    await world.connect(1, "deauthorized")
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert (told["kind"], told["organizations"], told["records_count"]) == (
        "connection_lost",
        [str(organization(1))],
        4,
    )
    alerts = await world.alerts()
    assert alerts[f"connection_lost:{organization(1)}"].organization_id == organization(1)
    assert alerts["cause_failing:connection_revoked"].is_inhibited
    world.pass_time(60)
    await world.connect(1, "connected")
    await world.read(1)
    await watch.look(1)
    await watch.look(300)
    assert (await world.alerts())[f"connection_lost:{organization(1)}"].status is Status.RESOLVED


async def test_a_connection_that_is_being_renewed_is_still_lost(world: World, watch: Watch) -> None:
    """An authorisation under way is no connection yet."""
    await world.add(1)
    world.pass_time(60)
    await world.connect(1, "pending_auth")
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert told["summary"] == "Organization 1 lost its accounting connection (quickbooks, pending auth)"


async def test_an_organization_that_never_connected_has_lost_nothing(world: World, watch: Watch) -> None:
    """Whoever is about to connect for the first time is no alert."""
    async with world.database.fleet() as connection:
        await connection.execute(
            "INSERT INTO organizations (organization_id, name, payload, content_hash, version, "
            "first_seen_at) VALUES ($1, 'New', '{}', '', 1, tieout.now())",
            organization(1),
        )
        await connection.execute(
            "INSERT INTO connections (organization_id, connection_id, status, payload, content_hash, "
            "version, first_seen_at, changed_at) "
            "VALUES ($1, $1, 'pending_auth', '{}', '', 1, tieout.now(), tieout.now())",
            organization(1),
        )
    await watch.look()
    assert await world.alerts() == {}


async def test_the_hub_that_does_not_answer_is_told_and_silences_what_follows(
    world: World, watch: Watch
) -> None:
    """Half a minute is critical; what goes stale meanwhile is shown and not sent; an answer ends it."""
    await world.add(1)
    await world.hub("unreachable")
    await watch.look(29)
    assert await world.outbox() == []
    await watch.look(2)
    (told,) = await world.outbox()
    assert (told["kind"], told["severity"]) == ("hub_unreachable", "critical")
    await world.connect(1, "connected", last_pull=await world.now() - timedelta(hours=5))
    await world.read(1)
    await watch.look(10)
    await watch.look(60)
    assert (await world.alerts())[f"sync_stale:{organization(1)}"].is_inhibited
    assert len(await world.outbox()) == 1
    await world.hub(None)
    await watch.look(10)
    await watch.look(300)
    alerts = await world.alerts()
    assert alerts["hub_unreachable:fleet"].status is Status.RESOLVED


async def test_nothing_heals_while_the_hub_is_away(world: World, watch: Watch) -> None:
    """Blind means firing: what went just before the hub did stays until it is seen again."""
    await world.add(1)
    records = await world.fail(1)
    await watch.look()
    await watch.look(30)
    await world.move(1, records, State.ACKNOWLEDGED)
    await world.read(1)
    await world.hub("timeout")
    for _ in range(6):
        await watch.look(600)
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.FIRING
    await world.hub(None)
    await watch.look(10)
    await watch.look(600)
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.FIRING
    await world.read(1)
    await watch.look(600)
    assert (await world.alerts())["cause_failing:missing_tax_rate"].status is Status.RESOLVED


async def test_stale_books_are_judged_as_of_the_last_reading(world: World, watch: Watch) -> None:
    """That we did not look is no staleness of the books: what counts is how old the pull was when we did."""
    await world.add(1)
    await watch.look(3 * 7_200)
    assert await world.alerts() == {}
    await world.read(1)
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert told["kind"] == "sync_stale"


async def test_records_that_stay_pending_are_told(world: World, watch: Watch) -> None:
    """A record that was still pending after two hours, when it was last read, is stuck."""
    await world.add(1)
    await world.fail(1, 2, state=State.WAITING, sync_status="pending", cause=None)
    await watch.look(7_300)
    assert await world.alerts() == {}
    await world.connect(1, "connected", last_pull=await world.now())
    await world.read(1)
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert (told["kind"], told["records_count"], told["money_at_risk"]) == (
        "record_stuck",
        2,
        {"USD": 20_000},
    )


async def test_what_is_said_to_be_done_and_is_not_in_the_books_is_told(world: World, watch: Watch) -> None:
    """Hours after a cure, the books pulled and compared since, what is not confirmed is news."""
    await world.add(1)
    records = await world.fail(1, 2, object_id=organization(50))
    await world.issue(1, organization(50))
    await world.move(1, records, State.ACKNOWLEDGED)
    world.pass_time(7_300)
    await world.read(1)
    await watch.look()
    assert set(await world.alerts()) == {f"sync_stale:{organization(1)}"}
    await world.connect(1, "connected", last_pull=await world.now())
    world.pass_time(10)
    await world.compare(1)
    await watch.look()
    assert not any(name.startswith("confirmation_overdue") for name in await world.alerts())
    await world.read(1)
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert (told["kind"], told["records_count"]) == ("confirmation_overdue", 2)


async def test_what_a_lost_connection_hides_stays_open(world: World, watch: Watch) -> None:
    """Stale books and missing documents are not over as the connection is; renewed and read, they are."""
    await world.add(1)
    records = await world.fail(1, 2, object_id=organization(50))
    await world.issue(1, organization(50))
    await world.move(1, records, State.ACKNOWLEDGED)
    world.pass_time(10)
    await world.connect(1, "connected", last_pull=await world.now())
    world.pass_time(7_300)
    await world.read(1)
    await watch.look()
    await watch.look(30)
    names = {f"{kind}:{organization(1)}" for kind in ("sync_stale", "confirmation_overdue")}
    assert {body["fingerprint"] for body in await world.outbox()} == names
    pulled = await world.now() - timedelta(seconds=7_300)
    for status in ("deauthorized", "pending_auth"):
        await world.connect(1, status, last_pull=pulled)
        for _ in range(3):
            world.pass_time(1)
            await world.read(1)
            await watch.look(300)
        alerts = await world.alerts()
        assert {(alerts[name].status, alerts[name].is_inhibited) for name in names} == {(Status.FIRING, True)}
    assert [body["kind"] for body in await world.outbox()][2:] == ["connection_lost"]
    async with world.database.fleet() as connection:
        await connection.execute("DELETE FROM documents")
    await world.connect(1, "connected", last_pull=await world.now())
    world.pass_time(1)
    await world.read(1)
    await watch.look(1)
    await watch.look(300)
    assert {alert.status for alert in (await world.alerts()).values()} == {Status.RESOLVED}


async def test_what_a_lost_connection_would_bring_about_is_not_told(world: World, watch: Watch) -> None:
    """The books of an organization without a connection get old, and that is no alert beside the lost one."""
    await world.add(1, status="deauthorized")
    await watch.look()
    world.pass_time(7_300)
    await world.read(1)
    await watch.look()
    await watch.look(30)
    assert set(await world.alerts()) == {f"connection_lost:{organization(1)}"}


@pytest.mark.parametrize("kind", ["duplicate_in_books", "never_attempted", "amount"])
async def test_what_is_told_stays_open_however_many_follow(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Of more organizations than are listed, those that were told are looked at first."""
    monkeypatch.setattr(alert_facts, "MEMBERS_MAX", 2)
    await world.add(*range(6))
    now = await world.now()
    for number in range(2):
        await add_difference(
            world.database, organization(number), kind=kind, first_seen_at=now - timedelta(hours=9)
        )
    await watch.look()
    await watch.look(30)
    for number in range(2, 6):
        for each in ("duplicate_in_books", "never_attempted", "amount"):
            await add_difference(world.database, organization(number), kind=each, first_seen_at=now)
    for _ in range(3):
        world.pass_time(1)
        await world.read(*range(6))
        await watch.look(300)
    assert {alert.status for alert in (await world.alerts()).values()} == {Status.FIRING}
    assert {body["status"] for body in await world.outbox()} == {"firing"}


async def test_connections_lost_long_ago_stay_told_however_many_follow(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of lost connections begins with those that were told, too."""
    monkeypatch.setattr(alert_facts, "MEMBERS_MAX", 2)
    await world.add(*range(2), status="deauthorized")
    await watch.look()
    await watch.look(30)
    await world.add(*range(2, 5), status="deauthorized")
    for _ in range(3):
        world.pass_time(1)
        await world.read(*range(5))
        await watch.look(300)
    assert {alert.status for alert in (await world.alerts()).values()} == {Status.FIRING}


async def test_what_was_given_up_is_told_apart(world: World, watch: Watch) -> None:
    """Records without a retry left are an alert of their own beside their cause's."""
    await world.add(1)
    await world.fail(1, 2, cause=Cause.PERIOD_LOCKED, state=State.GIVEN_UP)
    await world.fail(1, 3, cause=Cause.AMOUNT_MISMATCH, state=State.NEEDS_PERSON)
    await watch.look()
    await watch.look(30)
    told = {body["fingerprint"]: body["records_count"] for body in await world.outbox()}
    assert told == {
        "cause_failing:amount_mismatch": 3,
        "cause_failing:period_locked": 2,
        "retry_exhausted:period_locked": 2,
    }


async def test_differences_are_told_by_what_they_ask_of_people(world: World, watch: Watch) -> None:
    """Never attempted, twice in the books, all others: three kinds; pushes and rules explain the rest."""
    await world.add(1)
    rows = [
        ("never_attempted", False, -500),
        ("duplicate_in_books", False, 700),
        ("amount", False, -11),
        ("due_date", False, 0),
        ("push_failed", False, -900),
        ("not_pushed", True, -100),
        ("amount", True, -5),
    ]
    async with world.database.fleet() as connection:
        for index, (kind, expected, delta) in enumerate(rows):
            await connection.execute(
                "INSERT INTO differences (organization_id, difference_id, fingerprint, ledger, currency, "
                "kind, delta_minor, count_delta, basis, expected, reason, version, first_seen_at, "
                "changed_at) VALUES ($1, gen_random_uuid(), $2, 'payable', 'EUR', $3, $4, 0, 'stated', $5, "
                "'', 1, tieout.now(), tieout.now())",
                organization(1),
                str(index),
                kind,
                delta,
                expected,
            )
    await watch.look()
    await watch.look(30)
    told = {body["kind"]: (body["records_count"], body["money_at_risk"]) for body in await world.outbox()}
    assert told == {
        "never_attempted": (1, {"EUR": 500}),
        "duplicate_in_books": (1, {"EUR": 700}),
        "difference_found": (2, {"EUR": 11}),
    }
    async with world.database.fleet() as connection:
        await connection.execute("UPDATE differences SET resolved_at = tieout.now()")
    world.pass_time(5)
    await world.read(1)
    await watch.look(5)
    await watch.look(300)
    assert {alert.status for alert in (await world.alerts()).values()} == {Status.RESOLVED}


async def test_the_failure_of_an_object_type_is_that_of_whom_it_names(world: World) -> None:
    """Of several organizations the one that was read least lately is named, and its failure told."""
    await world.add(1, 2)
    async with world.database.fleet() as connection:
        for number, error, hours in ((1, "unreadable", 3), (2, "HTTP 500", 4)):
            await connection.execute(
                "UPDATE streams SET failures = 4, error = $1, read_at = tieout.now() - $2::interval "
                "WHERE stream = 'records:bill' AND organization_id = $3",
                error,
                timedelta(hours=hours),
                organization(number),
            )
        (silence,) = await alert_facts.list_silent_streams(connection, 7_200)
    assert (silence.organization_name, silence.error) == ("Organization 2", "HTTP 500")


async def test_an_object_type_that_is_never_read_any_more_is_told(world: World, watch: Watch) -> None:
    """Bills that cannot be read while all else is are told after two hours, until they are read again."""
    await world.add(1, 2)

    async def bills(failures: int, *, read: bool) -> None:
        async with world.database.fleet() as connection:
            await connection.execute(
                "UPDATE streams SET failures = $1, error = 'HTTP 500', "
                "read_at = CASE WHEN $2 THEN tieout.now() ELSE read_at END "
                "WHERE stream = 'records:bill' AND organization_id = $3",
                failures,
                read,
                organization(1),
            )

    await bills(4, read=False)
    await watch.look()
    assert await world.alerts() == {}
    world.pass_time(7_300)
    for number in (1, 2):
        await world.connect(number, "connected", last_pull=await world.now())
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert told["fingerprint"] == "polling_behind:records:bill"
    assert told["organizations"] == [str(organization(1))]
    assert "HTTP 500" in told["detail"]
    await bills(0, read=True)
    await watch.look(1)
    await watch.look(300)
    assert (await world.alerts())["polling_behind:records:bill"].status is Status.RESOLVED


async def test_webhooks_that_stopped_coming_are_told(world: World) -> None:
    """Events that no webhook brought, where some came before, are a gap; a webhook that comes ends it."""
    watch = Watch(world, [Log()], WEBHOOK_SECRETS="s3cret-s3cret")
    await world.add(1)

    async def event(count: int, source: str) -> None:
        async with world.database.fleet() as connection:
            await connection.execute(
                "INSERT INTO events (organization_id, event_id, subscription_id, source, created_at, "
                "received_at, raw) SELECT $1, gen_random_uuid(), $1, $2, tieout.now(), tieout.now(), '' "
                "FROM generate_series(1, $3)",
                organization(1),
                source,
                count,
            )

    await event(1, "webhook")
    world.pass_time(600)
    await event(12, "log")
    await watch.look()
    assert await world.alerts() == {}
    await watch.look(1_000)
    await watch.look(30)
    assert [body["kind"] for body in await world.outbox()] == ["webhook_gap"]
    await watch.look(4_000)
    await watch.look(4_000)
    assert (await world.alerts())["webhook_gap:fleet"].status is Status.FIRING
    await event(1, "webhook")
    await watch.look(1)
    assert (await world.alerts())["webhook_gap:fleet"].status is Status.RESOLVED


async def test_deliveries_that_cannot_be_read_are_told_once(world: World) -> None:
    """However many are set aside, one alert tells of them, until for an hour there was none."""
    watch = Watch(world, [Log()], WEBHOOK_SECRETS="s3cret-s3cret")
    await world.add(1)

    async def deliver(*bodies: bytes) -> None:
        async with world.database.fleet() as connection:
            await store_deliveries(connection, {read(body): 0 for body in bodies}, shard=0)

    await deliver(b"[]", b"{}", b"no JSON")
    await watch.look()
    await watch.look(30)
    await deliver(b"nor this")
    await watch.look(600)
    (told,) = await world.outbox()
    assert (told["fingerprint"], told["kind"]) == ("webhook_gap:unreadable", "webhook_gap")
    assert told["detail"].startswith("3 deliveries of the last hour ")
    assert (await world.alerts())["webhook_gap:unreadable"].status is Status.FIRING
    await watch.look(3_600)
    await watch.look(300)
    assert (await world.alerts())["webhook_gap:unreadable"].status is Status.RESOLVED


async def test_every_channel_gets_its_own_message(world: World) -> None:
    """One row of the outbox per message and channel, written with the alert."""
    urls = ["webhook+https://a.example.org/", "slack+https://b.example.org/"]
    channels = open_channels(urls, allow_private=False)
    watch = Watch(world, channels)
    await world.add(1)
    await world.fail(1)
    await watch.look()
    await watch.look(30)
    for channel in channels:
        assert [body["sequence"] for body in await world.outbox(channel.digest)] == [1]
        await channel.close()


async def test_people_acknowledge_and_snooze(world: World, watch: Watch) -> None:
    """What a person presses is kept by the next look, and silences what it should."""
    await world.add(1)
    await world.fail(1)
    await watch.look()
    await watch.look(30)
    (alert,) = (await world.alerts()).values()
    async with world.database.fleet() as connection:
        assert await mark_alert_acknowledged(connection, alert.alert_id, "ana")
        assert await mark_alert_snoozed(connection, alert.alert_id, await world.now() + timedelta(hours=1))
    await world.fail(1, 9, cause=Cause.MISSING_LEDGER_ACCOUNT)
    await world.fail(1, 1, cause=Cause.MISSING_TAX_RATE, record_id=organization(99))
    await watch.look(20_000)
    known = (await world.alerts())[alert.fingerprint]
    assert (known.acknowledged_by, known.records_count, known.notified_count) == ("ana", 2, 1)


async def test_a_regression_is_the_same_alert(world: World, watch: Watch) -> None:
    """What comes back within a day is brought back as the same alert, and said to be back."""
    await world.add(1)
    records = await world.fail(1)
    await watch.look()
    await watch.look(30)
    await world.move(1, records, State.ACKNOWLEDGED)
    world.pass_time(1)
    await world.read(1)
    await watch.look(10)
    await watch.look(300)
    await world.fail(1, 1, record_id=organization(77))
    await watch.look(600)
    (alert,) = (await world.alerts()).values()
    assert (alert.status, alert.regressions_count) == (Status.FIRING, 1)
    assert [(body["reason"], body["sequence"]) for body in await world.outbox()] == [
        ("first", 1),
        ("resolved", 2),
        ("regression", 3),
    ]


async def test_upstream_text_is_stored_harmless(world: World, watch: Watch) -> None:
    """NUL characters, lone surrogates and line breaks reach neither Postgres nor a channel."""
    await world.add(1, name="Evil\x00\r\n\ud800 {x} %s")
    await world.fail(1, cause=Cause.UNKNOWN, cause_text="bad\x00\n\x1b[31mtext")
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert (told["summary"] + told["detail"]).isprintable()
    assert "Evil" in told["summary"]


OVERTAKE = """
    CREATE FUNCTION tieout.overtake() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE tieout.work SET fence = fence + 1 WHERE kind = NEW.kind;
        RETURN NULL;
    END $$;
    CREATE TRIGGER overtake AFTER UPDATE OF claimed_at ON tieout.work
    FOR EACH ROW WHEN (NEW.kind = 'alert') EXECUTE FUNCTION tieout.overtake();
"""
"""Another replica takes the work over at the very moment at which it is claimed."""


async def test_a_superseded_alerter_writes_nothing(world: World, watch: Watch, database_url: str) -> None:
    """Whoever lost its claim neither opens an alert nor puts a message into the outbox."""
    await world.add(1)
    await world.fail(1)
    await command(database_url, OVERTAKE)
    with pytest.raises(Superseded):
        await watch.look()
    assert await world.alerts() == {}


async def test_what_nothing_explains_is_told(world: World, watch: Watch) -> None:
    """What is unclassified, and what the partner alone has, alerts; what a rule excuses does not."""
    await world.add(1, 2)
    await world.read(1, 2)
    await add_difference(world.database, organization(1), kind="unclassified", delta_minor=-300)
    own = {"local_id": "R-17", "origin": "partner"}
    await add_difference(world.database, organization(1), kind="not_pushed", delta_minor=-40, **own)
    await add_difference(world.database, organization(1), kind="due_date", delta_minor=0, **own)
    await add_difference(world.database, organization(2), kind="not_pushed", expected=True, rule="not_issued")
    await watch.look()
    await watch.look(30)
    (told,) = await world.outbox()
    assert (told["kind"], told["organizations"]) == ("difference_found", [str(organization(1))])
    assert "due date, not pushed, unclassified" in told["summary"]
    assert (told["records_count"], told["money_at_risk"]) == (2, {"USD": 340})


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {"PUBLIC_URL": "https://new.example.com"}), ({"PUBLIC_URL": "https://old.example.com/tieout"}, {})],
)
async def test_an_alert_ends_under_the_name_that_it_was_opened_under(
    world: World, before: dict[str, str], after: dict[str, str]
) -> None:
    """Receivers know an alert by the installation's name too: what they were told of keeps it."""
    await world.add(1, 2)
    await world.fail(1)
    watch = Watch(world, [Log()], **before)
    await watch.look()
    await watch.look(30)
    watch = Watch(world, [Log()], **after)
    await world.fail(2, cause=Cause.PERIOD_LOCKED)
    await watch.look(10)
    await watch.look(30)
    await world.heal(1)
    await world.heal(2)
    await watch.look(10)
    await watch.look(300)
    names = {(body["cause"], body["status"]): body["instance"] for body in await world.outbox()}
    old, new = (
        "old.example.com/tieout" if before else None,
        "new.example.com" if after else None,
    )
    assert names == {
        ("missing_tax_rate", "firing"): old,
        ("missing_tax_rate", "resolved"): old,
        ("period_locked", "firing"): new,
        ("period_locked", "resolved"): new,
    }


async def test_what_an_older_release_opened_ends_under_its_key(world: World) -> None:
    """Messages from before installations had names bear none, and so does what follows them."""
    await world.add(1)
    await world.fail(1)
    watch = Watch(world, [Log()], PUBLIC_URL="https://example.com")
    await watch.look()
    await watch.look(30)
    async with world.database.fleet() as connection:
        await connection.execute("UPDATE notifications SET body = body - 'instance'")
    await world.heal(1)
    await watch.look(10)
    await watch.look(300)
    *_, ended = await world.outbox()
    assert (ended["status"], ended["instance"]) == ("resolved", None)
