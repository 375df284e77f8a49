"""The service as a program sees it: what the story claims is asked here, and waited for with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeVar

import httpx

from service.demo.world import Organization
from service.errors import TieoutError

Found = TypeVar("Found")
Row = Mapping[str, Any]

TIMEOUT_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.25
DEADLINE_SECONDS: Final = 90.0
"""What takes seconds on an idle machine may take a minute on one that is not."""

PAGE: Final = 500


class NotTrue(TieoutError):  # noqa: N818 - names what is the case, like the rest of the tree
    """What the story says did not happen in time."""


class ServiceApi:
    """The HTTP API, with a key."""

    def __init__(self, url: str, key: str, require_running: Callable[[], None]) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
        self.require_running = require_running

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401 - JSON
        """One answer."""
        response = self._http.get(path, params=query)
        if response.status_code != httpx.codes.OK:
            raise NotTrue(f"GET {path} answered {response.status_code}: {response.text[:200]}")
        return response.json()

    def is_ready(self) -> bool:
        """Whether it answers, has its database, and knows our key: another demo's service does not."""
        return bool(self.status())

    def status(self) -> Row:
        """How it is."""
        found: Row = self.get("/status")
        return found

    def organization(self, organization: Organization) -> Row:
        """One organization."""
        found: Row = self.get(f"/v1/organizations/{organization.id}")
        return found

    def records(self, organization: Organization, object_ids: Collection[str]) -> Sequence[Row]:
        """The records of some documents."""
        rows = self.get("/v1/records", organization_id=organization.id, limit=PAGE)["data"]
        return [row for row in rows if row["object_id"] in object_ids]

    def attempts(self, record: Row) -> Sequence[Row]:
        """The pushes of a record that the service made."""
        found: Sequence[Row] = self.get(f"/v1/records/{record['id']}")["attempts"]
        return found

    def alerts(self, status: str) -> Sequence[Row]:
        """The alerts that fire, or that are resolved; the newest first."""
        found: Sequence[Row] = self.get("/v1/alerts", status=status, limit=PAGE)["data"]
        return found

    def differences(self, organization: Organization, kind: str) -> Sequence[Row]:
        """The open differences of one kind."""
        found: Sequence[Row] = self.get(
            "/v1/differences", organization_id=organization.id, kind=kind, open="true", limit=PAGE
        )["data"]
        return found

    def balances(self, organization: Organization) -> Sequence[Row]:
        """Each ledger in each currency."""
        found: Sequence[Row] = self.get("/v1/balance", organization_id=organization.id, limit=PAGE)["data"]
        return found

    def until(self, what: str, probe: Callable[[], Found | None], seconds: float = DEADLINE_SECONDS) -> Found:
        """Look until `probe` finds something; raises `NotTrue` naming `what` when it does not in time."""
        deadline = time.monotonic() + seconds
        while True:
            self.require_running()
            trouble = ""
            try:
                found = probe()
            except (httpx.TransportError, NotTrue) as error:
                found, trouble = None, f" ({error})"
            if found:
                return found
            if time.monotonic() > deadline:
                raise NotTrue(f"{what}: not so after {seconds:g} s{trouble}")
            time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """Let go."""
        self._http.close()


def ties_out(balance: Row) -> bool:
    """Whether local and the itemised terms make the books, in money and in number, with nothing left over."""
    terms = balance["terms"]
    money = balance["local_minor"] + sum(term["delta_minor"] for term in terms) == balance["books_minor"]
    number = balance["local_count"] + sum(term["count"] for term in terms) == balance["books_count"]
    return bool(money and number and balance["unclassified_minor"] == 0)
