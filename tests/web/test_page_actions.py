"""What people do on the page: plan a retry, look at it, apply it or drop it, and decide about one record."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from service.domain.causes.names import Cause
from service.domain.record import Record
from service.domain.record_state import State
from service.store.database import Database
from tests.web.builders import KEYS, ORGANIZATION, OTHER, add_organization, add_record


@dataclass
class Person:
    """Somebody with a session, who presses buttons."""

    http: httpx.AsyncClient

    async def look(self, path: str) -> str:
        """Open a page."""
        answer = await self.http.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, answer.text
        return answer.text

    async def press(self, page: str, action: str, **typed: str) -> httpx.Response:
        """Send the form of a page that leads to `action`, with what was typed into it."""
        forms = re.findall(r'<form method="post" action="([^"]+)"[^>]*>(.*?)</form>', page, re.DOTALL)
        [form] = [body for target, body in forms if target == action]
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
        return await self.http.post(action, data={**fields, **typed}, follow_redirects=False)


@pytest.fixture
async def blocked(database: Database) -> Record:
    """A record that waits for a tax rate, and one of the same cause in another organization."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, OTHER, "Birch")
    await add_record(database, OTHER, state=State.BLOCKED, cause=Cause.MISSING_TAX_RATE)
    return await add_record(database, ORGANIZATION, state=State.BLOCKED, cause=Cause.MISSING_TAX_RATE)


@asynccontextmanager
async def signed_in(operator: httpx.AsyncClient, key: str) -> AsyncIterator[Person]:
    """Somebody with a session."""
    async with httpx.AsyncClient(transport=operator._transport, base_url=operator.base_url) as browser:
        await browser.post("/login", data={"key": KEYS[key]})
        yield Person(browser)


@pytest.fixture
async def person(operator: httpx.AsyncClient) -> AsyncIterator[Person]:
    """An operator of the fleet, signed in."""
    async with signed_in(operator, "operator") as somebody:
        yield somebody


async def test_a_retry_is_planned_shown_and_applied(person: Person, blocked: Record) -> None:
    """From a cause's page a plan is made, it shows its records and money, and one button sends them once."""
    cause = await person.look(f"/causes/{Cause.MISSING_TAX_RATE}?organization_id={ORGANIZATION}")
    assert f"/records/{blocked.record_id}" in cause
    made = await person.press(cause, "/retries")
    assert made.status_code == 303
    plan = await person.look(made.headers["location"])
    assert "What would be sent" in plan
    assert f"/records/{blocked.record_id}" in plan
    retry = made.headers["location"]
    assert (await person.press(plan, f"{retry}/apply")).headers["location"] == retry
    running = await person.look(retry)
    assert "Under way" in running
    assert "waits for its turn" in running
    assert f"{retry}/apply" not in running
    assert retry in await person.look("/retries")


async def test_a_plan_is_dropped(person: Person, blocked: Record) -> None:
    """A plan that nobody wants is dropped, and cannot be applied any more."""
    assert blocked
    made = await person.press(await person.look(f"/causes/{Cause.MISSING_TAX_RATE}"), "/retries")
    retry = made.headers["location"]
    plan = await person.look(retry)
    await person.press(plan, f"{retry}/cancel")
    assert "Cancelled" in await person.look(retry)
    assert (await person.press(plan, f"{retry}/apply")).status_code == 409


async def test_another_plan_than_the_shown_one_is_not_applied(person: Person, blocked: Record) -> None:
    """The button carries the hash of what the page showed; with another one nothing is sent."""
    assert blocked
    made = await person.press(await person.look(f"/causes/{Cause.MISSING_TAX_RATE}"), "/retries")
    retry = made.headers["location"]
    refused = await person.press(await person.look(retry), f"{retry}/apply", hash="0" * 64)
    assert refused.status_code == 409
    assert "Planned" in await person.look(retry)


@pytest.mark.parametrize(
    "given", [{}, {"state": "nowhere"}, {"organization_id": "x"}, {"record_id": "x"}, {"cause": ""}]
)
async def test_a_form_that_makes_no_sense_is_refused(
    person: Person, blocked: Record, given: dict[str, str]
) -> None:
    """A plan of nothing, or of what cannot be read, is refused in words."""
    assert blocked
    page = await person.look("/")
    token = re.search(r'name="csrf_token" value="([\w-]+)"', page)
    assert token
    answer = await person.http.post("/retries", data={"csrf_token": token[1], **given})
    assert answer.status_code == 422
    assert "Traceback" not in answer.text


async def test_a_person_decides_about_one_record(person: Person, blocked: Record) -> None:
    """The record's page takes a decision with its reason, and shows both from then on."""
    path = f"/records/{blocked.record_id}"
    page = await person.look(path)
    said = {"decision": "leave", "reason": "It was a test <b>invoice</b>"}
    assert (await person.press(page, f"{path}/override", **said)).status_code == 303
    after = await person.look(path)
    assert "It was a test &lt;b&gt;invoice&lt;/b&gt;" in after
    refused = await person.press(page, f"{path}/override", decision="push", reason="")
    assert refused.status_code == 422
    assert (await person.press(page, f"{path}/override", decision="no", reason="why not")).status_code == 422


async def test_a_bound_operator_reaches_no_other_organization(
    operator: httpx.AsyncClient, blocked: Record
) -> None:
    """For a key of one organization a plan holds its own records alone, and a foreign plan does not exist."""
    async with signed_in(operator, "operator") as whole, signed_in(operator, "bound") as own:
        made = await own.press(await own.look(f"/causes/{Cause.MISSING_TAX_RATE}"), "/retries")
        shown = await own.look(made.headers["location"])
        assert shown.count('href="/records/') == 1
        assert f"/records/{blocked.record_id}" in shown
        foreign = await whole.press(await whole.look(f"/causes/{Cause.MISSING_TAX_RATE}"), "/retries")
        assert (await own.http.get(foreign.headers["location"])).status_code == 404
        assert (await own.http.get(f"/retries/{uuid4()}")).status_code == 404
        assert (await own.http.get("/causes/none")).status_code == 404
