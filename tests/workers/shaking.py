"""Random changes of a simulated world, by a seed: what people, accountants and platforms do all day."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from service.simulator import Simulator


def shake(simulator: Simulator, seed: int, changes: int) -> None:
    """Make so many changes, a few seconds apart."""
    random = Random(seed)  # noqa: S311 - chance with a seed is the point
    for _ in range(changes):
        organization_id = random.choice(simulator.organization_ids)
        change = random.choice(_CHANGES)
        change(simulator, random, organization_id)
        if random.random() < 0.3:
            simulator.advance(random.uniform(0.1, 20))


def _local(simulator: Simulator, random: Random, organization_id: str) -> str | None:
    documents = simulator.truth(organization_id)["organizations"][organization_id]["documents"]
    issued = [each["id"] for each in documents if each["kind"] != "credit_note" and each["issued_at"]]
    return random.choice(issued) if issued else None


def _live(simulator: Simulator, random: Random, organization_id: str) -> str | None:
    books = simulator.truth(organization_id)["organizations"][organization_id]["books"]
    live = [each["id"] for each in books["live"] if each["is_readable"] and each["status"] != "void"]
    return random.choice(live) if live else None


def _issue_invoice(simulator: Simulator, random: Random, organization_id: str) -> None:
    simulator.issue_invoice(organization_id, net_minor=random.randrange(100, 1_000_000))


def _issue_bill(simulator: Simulator, random: Random, organization_id: str) -> None:
    simulator.issue_bill(organization_id, net_minor=random.randrange(100, 1_000_000))


def _draft(simulator: Simulator, random: Random, organization_id: str) -> None:
    simulator.draft_invoice(organization_id, net_minor=random.randrange(100, 10_000))


def _edit(simulator: Simulator, random: Random, organization_id: str) -> None:
    document_id = _local(simulator, random, organization_id)
    if document_id:
        simulator.edit_local(organization_id, document_id, number=f"N-{random.randrange(10**6)}")


def _add(simulator: Simulator, random: Random, organization_id: str) -> None:
    simulator.add_to_books(organization_id, net_minor=random.randrange(100, 10_000))


def _edit_in_books(simulator: Simulator, random: Random, organization_id: str) -> None:
    document_id = _live(simulator, random, organization_id)
    if document_id:
        simulator.edit_in_books(organization_id, document_id, net_minor=random.randrange(100, 10_000))


def _delete_in_books(simulator: Simulator, random: Random, organization_id: str) -> None:
    document_id = _live(simulator, random, organization_id)
    if document_id:
        simulator.delete_in_books(organization_id, document_id)


def _fail(simulator: Simulator, random: Random, organization_id: str) -> None:
    causes = ["platform_unavailable", "platform_internal_error", "invalid_field", "timeout_ambiguous"]
    simulator.fail_next_push(organization_id, random.choice(causes))
    simulator.issue_invoice(organization_id)


def _pull(simulator: Simulator, random: Random, organization_id: str) -> None:  # noqa: ARG001 - one shape
    simulator.pull_now(organization_id)


def _reconnect(simulator: Simulator, random: Random, organization_id: str) -> None:
    told = simulator.truth(organization_id)["organizations"][organization_id]
    status = (told["connection"] or {}).get("status")
    if status == "connected" and random.random() < 0.3:
        simulator.revoke_connection(organization_id)
    elif status == "deauthorized":
        simulator.reconnect(organization_id)


_CHANGES: list[Callable[[Simulator, Random, str], None]] = [
    *[_issue_invoice, _issue_bill] * 4,
    *[_edit, _edit_in_books, _fail] * 2,
    _draft,
    _add,
    _delete_in_books,
    _pull,
    _reconnect,
]
