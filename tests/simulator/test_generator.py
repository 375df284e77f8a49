"""Generated worlds: the same from the same seed, each label true, large ones fast."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from service.simulator import Clock, Simulator
from service.simulator.situations import DEALT, OrganizationSituation, Situation

ERROR = "error"
OUTCOMES: dict[str, tuple[str, str | None] | None] = {
    Situation.HEALTHY: ("done", None),
    Situation.PAID: ("done", None),
    Situation.CREDIT_NOTE: ("done", None),
    Situation.CANCELED: ("done", None),
    Situation.EDITED_IN_BOOKS: ("done", None),
    Situation.VOIDED_IN_BOOKS: ("done", None),
    Situation.DELETED_IN_BOOKS: ("done", None),
    Situation.DUPLICATE_IN_BOOKS: ("done", None),
    Situation.EDITED_LOCALLY: ("done", None),
    Situation.PENDING: ("pending", None),
    Situation.DRAFT: None,
    Situation.BEFORE_CONNECTION: None,
    Situation.NEVER_ATTEMPTED: None,
    Situation.ONLY_IN_BOOKS: None,
    Situation.UNCONNECTED: None,
    Situation.TIMED_OUT_LANDED: (ERROR, "timeout_ambiguous"),
    Situation.TIMED_OUT_LOST: (ERROR, "timeout_ambiguous"),
    **{entry: (ERROR, entry.removeprefix("failed:")) for entry in Situation if entry.startswith("failed:")},
}
"""What the record of an object must say, by its label."""

LIVE = {
    Situation.HEALTHY: 1,
    Situation.EDITED_IN_BOOKS: 1,
    Situation.VOIDED_IN_BOOKS: 1,
    Situation.DELETED_IN_BOOKS: 0,
    Situation.TIMED_OUT_LANDED: 1,
    Situation.TIMED_OUT_LOST: 0,
    Situation.NEVER_ATTEMPTED: 0,
    Situation.BEFORE_CONNECTION: 0,
    Situation.PENDING: 0,
    Situation.MISSING_TAX_RATE: 0,
}
"""How many live documents the books hold for a local one, by its label."""


def world(**options: Any) -> dict[str, Any]:
    """Generate a world and return its truth."""
    simulator = Simulator(**{"clock": Clock.manual(), "organizations": 9, "documents": 60, **options})
    organizations: dict[str, Any] = simulator.truth()["organizations"]
    return organizations


def test_same_seed_same_world() -> None:
    """A seed is a world, to the last id; another seed is another."""
    assert world(seed=7) == world(seed=7)
    assert world(seed=7).keys() != world(seed=8).keys()


def test_every_label_occurs_and_is_true() -> None:
    """Each planted situation is there, and records and books say what its label promises."""
    seen: Counter[str] = Counter()
    for organization in world().values():
        records = {row["object_id"]: row for row in organization["records"]}
        for object_id, label in organization["labels"].items():
            seen[label] += 1
            record = records.get(object_id)
            outcome = None
            if record is not None:
                outcome = (record["sync_status"], organization["causes"].get(record["id"]))
            assert outcome == OUTCOMES[label], f"{label} {object_id}"
            if label in LIVE:
                assert len(organization["live_per_local"].get(object_id, [])) == LIVE[label], label
    assert set(seen) == set(Situation)


def test_connections_have_their_labels() -> None:
    """Each state of a connection occurs from nine organizations on, the first four are connected."""
    organizations = list(world().values())
    assert {entry["label"] for entry in organizations} == set(OrganizationSituation)
    assert [entry["label"] for entry in organizations[:4]] == ["connected"] * 4
    for entry in organizations:
        status = entry["connection"]["status"] if entry["connection"] else "none"
        assert status == entry["label"]


def test_documents_from_before_the_connection_are_older_than_it() -> None:
    """What is labelled as from before the connection was issued before it, everything else after."""
    for organization in world().values():
        if organization["label"] not in {"connected", "deauthorized"}:
            continue
        connected_at = organization["connection"]["created_at"]
        for row in organization["documents"]:
            is_before = row["label"] == Situation.BEFORE_CONNECTION
            assert (row["created_at"] < connected_at) == is_before, row


def test_books_are_pulled_and_amounts_agree() -> None:
    """The cache is the live books of both readable ledgers, and healthy documents agree to the minor unit."""
    for organization in world(situations="healthy").values():
        live = [row for row in organization["books"]["live"] if row["is_readable"]]
        pulled = sorted(organization["books"]["pulled"], key=lambda row: str(row["id"]))
        assert pulled == sorted(live, key=lambda row: str(row["id"]))
        local = {row["id"]: row for row in organization["documents"]}
        for row in live:
            twin = local[row["local_id"]]
            for name in ("number", "currency", "net_minor", "tax_minor", "total_minor"):
                assert row[name] == twin[name]


def test_currencies_of_all_exponents_and_both_platforms_occur() -> None:
    """A mixed world has currencies without, with two and with three decimals, in QuickBooks and Xero."""
    organizations = world().values()
    currencies = {row["currency"] for entry in organizations for row in entry["documents"]}
    assert currencies == {"USD", "EUR", "GBP", "JPY", "KWD"}
    assert {entry["platform"] for entry in organizations} == {"quickbooks_online", "xero"}


def test_situations_can_be_chosen() -> None:
    """Only what was asked for is planted; a name that nobody knows is refused."""
    chosen = {"healthy": 1, "timed_out_landed": 1, "deauthorized": 1}
    labels = {label for entry in world(situations=chosen).values() for label in entry["labels"].values()}
    assert labels == {"healthy", "timed_out_landed", "failed:connection_revoked"}
    with pytest.raises(ValueError, match="unknown situations"):
        Simulator(situations={"nonsense": 1})
    with pytest.raises(ValueError, match="no situations named"):
        Simulator(situations="nonsense")
    assert "healthy" in DEALT


def test_stirring_changes_as_much_as_told_and_by_the_seed() -> None:
    """A thousand random changes are a thousand, the same from the same seed, of every kind."""
    results = []
    for _ in range(2):
        simulator = Simulator(clock=Clock.manual(), seed=3, organizations=20, documents=20)
        made = simulator.stir(1000)
        simulator.advance(7200)
        results.append((made, simulator.truth()))
    assert results[0] == results[1]
    assert sum(results[0][0].values()) == 1000
    assert len(results[0][0]) == 14


def test_a_fleet_is_generated_fast() -> None:
    """Two hundred organizations of a hundred documents take seconds: two on a free core, nine at most."""
    started = time.process_time()
    simulator = Simulator(organizations=200, documents=100, clock=Clock.manual())
    taken = time.process_time() - started
    documents = sum(
        len(entry.receivables) + len(entry.payables) for entry in simulator.world.organizations.values()
    )
    assert documents > 18_000
    assert taken < 9
