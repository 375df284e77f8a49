"""Reading the lines of bills: a call for each bill, so only where they matter.

They are read of a bill that changed, if it is still on its way into the books or had its lines read before. A
bill whose lines cannot be read, or have to wait, is kept without them, and told as such where that may pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from service.domain.document import Document, Status, as_uuid
from service.errors import HubError
from service.hub.documents import local_payable
from service.hub.paging import gather
from service.store.documents import KnownDocument, SeenDocument
from service.store.records import list_unsettled_objects
from service.workers.reading import ENDS_RUN, MAY_PASS, MAY_PASS_MAX, Reading, Readout, count_refused, log

LINES_MAX: Final = 200
"""Calls for lines in one reading; the bills beyond are wished for singly, and read with the next runs."""


class Lines:
    """Reads the lines of bills, up to a number of calls."""

    def __init__(self, reading: Reading, readout: Readout) -> None:
        self._reading = reading
        self._readout = readout
        self._calls_left = LINES_MAX
        self.failed: list[str] = []
        self.left_out: list[str] = []

    async def added_to(
        self, bills: Sequence[SeenDocument], known: Mapping[str, KnownDocument]
    ) -> list[SeenDocument]:
        """The bills, with their lines where those matter; without, where they cannot be read."""
        unsettled = await self._unsettled(bills)
        completed = []
        for bill in bills:
            before = known.get(bill.document.document_id)
            has_lines = before is not None and before.has_lines
            if has_lines or bill.document.document_id in unsettled:
                completed.append(await self._complete(bill))
            else:
                completed.append(bill)
        return completed

    async def _unsettled(self, bills: Sequence[SeenDocument]) -> frozenset[str]:
        """Bills that are to go into the books and are not there."""
        if not self._reading.organization.is_connected:
            return frozenset()
        on_their_way = [
            found
            for bill in bills
            if bill.document.status not in {Status.DRAFT, Status.VOID}
            and (found := as_uuid(bill.document.document_id)) is not None
        ]
        if not on_their_way:
            return frozenset()
        async with self._reading.database.organization(self._reading.organization_id) as connection:
            unsettled = await list_unsettled_objects(connection, self._reading.organization_id, on_their_way)
        return frozenset(str(each) for each in unsettled)

    async def _complete(self, bill: SeenDocument) -> SeenDocument:
        document_id = bill.document.document_id
        payable_id = as_uuid(document_id)
        if payable_id is None or self._calls_left == 0 or len(self.failed) >= MAY_PASS_MAX:
            self.left_out.append(document_id)
            return bill
        self._calls_left -= 1
        try:
            page = await gather(self._reading.hub.payable_lines(self._reading.organization_id, payable_id))
        except HubError as error:
            if error.failure in ENDS_RUN:
                raise
            self._readout.counts["unreadable"] += 1
            log.warning("lines_refused", document_id=document_id, error=str(error))
            if error.failure in MAY_PASS:
                self.failed.append(document_id)
            return bill
        count_refused(self._readout, self._reading, page.refused)
        found = local_payable(bill.payload, [row.payload for row in page.items])
        return SeenDocument(document=found, payload=bill.payload) if isinstance(found, Document) else bill
