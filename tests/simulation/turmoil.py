"""What happens to a simulated world by a seed: documents, accountants, failures, faults; and how it ends.

Everything comes and goes: causes of all families, cures, connections, periods, outages of the platform, and
whatever a network, a gateway or the hub can do to a push or to a reading. `calm` ends all of it, so that what
should land can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from service.simulator import Simulator
from service.simulator.books import BooksDocument
from service.simulator.failures import Cause
from service.simulator.organization import Organization, Planted
from service.simulator.records import ObjectType, SyncedRecord, SyncStatus
from tests.simulation.invariants import Witness

PUSH = "*push*"

UNKNOWN_FATES = (
    "sent_and_lost", "executed_answer_lost", "executed_late", "drip", "bomb", "html", "server_error",
    "server_error_executed", "truncated", "error_200", "hang",
)  # fmt: skip
"""What leaves us without knowing what became of a push."""

OTHER_FATES = ("executed_twice", "not_sent", "throttle", "unauthorized", "unknown_values", "nulls")

READ_FAULTS = (
    ("missing_rows", "GET /accounting/*"),
    ("empty", "GET /accounting/*"),
    ("shifting_offsets", "GET /accounting/*"),
    ("looping_pages", "GET /accounting/*"),
    ("stale", "GET /accounting-synced-records*"),
    ("stale", "GET /accounting/*"),
    ("server_error", "GET /accounting*"),
    ("html", "GET *"),
    ("truncated", "GET /accounting*"),
    ("nulls", "GET /accounting-synced-records*"),
    ("foreign_rows", "GET /accounting-synced-records*"),
    ("executed_answer_lost", "GET *"),
    ("throttle", "GET *"),
    ("sent_and_lost", "POST *sync*"),
)

STALE_SECONDS = 1_500.0
"""A cache of the hub's may be so old, which is less than the quiet time: a list that is older than an attempt
and tells nothing of it is the one thing that no reading could tell from absence."""

CAUSES = (
    *["rate_limited", "platform_unavailable"] * 12,
    *["timeout_ambiguous", "platform_internal_error"] * 3,
    "unknown", "access_token_expired", "connection_revoked", "missing_tax_rate", "missing_ledger_account",
    "period_locked", "invalid_field", "duplicate_document_number", "reference_not_found",
)  # fmt: skip
"""Why pushes fail; what time cures comes most, since it is what is pushed again most."""

MISSING_RATE = 1_375

DAYS = 28
"""Documents are of so many days, and few of the same party and day: those are taken for each other, and wait
for a person, once one of them has been changed beyond likeness."""

MEDDLED_MAX = 6
"""So often people change documents in an organization's books in a stretch of time: some of them twice before
anybody has read them there."""

REDATED = timedelta(days=9)
"""Beyond what passes for the same day."""

UNLIKE = frozenset({"net_minor", "number", "posted_on"})
"""What is left of a document of which all of these were changed, nobody can know again."""

TRIED_MAX = 6
"""So many failed documents of an organization at most the hub itself tries again in a stretch of time."""

PENDING_SECONDS = (1.0, 30.0, 1_200.0, 2_400.0)
"""How long such a try is on its way: over before anybody reads, or read as pending once or twice."""

LATE_SECONDS = 700.0
"""What left before that has been carried out, however late: no try of the hub's own comes before it."""


