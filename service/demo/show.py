"""The whole show: set the stage, wait for the first reading, tell the beats, sum up, go on or end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from service.demo import cast, happenings
from service.demo.beat import Outcome, Telling
from service.demo.beats import BEATS
from service.demo.ending import Ending
from service.demo.narrator import Narrator
from service.demo.service_api import NotTrue, Row, ties_out
from service.demo.stage import Stage, set_stage

TOO_MANY: Final = 429


def play(*, is_once: bool, port: int, data_dir: Path | None, ending: Ending) -> None:
    """Play until it is over (`is_once`) or `Interrupted`; `NotTrue` tells what did not come true."""
    narrator = Narrator()
    narrator.title("tieout demo: everything of a real installation, on this machine alone")
    with set_stage(narrator, port=port, data_dir=data_dir, ending=ending) as stage:
        players = cast.assemble(stage.world)
        telling = Telling(stage=stage, cast=players, narrator=narrator)
        _wait_for_first_reading(telling)
        narrator.address(
            "Look at it while it happens (the link works once, within the hour):", stage.login_link()
        )
        outcomes = [beat(telling) for beat in BEATS]
        _sum_up(telling, outcomes)
        if is_once:
            return
        narrator.blank()
        narrator.remark("The demo goes on with small things that happen. Ctrl-C ends it, and all it started.")
        narrator.remark(f"Ask it yourself: curl -H 'Authorization: Bearer {stage.key}' {stage.url}/status")
        narrator.blank()
        happenings.go_on(telling)


def _wait_for_first_reading(telling: Telling) -> None:
    """Wait until every organization was read whole, all its documents arrived, and both sides tie out."""
    stage, narrator = telling.stage, telling.narrator
    documents = sum(len(stage.world.truth(each)["documents"]) for each in telling.cast.all)

    def look() -> Row | None:
        status = stage.api.status()
        is_read = status["organizations"]["total"] == len(telling.cast.all) and status["records"]["total"]
        state = status["records"]["state"]
        is_settled = state["acknowledged"] + state["confirmed"] == status["records"]["total"]
        is_confirmed = state["confirmed"] >= documents
        return status if is_read and is_settled and is_confirmed and _is_tied_out(telling) else None

    with narrator.waiting("reading the fleet for the first time"):
        status = stage.api.until("the first reading is complete", look)
    narrator.ready(
        f"First reading: {status['organizations']['total']} organizations, {documents} documents, "
        "each confirmed in the books",
        "",
    )


def _balances(stage: Stage, telling: Telling) -> Sequence[Row]:
    return [row for each in telling.cast.all for row in stage.api.balances(each)]


def _is_tied_out(telling: Telling) -> bool:
    """Whether both ledgers of everybody were compared, and tie out."""
    rows = _balances(telling.stage, telling)
    return len(rows) >= 2 * len(telling.cast.all) and all(map(ties_out, rows))


def _sum_up(telling: Telling, outcomes: Sequence[Outcome]) -> None:
    """Print what came of it, once the last comparison agrees."""
    stage, narrator = telling.stage, telling.narrator
    with narrator.waiting("comparing both sides"):
        stage.api.until("every ledger ties out", lambda: _is_tied_out(telling))
    received = [stage.world.truth(each)["documents_per_local"].values() for each in telling.cast.all]
    duplicates = sum(max(0, count - 1) for counts in received for count in counts)
    pushes = sum(each.pushes for each in outcomes)
    if duplicates != sum(each.duplicates for each in outcomes):
        raise NotTrue(f"the books received {duplicates} documents too many")
    narrator.title("What happened")
    narrator.table(
        ["what", "how it ended", "pushes", "duplicates"],
        [
            *([each.happened, each.ended, f"{each.pushes}", f"{each.duplicates}"] for each in outcomes),
            ["in all", "", f"{pushes}", f"{duplicates}"],
        ],
        numbers=[2, 3],
    )
    status, requests = stage.api.status(), stage.world.ask("requests")
    hasty = sum(each["status"] == TOO_MANY for each in requests["requests"])
    balances = _balances(stage, telling)
    narrator.blank()
    narrator.remark(
        f"Every balance ties out: {len(balances)} ledgers of {len(telling.cast.all)} organizations, "
        "to the cent, nothing unexplained."
    )
    narrator.remark(
        f"{status['webhooks']['received']} webhooks received, {stage.receiver.count} notifications sent, "
        f"{requests['count']} calls to the hub, {hasty or 'none'} turned away for haste."
    )
    narrator.remark(f"Told in {narrator.seconds:.0f} s, each line checked against the service's own answers.")
