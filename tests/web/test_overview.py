"""The overview: what it sums is all there is, and who is to be looked at needs somebody."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

from service.domain.causes.names import Cause
from service.domain.document import Ledger
from service.domain.pushing.override import Override, Word
from service.domain.pushing.policy import Policy
from service.domain.record import Record
from service.domain.record_state import State
from service.store.comparing import upsert_comparison
from service.store.database import Database
from service.store.fleet_samples import insert_fleet_sample
from service.store.overrides import insert_override
from tests.web.builders import (
    NOW,
    ORGANIZATION,
    OTHER,
    add_difference,
    add_organization,
    add_record,
    write_record,
)
from tests.web.conftest import ClientOf
from tests.web.test_page import BROWSER, open_page

WORDINGS = "abcdefghijkl"
"""Of errors that nobody knows, each a cause of its own: more than the overview lists."""


@pytest.mark.parametrize(
    ("name", "failing", "told"),
    [("viewer", 79, ["USD 78.00", "EUR 7.00"]), ("bound", 78, ["USD 78.00"])],
)
async def test_money_at_risk_is_that_of_all_causes(
    database: Database, client_of: ClientOf, name: str, failing: int, told: Sequence[str]
) -> None:
    """However many causes there are, the sum holds the money of each, by currency, as far as one may see."""
    await add_organization(database, ORGANIZATION, "Alder")
    await add_organization(database, OTHER, "Birch")
    await add_record(database, OTHER, state=State.BLOCKED, amount_minor=7_00, currency="EUR")
    await add_record(database, ORGANIZATION, amount_minor=9_00, currency="USD")
    for records, wording in enumerate(WORDINGS, start=1):
        for _ in range(records):
            await add_record(
                database,
                ORGANIZATION,
                state=State.NEEDS_PERSON,
                cause=Cause.UNKNOWN,
                cause_group=f"never seen {wording}",
                amount_minor=1_00,
                currency="USD",
            )
    page = await open_page(client_of(name), "/")
    [figure] = re.findall(rf"Money at risk\s(.*?)in {failing} failing records", page.text, re.DOTALL)
    assert [" ".join(each) for each in re.findall(r"([A-Z]{3})\s([\d.]+)", figure)] == told


async def set_aside(database: Database, record: Record) -> None:
    """Ann does not want it in the books."""
    override = Override(word=Word.LEAVE, person="Ann", reason="it was billed elsewhere")
    async with database.organization(record.organization_id) as rows:
        await insert_override(rows, record.organization_id, record.record_id, override, Policy())


async def compare(
    database: Database, organization_id: UUID, differences: Mapping[str, UUID | None], *, expected: int = 0
) -> None:
    """A ledger is compared: what is to explain, each kind with its record, and how many are expected."""
    for kind, record_id in differences.items():
        await add_difference(database, organization_id, kind=kind, record_id=record_id)
    async with database.organization(organization_id) as rows:
        await upsert_comparison(
            rows,
            organization_id,
            Ledger.RECEIVABLE,
            certified=True,
            open_differences=len(differences),
            expected_differences=expected,
        )


async def told_needy(caller: httpx.AsyncClient) -> str:
    """What the overview tells of whom to look at, as one line."""
    page = await open_page(caller, "/")
    [needy] = re.findall(r"Organizations to look at\s+(.*?)\s+Alerts\s", page.text, re.DOTALL)
    return " ".join(re.sub(r"(?<=[a-z])(?=\d)", " ", needy).split())


async def test_nobody_need_look_at_what_was_set_aside(
    database: Database, operator: httpx.AsyncClient
) -> None:
    """Who has but failing records that are set aside is not told, nor that these are not in the books."""
    await add_organization(database, ORGANIZATION, "Alder")
    records = [await add_record(database, ORGANIZATION, state=State.BLOCKED) for _ in range(2)]
    await compare(database, ORGANIZATION, {"push_failed": records[0].record_id})
    told = [await told_needy(operator)]
    for record in records:
        await set_aside(database, record)
        told.append(await told_needy(operator))
    assert told == [
        "Alder 2 failing 1 difference",
        "Alder 1 failing",
        "None No organization needs anybody just now.",
    ]


async def test_what_else_differs_is_looked_at(database: Database, operator: httpx.AsyncClient) -> None:
    """What was set aside hides no other difference, be it of the same record."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    await compare(
        database,
        ORGANIZATION,
        {"not_pushed": record.record_id, "deleted_in_books": record.record_id, "never_attempted": None},
    )
    await set_aside(database, record)
    assert await told_needy(operator) == "Alder 2 differences"


@pytest.mark.parametrize("expected", [0, 5])
async def test_what_is_expected_is_taken_from_nothing(
    database: Database, operator: httpx.AsyncClient, expected: int
) -> None:
    """Three differences to explain are told as three everywhere, however many are expected beside them."""
    await add_organization(database, ORGANIZATION, "Alder")
    await compare(database, ORGANIZATION, dict.fromkeys(("amount", "tax", "number")), expected=expected)
    assert await told_needy(operator) == "Alder 3 differences"
    page = await operator.get("/organizations", headers=BROWSER)
    assert '<td class="n" data-label="To explain"><b>3</b></td>' in page.text
    [organization] = (await operator.get("/v1/organizations")).json()["data"]
    assert organization["counts"]["differences"] == {"open": 3 + expected, "expected": expected}


async def test_a_trend_ends_with_what_is_now(database: Database, viewer: httpx.AsyncClient) -> None:
    """Samples are taken each minute; what is called now is of now all the same, as in the figures above."""
    await add_organization(database, ORGANIZATION, "Alder")
    record = await add_record(database, ORGANIZATION, state=State.BLOCKED)
    async with database.fleet() as connection:
        await insert_fleet_sample(connection)
    healed = replace(
        record, version=record.version + 1, state=State.CONFIRMED, sync_status="done", cause=None, owner=None
    )
    await write_record(database, record, replace(healed, first_failed_at=None, healed_at=NOW))
    told = " ".join((await open_page(viewer, "/")).text.split())
    assert "Failing now 0, at most 1 since" in told
