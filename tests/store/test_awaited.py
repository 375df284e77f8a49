"""Results that are awaited: once per object, until a record answers or nobody waits any longer."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from service.domain.cadence.stream import Stream
from service.store.awaited import delete_answered, delete_given_up, insert_awaited, list_awaited
from service.store.database import Database

MINUTE = timedelta(minutes=1)
ORGANIZATION = uuid4()


async def await_them(database: Database, *awaited: tuple[Stream, str, datetime]) -> None:
    """Await these results."""
    async with database.organization(ORGANIZATION) as connection:
        await insert_awaited(connection, ORGANIZATION, awaited)


async def answer(database: Database, stream: Stream, *ended: tuple[str, datetime]) -> list[float]:
    """Let records have ended; tells what each took."""
    async with database.organization(ORGANIZATION) as connection:
        return sorted(await delete_answered(connection, ORGANIZATION, stream, ended))


async def awaited(database: Database, organization_id: UUID = ORGANIZATION) -> dict[Stream, list[datetime]]:
    """What is awaited still."""
    async with database.organization(organization_id) as connection:
        told = await list_awaited(connection, organization_id, 2)
    return {stream: list(since) for stream, since in told.items()}


async def test_a_record_answers_its_own_object(database: Database) -> None:
    """Only a record of that very object that ended after the event answers, and tells how long it took."""
    now = await database.now()
    await await_them(database, (Stream.BILL_RECORDS, "a", now), (Stream.BILL_RECORDS, "b", now))
    assert await answer(database, Stream.BILL_RECORDS, ("a", now - MINUTE), ("c", now + MINUTE)) == []
    assert await answer(database, Stream.BILL_RECORDS, ("a", now + MINUTE)) == [60]
    assert await awaited(database) == {Stream.BILL_RECORDS: [now]}


async def test_of_several_events_the_last_counts(database: Database) -> None:
    """Whoever edits a bill again awaits the result of that."""
    now = await database.now()
    await await_them(database, (Stream.BILL_RECORDS, "a", now + MINUTE))
    await await_them(database, (Stream.BILL_RECORDS, "a", now))
    assert await awaited(database) == {Stream.BILL_RECORDS: [now + MINUTE]}


async def test_a_counterpart_is_a_customer_or_a_vendor(database: Database) -> None:
    """What is awaited in two streams is answered in both by either."""
    now = await database.now()
    await await_them(database, (Stream.CUSTOMER_RECORDS, "a", now), (Stream.VENDOR_RECORDS, "a", now))
    assert await answer(database, Stream.VENDOR_RECORDS, ("a", now + MINUTE)) == [60, 60]
    assert await awaited(database) == {}


async def test_the_nameless_is_answered_by_any_record_of_its_stream(database: Database) -> None:
    """Where the event named another object, any record of that stream that ended later answers."""
    now = await database.now()
    await await_them(database, (Stream.BILL_RECORDS, "", now), (Stream.PAYMENT_RECORDS, "", now))
    assert await answer(database, Stream.BILL_RECORDS, ("z", now + MINUTE)) == [60]
    assert await awaited(database) == {Stream.PAYMENT_RECORDS: [now]}


async def test_the_youngest_bear_on_the_next_look(database: Database) -> None:
    """Of many that are awaited the youngest are told; the oldest are given up first."""
    now = await database.now()
    await await_them(database, *((Stream.BILL_RECORDS, f"{n}", now + n * MINUTE) for n in range(5)))
    assert await awaited(database) == {Stream.BILL_RECORDS: [now + 3 * MINUTE, now + 4 * MINUTE]}
    async with database.organization(ORGANIZATION) as connection:
        assert await delete_given_up(connection, ORGANIZATION, Stream.BILL_RECORDS, now + 4 * MINUTE) == 4
    assert await awaited(database) == {Stream.BILL_RECORDS: [now + 4 * MINUTE]}
