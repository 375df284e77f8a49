"""What every beat of the story is made of: a stage, a telling, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.demo.cast import Cast
from service.demo.narrator import Narrator
from service.demo.service_api import NotTrue, Row
from service.demo.stage import Stage
from service.demo.world import Organization
from service.domain.money import format_minor

IN_BOOKS: Final = frozenset({"acknowledged", "confirmed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a beat ends with, for the summary."""

    happened: str
    ended: str
    pushes: int
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A beat being told: what it may touch, and the few moves that beats share."""

    stage: Stage
    cast: Cast
    narrator: Narrator

    def until_state(
        self, organization: Organization, documents: Collection[str], states: Collection[str], what: str
    ) -> Sequence[Row]:
        """Wait until the records of all these documents are in one of some states."""

        def look() -> Sequence[Row] | None:
            found = self.stage.api.records(organization, documents)
            is_so = len(found) == len(documents) and all(each["state"] in states for each in found)
            return found if is_so else None

        with self.narrator.waiting(what):
            return self.stage.api.until(what, look)

    def until_firing(self, kind: str, organization: Organization) -> Row:
        """Wait until an alert fires in which an organization has a part, and the channel was told."""

        def look() -> Row | None:
            alerts = self.stage.api.alerts(status="firing")
            return next((each for each in alerts if is_it(each) and self._was_told(each)), None)

        def is_it(alert: Row) -> bool:
            return alert["kind"] == kind and organization.id in alert["organizations"]

        with self.narrator.waiting("waiting for the alert"):
            return self.stage.api.until(f"an alert {kind} of {organization.name} fires", look)

    def until_resolved(self, alert: Row) -> Row:
        """Wait until an alert is resolved, and the channel was told."""

        def look() -> Row | None:
            alerts = self.stage.api.alerts(status="resolved")
            return next((each for each in alerts if each["id"] == alert["id"] and self._was_told(each)), None)

        with self.narrator.waiting("waiting for the all-clear"):
            return self.stage.api.until(f"the alert “{alert['summary']}” is resolved", look)

    def _was_told(self, alert: Row) -> bool:
        return bool(self.stage.receiver.told(alert["id"], alert["status"]))

    def until_pulled(self, organization: Organization, times: int) -> None:
        """Wait until the hub has read the books so many times more, as the service sees it."""
        api, seen = self.stage.api, set[Any]()

        def look() -> bool:
            seen.add(api.organization(organization)["connection"]["last_pull"])
            return len(seen) > times

        with self.narrator.waiting("waiting for the hub to read the books again"):
            api.until(f"the books of {organization.name} are read again", look)

    def pushes(self, records: Sequence[Row]) -> int:
        """How often the service pushed these records."""
        return sum(len(self.stage.api.attempts(record)) for record in records)

    def duplicates(self, organization: Organization, documents: Collection[str]) -> int:
        """How many documents too many the books received for these, as the books themselves count."""
        received = self.stage.world.truth(organization)["documents_per_local"]
        return sum(max(0, int(received.get(each, 0)) - 1) for each in documents)

    def require(self, is_so: object, otherwise: str) -> None:
        """End the story when something that must be so is not."""
        if not is_so:
            raise NotTrue(otherwise)


def amount(minor: int, currency: str) -> str:
    """Write an amount."""
    return format_minor(minor, currency)


def total(records: Sequence[Mapping[str, Any]]) -> str:
    """Write what some records amount to, all of one currency."""
    return amount(sum(each["amount_minor"] or 0 for each in records), records[0]["currency"])


def turn(owner: str | None) -> str:
    """Say whose turn it is."""
    return f"{(owner or 'nobody').replace('_', ' ')}'s turn"
