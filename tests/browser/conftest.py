"""A real browser in front of the real web side; skipped, saying so, where there is no Chromium."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from service.settings import Settings
from service.store.database import Database
from service.web.routes import build
from tests.web.builders import KEYS, settings
from tests.web.test_serving import serve

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""It asks nobody on the network for anything; root has no sandbox."""

PATIENCE_SECONDS = 60.0
"""For a page that opens in a tenth of one, on a machine that does ten other things."""


@dataclass
class Person:
    """Somebody before a browser: what the page wrote to the console, and dialogs that scripts opened."""

    base: str
    context: BrowserContext
    page: Page
    console: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    async def open(self, path: str) -> Page:
        """Go to a page and see it answered."""
        answer = await self.page.goto(self.base + path)
        assert answer is not None
        assert answer.ok, (path, answer.status)
        return self.page


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed; on Debian: apt-get install chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        await started.close()


@pytest.fixture
async def base(database: Database) -> AsyncIterator[str]:
    """The address of the web side over a fresh database."""
    given: Settings = settings(listen="127.0.0.1:0")
    app = build(settings=given, database=database, replica_id="r", version="1")
    async with serve(app) as port:
        yield f"http://127.0.0.1:{port}"


async def sit_down(browser: Browser, base: str, **options: object) -> Person:
    """Open a window of a person who is not signed in; `options` are those of a browser's context."""
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    page = await context.new_page()
    person = Person(base, context, page)

    def note(message: ConsoleMessage) -> None:
        person.console.append(f"{message.type}: {message.text}")

    async def dismiss(dialog: object) -> None:
        person.dialogs.append(str(dialog))

    page.on("console", note)
    page.on("pageerror", lambda error: person.console.append(f"error: {error}"))
    page.on("dialog", dismiss)
    return person


async def sign_in(browser: Browser, base: str, **options: object) -> Person:
    """The same, signed in as somebody who may do everything."""
    person = await sit_down(browser, base, **options)
    await person.open("/login")
    await person.page.fill("input[name=key]", KEYS["approver"])
    await person.page.click("button.primary")
    await person.page.wait_for_url(f"{base}/")
    return person
