"""A scan is certified only when nothing speaks against its being whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from service.errors import Fate, HubError, HubFailure
from service.hub import scan as module
from service.hub.client import BooksLedger
from service.hub.exchange import AnswerTooLarge
from service.hub.paging import Page, read_page
from service.hub.payloads import Connection, RawDocument
from service.hub.scan import ATTEMPTS_MAX, LIMIT_MIN, PULL_MAY_HAVE_FAILED, Scan, scan
from tests.hub.scripted_hub import ORGANIZATION, OTHER_ORGANIZATION
from tests.hub.virtual_time import run_virtually

PULLED_AT = datetime(2026, 10, 5, 12, tzinfo=UTC)


def connection(status: str = "connected", last_pull: datetime | None = PULLED_AT) -> Connection:
    """Give a connection."""
    return Connection(id=uuid4(), status=status, last_pull=last_pull, payload={})


def rows(count: int) -> list[dict[str, Any]]:
    """Give documents in the order in which the hub has them."""
    return [{"id": str(number), "total_amount": number} for number in range(count)]


@dataclass
class FakeBooks:
    """The accounting list of one organization, and what happens between its calls."""

    documents: list[dict[str, Any]]
    connected: list[Connection] = field(default_factory=lambda: [connection()])
    meanwhile: Callable[[FakeBooks], None] = field(default=lambda _: None)
    page_max: int = 500
    rows_max: int = 10**9
    calls: int = 0
    offsets: list[int] = field(default_factory=list)

    async def connections(self, organization_id: UUID) -> Sequence[Connection]:
        """Answer as the hub would."""
        assert organization_id == ORGANIZATION
        self.calls += 1
        return list(self.connected)

    async def accounting_page(
        self, organization_id: UUID, ledger: BooksLedger, *, offset: int, limit: int
    ) -> Page[RawDocument]:
        """Answer as the hub would."""
        assert ledger == "payables"
        self.calls += 1
        self.offsets.append(offset)
        if limit > self.rows_max:
            raise AnswerTooLarge("16 MB", failure=HubFailure.UNREADABLE, fate=Fate.UNCERTAIN)
        page = self.documents[offset : offset + min(limit, self.page_max)]
        self.meanwhile(self)
        return read_page(RawDocument, {"data": page}, organization_id)

    async def scan(self, **more: Any) -> Scan[RawDocument]:
        """Scan what is here."""
        return await scan(self, ORGANIZATION, "payables", **more)


def ids(found: Scan[RawDocument]) -> list[str]:
    """Give the ids that were found."""
    return [document.id for document in found.documents]


def rest(_: FakeBooks) -> None:
    """Let nothing happen."""


def pull(books: FakeBooks) -> None:
    """Let a pull end."""
    books.connected = [
        Connection(
            id=c.id, status=c.status, last_pull=(c.last_pull or PULLED_AT) + timedelta(hours=1), payload={}
        )
        for c in books.connected
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 9, 10, 11, 499, 500, 501, 989, 990, 991, 1500])
async def test_a_calm_list_is_certified(count: int) -> None:
    """A list of any length is read whole, each document once, in as few calls as the certificate allows."""
    books = FakeBooks(rows(count))
    found = await books.scan()
    assert (found.certified, found.reason, found.last_pull) == (True, None, PULLED_AT)
    assert ids(found) == [row["id"] for row in books.documents]
    assert found.calls == books.calls <= 4 + count // 490 + (count == 1)


async def test_what_is_kept_is_chosen_by_the_reader() -> None:
    """A long list need not be held in the hub's own words."""
    found = await scan(FakeBooks(rows(700)), ORGANIZATION, "payables", keep=lambda document: document.id)
    assert found.documents == [str(number) for number in range(700)]


async def test_a_connection_read_before_saves_a_call() -> None:
    """One ledger after another, the connection is read once between them."""
    books = FakeBooks(rows(3))
    first = await books.scan()
    second = await books.scan(before=first.connection)
    assert (first.certified, second.certified) == (True, True)
    assert (first.calls, second.calls) == (4, 3)


async def test_a_pull_since_the_connection_was_read_begins_it_again() -> None:
    """The certificate covers the time from when the connection was read, not from when the scan began."""
    books = FakeBooks(rows(3))
    before = books.connected[0]
    pull(books)
    found = await books.scan(before=before)
    assert found.certified
    assert found.last_pull == PULLED_AT + timedelta(hours=1)
    assert found.calls == 6


