"""The page in a real browser: nothing to object to on any view, light or dark, at a desk or on a phone."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize
from starlette.types import Send

from service.domain.causes.names import Cause
from service.domain.record_state import State
from service.store.database import Database
from service.web.route import Kind, Route
from service.web.table import ROUTES
from tests.browser.conftest import Person, sign_in, sit_down
from tests.web.builders import KEYS, ORGANIZATION, Fleet, add_alert, add_organization, add_record, fill
from tests.web.test_page import EVIL, plant
from tests.web.test_serving import serve

DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

ASK_AXE = """async (rules) => (await axe.run(document, {runOnly: rules})).violations.map(
    each => `${each.id}: ${each.help} ${each.nodes.slice(0, 3).map(node => node.target).join(" | ")}`)"""

FILES = {"/static/{name}"}
"""Routes that answer people with files instead of views."""

VIEWS: Sequence[Route] = [
    route
    for route in ROUTES
    if route.method == "GET"
    and (route.kind is Kind.PAGE or route.path == "/status")
    and route.path not in FILES
]


def addresses(fleet: Fleet, retry: str) -> Mapping[str, str]:
    """An address of every view there is; one that is added without an example fails here."""
    parts = {
        "{organization_id:uuid}": str(ORGANIZATION),
        "{record_id:uuid}": str(fleet.records[ORGANIZATION][list(State).index(State.BLOCKED)].record_id),
        "{alert_id:uuid}": str(fleet.alerts[ORGANIZATION].alert_id),
        "{cause}": Cause.MISSING_TAX_RATE.value,
        "{period}": "2026-10",
        "{retry_id:uuid}": retry,
    }
    found = {}
    for route in VIEWS:
        path = route.path
        for part, value in parts.items():
            path = path.replace(part, value)
        assert "{" not in path, f"{route.path} needs an example"
        found[route.path] = path
    return found


async def complaints(page: Page) -> Sequence[str]:
    """What axe finds by the Web Content Accessibility Guidelines 2.2, level AA."""
    await page.evaluate(AXE)
    found: Sequence[str] = await page.evaluate(ASK_AXE, RULES)
    return found


async def plan_retry(person: Person) -> str:
    """Plan a retry from a cause's page, as people do; returns its id."""
    page = await person.open(f"/causes/{Cause.MISSING_TAX_RATE}")
    await page.click("text=Plan a retry")
    await page.wait_for_url("**/retries/*")
    return page.url.rpartition("/")[2]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_view_is_objected_to(database: Database, browser: Browser, base: str, scheme: str) -> None:
    """On every view axe finds nothing, the console stays silent, and a phone has nothing to scroll aside."""
    fleet = await fill(database)
    person = await sign_in(browser, base, viewport=DESK, color_scheme=scheme)
    person.console.clear()
    found: dict[str, Any] = {}
    for route, path in addresses(fleet, await plan_retry(person)).items():
        page = await person.open(path)
        if complained := await complaints(page):
            found[route] = complained
        await page.set_viewport_size(PHONE)
        if (width := await page.evaluate("document.documentElement.scrollWidth")) > PHONE["width"]:
            found[f"{route} on a phone"] = width
        await page.set_viewport_size(DESK)
    assert found == {}
    assert person.console == []


@pytest.mark.timeout(300)
async def test_a_planted_script_stays_text(database: Database, browser: Browser, base: str) -> None:
    """Scripts in all upstream texts neither run nor load anything, on any view."""
    await plant(database)
    await add_record(database, ORGANIZATION, state=State.BLOCKED, cause_text=EVIL, reason=EVIL)
    alert = await add_alert(database, ORGANIZATION, summary=EVIL, detail=EVIL, next_step=EVIL)
    fleet = Fleet({ORGANIZATION: [await _failing(database)] * len(State)}, {ORGANIZATION: alert})
    person = await sign_in(browser, base, viewport=DESK)
    person.console.clear()
    shown = 0
    for path in addresses(fleet, await plan_retry(person)).values():
        page = await person.open(path)
        assert await page.locator("img, iframe, object, embed, main script").count() == 0, path
        shown += (await page.inner_text("body")).count("<script>alert(1)</script>")
    assert shown > 10
    assert person.dialogs == []
    assert person.console == []


async def _failing(database: Database) -> Any:
    return await add_record(
        database, ORGANIZATION, state=State.BLOCKED, cause=Cause.MISSING_TAX_RATE, cause_text=EVIL
    )


@pytest.mark.timeout(200)
async def test_it_works_without_javascript_and_by_keyboard(
    database: Database, browser: Browser, base: str
) -> None:
    """Without scripts one signs in, walks by keyboard past the navigation, and plans a retry."""
    await fill(database)
    person = await sign_in(browser, base, viewport=DESK, java_script_enabled=False)
    page = await person.open("/")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    retry = await plan_retry(person)
    assert await page.get_by_role("button", name="Send").count() == 1
    await page.get_by_role("button", name="Send").press("Enter")
    await page.wait_for_url(f"**/retries/{retry}")
    assert "Under way" in await page.inner_text("main")


@pytest.mark.timeout(200)
async def test_it_keeps_itself_current(database: Database, browser: Browser, base: str) -> None:
    """While somebody looks, what is new shows without a reload, and the console stays silent."""
    person = await sign_in(browser, base, viewport=DESK)
    person.console.clear()
    page = await person.open("/")
    assert "Alder" not in await page.inner_text("main")
    await add_organization(database, ORGANIZATION, "Alder")
    await add_record(database, ORGANIZATION, state=State.BLOCKED, cause=Cause.MISSING_TAX_RATE)
    await page.locator("main", has_text="Alder").wait_for()
    assert person.console == []


@pytest.mark.timeout(200)
async def test_a_stranger_sees_the_door_alone(browser: Browser, base: str) -> None:
    """Without a session every view leads to the door, and a wrong key is told so without losing the way."""
    person = await sit_down(browser, base, viewport=PHONE)
    page = await person.open("/causes")
    assert page.url.startswith(f"{base}/login")
    assert await complaints(page) == []
    await page.fill("input[name=key]", "not a key")
    await page.click("button.primary")
    assert "not valid" in await page.inner_text("[role=alert]")
    assert await complaints(page) == []


@asynccontextmanager
async def elsewhere(link: str) -> AsyncIterator[str]:
    """The address of another site, whose only page has this link."""

    async def page(_scope: object, _receive: object, send: Send) -> None:
        head = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send(
            {"type": "http.response.body", "body": f'<a href="{html.escape(link)}">Alert</a>'.encode()}
        )

    async with serve(page) as port:
        yield f"http://localhost:{port}/"


@pytest.mark.timeout(200)
async def test_a_link_in_a_message_is_followed_with_the_session(
    database: Database, browser: Browser, base: str
) -> None:
    """Who comes from a chat sees the page with its filters: at once if signed in, else after the key."""
    await add_organization(database, ORGANIZATION, "Alder")
    link = f"{base}/records?cause=period_locked&state=blocked"
    async with elsewhere(link) as chat:
        person = await sign_in(browser, base)
        await person.page.goto(chat)
        await person.page.click("text=Alert")
        await person.page.wait_for_url(link)
        assert await person.page.title() == "Records · tieout"
        stranger = await sit_down(browser, base)
        await stranger.page.goto(chat)
        await stranger.page.click("text=Alert")
        await stranger.page.fill("input[name=key]", KEYS["viewer"])
        await stranger.page.click("button.primary")
        await stranger.page.wait_for_url(link)
