"""Signed webhooks: the contract's body, a signature that verifies, a key that folds, a fate that is exact."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from service.channels.channel import Fate
from service.channels.post import RETRY_AFTER_SECONDS_MAX, Target
from service.channels.url import Unusable
from service.channels.webhook import Webhook, keys_of, open_webhook
from tests.channels.receiver import Answer, Received, Receiver, receiving
from tests.channels.samples import ALERT_ID, message

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

CONTRACT_FIELDS = [
    "id",
    "fingerprint",
    "status",
    "severity",
    "kind",
    "cause",
    "summary",
    "detail",
    "owner",
    "organizations",
    "organizations_count",
    "records_count",
    "money_at_risk",
    "started_at",
    "ended_at",
    "runbook_url",
    "url",
]


def channel_to(receiver: Receiver, path: str = "/hook", query: str = "") -> Webhook:
    """A channel to a receiver on loopback."""
    return open_webhook(f"http://127.0.0.1:{receiver.port}{path}{query}", allow_private=True)


def verifies(request: Received, key: bytes) -> bool:
    """Verify as a receiver does that knows the standard and this key."""
    headers = request.headers
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.content
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    signatures = headers["webhook-signature"].split(" ")
    return any(hmac.compare_digest(each, f"v1,{expected}") for each in signatures)


async def test_the_body_is_the_contract_and_the_signature_verifies() -> None:
    """A receiver that knows contract and standard needs nothing else; the secret itself is not sent."""
    async with receiving() as receiver:
        channel = channel_to(receiver, query=f"?team=a%20b&secret={SECRET}&x=1")
        outcome = await channel.send(message())
        await channel.close()
    (request,) = receiver.received
    assert outcome.fate is Fate.SENT
    assert (request.method, request.path) == ("POST", "/hook?team=a%20b&x=1")
    assert list(request.body)[: len(CONTRACT_FIELDS)] == CONTRACT_FIELDS
    assert request.body["money_at_risk"] == {"USD": 123_450}
    assert request.headers["webhook-id"] == f"msg_{ALERT_ID.hex}_1"
    assert request.headers["content-type"] == "application/json"
    assert verifies(request, KEY)
    assert not verifies(request, b"another key")
    assert "MfKQ9r8GKYqr" not in str(request.headers) + request.path


async def test_without_a_secret_nothing_is_signed() -> None:
    """No secret, no signature; the key and the time are sent all the same."""
    async with receiving() as receiver:
        channel = channel_to(receiver)
        await channel.send(message())
        await channel.close()
    headers = receiver.received[0].headers
    assert "webhook-signature" not in headers
    assert headers["webhook-timestamp"].isdigit()


async def test_a_repeat_bears_the_same_key_and_says_so() -> None:
    """Another send of a message has its key, and is marked in header and body."""
    async with receiving() as receiver:
        channel = channel_to(receiver)
        await channel.send(message())
        await channel.send(message(is_repeat=True))
        await channel.send(message(sequence=2))
        await channel.close()
    first, repeat, second = receiver.received
    assert first.headers["webhook-id"] == repeat.headers["webhook-id"] != second.headers["webhook-id"]
    assert ("tieout-repeat" in first.headers, first.body["is_repeat"]) == (False, False)
    assert (repeat.headers["tieout-repeat"], repeat.body["is_repeat"]) == ("true", True)


@pytest.mark.parametrize("secret", ["plain words", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
async def test_a_secret_in_another_form_verifies_as_it_stands(secret: str) -> None:
    """A secret without the standard's prefix signs as text, and as base64 where it is some."""
    async with receiving() as receiver:
        channel = channel_to(receiver, query=f"?secret={secret.replace(' ', '%20')}")
        await channel.send(message())
        await channel.close()
    assert verifies(receiver.received[0], secret.encode())
    assert verifies(receiver.received[0], KEY) == (secret != "plain words")


def test_a_plus_sign_in_a_secret_is_a_plus_sign() -> None:
    """Base64 is pasted as it is; it is no form field."""
    assert keys_of("whsec_+/+/") == (b"\xfb\xff\xbf",)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!"])
