"""What will fail when it is pushed, on an organization's page: which documents, and how many there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import uuid4

import httpx

from service.domain.document import Ledger
from service.store.comparing import replace_findings_of
from service.store.database import Database
from service.web.api.organizations import FINDINGS_MAX
from tests.web.builders import NOW, ORGANIZATION, add_document, add_organization
from tests.web.test_page import open_page

VIEW = f"/organizations/{ORGANIZATION}"


async def find(database: Database, document_ids: Sequence[str]) -> None:
    """Find of each document, or of the organization for an empty id, that no tax rate fits."""
    rows = [
        {
            "organization_id": ORGANIZATION,
            "ledger": "receivable",
            "kind": "missing_tax_rate",
            "document_id": each,
            "reason": "No tax rate of 8.25% is in the books.",
            "owner": "bookkeeper",
            "amount_minor": 125_00,
            "currency": "USD",
            "found_at": NOW,
        }
        for each in document_ids
    ]
    async with database.organization(ORGANIZATION) as connection:
        await replace_findings_of(connection, ORGANIZATION, Ledger.RECEIVABLE, document_ids, rows)


async def test_a_document_that_will_fail_is_named(database: Database, viewer: httpx.AsyncClient) -> None:
    """Each document that will fail is told by its number and party, and leads to what is known of it."""
    await add_organization(database, ORGANIZATION, "Alder")
    document = await add_document(database, ORGANIZATION, number="INV-0042", party_name="Kiln & Co")
    await find(database, ["", document.document_id])
    page = await open_page(viewer, VIEW)
    [told] = re.findall(r"Will fail when pushed(.*)Times are UTC", page.text, re.DOTALL)
    assert told.split()[:2] == ["No", "tax"]  # of the organization as a whole, under no name
    assert "INV-0042 · Kiln & Co" in " ".join(told.split())
    assert "Only the first" not in told
    [link] = [each for each in page.links if "/documents/" in each]
    assert (await viewer.get(link)).json()["number"] == "INV-0042"


async def test_it_is_told_how_many_more_will_fail(database: Database, viewer: httpx.AsyncClient) -> None:
    """Where more documents will fail than are listed, the page says how many there are."""
    await add_organization(database, ORGANIZATION, "Alder")
    await find(database, [str(uuid4()) for _ in range(FINDINGS_MAX + 7)])
    page = await open_page(viewer, VIEW)
    assert f"Only the first {FINDINGS_MAX} of {FINDINGS_MAX + 7} are shown." in page.text