@pytest.mark.parametrize("errors", [[{"message": "Pull failed: platform unavailable"}], "down"])
async def test_a_connection_that_tells_of_errors_proves_nothing(errors: Any) -> None:
    """Whether a failed pull moves `last_pull` is not documented: the list may be older than that."""
    books = FakeBooks(rows(3), connected=[replace(connection(), errors=errors)])
    found = await books.scan()
    assert (found.certified, ids(found)) == (False, ["0", "1", "2"])
    assert found.reason == PULL_MAY_HAVE_FAILED
    assert found.calls == 4, "beginning again would not help"
    books.connected = [replace(each, errors=[]) for each in books.connected]
    assert (await books.scan()).certified


async def test_a_pull_while_reading_begins_it_again() -> None:
    """A list that was read across a pull is read anew, and then certified as of the new one."""
    pulls = iter([pull])
    books = FakeBooks(rows(700))
    books.meanwhile = lambda _: next(pulls, rest)(books)
    found = await books.scan()
    assert (found.certified, found.last_pull) == (True, PULLED_AT + timedelta(hours=1))


async def test_a_list_that_never_rests_is_read_but_not_certified() -> None:
    """After a bounded number of attempts there is a list without a certificate, and the reason."""
    books = FakeBooks(rows(700), meanwhile=pull)
    found = await books.scan()
    assert (found.certified, found.reason) == (False, "a pull ended while the list was read")
    assert len(found.documents) == 700
    assert books.offsets.count(0) == ATTEMPTS_MAX
    assert found.connection is not None
    assert found.connection.last_pull is not None
    assert found.last_pull is not None
    assert found.last_pull < found.connection.last_pull, "all of it is as of the pull before, at least"


@pytest.mark.parametrize(
    "connected",
    [
        [],
        [connection("disconnected")],
        [connection("deauthorized")],
        [connection("pending_auth")],
        [connection("something_new")],
        [connection(), connection()],
    ],
)
async def test_without_a_connection_nothing_is_certified(connected: list[Connection]) -> None:
    """What the hub lists without one clear connection proves no absence; it is read once."""
    found = await FakeBooks(rows(5), connected).scan()
    assert (found.certified, found.reason) == (False, "the organization is not connected")
    assert len(found.documents) == 5
    assert found.calls == 4


async def test_an_old_connection_beside_the_active_one_is_no_doubt() -> None:
    """Ended connections may stay listed."""
    assert (await FakeBooks(rows(5), [connection("disconnected"), connection()]).scan()).certified


async def test_nothing_is_certified_before_the_first_pull() -> None:
    """An empty list that was never filled proves nothing."""
    found = await FakeBooks([], [connection(last_pull=None)]).scan()
    assert (found.certified, found.reason) == (False, "nothing was ever pulled")


async def test_a_connection_replaced_meanwhile_is_a_doubt() -> None:
    """Another connection may lead to other books."""
    books = FakeBooks(rows(5))
    books.meanwhile = lambda books: setattr(books, "connected", [connection()])
    found = await books.scan()
    assert (found.certified, found.reason) == (False, "the connection was replaced while the list was read")


async def test_pages_cut_short_are_noticed() -> None:
    """A hub that gives fewer rows than asked for is read to the end all the same."""
    for page_max in (2, 3, 10, 11, 100, 499):
        found = await FakeBooks(rows(321), page_max=page_max).scan()
        assert (found.certified, len(found.documents)) == (True, 321), page_max


async def test_pages_of_one_row_are_a_doubt() -> None:
    """Where pages cannot overlap there is no certificate; a list of one row is no such case."""
    found = await FakeBooks(rows(3), page_max=1).scan()
    assert (found.certified, found.reason) == (False, "pages hold one row each")
    assert (await FakeBooks(rows(1), page_max=1).scan()).certified


async def test_an_empty_list_is_asked_for_twice() -> None:
    """One empty answer is not yet an empty list."""
    books = FakeBooks(rows(7))
    answers = iter([[], *[books.documents] * 9])
    documents = books.documents
    books.documents = next(answers)
    books.meanwhile = lambda books: setattr(books, "documents", next(answers))
    found = await books.scan()
    assert (found.certified, len(found.documents)) == (True, len(documents))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({}, "a row cannot be read: its id is absent"),
        (
            {"id": "x", "entity_id": str(OTHER_ORGANIZATION)},
            "a row cannot be read: it belongs to another organization",
        ),
        ({"id": "3"}, "an id came twice"),
    ],
)
async def test_a_bad_row_withholds_the_certificate(bad: dict[str, Any], reason: str) -> None:
    """Rows that cannot be read, are another's or come twice leave the list doubtful; the others are given."""
    found = await FakeBooks([*rows(700), bad]).scan()
    assert (found.certified, found.reason) == (False, reason)
    assert len(found.documents) == 700


