"""How the hub is met by this replica: metrics of each call, and the common note that alerts are decided from.

Any answer of the hub's own, a refusal included, shows that it is there. What says that it is not: nothing
answers, no answer in time, a gateway's page, or that it takes nobody's credentials. A token alone proves
nothing.
"""

from __future__ import annotations

from typing import Final

from service import metrics
from service.errors import Fate, HubFailure
from service.hub import endpoints
from service.hub.sending import FinishedCall
from service.store.database import Database
from service.store.hub_budget import add_hub_usage, mark_hub_failing, mark_hub_ok

NOTE_SECONDS: Final = 2.0
"""How often the note is written, at most: once for all calls in between."""

_IS_AWAY: Final = {
    HubFailure.UNREACHABLE: "it cannot be reached",
    HubFailure.UNAUTHORIZED: "it does not take our credentials",
    HubFailure.TIMEOUT: "it does not answer in time",
    HubFailure.SERVER_ERROR: "it answers with errors of its own",
    HubFailure.UNREADABLE: "its answers make no sense",
}


class HubHealth:
    """Hears of every call and writes down how the hub was met."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_answered = False
        self._failure: HubFailure | None = None
        self._sent = 0
        """Requests since the last note; a request that was not sent used nothing of the budget."""

    def observe(self, call: FinishedCall) -> None:
        """Take note of one call."""
        outcome = call.failure.value if call.failure else "ok"
        metrics.HUB_REQUESTS.labels(call.endpoint, endpoints.purpose_of(call.endpoint), outcome).inc()
        metrics.HUB_REQUEST_SECONDS.labels(call.endpoint).observe(call.seconds)
        metrics.HUB_BUDGET_WAIT_SECONDS.observe(call.waited_seconds)
        if call.fate is not Fate.NOT_SENT:
            self._sent += 1
        if call.failure in _IS_AWAY:
            self._failure = call.failure
        elif call.endpoint != endpoints.TOKEN.name:
            self._has_answered = True

    async def note(self) -> None:
        """Write down what was met since the last time, if anything."""
        has_answered, failure, sent = self._has_answered, self._failure, self._sent
        self._has_answered, self._failure, self._sent = False, None, 0
        if not (has_answered or failure or sent):
            return
        async with self._database.fleet() as connection:
            if sent:
                await add_hub_usage(connection, sent)
            if has_answered:
                await mark_hub_ok(connection)
            elif failure is not None:
                await mark_hub_failing(connection, failure, f"The hub: {_IS_AWAY[failure]}.")
