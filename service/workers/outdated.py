"""Reading stored errors again, under rules that are newer than those they were classified by.

A release brings new rules, and what failed before it is to profit as well. The fleet's worker calls the
pusher of each organization that has such records; the pusher reads them again before it decides about them,
some hundreds a run. Replicas of the release before leave them alone: a newer version is never read again.
"""

from __future__ import annotations

from typing import Final

from service.domain.causes.cause import rules_version
from service.domain.fleet import WorkKind
from service.domain.pushing.policy import Policy
from service.domain.record_observed import reclassify
from service.store.outdated import list_outdated_organizations, list_outdated_records
from service.store.records import Change, lock_records, write_records
from service.store.work import nudge_work
from service.workers.work import Work

RECORDS_MAX: Final = 500
"""Read again in one transaction of some tenths of a second; the next run takes the next ones."""

ORGANIZATIONS_MAX: Final = 1_000
"""Called in one run of the fleet's worker, every few minutes, until none is left."""


async def reclassify_outdated(work: Work, policy: Policy) -> int:
    """Read an organization's outdated errors again; returns how many, `RECORDS_MAX` when more may be left."""
    async with work.writing() as connection:
        found = await list_outdated_records(connection, work.organization_id, rules_version(), RECORDS_MAX)
        if not found:
            return 0
        locked = await lock_records(connection, work.organization_id, [each.record_id for each in found])
        changes = [
            Change(before=before, after=after)
            for before in locked.values()
            if (after := reclassify(before, work.now, policy)) is not before
        ]
        await write_records(connection, changes)
    return len(changes)


async def call_outdated(work: Work) -> int:
    """Make pushing due where errors are outdated; returns in how many organizations."""
    async with work.writing_fleet() as connection:
        found = await list_outdated_organizations(connection, rules_version(), ORGANIZATIONS_MAX)
        if found:
            await nudge_work(connection, found, WorkKind.PUSH, work.now)
    return len(found)
