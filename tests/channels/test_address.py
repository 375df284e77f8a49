"""Where a channel may connect to: no private targets unless allowed, and only the address that was judged."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.channels.address import Forbidden, parse, resolve, why_forbidden
from service.channels.channel import Fate, Outcome
from service.channels.post import Poster, Target
from tests.channels.receiver import Answer, Receiver, receiving

PRIVATE = [
    "127.0.0.1",
    "127.1",
    "0177.0.0.1",
    "2130706433",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "198.18.0.1",
    "192.0.2.1",
]
NOWHERE = [
    "169.254.169.254",
    "fe80::1",
    "fe80::1%eth0",
    "::ffff:169.254.169.254",
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "::",
    "224.0.0.1",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"]


def verdict(text: str, *, allow_private: bool) -> str:
    """Why this address may not be connected to."""
    address = parse(text)
    assert address is not None, text
    return why_forbidden(address, allow_private=allow_private)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_need_the_setting(text: str) -> None:
    """Loopback and private networks, however spelled or wrapped, are closed, and the remedy is named."""
    assert "TIEOUT_ALERT_ALLOW_PRIVATE" in verdict(text, allow_private=False)
    assert verdict(text, allow_private=True) == ""


@pytest.mark.parametrize("text", NOWHERE)
def test_no_setting_opens_what_is_no_receiver(text: str) -> None:
    """Link-local addresses, where clouds give out credentials, multicast and nowhere stay closed."""
    assert verdict(text, allow_private=False)
    assert verdict(text, allow_private=True)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_open(text: str) -> None:
    """What is on the internet may be connected to."""
    assert verdict(text, allow_private=False) == ""


Resolver = Callable[..., Any]


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Have names resolve to these addresses, an answer each time; returns the names that are asked for."""
    asked: list[str] = []
    queue = list(answers)

    async def getaddrinfo(host: str, port: int, **_options: Any) -> list[Any]:
        asked.append(host)
        found = queue.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_with_one_private_address_is_refused_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public address beside a private one does not open the door."""
    resolving(monkeypatch, ["1.1.1.1", "10.0.0.1"])
    with pytest.raises(Forbidden, match=r"hooks\.example\.org points to 10\.0\.0\.1"):
        await resolve("hooks.example.org", 443, allow_private=False)


def poster_to(receiver: Receiver, **changes: Any) -> Poster:
    """A poster to a receiver on loopback, by name."""
    target: dict[str, Any] = {
        "scheme": "http",
        "host": "hooks.example.org",
        "port": receiver.port,
        "path_and_query": "/x",
    }
    return Poster(Target(**target), **({"allow_private": True} | changes))


async def send(poster: Poster) -> Outcome:
    """Send one body and let go."""
    try:
        return await poster.post(b"{}", {"content-type": "application/json"})
    finally:
        await poster.close()


async def test_the_judged_address_is_the_one_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is resolved once a message; the request still bears the name."""
    async with receiving() as receiver:
        asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        outcome = await send(poster_to(receiver))
    assert outcome.fate is Fate.SENT
    assert asked == ["hooks.example.org"]
    assert receiver.received[0].headers["host"] == f"hooks.example.org:{receiver.port}"


async def test_a_name_that_turned_private_is_not_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a name points to is judged at each message; a forbidden one waits, since it may be put right."""
    async with receiving() as receiver:
        resolving(monkeypatch, ["127.0.0.1"])
        outcome = await send(poster_to(receiver, allow_private=False))
    assert outcome.fate is Fate.LATER
    assert "TIEOUT_ALERT_ALLOW_PRIVATE" in outcome.detail
    assert receiver.received == []


async def test_a_dead_address_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address of a name refuses, the next one is tried: nothing was sent yet."""
    async with receiving() as receiver:
        resolving(monkeypatch, ["127.0.0.2", "127.0.0.1"])
        outcome = await send(poster_to(receiver))
    assert outcome.fate is Fate.SENT


async def test_a_name_that_does_not_exist_is_tried_later() -> None:
    """A name without an address is no refusal for good."""
    poster = Poster(
        Target(scheme="http", host="nowhere.invalid", port=80, path_and_query="/"), allow_private=True
    )
    assert (await send(poster)).fate is Fate.LATER


async def test_redirects_are_not_followed() -> None:
    """Where an answer points to is never asked."""
    async with receiving() as other, receiving() as receiver:
        receiver.answer(Answer(status=307, headers={"location": f"http://127.0.0.1:{other.port}/"}))
        target = Target(scheme="http", host="127.0.0.1", port=receiver.port, path_and_query="/")
        outcome = await send(Poster(target, allow_private=True))
    assert outcome.fate is Fate.REFUSED
    assert other.received == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve the name anew, so none is."""
    async with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        target = Target(scheme="http", host="127.0.0.1", port=receiver.port, path_and_query="/")
        assert (await send(Poster(target, allow_private=True))).fate is Fate.SENT
    assert proxy.received == []


@pytest.mark.parametrize("answer", [Answer(stay_silent=True), Answer(drip=True)])
async def test_a_receiver_that_never_ends_is_cut_off(answer: Answer) -> None:
    """Silence and drips end with the deadline, and the outcome is unknown."""
    async with receiving() as receiver:
        receiver.answer(answer)
        target = Target(scheme="http", host="127.0.0.1", port=receiver.port, path_and_query="/")
        outcome = await send(Poster(target, allow_private=True, deadline_seconds=0.5))
    assert (outcome.fate, outcome.detail) == (Fate.UNKNOWN, "no answer within 0.5 s")


async def test_a_deadline_before_the_first_byte_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that never answers takes the message's time, not its certainty."""

    async def getaddrinfo(*_arguments: Any, **_options: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    poster = Poster(
        Target(scheme="http", host="hooks.example.org", port=80, path_and_query="/"),
        allow_private=True,
        deadline_seconds=0.2,
    )
    assert (await send(poster)).fate is Fate.LATER


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
@pytest.mark.parametrize(("certified", "fate"), [("hooks.example.org", Fate.SENT), ("other.org", Fate.LATER)])
async def test_the_certificate_is_checked_against_the_name(
    certified: str, fate: Fate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although an address is dialled, the receiver must prove to be the name; otherwise nothing is sent."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    await asyncio.to_thread(_make_certificate, certified, certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    resolving(monkeypatch, ["127.0.0.1"])
    target = Target(
        scheme="https", host="hooks.example.org", port=server.sockets[0].getsockname()[1], path_and_query="/"
    )
    try:
        outcome = await send(Poster(target, allow_private=True))
    finally:
        server.close()
        await server.wait_closed()
    assert outcome.fate is fate
    assert len(receiver.received) == (fate is Fate.SENT)


def _make_certificate(name: str, certificate: Path, key: Path) -> None:
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} "
        f"-addext subjectAltName=DNS:{name} -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )


def test_the_client_library_still_tells_when_the_first_byte_leaves() -> None:
    """The exact fate rests on a trace event of the HTTP library; a release that renames it must not pass."""
    from httpcore._async import http11  # noqa: PLC0415 - looked at here alone

    assert "send_request_headers" in Path(http11.__file__).read_text()
    assert httpx.__version__.startswith("0.28")
