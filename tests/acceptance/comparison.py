"""The simulator's truth beside what the service answers over HTTP: equal, or told in words what is not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.acceptance.processes import Hub, Service, Truth

SAME = (
    "organization_id", "object_type", "object_id", "sync_status", "platform", "platform_object_id",
    "provider", "provider_object_id",
)  # fmt: skip
TIMES = (
    "created_at", "updated_at", "last_pulled_at", "object_updated_at", "platform_updated_at",
    "provider_updated_at",
)  # fmt: skip
"""Beside `errors`, everything that the hub tells of a record."""

NO_CONNECTION = "none"
SHOWN = 3

TRUTH_SECONDS = 10.0
"""How old the truth may be that counts are compared with, since pushes under way move it."""


@dataclass
class Comparison:
    """Compares again and again; the truth, which is thirty megabytes, is read when the counts are right."""

    hub: Hub
    service: Service
    _truth: Truth | None = None
    _read_at: float = 0.0

    async def differences(self) -> Sequence[str]:
        """What the service tells otherwise than it is, in words; nothing when all is equal."""
        status = await self.service.get("/status")
        truth = self._truth
        if truth is None or time.monotonic() - self._read_at > TRUTH_SECONDS:
            truth = await self._look()
        found = _counted(truth, status)
        if found:
            return found
        return await self.details()

    async def details(self) -> Sequence[str]:
        """The same without regard to the counts: what differs, and where."""
        truth = await self._look()
        records = await self.service.all("/v1/records")
        return _recorded(truth, records) or _connected(truth, await self.service.all("/v1/organizations"))

    async def _look(self) -> Truth:
        truth = self._truth = await self.hub.truth()
        self._read_at = time.monotonic()
        return truth


def _counted(truth: Truth, status: Mapping[str, Any]) -> Sequence[str]:
    """Compare the counts of `/status`."""
    by_status = Counter(
        record["sync_status"] for told in truth.organizations.values() for record in told.records
    )
    connections = Counter(
        (told.connection or {}).get("status", NO_CONNECTION) for told in truth.organizations.values()
    )
    held = status["records"], status["organizations"]
    pairs = {
        "records": (held[0]["total"], by_status.total()),
        "records by status": (
            held[0]["sync_status"],
            {name: by_status[name] for name in held[0]["sync_status"]},
        ),
        "records by state": (sum(held[0]["state"].values()), by_status.total()),
        "organizations": (held[1]["total"], len(truth.organizations)),
        "connections": (held[1]["connections"], {name: connections[name] for name in held[1]["connections"]}),
    }
    return [
        f"/status: {name}: told {told}, true {true}" for name, (told, true) in pairs.items() if told != true
    ]


def _recorded(truth: Truth, rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Compare record by record, field by field."""
    told = {row["id"]: row for row in rows}
    true = {
        record["id"]: {**record, "organization_id": organization_id}
        for organization_id, organization in truth.organizations.items()
        for record in organization.records
    }
    found = [f"/v1/records: {len(rows) - len(told)} twice"] if len(rows) != len(told) else []
    found += _strange(truth, told, true)
    wrong = {
        record_id: [
            (name, told[record_id][name], true[record_id].get(name))
            for name in (*SAME, *TIMES, "errors")
            if not _is_same(name, told[record_id][name], true[record_id].get(name))
        ]
        for record_id in told.keys() & true.keys()
    }
    wrong = {record_id: fields for record_id, fields in wrong.items() if fields}
    if wrong:
        found.append(
            f"/v1/records: {len(wrong)} differ, (field, told, true): {dict(list(wrong.items())[:SHOWN])}"
        )
    return found


def _strange(truth: Truth, told: Mapping[str, Any], true: Mapping[str, Any]) -> Sequence[str]:
    """Records that are missing or should not be, by their type and their organization's connection."""
    where = Counter(
        (
            "missing" if record_id in true else "strange",
            (true.get(record_id) or told[record_id])["object_type"],
            (
                truth.organizations[(true.get(record_id) or told[record_id])["organization_id"]].connection
                or {}
            ).get("status", NO_CONNECTION),
        )
        for record_id in told.keys() ^ true.keys()
    )
    return [f"/v1/records: {count} {' '.join(words)}" for words, count in where.items()]


def _connected(truth: Truth, rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Compare organizations and their connections."""
    found = []
    for row in rows:
        true, told = truth.organizations[row["id"]], row["connection"]
        connection = true.connection or {}
        pairs: list[tuple[str, object, object]] = [("name", row["name"], true.name)]
        if told is not None or connection:
            pairs += [
                (name, (told or {}).get(name), connection.get(name)) for name in ("id", "status", "platform")
            ]
            pairs += [
                ("last_pull", _instant((told or {}).get("last_pull")), _instant(connection.get("last_pull")))
            ]
        found += [f"/v1/organizations: {row['id']}: {each}" for each in pairs if each[1] != each[2]]
    return found[:SHOWN]


def _is_same(name: str, told: Any, true: Any) -> bool:
    if told == true:
        return True
    if name in TIMES:
        return _instant(told) == _instant(true)
    return name == "errors" and not told and not true  # an empty object is no error


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
