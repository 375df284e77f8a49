"""A push times out after its document has landed: a second push would bill twice, so none is made."""

from __future__ import annotations

from service.demo.beat import IN_BOOKS, Outcome, Telling, total

NET_MINOR = 87_300
PULLS = 2


def tell(telling: Telling) -> Outcome:
    """Let a push land and fail, and watch for a while that it is not repeated."""
    stage, narrator, cycles = telling.stage, telling.narrator, telling.cast.cycles
    narrator.act(f"A push of {cycles.name} times out, after it has landed")
    document = stage.world.do(
        "issue_invoice",
        organization_id=cycles.id,
        net_minor=NET_MINOR,
        fails="timeout_ambiguous",
        landed=True,
    )
    narrator.world(
        f"{cycles.books} takes an invoice in, but its answer is lost: the hub calls the push failed."
    )
    records = telling.until_state(
        cycles, [document], {"quarantined", *IN_BOOKS}, "waiting for the push to fail"
    )
    narrator.seen(
        f"{total(records)} is quarantined: the push may have landed, and a second one would bill twice. "
        "A careless retry would have sent it now."
    )
    telling.until_pulled(cycles, PULLS)
    records = telling.until_state(cycles, [document], IN_BOOKS, "finding it in the books")
    pushes, copies = telling.pushes(records), stage.world.copies(cycles, document)
    telling.require(pushes == 0, f"the invoice was pushed {pushes} times although it may have landed")
    telling.require(copies == 1, f"the books hold {copies} copies of the invoice")
    narrator.seen(
        f"{PULLS} readings of the books later: tieout found it in {cycles.books}. It had landed, exactly one "
        "invoice is there, and no push was made."
    )
    return Outcome(
        happened="push timed out after landing",
        ended="found, not repeated",
        pushes=pushes,
        duplicates=copies - 1,
    )