async def test_a_row_changed_between_its_two_readings_is_a_doubt() -> None:
    """Overlapping pages agree in content, not in ids alone."""
    books = FakeBooks(rows(700))

    def edit(books: FakeBooks) -> None:
        books.documents[495] = {"id": "495", "total_amount": len(books.offsets)}

    books.meanwhile = edit
    found = await books.scan()
    assert (found.certified, found.reason) == (False, "the list shifted between two pages")


async def test_pages_too_large_are_halved() -> None:
    """Where five hundred rows exceed the size of an answer, fewer are asked for."""
    found = await FakeBooks(rows(700), rows_max=130).scan()
    assert (found.certified, len(found.documents)) == (True, 700)
    with pytest.raises(HubError):
        await FakeBooks(rows(700), rows_max=LIMIT_MIN - 1).scan()


async def test_a_list_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that always has more, or gives the same page for ever, is not read for ever."""
    monkeypatch.setattr(module, "PAGES_MAX", 5)
    found = await FakeBooks(rows(10_000)).scan()
    assert (found.certified, found.reason) == (False, "it has more than 5 pages")

    @dataclass
    class Stuck(FakeBooks):
        async def accounting_page(
            self, organization_id: UUID, ledger: BooksLedger, *, offset: int, limit: int
        ) -> Page[RawDocument]:
            """Give the first page, whatever was asked for."""
            return await super().accounting_page(organization_id, ledger, offset=offset * 0, limit=limit)

    stuck = Stuck(rows(10_000))
    found = await stuck.scan()
    assert (found.certified, len(found.documents)) == (False, 500)
    assert stuck.calls < 20


async def test_trouble_is_told() -> None:
    """A list that cannot be read at all is an error, not an uncertified scan."""

    def trouble(_: FakeBooks) -> None:
        raise HubError("oops", failure=HubFailure.SERVER_ERROR, fate=Fate.UNCERTAIN)

    with pytest.raises(HubError, match="oops"):
        await FakeBooks(rows(5), meanwhile=trouble).scan()


Change = tuple[int, str, int]
changes_of_a_list = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from(["insert", "delete", "move"]), st.integers(0, 59)),
    max_size=4,
)


def apply(change: Change, documents: list[dict[str, Any]]) -> None:
    """Insert, delete or move one row."""
    at, what, place = change
    where = place % (len(documents) + 1)
    taken = documents[where : where + 1]
    if what == "insert":
        documents.insert(where, {"id": f"new {at} {where} {len(documents)}"})
    else:
        del documents[where : where + 1]
        documents.extend(taken if what == "move" else [])


@settings(deadline=None, max_examples=1000)
@given(count=st.integers(0, 60), changes=changes_of_a_list, page_max=st.integers(1, 25))
def test_no_certified_scan_lacks_a_row(count: int, changes: list[Change], page_max: int) -> None:
    """Rows come, go and move with pulls between the calls: a certified list is the one that there is."""
    books = FakeBooks(rows(count), page_max=page_max)

    def meanwhile(books: FakeBooks) -> None:
        for change in changes:
            if change[0] == len(books.offsets):
                apply(change, books.documents)
                pull(books)

    books.meanwhile = meanwhile
    found = run_virtually(lambda _: books.scan())
    assert len(set(ids(found))) == len(ids(found))
    if found.certified:
        assert set(ids(found)) == {row["id"] for row in books.documents}


@settings(deadline=None, max_examples=1000)
@given(
    count=st.integers(0, 60),
    page_max=st.integers(2, 25),
    shifts=st.dictionaries(st.integers(1, 12), st.integers(1, 5)),
)
def test_no_certified_scan_of_shifting_pages_lacks_a_row(
    count: int, page_max: int, shifts: dict[int, int]
) -> None:
    """Later pages that begin some rows too late, unannounced, cost the certificate rather than a row."""

    @dataclass
    class Shifting(FakeBooks):
        async def accounting_page(
            self, organization_id: UUID, ledger: BooksLedger, *, offset: int, limit: int
        ) -> Page[RawDocument]:
            """Begin too late, now and then."""
            moved = offset + (shifts.get(len(self.offsets), 0) if offset else 0)
            return await super().accounting_page(organization_id, ledger, offset=moved, limit=limit)

    found = run_virtually(lambda _: Shifting(rows(count), page_max=page_max).scan())
    if found.certified:
        assert ids(found) == [row["id"] for row in rows(count)]
