"""The page: every view opens, every link leads somewhere, and what comes from outside stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from uuid import uuid4

import httpx
import pytest

from service.domain.record_state import State
from service.store.database import Database
from service.web.authentication import COOKIE
from service.web.page import assets, formatting, runbook, wording
from service.web.routes import build
from tests.web.builders import (
    KEYS,
    NOW,
    ORGANIZATION,
    Fleet,
    add_alert,
    add_attempt,
    add_balance,
    add_difference,
    add_event,
    add_organization,
    add_record,
    client,
    set_connection,
    settings,
)
from tests.web.wire import open_wire

BROWSER = {"accept": "text/html"}
VIEWS = (
    "/",
    "/organizations",
    "/records",
    "/causes",
    "/differences",
    "/alerts",
    "/events",
    "/status",
    "/runbook",
)


class Page(HTMLParser):
    """What a page is made of: tags with their attributes, and the text between."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data

    @property
    def links(self) -> set[str]:
        """Where its links lead, within the service."""
        found = {attributes.get("href") or "" for tag, attributes in self.tags if tag in {"a", "link"}}
        return {link.partition("#")[0] for link in found if link.startswith("/")}


async def open_page(caller: httpx.AsyncClient, path: str) -> Page:
    """Open a view as a browser does."""
    answer = await caller.get(path, headers=BROWSER)
    assert answer.status_code == 200, (path, answer.text)
    if path.startswith("/v1/"):
        return Page("")  # a file to take along
    assert answer.headers["content-type"] == "text/html; charset=utf-8" or path.startswith("/static/")
    return Page(answer.text)


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ([{"kind": "unclassified", "expected": False, "count": 0, "delta_minor": 0}], "not explained"),
        ([{"kind": "amount", "expected": False, "count": 0, "delta_minor": 0}], "ties out"),
    ],
)
async def test_a_ledger_ties_out_unless_something_is_unexplained(
    database: Database, viewer: httpx.AsyncClient, terms: list[dict[str, object]], told: str
) -> None:
    """Unexplained differences keep a ledger from tying out, also where they cancel each other out."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_balance(database, ORGANIZATION, books_minor=1_000_00, books_count=10, terms=terms)
    page = await open_page(viewer, f"/organizations/{ORGANIZATION}")
    shown = [each for each in ("not explained", "ties out", "not certified") if each in page.text.lower()]
    assert shown == [told]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/events", "No webhook has come"),
        ("/differences", "both sides agree"),
        ("/causes", "Every record is in the books or on its way"),
        ("/retries", "Nobody has planned a retry"),
        ("/records", "They appear as the hub tells of them"),
    ],
)
async def test_an_empty_list_says_of_all_only_what_was_asked_of_all(
    viewer: httpx.AsyncClient, path: str, told: str
) -> None:
    """That there is nothing at all is said where everything was asked for; else but that nothing fits."""
    assert told in (await open_page(viewer, path)).text
    filtered = await open_page(viewer, f"{path}?organization_id={ORGANIZATION}")
    assert told not in filtered.text
    assert "Nothing fits" in filtered.text


@pytest.mark.parametrize("path", sorted(set(VIEWS) - {"/runbook"}))
async def test_every_view_of_what_is_keeps_itself_current(viewer: httpx.AsyncClient, path: str) -> None:
    """Whatever tells how things stand is read again while it is open; the runbook does not change."""
    [main] = [attributes for tag, attributes in (await open_page(viewer, path)).tags if tag == "main"]
    assert int(main["data-live"] or 0) > 0


@pytest.mark.usefixtures("filled")
async def test_every_link_leads_somewhere(operator: httpx.AsyncClient) -> None:
    """From the overview every link, and every link behind it, opens."""
    seen: set[str] = set()
    waiting = {"/"}
    while waiting and len(seen) < 300:
        path = waiting.pop()
        seen.add(path)
        page = await open_page(operator, path)
        waiting |= page.links - seen
    assert set(VIEWS) <= seen | {"/runbook"}
    assert len(seen) > 40


async def test_an_empty_service_says_so(operator: httpx.AsyncClient) -> None:
    """Before there is anything every view opens, and its lists say that they are empty."""
    for path in VIEWS:
        page = await open_page(operator, path)
        if path not in {"/status", "/runbook"}:
            assert any("empty" in (attributes.get("class") or "") for _, attributes in page.tags), path


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"


async def plant(database: Database) -> None:
    """Put a script into every text that comes from outside."""
    await add_organization(database, ORGANIZATION, EVIL, platform=EVIL, url="javascript:alert(3)")
    texts = dict.fromkeys(
        ("object_type", "platform", "platform_object_id", "provider_object_id", "cause_text", "reason"), EVIL
    )
    record = await add_record(database, ORGANIZATION, state=State.NEEDS_PERSON, owner=EVIL, **texts)
    await add_record(
        database, ORGANIZATION, state=State.NEEDS_PERSON, cause="unknown", cause_group=EVIL, cause_text=EVIL
    )
    await add_attempt(database, record, number=1, outcome="refused")
    await add_difference(
        database, ORGANIZATION, reason=EVIL, local_id=EVIL, books_id=EVIL, record_id=record.record_id
    )
    await add_balance(database, ORGANIZATION, currency=EVIL)
    await add_alert(database, ORGANIZATION, summary=EVIL, detail=EVIL, next_step=EVIL, owner=EVIL)
    await add_event(database, ORGANIZATION, object_type=EVIL, action=EVIL, object_id=EVIL)
    await add_event(database, ORGANIZATION, quarantined=EVIL)
    await set_connection(database, ORGANIZATION, EVIL, platform=EVIL, url="javascript:alert(3)")


async def test_a_script_planted_anywhere_stays_text(database: Database, operator: httpx.AsyncClient) -> None:
    """A script in every upstream text shows on the pages as text, and adds no tag and no attribute to any."""
    await plant(database)
    [record_id] = {
        row["id"] for row in (await operator.get("/v1/records?cause=missing_tax_rate")).json()["data"]
    }
    shown = 0
    for path in (*VIEWS, f"/organizations/{ORGANIZATION}", f"/records/{record_id}"):
        page = await open_page(operator, path)
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        assert all((script.get("src") or "").startswith("/static/live.") for script in scripts)
        assert not [tag for tag, _ in page.tags if tag == "img"]
        for tag, attributes in page.tags:
            assert not [name for name in attributes if name.startswith("on")], (path, tag)
            assert "style" not in attributes
            for name in ("href", "src", "action"):
                assert not (attributes.get(name) or "").startswith("javascript:")
        planted = page.text.count("<script>alert(1)</script>")
        assert page.text.count("{{7*7}}") == planted
        shown += planted
    assert shown > 15


@pytest.mark.parametrize(
    ("url", "is_followed"),
    [
        ("https://connect.example/a?b=c", True),
        ("http://connect.example/", False),
        ("javascript:alert(1)", False),
        ("//connect.example/", False),
        ("https://user@connect.example/", False),
        ("https:///x", False),
        ("https://[bad/", False),
        ("https://connect.example/\n", False),
        ("", False),
        (None, False),
    ],
)
def test_only_https_is_followed(url: str | None, *, is_followed: bool) -> None:
    """An address that somebody else made becomes a link only if it is plain https."""
    assert formatting.https_only(url) == (url if is_followed else None)


async def test_a_lost_connection_can_be_restored_from_the_page(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """An organization whose access was withdrawn shows where its admin restores it."""
    await add_organization(database, ORGANIZATION, "Alder")
    await set_connection(database, ORGANIZATION, "deauthorized", url="https://connect.example/again")
    page = await open_page(operator, f"/organizations/{ORGANIZATION}")
    assert ("a", "https://connect.example/again") in {(tag, each.get("href")) for tag, each in page.tags}
    assert "Access withdrawn" in page.text


async def test_actions_are_offered_to_those_who_may(filled: Fleet, operator: httpx.AsyncClient) -> None:
    """Forms to take on and silence alerts are there for an operator's session, and for no viewer's."""
    assert filled.alerts
    for name, may in (("operator", True), ("viewer", False)):
        async with httpx.AsyncClient(transport=operator._transport, base_url=operator.base_url) as person:
            await person.post("/login", data={"key": KEYS[name]})
            page = await open_page(person, "/alerts")
        actions = {each.get("action") for tag, each in page.tags if tag == "form"} - {"/logout"}
        assert bool(actions) is may


async def test_a_message_leads_to_its_alert_through_the_door(
    filled: Fleet, operator: httpx.AsyncClient, viewer: httpx.AsyncClient
) -> None:
    """The link of a message asks for a key and then shows that alert: whose turn it is, and what to do."""
    alert = filled.alerts[ORGANIZATION]
    told = (await viewer.get("/v1/alerts")).json()["data"]
    link = next(each["url"] for each in told if each["id"] == str(alert.alert_id))
    path = f"/alerts/{alert.alert_id}"
    assert link.endswith(path)
    async with httpx.AsyncClient(transport=operator._transport, base_url=operator.base_url) as stranger:
        door = await stranger.get(path, headers=BROWSER)
        assert (door.status_code, door.headers["location"]) == (303, f"/login?next={path}")
        form = await open_page(stranger, door.headers["location"])
        hidden = {
            str(each["name"]): str(each["value"]) for _, each in form.tags if each.get("type") == "hidden"
        }
        entered = await stranger.post("/login", data={**hidden, "key": KEYS["operator"]})
        assert (entered.status_code, entered.headers["location"]) == (303, path)
        page = await open_page(stranger, path)
    assert alert.summary in page.text
    assert "Whose turn: " in page.text
    assert (await viewer.get(f"/alerts/{uuid4()}", headers=BROWSER)).status_code == 404


async def test_silencing_by_the_page(database: Database, operator: httpx.AsyncClient) -> None:
    """An alert is silenced for the hours chosen; other hours are refused."""
    alert = await add_alert(database)
    async with httpx.AsyncClient(transport=operator._transport, base_url=operator.base_url) as person:
        await person.post("/login", data={"key": KEYS["operator"]})
        match = re.search(r'name="csrf_token" value="([\w-]+)"', (await person.get("/alerts")).text)
        assert match
        for hours, status in (("8", 303), ("9", 422), ("", 422)):
            data = {"csrf_token": match[1], "hours": hours}
            answer = await person.post(f"/alerts/{alert.alert_id}/snooze", data=data)
            assert answer.status_code == status
        assert "Silent until" in (await person.get("/alerts")).text


async def test_assets_are_kept_for_ever_under_changing_names(operator: httpx.AsyncClient) -> None:
    """A style sheet has its content in its name and may be kept; under its plain name there is none."""
    name = assets.hashed("page.css")
    answer = await operator.get(f"/static/{name}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert (await operator.get("/static/page.css")).status_code == 404


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "USD", "0.00"),
        (5, "USD", "0.05"),
        (-5, "USD", f"{formatting.MINUS}0.05"),
        (-123_456_789, "EUR", f"{formatting.MINUS}1,234,567.89"),
        (1_234, "JPY", "1,234"),
        (1_234_567, "KWD", "1,234.567"),
        (2**53 - 1, "USD", "90,071,992,547,409.91"),
    ],
)
def test_amounts_are_written_exactly(minor: int, currency: str, text: str) -> None:
    """An amount is written in major units of its currency, to the last digit."""
    assert formatting.amount(minor, currency) == text


def test_every_state_is_named() -> None:
    """Each state has a name, a meaning, and a colour in the style sheet."""
    css = assets.CONTENTS["page.css"].decode()
    assert set(wording.STATES) == set(State)
    for state in State:
        assert f".chip-{state} " in css
        assert f".tone-{state} " in css


def test_a_bar_is_as_wide_as_its_parts() -> None:
    """Parts share the bar by their size; a tiny one is still seen, and they never run over."""
    drawn = formatting.bar([("a", 1), ("b", 999_999), ("c", 0)], "label")
    widths = [int(width) for width in re.findall(r'width="(\d+)"', drawn)]
    assert widths == [6, 994]
    assert formatting.bar([], "label").count("<rect") == 0


@pytest.mark.parametrize("trouble", ["cut", "stall"])
async def test_the_runbook_opens_for_everybody(database_url: str, trouble: str) -> None:
    """Whoever was woken reads it without signing in, and while Postgres is away."""
    async with open_wire(database_url) as wire, await Database.open(wire.url) as database:
        app = build(settings=settings(), database=database, replica_id="r", version="1")
        async with client(app) as nobody, client(app, cookie=f"{COOKIE}=token-of-a-session") as somebody:
            for reader in (nobody, somebody):
                assert "Nothing is lost while you read this" in (await open_page(reader, "/runbook")).text
            getattr(wire, trouble)()
            for reader in (nobody, somebody):
                page = await open_page(reader, "/runbook")
                assert "prometheus-tieoutdown" in {attributes.get("id") for _, attributes in page.tags}
                assert "/organizations" not in page.links
            wire.mend()


async def test_the_runbook_leads_back_for_whoever_is_signed_in(viewer: httpx.AsyncClient) -> None:
    """With a key the runbook has the navigation of every page."""
    assert "/organizations" in (await open_page(viewer, "/runbook")).links


def test_the_runbook_can_be_linked_to() -> None:
    """Headings of the runbook are named after their kind or cause, and HTML in it stays text."""
    html = runbook.to_html("# Runbook\n\n## `missing_tax_rate`\n\n### Who acts?\n\n<script>x</script>\n")
    assert 'id="missing_tax_rate"' in html
    assert 'id="who-acts"' in html
    assert "<script>" not in html


def test_time_is_told_both_ways() -> None:
    """An instant shows its distance, and beneath it the exact time."""
    text = formatting.ago(NOW, NOW)
    assert ">now<" in text
    assert f'title="{NOW:%Y-%m-%d %H:%M:%S} UTC"' in text
