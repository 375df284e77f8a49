"""A page left open: it follows what happens, waits for whoever types, and says when it is not current."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, Route

from service.domain.record_state import State
from service.store.database import Database
from tests.browser.conftest import PATIENCE_SECONDS, Person, sign_in
from tests.browser.test_page_in_browser import DESK
from tests.web.builders import NOW, ORGANIZATION, add_alert, add_organization, add_record

PERIOD_MS = 5_000
"""Of the overview and of a record's page."""


async def open_page(person: Person, path: str) -> Page:
    """Open a page whose clock goes as fast as the test wants."""
    await person.page.clock.install()
    return await person.open(path)


async def until(page: Page, holds: Callable[[], Awaitable[bool]]) -> None:
    """Let periods pass until something holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await holds():
            await page.clock.run_for(PERIOD_MS)


async def refuse(route: Route) -> None:
    """Answer as the service does without its database."""
    await route.fulfill(status=503, body="no", content_type="text/html")


async def cut(route: Route) -> None:
    """Answer as nobody does."""
    await route.abort("connectionrefused")


@pytest.mark.timeout(200)
@pytest.mark.parametrize("trouble", ["no service", "no database", "no session"])
async def test_it_says_when_it_is_not_current(
    database: Database, browser: Browser, base: str, trouble: str
) -> None:
    """Whatever keeps a page from being read again, it says since when, and looks well no more."""
    await add_organization(database, ORGANIZATION, "Alder")
    person = await sign_in(browser, base, viewport=DESK)
    page = await open_page(person, "/")
    told = page.get_by_role("status")
    as_of = await page.locator("footer time").inner_text()
    assert await told.inner_text() == ""
    if trouble == "no session":
        await person.context.clear_cookies()
    else:
        await page.route(f"{base}/", refuse if trouble == "no database" else cut)
    await until(page, lambda: told.get_by_role("link").is_visible())
    assert await told.inner_text() == f"Not current since {as_of} UTC: reload, or sign in again."
    assert await page.locator("main[data-stale]").count() == 1


@pytest.mark.timeout(200)
async def test_one_answer_that_fails_is_no_reason_to_worry(browser: Browser, base: str) -> None:
    """Nothing is told of a single reading that fails, and what was told ends with the next that does not."""
    page = await open_page(await sign_in(browser, base, viewport=DESK), "/")
    await page.route(f"{base}/", cut)
    told = page.get_by_role("status")
    async with page.expect_event("requestfailed"):
        await page.clock.run_for(PERIOD_MS)
    assert await told.inner_text() == ""
    await until(page, lambda: told.get_by_role("link").is_visible())
    await page.unroute(f"{base}/")
    await until(page, lambda: _is_empty(page))
    assert await page.locator("main[data-stale]").count() == 0


async def _is_empty(page: Page) -> bool:
    return await page.get_by_role("status").inner_text() == ""


@pytest.mark.timeout(200)
async def test_a_clicked_table_is_kept_current(database: Database, browser: Browser, base: str) -> None:
    """Focus on what nobody types into neither holds the page back nor is lost when it is read again."""
    await add_record(database, await add_organization(database, ORGANIZATION, "Alder"), state=State.BLOCKED)
    page = await open_page(await sign_in(browser, base, viewport=DESK), "/")
    await page.get_by_role("region", name="Causes").focus()
    await add_organization(database, ORGANIZATION, "Birch")
    await until(page, lambda: page.locator("main", has_text="Birch").is_visible())
    # In one step: what a locator found a moment ago may have been replaced by the next reading.
    assert await page.evaluate("document.activeElement.getAttribute('aria-label')") == "Causes"


@pytest.mark.timeout(200)
async def test_what_was_typed_is_kept(database: Database, browser: Browser, base: str) -> None:
    """A reason that is half written stays where it is when its writer looks at something else on the page."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    page = await open_page(await sign_in(browser, base, viewport=DESK), f"/records/{record.record_id}")
    asked: list[str] = []
    await page.click("text=I know better")
    await page.fill("input[name=reason]", "It was billed")
    await page.click("h1")
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.run_for(3 * PERIOD_MS)
    assert await page.input_value("input[name=reason]") == "It was billed"
    await page.click("text=I know better")
    await page.clock.run_for(3 * PERIOD_MS)
    assert asked == []
    await page.click("text=I know better")
    await page.fill("input[name=reason]", "")
    await page.click("text=I know better")
    async with page.expect_response(page.url):
        await page.clock.run_for(PERIOD_MS)


@pytest.mark.timeout(200)
async def test_a_button_stays_that_of_its_alert(database: Database, browser: Browser, base: str) -> None:
    """Whoever is about to press a button presses that one, whatever came above it meanwhile."""
    alert = await add_alert(database, summary="The first")
    page = await open_page(await sign_in(browser, base, viewport=DESK), "/alerts")
    await page.get_by_role("button", name="Snooze").focus()
    await add_alert(database, summary="The second", started_at=NOW)
    await until(page, lambda: page.locator("main", has_text="The second").is_visible())
    pressed = await page.evaluate("document.activeElement.form.action")
    assert pressed == f"{base}/alerts/{alert.alert_id}/snooze"
    asked: list[str] = []
    await page.get_by_role("button", name="I take it on").first.hover()
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.run_for(20 * PERIOD_MS)
    assert asked == []
