"""Logs: one line an event, no secret in any of them, and libraries' lines among ours."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from service import logs
from service.logs import Masker


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was logged, line by line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured(*secrets: str) -> io.StringIO:
    """Set logging up on a stream of our own."""
    stream = io.StringIO()
    logs.configure(Masker(secrets), stream=stream)
    return stream


def test_an_event_is_one_json_line() -> None:
    """Name, level, time, logger and facts of an event stand in one line of JSON."""
    stream = configured()
    logs.get_logger("service.workers.pusher").info("push_sent", records=3, reason="due")
    (event,) = events(stream)
    assert list(event)[:3] == ["at", "level", "event"]
    assert event | {"at": ""} == {
        "at": "",
        "level": "info",
        "event": "push_sent",
        "logger": "service.workers.pusher",
        "records": 3,
        "reason": "due",
    }


def test_context_is_bound_once() -> None:
    """What is bound at the start of a unit of work is on every line of it, and on none after."""
    stream = configured()
    logger = logs.get_logger("x")
    with structlog.contextvars.bound_contextvars(organization_id="one"):
        logger.info("organization_polled")
    logger.info("round_ended")
    assert [event.get("organization_id") for event in events(stream)] == ["one", None]


def test_nobody_forges_a_line() -> None:
    """Line breaks and control characters of upstream texts are escaped."""
    stream = configured()
    logs.get_logger("x").info("record_failed", text='bad\n{"event": "forged"}\x1b[2J\u2028\u202e')
    (event,) = events(stream)
    assert event["text"] == 'bad\\n{"event": "forged"}\\x1b[2J\\u2028\\u202e'


def test_on_a_terminal_nobody_forges_a_line_either() -> None:
    """The readable form keeps an event in one line and passes no escape sequence of others on."""
    stream = Terminal()
    logs.configure(Masker(), stream=stream)
    logs.get_logger("x").info("record_failed", text="bad\nforged\x1b]0;title\x07")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b]0" not in stream.getvalue()
    assert "record_failed" in stream.getvalue()


@given(st.text())
def test_any_text_stays_in_one_line(text: str) -> None:
    """Whatever a text holds, it is shown in one line that UTF-8 can carry."""
    cleaned = Masker().clean(text)
    assert len(cleaned.splitlines()) <= 1
    assert cleaned.encode().decode() == cleaned


@pytest.mark.parametrize(
    "key", ["password", "client_secret", "access_token", "Authorization", "api_key", "cookie"]
)
def test_secrets_are_masked_by_key(key: str) -> None:
    """A value under a secret's name is not shown, however deep it lies."""
    stream = configured()
    logs.get_logger("x").info("hub_asked", **{key: "canary"}, request={"headers": [{key: "canary"}]})
    assert "canary" not in stream.getvalue()


def test_secrets_are_masked_by_value() -> None:
    """A known secret is taken out of any text, exception and key."""
    stream = configured("canary-one", "canary-one-and-more")
    try:
        raise ValueError("refused canary-one-and-more")
    except ValueError:
        logs.get_logger("x").exception(
            "hub_refused", url="https://h/?t=canary-one", facts={"canary-one": ["canary-one"]}
        )
    assert "canary" not in stream.getvalue()
    assert "and-more" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_secrets_are_learnt_later() -> None:
    """A token that is fetched while running is masked from then on."""
    masker = Masker()
    masker.learn("canary-token")
    assert masker.clean("Bearer canary-token") == "Bearer ***"


def test_few_secrets_are_remembered() -> None:
    """However many tokens come and go, the masker stays small and knows the latest."""
    masker = Masker()
    masker.learn(*(f"secret-{number:06}" for number in range(logs.SECRETS_MAX + 500)))
    assert masker.clean("secret-000000") == "secret-000000"
    assert masker.clean(f"secret-{logs.SECRETS_MAX + 499:06}") == "***"
    assert len(masker._secrets) == logs.SECRETS_MAX


def test_passwords_in_addresses_are_masked() -> None:
    """The password inside an address is taken out even if nobody made it known."""
    assert Masker().clean("at postgresql://u:canary@h/d now") == "at postgresql://u:***@h/d now"


def test_exceptions_show_no_variables() -> None:
    """A logged exception tells what happened, and not what was in the variables, on a terminal as well."""
    stream = Terminal()
    logs.configure(Masker(), stream=stream)

    def fail() -> None:
        held = "canary"
        raise LookupError(len(held))

    try:
        fail()
    except LookupError:
        logs.get_logger("x").exception("run_failed")
    shown = stream.getvalue().replace('held = "canary"', "")
    assert "LookupError" in shown
    assert "canary" not in shown


def test_long_texts_are_cut() -> None:
    """A text of megabytes becomes a line of bounded length that says how long it was."""
    stream = configured()
    logs.get_logger("x").info("record_failed", text="x" * 10_000_000, items=list(range(1000)))
    (event,) = events(stream)
    assert "… (10000000 characters) …" in event["text"]
    assert len(stream.getvalue()) < 3 * logs.TEXT_CHARACTERS_MAX


def test_libraries_log_through_us() -> None:
    """A library's line has the same form, is masked, and is left out when it is only chatter."""
    stream = configured("canary-one")
    logging.getLogger("uvicorn.error").info("Started with %s\n", "canary-one")
    logging.getLogger("httpx").info("HTTP Request: GET")
    logging.getLogger("apscheduler.scheduler").warning("Run was missed")
    assert [event["event"] for event in events(stream)] == ["Started with ***\\n", "Run was missed"]


def test_any_value_can_be_logged() -> None:
    """Values that JSON does not know are shown as text, and endless ones are cut off."""
    stream = configured()
    endless: list[Any] = []
    endless.append(endless)
    logs.get_logger("x").info("odd", value=object, raw=b"\x00\xff", number=float("nan"), endless=endless)
    (event,) = events(stream)
    assert event["value"] == "<class 'object'>"
