"""The overview: what it sums is all there is, and who is to be looked at needs somebody."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from service.domain.causes.names import Cause
from service.domain.record_state import State
from service.store.database import Database
from tests.web.builders import ORGANIZATION, OTHER, add_organization, add_record
from tests.web.conftest import ClientOf
from tests.web.test_page import open_page

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
