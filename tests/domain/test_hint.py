"""What events are worth: where to look and when, never what is so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.cadence.hint import MEANINGS, Hint, wishes_of
from service.domain.cadence.stream import Stream

NOW = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


def hint(object_type: str | None, object_id: str | None = "4F1C", *, ago: float = 0) -> Hint:
    """An event that came some seconds ago."""
    return Hint(object_type=object_type, object_id=object_id, received_at=NOW - timedelta(seconds=ago))


def test_a_document_is_read_at_once_and_its_record_when_the_push_has_ended() -> None:
    """An invoice's event names the invoice; whether its push succeeded is awaited from then on."""
    wishes = wishes_of([hint("receivable")], NOW)
    assert wishes.targets == [(Stream.LOCAL_RECEIVABLES, "4f1c", NOW)]
    assert wishes.awaited == [(Stream.RECEIVABLE_RECORDS, "4f1c", NOW)]
    assert not wishes.streams
    assert not wishes.lists_organizations


def test_a_document_without_a_name_makes_its_list_due() -> None:
    """An event that does not say which bill makes the bills be read, a little later."""
    wishes = wishes_of([hint("payable", None)], NOW)
    assert not wishes.targets
    assert Stream.LOCAL_PAYABLES in dict(wishes.streams)


def test_many_events_are_worth_little_more_than_one() -> None:
    """A hundred events about one invoice are one document, and one result, awaited since the last of them."""
    wishes = wishes_of([hint("receivable", ago=second) for second in range(100)], NOW)
    assert len(wishes.targets) == 1
    assert wishes.awaited == [(Stream.RECEIVABLE_RECORDS, "4f1c", NOW)]


def test_an_event_counts_from_when_it_happened() -> None:
    """What is awaited is awaited since the hub's own time of the event, unless that is ahead of ours."""
    earlier, later = NOW - timedelta(minutes=5), NOW + timedelta(minutes=5)
    assert wishes_of([replace(hint("product"), created_at=earlier)], NOW).awaited[0][2] == earlier
    assert wishes_of([replace(hint("product"), created_at=later)], NOW).awaited[0][2] == NOW


def test_what_an_event_does_not_name_is_awaited_without_a_name() -> None:
    """The line of a bill is no bill: any record of a bill that ends after it answers."""
    assert wishes_of([hint("payable_line_item")], NOW).awaited == [(Stream.BILL_RECORDS, "", NOW)]


@pytest.mark.parametrize(
    ("object_type", "stream"),
    [
        ("accounting_connection", Stream.CONNECTION),
        ("entity_settings", Stream.SETTINGS),
        ("product", Stream.PRODUCTS),
        ("counterpart", Stream.COUNTERPARTS),
        ("counterpart_address", Stream.COUNTERPARTS),
        ("payable_line_item", Stream.LOCAL_PAYABLES),
        ("payable.line_item", Stream.LOCAL_PAYABLES),
    ],
)
def test_where_to_look(object_type: str, stream: Stream) -> None:
    """Each documented object leads to the stream in which its change shows, in both spellings."""
    assert stream in dict(wishes_of([hint(object_type)], NOW).streams)


def test_an_organization_is_listed() -> None:
    """An event about an organization itself makes the organizations be listed."""
    assert wishes_of([hint("entity")], NOW).lists_organizations


def test_what_nobody_knows_is_worth_nothing() -> None:
    """Events about objects that we do not watch, or without a type, make nothing due."""
    wishes = wishes_of([hint("todo_task"), hint(None), hint("")], NOW)
    assert (wishes.streams, wishes.targets, wishes.lists_organizations) == ([], [], False)


@given(
    st.lists(
        st.builds(
            hint, st.none() | st.sampled_from(sorted(MEANINGS)) | st.text(max_size=30), st.none() | st.text()
        ),
        max_size=30,
    )
)
def test_nothing_is_wished_for_the_past(hints: list[Hint]) -> None:
    """Whatever comes: wishes are for now or later, at most two a stream, and ids are of a bearable length."""
    wishes = wishes_of(hints, NOW)
    assert all(at >= NOW for _, at in wishes.streams)
    assert all(since <= NOW and len(object_id) <= 200 for _, object_id, since in wishes.awaited)
    names = [stream for stream, _ in wishes.streams]
    assert all(names.count(stream) <= 2 for stream in names)
    assert all(len(object_id) <= 200 for _, object_id, _ in wishes.targets)
