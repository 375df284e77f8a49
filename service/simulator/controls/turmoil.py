"""Many random changes, drawn from the seed: a busy day of a fleet, for tests that compare afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from service.simulator.connections import Status
from service.simulator.controls.books import BooksControls
from service.simulator.controls.documents import DocumentControls
from service.simulator.controls.world import WorldControls
from service.simulator.failures import Cause
from service.simulator.organization import Organization

Change = Callable[[Organization], bool]

FAILURES = (
    Cause.TIMEOUT_AMBIGUOUS,
    Cause.RATE_LIMITED,
    Cause.PLATFORM_UNAVAILABLE,
    Cause.PLATFORM_INTERNAL_ERROR,
    Cause.UNKNOWN,
)
MISSING_RATE = 1375
ATTEMPTS_PER_CHANGE = 20
"""Draws before giving up on a change: most organizations allow most of them."""


class TurmoilControls(DocumentControls, BooksControls, WorldControls):
    """Random changes made of the other controls."""

    def stir(self, changes: int = 100, organization_id: str | None = None) -> dict[str, int]:
        """Make random changes in random organizations (or in one); return how many of each kind."""
        made: Counter[str] = Counter()
        repertoire = self._repertoire()
        organizations = self._those(organization_id)
        while sum(made.values()) < changes:
            for _ in range(ATTEMPTS_PER_CHANGE):
                name = self.world.chance.pick(tuple(repertoire))
                if repertoire[name](self.world.chance.pick(organizations)):
                    made[name] += 1
                    break
            else:
                break
        return dict(made)

    def _repertoire(self) -> dict[str, Change]:
        """Return the changes by name; each says whether it could be made."""
        return {
            "issue_invoice": lambda at: bool(self.issue_invoice(at.id, net_minor=self._amount())),
            "issue_bill": lambda at: bool(self.issue_bill(at.id, net_minor=self._amount())),
            "issue_failing": self._issue_failing,
            "issue_untaxable": lambda at: bool(self.issue_invoice(at.id, tax_rate=MISSING_RATE)),
            "edit_local": self._edit_local,
            "cancel": self._cancel,
            "pay": self._pay,
            "edit_in_books": lambda at: self._to_books(at, self._edit),
            "void_in_books": lambda at: self._to_books(at, self.void_in_books),
            "delete_in_books": lambda at: self._to_books(at, self.delete_in_books),
            "add_to_books": lambda at: bool(self.add_to_books(at.id, net_minor=self._amount())),
            "pull": lambda at: self.pull_now(at.id),
            "break_connection": self._break_connection,
            "push": self._push_again,
        }

    def _amount(self) -> int:
        return self.world.chance.whole(100, 500_000)

    def _issue_failing(self, organization: Organization) -> bool:
        cause = self.world.chance.pick(FAILURES)
        landed = self.world.chance.happens(0.5)
        return bool(
            self.issue_invoice(organization.id, net_minor=self._amount(), fails=cause.value, landed=landed)
        )

    def _document(self, organization: Organization, *statuses: str) -> str | None:
        """Draw a document that has one of some statuses."""
        shelves = (organization.receivables, organization.payables)
        found = [entry.id for shelf in shelves for entry in shelf.values() if entry.status in statuses]
        return self.world.chance.pick(found) if found else None

    def _edit_local(self, organization: Organization) -> bool:
        document_id = self._document(organization, "draft", "issued", "waiting_to_be_paid")
        if document_id is not None:
            self.edit_local(organization.id, document_id, net_minor=self._amount())
        return document_id is not None

    def _cancel(self, organization: Organization) -> bool:
        document_id = self._document(organization, "waiting_to_be_paid")
        if document_id is not None:
            self.cancel(organization.id, document_id)
        return document_id is not None

    def _pay(self, organization: Organization) -> bool:
        document_id = self._document(organization, "issued", "waiting_to_be_paid")
        if document_id is None or organization.document(document_id).kind.value == "credit_note":
            return False
        self.pay(organization.id, document_id)
        return True

    def _edit(self, organization_id: str, books_id: str) -> None:
        self.edit_in_books(organization_id, books_id, net_minor=self._amount())

    def _to_books(self, organization: Organization, change: Callable[[str, str], None]) -> bool:
        """Do something to a document that stands in the books."""
        found = [entry.id for entry in organization.books.documents.values() if entry.status == "open"]
        if found:
            change(organization.id, self.world.chance.pick(found))
        return bool(found)

    def _break_connection(self, organization: Organization) -> bool:
        """Revoke a working connection, or mend a revoked one."""
        connection = organization.connection
        if connection is None or connection.status not in {Status.CONNECTED, Status.DEAUTHORIZED}:
            return False
        if connection.status is Status.DEAUTHORIZED:
            self.reconnect(organization.id)
        else:
            self.revoke_connection(organization.id)
        return True

    def _push_again(self, organization: Organization) -> bool:
        """Let somebody press the hub's own retry button on a failed record."""
        failed = [
            entry.id for entry in organization.records_by_id.values() if entry.sync_status.value == "error"
        ]
        if failed:
            self.push(organization.id, self.world.chance.pick(failed))
        return bool(failed)
