"""What an answer that is no success means, and what became of the request behind it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Fate, HubError, HubFailure
from service.hub.exchange import Answer
from service.hub.judgement import MESSAGE_CHARACTERS_MAX, Shape, is_spent, judge, one_line, refusal

NOW = datetime(2026, 10, 5, 12, 0, 0, tzinfo=UTC)
ERROR = {"error": {"message": "Something is wrong."}}
VALIDATION = {"detail": [{"loc": ["query", "limit"], "msg": "too large", "type": "value_error"}]}
MESSAGE = {"message": "API rate limit exceeded"}
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


def judged(status: int, body: Any, **headers: str) -> HubError:
    """Judge an answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return judge("push record", Answer(status, sent, content), NOW)


@pytest.mark.parametrize(
    ("status", "body", "failure", "fate"),
    [
        # Turned away at the door: not an attempt at all.
        (401, ERROR, HubFailure.UNAUTHORIZED, Fate.NOT_SENT),
        (400, {"error": {"message": "The token has been expired."}}, HubFailure.UNAUTHORIZED, Fate.NOT_SENT),
        (429, MESSAGE, HubFailure.THROTTLED, Fate.NOT_SENT),
        (429, ERROR, HubFailure.THROTTLED, Fate.NOT_SENT),
        # The hub says that it did not.
        (400, ERROR, HubFailure.REFUSED, Fate.REFUSED),
        (403, ERROR, HubFailure.REFUSED, Fate.REFUSED),
        (404, ERROR, HubFailure.NOT_FOUND, Fate.REFUSED),
        (405, ERROR, HubFailure.REFUSED, Fate.REFUSED),
        (422, VALIDATION, HubFailure.REFUSED, Fate.REFUSED),
        # A route that a gateway does not have tells nothing of a document.
        (404, MESSAGE, HubFailure.REFUSED, Fate.REFUSED),
        # Something may be under way.
        (408, ERROR, HubFailure.REFUSED, Fate.UNCERTAIN),
        (409, ERROR, HubFailure.REFUSED, Fate.UNCERTAIN),
        (499, ERROR, HubFailure.REFUSED, Fate.UNCERTAIN),
        (500, ERROR, HubFailure.SERVER_ERROR, Fate.UNCERTAIN),
        (503, MESSAGE, HubFailure.SERVER_ERROR, Fate.UNCERTAIN),
        # A gateway does not know, whatever status it writes above.
        (400, HTML, HubFailure.UNREADABLE, Fate.UNCERTAIN),
        (401, HTML, HubFailure.UNAUTHORIZED, Fate.UNCERTAIN),
        (403, HTML, HubFailure.UNREADABLE, Fate.UNCERTAIN),
        (404, HTML, HubFailure.UNREADABLE, Fate.UNCERTAIN),
        (422, {"detail": []}, HubFailure.UNREADABLE, Fate.UNCERTAIN),
        (422, {"error": "text"}, HubFailure.UNREADABLE, Fate.UNCERTAIN),
        (429, HTML, HubFailure.THROTTLED, Fate.UNCERTAIN),
        (502, HTML, HubFailure.SERVER_ERROR, Fate.UNCERTAIN),
        (302, b"", HubFailure.UNREADABLE, Fate.UNCERTAIN),
        (404, b"", HubFailure.UNREADABLE, Fate.UNCERTAIN),
    ],
)
def test_verdicts(status: int, body: Any, failure: HubFailure, fate: Fate) -> None:
    """Status and shape together tell the failure and the fate."""
    error = judged(status, body)
    assert (error.failure, error.fate, error.http_status) == (failure, fate, status)


def test_the_message_tells_what_was_done_and_what_was_said() -> None:
    """An error is one line that names the call, the status and the hub's words."""
    assert str(judged(422, VALIDATION)) == "push record: the hub answered 422: query.limit: too large"
    assert str(judged(500, ERROR)) == "push record: the hub answered 500: Something is wrong."


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1.0),
        ("0.5", 0.5),
        ("Mon, 05 Oct 2026 12:01:30 GMT", 90.0),
        ("Mon, 05 Oct 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("-5", None),
        ("Mon, 99 Oct 2026 12:01:30 GMT", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    """Both documented forms are understood; nonsense means nothing."""
    assert judged(429, MESSAGE, retry_after=header).retry_after_seconds == seconds


def test_the_hubs_own_name_of_the_exchange_is_kept() -> None:
    """Its support asks for it."""
    assert judged(500, ERROR, x_request_id="abc-1").request_id == "abc-1"
    assert judged(500, ERROR).request_id is None


def test_a_spent_second_shows_in_either_header() -> None:
    """Nothing remains when one of the documented headers says so."""
    assert is_spent(httpx.Headers({"RateLimit-Remaining": "0"}))
    assert is_spent(httpx.Headers({"X-RateLimit-Remaining-Second": "0"}))
    assert not is_spent(httpx.Headers({"RateLimit-Remaining": "1"}))
    assert not is_spent(httpx.Headers({"RateLimit-Remaining": "none"}))
    assert not is_spent(httpx.Headers({}))


def test_upstream_words_stay_on_one_line() -> None:
    """No line break, control character or flood of the hub's gets into a sentence of ours."""
    line = one_line("a\r\nb\x1b[31m\u2028c\x00d" + "x" * 10_000_000)
    assert line.startswith("a b [31m c d")
    assert len(line) == MESSAGE_CHARACTERS_MAX


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(300, 599))
def test_any_bytes_are_judged(body: bytes, status: int) -> None:
    """Whatever the body, there is a verdict, and none but the hub's own shapes says that nothing was done."""
    error = judged(status, body)
    shape = refusal(Answer(status, httpx.Headers(), body)).shape
    assert error.fate is Fate.UNCERTAIN or shape is not Shape.FOREIGN


@settings(deadline=None)
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["error", "message", "detail", "msg", "loc", "x"]), inner)
        ),
        max_leaves=20,
    )
)
def test_any_json_is_judged(body: Any) -> None:
    """Whatever JSON comes in place of an error is put in words of bounded length."""
    assert len(str(judged(422, body))) < 2 * MESSAGE_CHARACTERS_MAX
