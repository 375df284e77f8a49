"""The last judgement: once faults stop and cures hold, all has landed once, or waits for somebody by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import asyncpg

from service.domain.causes.facts import Owner, facts_of
from service.domain.causes.names import Cause
from service.domain.record_state import FAILED, State
from tests.simulation.invariants import Invariant, Witness, age
from tests.simulation.process import POLICY
from tests.simulation.turmoil import Turmoil

NOBODY = Owner.NOBODY.value

Finding = tuple[str, Invariant]


def judged(turmoil: Turmoil, witness: Witness, held: Sequence[asyncpg.Record]) -> Sequence[Finding]:
    """What is not as it should be in the end."""
    by_object: Mapping[tuple[str, str], list[asyncpg.Record]] = defaultdict(list)
    for each in held:
        by_object[each["object_type"], str(each["object_id"])].append(each)
    found: list[Finding] = []
    for document_id in turmoil.documents:
        mine = [*by_object["receivable", document_id], *by_object["bill", document_id]]
        if len(mine) != 1 and (not mine or turmoil.simulator.world.behaviour.record_per == "object"):
            found.append((f"document {document_id} has {len(mine)} records", Invariant.LANDS))
        elif wrong := _wrong(turmoil, witness, document_id, sorted(mine, key=age)):
            newest = max(mine, key=age)
            told = f"{newest['state']} ({newest['cause']}, {newest['owner']}): {newest['reason']}"
            record = f"document {document_id}, record {newest['record_id']} of {len(mine)}"
            found.append((f"{record}: {wrong}, and it is {told}", Invariant.LANDS))
    found += [
        (f"{each['object_type']} record {each['record_id']} is {each['state']} of nobody", Invariant.OWNED)
        for each in held
        if State(each["state"]) in FAILED and each["owner"] == NOBODY
    ]
    return found


def _wrong(
    turmoil: Turmoil, witness: Witness, document_id: str, rows: Sequence[asyncpg.Record]
) -> str | None:
    """What is wrong with where a document is."""
    row = rows[-1]
    organization = turmoil.simulator.organization(turmoil.documents[document_id])
    copies = organization.books.documents_per_local().get(document_id, 0)
    state = State(row["state"])
    if copies == 0:
        is_held = state in FAILED and _may_be_held(row, sum(each["tries"] for each in rows))
        return None if is_held else "nothing keeps it from the books, where it is not"
    is_altered = document_id in turmoil.touched or witness.allowed(organization, document_id) > 1
    is_told = is_altered and (state is State.ACKNOWLEDGED or (state in FAILED and row["owner"] != NOBODY))
    return None if state is State.CONFIRMED or is_told else "it stands in the books"


def _may_be_held(row: asyncpg.Record, tries: int) -> bool:
    """Whether a person has to decide: its tries are used up, or something in the books may be it.

    What was written and never left, since its replica died in between, is a try too: nobody can know.
    """
    if row["owner"] == NOBODY or row["cause"] is None:
        return False
    tries_max = facts_of(Cause(row["cause"])).attempts_max or POLICY.retry_attempts
    is_spent = tries >= tries_max
    is_unclear = row["state"] == State.QUARANTINED and "person must look" in row["reason"]
    return is_spent or is_unclear
