"""Apprise, with its real library: mails and posts in a thread, exact fates, and no way around the guard."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from service.channels import apprise
from service.channels.apprise import Apprise, open_apprise
from service.channels.channel import Channel, Fate
from service.channels.guard import guarded
from service.channels.registry import open_channels
from service.channels.url import Unusable
from service.errors import SettingsError
from tests.channels.mailbox import mailbox
from tests.channels.receiver import Answer, receiving
from tests.channels.samples import message

EVIL = "<!channel> @everyone [click](https://evil.example) <b>x</b>\r\nBcc: victim@example.org"


def mail(port: int) -> Channel:
    """A channel that mails to a server on loopback."""
    url = f"mailto://127.0.0.1:{port}?from=tieout@example.org&to=night@example.org,day@example.org"
    return open_apprise(url, allow_private=True)


async def test_a_mail_says_everything_and_obeys_nobody() -> None:
    """What, money, turn, step and links; planted markup, mentions and header lines do nothing."""
    async with mailbox() as box:
        outcome = await mail(box.port).send(message(summary=EVIL, detail=EVIL, next_step="Create it."))
    assert outcome.fate is Fate.SENT, outcome.detail
    assert sorted(box.recipients) == ["day@example.org", "night@example.org"]
    for each in box.mails:
        assert each["bcc"] is None
        assert len(each.get_all("subject", [])) == 1
        part = each.get_body(("plain", "html"))
        assert part is not None
        text = part.get_content()
        assert "Whose turn: bookkeeper. Create it." in text.replace("&nbsp;", " ")
        assert message().body["url"] in text
        for planted in ("<!channel>", "@everyone", "[click]", "<b>x"):
            assert planted not in text
            assert planted not in each["subject"]


async def test_the_fate_is_as_exact_as_apprise_lets_it_be() -> None:
    """A status decides as everywhere; without one a failure may have arrived at somebody."""
    async with receiving() as receiver:
        channel = open_apprise(f"json://127.0.0.1:{receiver.port}/hook", allow_private=True)
        fates = []
        for status in (200, 400, 429, 500):
            receiver.answer(Answer(status=status))
            fates.append((await channel.send(message())).fate)
        receiver.answer(Answer(hang_up=True))
        fates.append((await channel.send(message())).fate)
    assert fates == [Fate.SENT, Fate.REFUSED, Fate.LATER, Fate.UNKNOWN, Fate.UNKNOWN]


async def test_a_thread_that_is_late_is_left_alone() -> None:
    """A silent receiver costs the deadline, and the next message waits instead of piling up threads."""
    async with receiving() as receiver:
        receiver.answer(Answer(stay_silent=True))
        url = f"json://127.0.0.1:{receiver.port}/hook?cto=30&rto=30"
        channel = Apprise(url, "JSON", allow_private=True, deadline_seconds=0.3)
        assert (await channel.send(message())).fate is Fate.UNKNOWN
        before = threading.active_count()
        assert (await channel.send(message(sequence=2))).fate is Fate.LATER
        assert threading.active_count() <= before
        await receiver.wait_for(lambda: bool(receiver.received))
        assert len(receiver.received) == 1


@pytest.mark.parametrize("target", ["127.0.0.1", "localhost", "2130706433"])
async def test_private_targets_are_refused_as_they_are_dialled(target: str) -> None:
    """However a private address is written, nothing is sent there unless that is allowed."""
    async with receiving() as receiver:
        channel = Apprise(f"json://{target}:{receiver.port}/", "JSON", allow_private=False)
        outcome = await channel.send(message())
        assert receiver.received == []
    assert (outcome.fate, "on a private network" in outcome.detail) == (Fate.LATER, True)


async def test_a_redirect_leads_nowhere_private() -> None:
    """Where an answer points to is judged like any other address; credentials' addresses always are."""
    async with receiving() as receiver:
        receiver.answer(Answer(status=307, headers={"location": "http://169.254.169.254/latest"}))
        outcome = await open_apprise(f"json://127.0.0.1:{receiver.port}/", allow_private=True).send(message())
    assert outcome.fate is Fate.LATER
    assert "no address of a receiver" in outcome.detail


def test_only_the_thread_that_asked_is_guarded() -> None:
    """The guard holds within its block, and elsewhere everything connects as before."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = server.getsockname()
        with guarded(allow_private=False) as watch, pytest.raises(PermissionError):
            socket.create_connection(where)
        assert "127.0.0.1" in watch.refused
        socket.create_connection(where).close()


def test_what_is_unknown_to_all_is_told() -> None:
    """A scheme that neither we nor Apprise know is an error that lists ours and repeats no secret."""
    with pytest.raises(SettingsError) as raised:
        open_channels(["carrier://hunter2"], allow_private=False)
    (problem,) = raised.value.problems
    assert "built in (webhook+http," in problem
    assert "hunter2" not in problem


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lacks Apprise learns how to get it."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingsError) as raised:
        open_channels(["mailtos://user:hunter2@example.org"], allow_private=False)
    (problem,) = raised.value.problems
    assert apprise.EXTRA in problem
    assert "hunter2" not in problem


def test_a_private_address_is_refused_when_it_is_read() -> None:
    """One that is written in the URL is judged before anything is sent."""
    with pytest.raises(Unusable, match="on a private network"):
        open_apprise("json://10.0.0.7/", allow_private=False)
