"""How a planned retry looks on a terminal: what is sent, what not and why, and what became of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from rich.console import Console
from rich.text import Text

from service.commands.lists import GAP, columns, heading
from service.commands.terminal import below, instant, money, plain
from service.domain.money import format_minor
from service.web.api.retries import Retry, RetryHead, RetryRecord, RetryState

ROWS_MAX: Final = 30
"""Records shown one by one; the others are counted, and all are in --json."""

PARTY_MIN: Final = 4
"""Characters below which the beginning of a name says nothing."""

EXAMPLES_MAX: Final = 5
"""Documents named with a reason."""

_HEADINGS: Final = ("document", "amount", "party")
_RIGHT: Final = frozenset({1})
_STYLES: Final[Mapping[RetryState, str]] = {
    RetryState.FINISHED: "green",
    RetryState.RUNNING: "yellow",
    RetryState.PLANNED: "yellow",
    RetryState.CANCELLED: "dim",
    RetryState.EXPIRED: "dim",
}


def show_plan(console: Console, plan: Retry, names: Mapping[UUID, str]) -> None:
    """Show what would be sent, for how much money, and what is left out and why."""
    if plan.eligible:
        _show_eligible(console, plan, names)
    if plan.excluded:
        console.print()
        unsafe = sum(each.unsafe for each in plan.excluded)
        told = f", {unsafe:,} of them because sending might double it" if unsafe else ""
        console.print(Text(f"Not sent: {_count(len(plan.excluded))}{told}", "bold"))
        _show_reasons(console, plan.excluded)
    more = plan.matched - len(plan.eligible) - len(plan.excluded)
    if more > 0:
        console.print()
        console.print(
            Text(f"{more:,} more match; a plan holds {plan.matched - more:,}. Plan again after it.")
        )
    console.print()


def show_outcome(console: Console, retry: RetryHead) -> None:
    """Show what became of a retry in a line, and why records were left out, where they are known."""
    console.print(
        Text.assemble(
            f"Retry {retry.id} is ", (retry.state.value, _STYLES[retry.state]), f": {_progress(retry)}."
        )
    )
    if isinstance(retry, Retry):
        left = [each for each in retry.eligible if each.status == "left_out"]
        if left:
            console.print(Text(f"Left out: {_count(len(left))}", "bold"))
            _show_reasons(console, left)


def show_heads(console: Console, retries: Sequence[RetryHead]) -> None:
    """Show a list of retries."""
    for retry in retries:
        who = f"{instant(retry.planned_at)}, by {retry.applied_by or retry.planned_by}"
        console.print(Text.assemble((str(retry.id), "bold"), "  ", (retry.state.value, _STYLES[retry.state])))
        below(console, plain(f"{who}: {_progress(retry)}"))


def _show_eligible(console: Console, plan: Retry, names: Mapping[UUID, str]) -> None:
    console.print(
        Text(f"To be sent: {_count(len(plan.eligible))}, {money(plan.money) or 'without money'}", "bold")
    )
    calls = f"{plan.estimated_calls:,} call{'' if plan.estimated_calls == 1 else 's'} of the hub"
    console.print(Text(f"{calls}, {plan.estimated_seconds:g} s of its budget", "dim"))
    _show_rows(console, plan.eligible[:ROWS_MAX], names)
    if len(plan.eligible) > ROWS_MAX:
        console.print(Text(f"and {len(plan.eligible) - ROWS_MAX:,} more", "dim"))
    _show_reasons(console, plan.eligible)


def _show_rows(console: Console, rows: Sequence[RetryRecord], names: Mapping[UUID, str]) -> None:
    """Show records by organization; parties give way, never numbers of documents or money."""
    kept = [(plain(_label(each)).plain, _amount(each)) for each in rows]
    left = console.width - sum(
        max(map(len, column)) + len(GAP) for column in zip(_HEADINGS[:2], *kept, strict=True)
    )
    parties = [_shortened(each.party or "", left) for each in rows]
    cells = [(*pair, party) for pair, party in zip(kept, parties, strict=True)]
    lines = columns(_HEADINGS if left >= len(_HEADINGS[2]) else (*_HEADINGS[:2], ""), cells, right=_RIGHT)
    by_organization: defaultdict[UUID, list[str]] = defaultdict(list)
    for each, line in zip(rows, lines.rows, strict=True):
        by_organization[each.organization_id].append(line)
    for organization_id, some in by_organization.items():
        heading(console, organization_id, names)
        for told in (lines.head, *map(Text, some)):
            console.print(told, soft_wrap=True)
    console.print()


def _shortened(party: str, width: int) -> str:
    """As much of a name as there is room for, if any of it says something."""
    told = plain(party)
    told.truncate(max(width, 0), overflow="ellipsis")
    return told.plain if width >= PARTY_MIN else ""


def _show_reasons(console: Console, rows: Sequence[RetryRecord]) -> None:
    """Show each reason once, with the documents that it is about."""
    by_reason: defaultdict[str, list[RetryRecord]] = defaultdict(list)
    for each in rows:
        by_reason[each.reason].append(each)
    for reason, some in sorted(by_reason.items(), key=lambda pair: -len(pair[1])):
        named = ", ".join(_label(each) for each in some[:EXAMPLES_MAX])
        more = f" and {len(some) - EXAMPLES_MAX:,} more" if len(some) > EXAMPLES_MAX else ""
        below(console, Text.assemble(plain(f"{named}{more}:", "bold"), " ", plain(reason, "dim")))


def _progress(retry: RetryHead) -> str:
    """Write `3 accepted, 1 refused, 2 waiting`, leaving out what there is none of."""
    progress = retry.progress
    unanswered = progress.sent - progress.accepted - progress.refused - progress.uncertain
    told = Counter(
        {
            "accepted": progress.accepted,
            "refused": progress.refused,
            "of unknown outcome, looked for in the books": progress.uncertain,
            "on the wire": unanswered,
            "waiting for their turn": progress.queued,
            "left out": progress.left_out,
            "taken back": progress.cancelled,
        }
    )
    parts = [f"{count:,} {name}" for name, count in told.items() if count > 0]
    return ", ".join(parts) or f"{progress.eligible:,} to be sent, {progress.excluded:,} not"


def _label(each: RetryRecord) -> str:
    kind = (each.object_type or "record").replace("_", " ")
    return each.number or f"{kind} {str(each.record_id)[:8]}"


def _amount(each: RetryRecord) -> str:
    if each.amount_minor is None or each.currency is None:
        return ""
    return format_minor(each.amount_minor, each.currency)


def _count(records: int) -> str:
    return f"{records:,} record{'' if records == 1 else 's'}"