class Turmoil:
    """The hand that moves a world by a seed."""

    def __init__(self, simulator: Simulator, random: Random, witness: Witness, busy: int) -> None:
        self.simulator = simulator
        self.documents: dict[str, str] = {}
        """Every document that was issued, and whose it is."""
        self.touched: set[str] = set()
        self._unlike: defaultdict[str, set[str]] = defaultdict(set)
        """What of number, amount and date was changed of documents of the books."""
        """Local documents whose copy in the books an accountant has changed."""
        self.busy = busy
        """So many pushes of an organization at most fail in a stretch of time."""
        self._random = random
        self._witness = witness

    @property
    def organizations(self) -> Sequence[Organization]:
        """All of them."""
        return list(self.simulator.world.organizations.values())

    def issue(self, organization: Organization, count: int) -> None:
        """Issue documents, most of which fail."""
        for _ in range(count):
            random = self._random
            details: dict[str, object] = {
                "net_minor": random.randrange(100, 500_000),
                "issued_on": self.simulator.world.clock.now().date() - timedelta(days=random.randrange(DAYS)),
            }
            if random.random() < 0.9:
                details |= {"fails": random.choice(CAUSES), "landed": random.random() < 0.5}
            elif random.random() < 0.5:
                details["tax_rate"] = MISSING_RATE
            issue = self.simulator.issue_invoice if random.random() < 0.6 else self.simulator.issue_bill
            self.documents[issue(organization.id, **details)] = organization.id  # type: ignore[arg-type]

    def happen(self) -> None:
        """A stretch of time in which anything may happen."""
        random = self._random
        self.simulator.clear_faults()
        self._fault(random.choice(OTHER_FATES), PUSH, 0.1)
        for kind in random.sample(UNKNOWN_FATES, 5):
            self._fault(kind, PUSH, random.choice([0.2, 0.4, 0.6]))
        if random.random() < 0.5:
            for kind, endpoint in random.sample(READ_FAULTS, 2):
                self._fault(kind, endpoint, random.choice([0.1, 0.5]))
        for organization in self.organizations:
            if random.random() < 0.6:
                self._cure(organization)
            for _ in range(random.randrange(self.busy)):
                self._fail_next(organization)
            for change in random.sample(_CHANGES, random.randrange(3)):
                change(self, organization)
            for _ in range(random.randrange(MEDDLED_MAX)):
                random.choice([Turmoil.edit_in_books, Turmoil.edit_in_books, Turmoil.void_in_books])(
                    self, organization
                )
            for _ in range(random.randrange(TRIED_MAX)):
                self.try_again(organization)

    def calm(self) -> None:
        """No faults any more, and every cure holds."""
        self.simulator.clear_faults()
        self.simulator.mend_platform()
        for organization in self.organizations:
            # What keeps a try of the hub's own, which is on its way, from making a second copy is kept.
            organization.planted[:] = [
                each for each in organization.planted if each == _refused(each.object_id)
            ]
            self._cure(organization)
            self._correct(organization)

    def _fault(self, kind: str, endpoint: str, probability: float) -> None:
        random = self._random
        options: dict[str, Any] = {}
        if kind == "bomb":
            probability = 0.02
        if kind == "server_error_executed":
            kind, options = "server_error", {"executed": True}
        if kind == "server_error":
            options["status"] = random.choice([500, 502, 503, 504])
        if kind == "executed_late":
            options["seconds"] = random.choice([1.0, 30.0, 600.0])
        if kind == "throttle":
            options["retry_after"] = random.choice([1, 30])
        if kind == "stale":
            options["seconds"] = STALE_SECONDS
        self.simulator.add_fault(kind, endpoint, probability=probability, **options)

    def _fail_next(self, organization: Organization) -> None:
        random = self._random
        self.simulator.fail_next_push(
            organization.id,
            random.choice(CAUSES),
            object_type=random.choice(["receivable", "bill"]),
            landed=random.random() < 0.3,
        )

    def _cure(self, organization: Organization) -> None:
        simulator, organization_id = self.simulator, organization.id
        if not organization.is_connected and organization.connection is not None:
            simulator.reconnect(organization_id)
        for rate in (2_000, MISSING_RATE):
            if organization.books.tax_rate_of(rate) is None:
                simulator.add_tax_rate(organization_id, rate)
        for account in organization.books.ledger_accounts.values():
            if account.status != "Active":
                simulator.restore_ledger_account(organization_id, account.id)
        simulator.unlock_period(organization_id)

    def _correct(self, organization: Organization) -> None:
        """Whatever only a change of the document cures is changed."""
        for document_id, owner in self.documents.items():
            if owner == organization.id and self._is_failed(organization, document_id):
                self.simulator.edit_local(organization.id, document_id, memo="looked at by the bookkeeper")

    def _is_failed(self, organization: Organization, document_id: str) -> bool:
        return self._failed_record(organization, document_id) is not None

    def _failed_record(self, organization: Organization, document_id: str) -> SyncedRecord | None:
        records = [
            organization.record_of(each, document_id) for each in (ObjectType.RECEIVABLE, ObjectType.BILL)
        ]
        failed = [each for each in records if each is not None and each.sync_status is SyncStatus.ERROR]
        return failed[0] if failed else None

    def try_again(self, organization: Organization) -> None:
        """The hub, or a person there, tries a failed document again: refused, lost, landed or through.

        What has landed is refused: a second copy would be the hub's own doing. Where its tries have records
        of their own nobody could tell which of them a push of ours met, so there are none.
        """
        if self.simulator.world.behaviour.record_per != "object":
            return
        failed = [
            record
            for each, owner in self.documents.items()
            if owner == organization.id and (record := self._failed_record(organization, each))
            if not record.running and not self._witness.has_left(record, LATE_SECONDS)
        ]
        if not failed:
            return
        random, record = self._random, self._random.choice(failed)
        has_landed = organization.books.documents_per_local().get(record.object_id, 0) > 0
        fate = random.choice(["refused", "timed out", "through"])
        if has_landed or fate == "refused":
            organization.planted.insert(0, _refused(record.object_id))
        elif fate == "timed out":
            lands = random.random() < 0.5
            organization.planted.insert(
                0, Planted(Cause.TIMEOUT_AMBIGUOUS, record.object_id, has_landed=lands)
            )
        self._witness.see_try(record)
        self.simulator.push(organization.id, record.id, seconds=random.choice(PENDING_SECONDS))

    def _in_books(self, organization: Organization) -> BooksDocument | None:
        """Some document in the books that came from a local one."""
        live = [each for each in organization.books.documents.values() if each.local_id in self.documents]
        return self._random.choice(live) if live else None

    def edit_in_books(self, organization: Organization) -> None:
        """An accountant changes one thing."""
        found = self._in_books(organization)
        if found is not None and found.local_id is not None:
            self.touched.add(found.local_id)
            change: dict[str, object] = self._random.choice(
                [
                    {"net_minor": found.net_minor + 100},
                    {"number": "X-1"},
                    {"posted_on": found.posted_on + REDATED},
                    {"memo": "seen"},
                    {"due_on": "2027-01-31"},
                ]
            )
            if self._is_still_like(found, next(iter(change))):
                self.simulator.edit_in_books(organization.id, found.id, **change)  # type: ignore[arg-type]

    def void_in_books(self, organization: Organization) -> None:
        """An accountant voids one."""
        found = self._in_books(organization)
        if found is not None and found.local_id is not None:
            self.touched.add(found.local_id)
            if self._is_still_like(found, "net_minor"):
                self.simulator.void_in_books(organization.id, found.id)

    def _is_still_like(self, there: BooksDocument, changed: str) -> bool:
        """Whether one of number, amount and date stays what it was: else nobody could know it again."""
        unlike = self._unlike[there.id] | ({changed} & UNLIKE)
        if unlike < UNLIKE:
            self._unlike[there.id] = unlike
        return unlike < UNLIKE

    def delete_in_books(self, organization: Organization) -> None:
        """An accountant deletes one; if nobody can have read it there, nobody can know that it landed."""
        found = self._in_books(organization)
        if found is not None and found.local_id is not None:
            self.touched.add(found.local_id)
            self._witness.unprovable.add(found.local_id)
            self.simulator.delete_in_books(organization.id, found.id)

    def copy_in_books(self, organization: Organization) -> None:
        """An accountant enters one a second time by hand."""
        found = self._in_books(organization)
        if found is not None and found.local_id is not None:
            self.touched.add(found.local_id)
            self.simulator.duplicate_in_books(organization.id, found.id)

    def edit_local(self, organization: Organization) -> None:
        """A bookkeeper looks at a failed one and changes it."""
        failed = [
            each
            for each, owner in self.documents.items()
            if owner == organization.id and self._is_failed(organization, each)
        ]
        if failed:
            self.simulator.edit_local(organization.id, self._random.choice(failed), memo="changed")

    def lose_tax_rate(self, organization: Organization) -> None:
        """A rate is removed from the books, or comes back."""
        if organization.books.tax_rate_of(2_000) is None:
            self.simulator.add_tax_rate(organization.id, 2_000)
        else:
            self.simulator.remove_tax_rate(organization.id, 2_000)

    def archive_account(self, organization: Organization) -> None:
        """An account is archived, or restored."""
        account = self._random.choice(list(organization.books.ledger_accounts.values()))
        if account.status == "Active":
            self.simulator.archive_ledger_account(organization.id, account.id)
        else:
            self.simulator.restore_ledger_account(organization.id, account.id)

    def lock_period(self, organization: Organization) -> None:
        """The books are closed, or opened again."""
        if organization.books.locked_until is None:
            self.simulator.lock_period(organization.id, "2099-12-31")
        else:
            self.simulator.unlock_period(organization.id)

    def revoke(self, organization: Organization) -> None:
        """Consent is withdrawn, or renewed."""
        if organization.is_connected:
            self.simulator.revoke_connection(organization.id)
        elif organization.connection is not None:
            self.simulator.reconnect(organization.id)

    def break_platform(self, organization: Organization) -> None:
        """The platform is away for a while."""
        self.simulator.break_platform(
            organization_id=organization.id, seconds=self._random.choice([120, 1_800])
        )

    def pull(self, organization: Organization) -> None:
        """Somebody asks for a pull."""
        self.simulator.pull_now(organization.id)

    def issue_more(self, organization: Organization) -> None:
        """New documents."""
        self.issue(organization, 3)

    def pay(self, organization: Organization) -> None:
        """An invoice is paid, and a credit note given: objects that no list of the books holds."""
        issued = [each for each in organization.receivables.values() if each.status == "issued"]
        if issued:
            invoice = self._random.choice(issued)
            self.simulator.fail_next_push(
                organization.id, "timeout_ambiguous", object_type="payment_record", landed=True
            )
            self.simulator.pay(organization.id, invoice.id)


def _refused(document_id: str | None) -> Planted:
    """The hub's own try of a document is turned away before anything is made."""
    return Planted(Cause.RATE_LIMITED, document_id, text="Too many requests of the hub's own")


_CHANGES = (
    Turmoil.edit_in_books, Turmoil.edit_in_books, Turmoil.void_in_books, Turmoil.delete_in_books,
    Turmoil.copy_in_books, Turmoil.edit_local, Turmoil.edit_local, Turmoil.lose_tax_rate,
    Turmoil.archive_account, Turmoil.lock_period, Turmoil.revoke, Turmoil.break_platform, Turmoil.pull,
    Turmoil.issue_more, Turmoil.pay,
)  # fmt: skip