def test_an_unusable_secret_is_refused(secret: str) -> None:
    """An empty or malformed secret is told at the start, not at the first alert; it is not repeated."""
    with pytest.raises(Unusable) as raised:
        keys_of(secret)
    assert "not base64!" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "fate", "words"),
    [
        (Answer(status=204, text=b""), Fate.SENT, ""),
        (Answer(status=400, text=b"bad \x1b[31m thing"), Fate.REFUSED, "HTTP 400 bad [31m thing"),
        (Answer(status=404), Fate.REFUSED, "HTTP 404 ok"),
        (Answer(status=410), Fate.REFUSED, "HTTP 410 ok"),
        (Answer(status=302, headers={"location": "http://127.0.0.1:1/"}), Fate.REFUSED, "not followed"),
        (Answer(status=408), Fate.LATER, "HTTP 408"),
        (Answer(status=429), Fate.LATER, "HTTP 429"),
        (Answer(status=503), Fate.LATER, "HTTP 503"),
        (Answer(status=500, text=b"<html>\n" * 10_000), Fate.UNKNOWN, "HTTP 500 <html> <html>"),
        (Answer(status=502), Fate.UNKNOWN, "HTTP 502"),
        (Answer(hang_up=True), Fate.UNKNOWN, "RemoteProtocolError"),
    ],
)
async def test_an_answer_tells_the_fate(answer: Answer, fate: Fate, words: str) -> None:
    """Taken, refused for good, later, or unknown: each answer means one of them, told in one short line."""
    async with receiving() as receiver:
        receiver.answer(answer)
        channel = channel_to(receiver)
        outcome = await channel.send(message())
        await channel.close()
    assert outcome.fate is fate
    assert words in outcome.detail
    assert outcome.detail.isprintable()
    assert len(outcome.detail) <= 300
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999", RETRY_AFTER_SECONDS_MAX),
        ("Fri, 31 Dec 2100 23:59:59 GMT", RETRY_AFTER_SECONDS_MAX),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("soon", None),
        ("Fri, 31 Dec 99999999999999 23:59:59 GMT", None),
        ("-5", None),
        ("9" * 400, None),
    ],
)
async def test_the_wait_that_is_asked_for_is_honoured_within_bounds(text: str, seconds: float | None) -> None:
    """Retry-After is read in seconds or as a date, and never longer than an hour."""
    async with receiving() as receiver:
        receiver.answer(Answer(status=429, headers={"retry-after": text}))
        channel = channel_to(receiver)
        outcome = await channel.send(message())
        await channel.close()
    assert outcome.retry_after_seconds == seconds


async def test_nobody_listening_means_that_nothing_was_sent() -> None:
    """A refused connection is no unknown outcome."""
    async with receiving() as receiver:
        channel = channel_to(receiver)
    outcome = await channel.send(message())
    await channel.close()
    assert outcome.fate is Fate.LATER


async def test_what_nobody_foresaw_is_told_as_an_outcome() -> None:
    """Whatever fails before the first byte is a message for later, with its reason; no other one waits."""
    path = "/hook/hunter2hunter2" + "x" * 70_000  # longer than the client lets an address be
    channel = Webhook(
        Target(scheme="http", host="127.0.0.1", port=1, path_and_query=path), (), allow_private=True
    )
    outcome = await channel.send(message())
    await channel.close()
    assert outcome.fate is Fate.LATER
    assert outcome.detail.startswith("InvalidURL")
    assert "hunter2" not in outcome.detail


async def test_a_user_and_password_are_sent_as_such() -> None:
    """Credentials in the URL become basic authentication, and no part of the label."""
    async with receiving() as receiver:
        url = f"http://ana:se%40cret@127.0.0.1:{receiver.port}/"
        channel = open_webhook(url, allow_private=True)
        await channel.send(message())
        await channel.close()
    expected = base64.b64encode(b"ana:se@cret").decode()
    assert receiver.received[0].headers["authorization"] == f"Basic {expected}"
    assert channel.label == f"webhook to 127.0.0.1:{receiver.port}"
